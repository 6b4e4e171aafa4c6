"""Recognition: a small classifier, trained on the spot, says whether images show what was asked.

Its features serve a Fréchet distance between sets of such small images, too. That is not FID, and
no published number compares with it: FID's network has never seen digits. Beside it belongs the
distance of two sets of real images of the same number, the best there is.
"""

import hashlib

import keras
import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.value_range import normalize
from cyclegan_tf.evaluation.metrics import arrays
from cyclegan_tf.evaluation.metrics.distribution import frechet_distance

#: Length of the features: units of the last hidden layer.
FEATURES = 64
#: Stored values of black and white.
RANGE = (0, 255)
#: Images that the network sees at a time in use.
TOGETHER = 500


def train(dataset, epochs=3, batch_size=100, seed=0):
    """Trains a classifier on the training images of a labelled data set.

    Two 3x3 convolutions of stride 2 after one of stride 1, and a dense layer; Adam at 1e-3, which
    falls to zero. About a minute for MNIST on a CPU core, to 99 %.

    Args:
        dataset: `npz.Dataset` as `data.digits` makes it: one-hot images in A, images of 8 bits
            in B, at least one to test.
        epochs: How often each training image is seen.
        batch_size: Images per step.
        seed: Non-negative integer that fixes initial weights and order.

    Returns:
        `Recognizer`.

    Raises:
        InputError: If the data have no labels or no test images.
    """
    classes = dataset.image_shape_a[-1]
    if dataset.image_shape_a[:2] != (1, 1) or classes < 2 or not all(dataset.paired.values()):
        raise InputError(
            "dataset must have classes in domain A, one-hot images of 1x1 that are paired, "
            f"received {dataset.image_shape_a}: make it with data.digits."
        )
    if not len(dataset.test_b):
        raise InputError("dataset has no test images, and the classifier needs some to be rated.")
    image, features, logits = _layers(dataset.image_shape_b, classes, seed)
    network = keras.Model(image, logits)
    images, labels = dataset.train_b, _labels(dataset.train_a)
    batch_size = min(batch_size, len(images))
    steps = len(images) // batch_size
    rate = keras.optimizers.schedules.PolynomialDecay(1e-3, epochs * steps, 0.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(images))
        for chosen in np.split(order[: steps * batch_size], steps):
            network.train_on_batch(normalize(images[chosen], RANGE), labels[chosen])
    recognizer = Recognizer(keras.Model(image, [logits, features]))
    recognizer.accuracy = accuracy(recognizer, dataset.test_b, _labels(dataset.test_a))
    return recognizer


class Recognizer:
    """A trained classifier; called on images, it gives their features.

    So it is an extractor in the sense of `metrics.features`.

    Args:
        network: `keras.Model` from images in [-1, 1] to `[logits, features]`.

    Attributes:
        accuracy: Share of the test images that it recognized, if it was rated.
    """

    name = "recognizer"

    def __init__(self, network):
        self.network = network
        self.accuracy = None
        weights = b"".join(weight.tobytes() for weight in network.get_weights())
        self.key = f"recognizer {hashlib.sha256(weights).hexdigest()}"
        self.protocol = {"features": "classifier trained on the data at hand (not FID)"}

    def __call__(self, images, progress=False):
        """Returns the features, float32 `(n, 64)`, of uint8 images `(n, h, w, c)`.

        Raises:
            InputError: If they are of another shape or type than those that it was trained on.
        """
        return self._outputs(images)[1]

    def recognize(self, images):
        """Returns the class `(n,)` of each of uint8 images `(n, h, w, c)`.

        Raises:
            InputError: As for calls.
        """
        return self._outputs(images)[0].argmax(-1)

    def _outputs(self, images):
        images = arrays.check("images", images)
        shape = self.network.input_shape[1:]
        if images.shape[1:] != shape or images.dtype != np.uint8:
            raise InputError(
                f"images must be uint8 of {shape}, as in training, received {images.dtype} of "
                f"{images.shape[1:]}."
            )
        parts = [images[i : i + TOGETHER] for i in range(0, len(images), TOGETHER)]
        parts = [self.network(normalize(part, RANGE), training=False) for part in parts]
        return [np.concatenate(output) for output in zip(*parts, strict=True)]


def accuracy(recognizer, images, labels):
    """Share of images that are recognized as what they are to be.

    Args:
        recognizer: `Recognizer`.
        images: uint8 images `(n, h, w, c)`.
        labels: Their classes `(n,)`: of generated images, those that were asked for.

    Returns:
        A float in [0, 1].

    Raises:
        InputError: If there are more labels than images, or fewer.
    """
    labels = np.asarray(labels)
    if labels.shape != (len(images),):
        raise InputError(
            f"labels must be one for each of {len(images)} images, received {labels.shape}."
        )
    return float((recognizer.recognize(images) == labels).mean())


def distance(recognizer, real, fake):
    """Fréchet distance of two sets of images on the recognizer's features; not FID.

    It falls with the number of images: compare equal numbers only, and set the distance of real
    from other real images beside it.

    Args:
        recognizer: `Recognizer`.
        real: uint8 images `(n, h, w, c)`.
        fake: The same of others.

    Returns:
        The squared distance, a float.
    """
    return frechet_distance(recognizer(real), recognizer(fake))


def _layers(image_shape, classes, seed):
    """Input, features and logits of the classifier."""
    seeds = np.random.default_rng(seed).integers(2**31, size=5)

    def init(number):
        return keras.initializers.HeUniform(seed=int(seeds[number]))

    def convolution(x, filters, strides, number):
        options = {"padding": "same", "activation": "relu", "kernel_initializer": init(number)}
        return keras.layers.Conv2D(filters, 3, strides, **options)(x)

    image = keras.Input(image_shape)
    x = convolution(convolution(image, 16, 1, 0), 32, 2, 1)
    x = keras.layers.Flatten()(convolution(x, 64, 2, 2))
    features = keras.layers.Dense(FEATURES, "relu", kernel_initializer=init(3))(x)
    logits = keras.layers.Dense(classes, kernel_initializer=init(4))(features)
    return image, features, logits


def _labels(images):
    return images.reshape(len(images), -1).argmax(-1)
