"""DCGAN: pictures from noise, by convolutions alone.

References:
    Radford et al. 2016, "Unsupervised Representation Learning with Deep Convolutional Generative
    Adversarial Networks", https://arxiv.org/abs/1511.06434;
    Goodfellow et al. 2014, "Generative Adversarial Networks", https://arxiv.org/abs/1406.2661
"""

import keras
import numpy as np
import tensorflow as tf
from keras.layers import (
    Activation,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Flatten,
    LeakyReLU,
    ReLU,
    Rescaling,
    Reshape,
    UpSampling2D,
)

from cyclegan_tf import generators
from cyclegan_tf.losses import binary_crossentropy, non_saturating
from cyclegan_tf.training import GenerativeModel

#: Columns of the pictures that are shown after each epoch.
SHOWN = 8


class DCGAN(GenerativeModel):
    """A generator from noise to pictures of domain B, and a discriminator.

    Departures from the paper: both networks step at once, on the same fakes; where its authors
    step the discriminator first, fakes are judged by the one before. Noise is standard normal,
    not uniform.

    Real and generated pictures pass the discriminator as two batches, each normalized by its own
    statistics. Where a batch is divided, among devices or by `accumulate`, so are these: the
    weights are then not those of the whole batch.

    Args:
        gen_zb: Generator from noise `(batch, dims)` to pictures in [-1, 1].
        disc_b: Discriminator of domain B; returns logits.
        generator_loss: Function of the logits of generated pictures: `losses.non_saturating` (what
            is used in practice) or `losses.minimax` (the game as it is written).
        seed: As for `GenerativeModel`.
        strategy: As for `GenerativeModel`.
    """

    loss_names = ("adv_b", "disc_b")
    augments = False

    def __init__(
        self, gen_zb, disc_b, generator_loss=non_saturating, seed=0, strategy=None, **kwargs
    ):
        super().__init__(seed=seed, strategy=strategy, **kwargs)
        self.gen_zb, self.disc_b = gen_zb, disc_b
        self.generator_loss = generator_loss
        self.image_shapes = (None, tuple(gen_zb.output_shape[1:]))
        self.built = True

    @property
    def generators(self):
        """The generator."""
        return [self.gen_zb]

    @property
    def discriminators(self):
        """The discriminator."""
        return [self.disc_b]

    @property
    def saved(self):
        """The generator, which samples B."""
        return {"gen_zb": (self.gen_zb, "zb")}

    def noise(self, count, seed):
        """Standard normal noise, a vector for each picture."""
        return (tf.random.stateless_normal((count, self.gen_zb.input_shape[-1]), seed),)

    def call(self, batch):
        """Makes pictures of `(a, b, noise)`'s noise."""
        return self.gen_zb(batch[2])

    def generator_losses(self, batch):
        """The generator's part of equation 1 of Goodfellow et al., or its replacement."""
        _, _, noise = batch
        fake = self.gen_zb(noise, training=True)
        return {"adv_b": self.generator_loss(self.disc_b(fake, training=True))}, fake

    def discriminator_losses(self, batch, shown):
        """Equation 1 of Goodfellow et al., negated: -log D(b) - log(1 - D(G(z)))."""
        # Two calls: in one, the statistics of a mixed batch would tell the halves apart.
        real, fake = self.disc_b(batch[1], training=True), self.disc_b(shown, training=True)
        return {"disc_b": binary_crossentropy(real, 1.0) + binary_crossentropy(fake, 0.0)}

    def columns(self, a, b, names):
        """Samples of the same noise after each epoch."""
        (noise,) = generators.inputs(self.gen_zb, count=SHOWN * len(b))
        samples = np.asarray(self.gen_zb(noise, training=False))
        return [(names[1] if i == 0 else "", samples[i::SHOWN]) for i in range(SHOWN)]


def generator(image_shape, noise=100, filters=128, classes=0, seed=None, name="generator"):
    """The DCGAN generator: noise becomes a small map, which is doubled until it is the picture.

    At 64x64 with 128 filters it is that of the paper's figure 1 (4x4x1024 first). Other sizes by
    rule: the map begins where halving the picture ends (`halvings`), at 7x7 for 28x28, and has
    `filters` channels before the last doubling, twice as many before each other, up to eightfold.

    Args:
        image_shape: `(height, width, channels)` of the pictures.
        noise: Length of the noise vector; 100 in the paper.
        filters: Channels before the last doubling.
        classes: Number of classes that are asked for beside the noise; 0 for none.
        seed: Integer that fixes the initial weights, or None.
        name: Name of the model.

    Returns:
        `keras.Model` from noise `(batch, noise)`, or with classes from `[asked, noise]`, one-hot
        pictures `(batch, 1, 1, classes)` of -1 and 1 first, to pictures
        `(batch, height, width, channels)` in [-1, 1] (tanh).

    Raises:
        ValueError: If the picture's sides cannot be halved.

    Reference:
        Radford et al. 2016, https://arxiv.org/abs/1511.06434, figure 1 and section 3
    """
    height, width, channels = image_shape
    levels = halvings(height, width)
    init = _initializers(seed)
    inputs = x = keras.Input((noise,))
    if classes:
        asked = keras.Input((1, 1, classes))
        inputs, x = [asked, x], Concatenate()([Flatten()(one_hot(asked)), x])
    start = (height // 2**levels, width // 2**levels, filters * min(2 ** (levels - 1), 8))
    options = {"use_bias": False, "kernel_initializer": next(init)}
    x = Reshape(start)(Dense(int(np.prod(start)), **options)(x))
    for level in reversed(range(1, levels)):
        x = ReLU()(_normalized(x))
        options = {"padding": "same", "use_bias": False, "kernel_initializer": next(init)}
        x = Conv2DTranspose(filters * min(2 ** (level - 1), 8), 5, 2, **options)(x)
    x = ReLU()(_normalized(x))
    x = Conv2DTranspose(channels, 5, 2, padding="same", kernel_initializer=next(init))(x)
    return keras.Model(inputs, Activation("tanh")(x), name=name)


def discriminator(image_shape, filters=128, classes=0, seed=None, name="discriminator"):
    """The DCGAN discriminator: 5x5 convolutions of stride 2, then one logit.

    Args:
        image_shape: `(height, width, channels)` of the pictures.
        filters: Channels after the first convolution; doubled at each further one up to eightfold.
        classes: Number of classes; where there are any, each is one more channel of the picture,
            1 everywhere for the class at hand and 0 for others.
        seed: Integer that fixes the initial weights, or None.
        name: Name of the model.

    Returns:
        `keras.Model` from pictures, or with classes from `[one-hot pictures, pictures]`, to logits
        `(batch, 1)`.

    Raises:
        ValueError: If the picture's sides cannot be halved.

    Reference:
        Radford et al. 2016, https://arxiv.org/abs/1511.06434, section 3
    """
    height, width, _ = image_shape
    init = _initializers(seed)
    inputs = x = keras.Input(image_shape)
    if classes:
        asked = keras.Input((1, 1, classes))
        everywhere = UpSampling2D((height, width))(one_hot(asked))
        inputs, x = [asked, x], Concatenate()([x, everywhere])
    for level in range(halvings(height, width)):
        options = {"padding": "same", "use_bias": level == 0, "kernel_initializer": next(init)}
        x = Conv2D(filters * min(2**level, 8), 5, 2, **options)(x)
        # Neither at the picture nor at the logit: section 3 found that unstable.
        x = LeakyReLU(0.2)(_normalized(x) if level else x)
    x = Dense(1, kernel_initializer=next(init))(Flatten()(x))
    return keras.Model(inputs, x, name=name)


def halvings(height, width):
    """How often a picture can be halved so that both sides stay whole and at least 4.

    Raises:
        ValueError: If not even once.
    """
    levels = 0
    while not (height % 2 or width % 2) and min(height, width) >= 8:
        height, width, levels = height // 2, width // 2, levels + 1
    if not levels:
        raise ValueError(f"Height and width must be even, at least 8, received {height}x{width}.")
    return levels


def one_hot(pictures):
    """Classes as they come in a batch, -1 and 1, to 0 and 1."""
    return Rescaling(0.5, 0.5)(pictures)


def _normalized(x):
    # As in the authors' later code for Torch; Keras's averages are too slow for short trainings.
    return BatchNormalization(momentum=0.9, epsilon=1e-5)(x)


def _initializers(seed):
    """Yields N(0, 0.02), section 4's, with a seed of its own for each layer."""
    rng = np.random.default_rng(seed)
    while True:
        yield keras.initializers.RandomNormal(0.0, 0.02, seed=int(rng.integers(2**31)))
