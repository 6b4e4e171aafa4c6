"""DCGAN: images from noise, by convolutions alone.

References:
    Radford et al. 2016, "Unsupervised Representation Learning with Deep Convolutional Generative
    Adversarial Networks", https://arxiv.org/abs/1511.06434;
    Goodfellow et al. 2014, "Generative Adversarial Networks", https://arxiv.org/abs/1406.2661
"""

from dataclasses import dataclass
from typing import Literal

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

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.methods import losses
from cyclegan_tf.methods.losses import binary_crossentropy
from cyclegan_tf.methods.options import (
    Adversarial,
    LinearDecay,
    learning_option,
    loss_option,
    network_option,
)
from cyclegan_tf.methods.registry import method
from cyclegan_tf.networks import generator_file
from cyclegan_tf.training.model import GenerativeModel

#: Columns of the images that are shown after each epoch.
SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class GANOptions(Adversarial, LinearDecay):
    """Options that DCGAN and the conditional GAN share."""

    noise_size: int = network_option(100, "length of the noise vector", low=1)
    generator_loss: Literal["non_saturating", "minimax"] = loss_option(
        "non_saturating",
        "adversarial loss of the generator: -log D(G(z)), as in practice, or log(1 - D(G(z))), the "
        "game as it is written",
    )
    decay_from: float = learning_option(
        1.0,
        "share of the run after which the learning rate falls to zero; 1 keeps it, as in the paper",
        low=0,
        high=1,
    )

    def __post_init__(self):
        super().__post_init__()
        if self.decay_from == 1:  # a run may then be made longer
            object.__setattr__(self, "total_steps", None)


@dataclass(frozen=True, kw_only=True)
class DCGANOptions(GANOptions):
    """Options of DCGAN; the paper's by default."""

    filters: int = network_option(
        128,
        "channels of the largest maps, doubled at each halving up to eightfold; on a CPU 32 will "
        "do for digits",
        low=1,
    )


@method("dcgan", DCGANOptions, batch=128, one_domain=True)
class DCGAN(GenerativeModel):
    """A generator from noise to images of domain B, and a discriminator.

    Departures from the paper: both networks step at once, on the same fakes; where its authors
    step the discriminator first, fakes are judged by the one before. Noise is standard normal,
    not uniform.

    Real and generated images pass the discriminator as two batches, each normalized by its own
    statistics. Where a batch is divided, among devices or by gradient accumulation, so are these:
    the weights are then not those of the whole batch.

    Attributes:
        gen_zb: Generator from noise `(batch, dims)` to images in [-1, 1].
        disc_b: Discriminator of domain B; returns logits.
    """

    loss_names = ("adv_b", "disc_b")
    generator_names = ("gen_zb",)
    discriminator_names = ("disc_b",)
    saves = (("gen_zb", "zb"),)
    augments = False

    def make_networks(self):
        """The generator and the discriminator."""
        options, shape = self.options, self.image_shapes[1]
        sizes, seed = (options.filters, 0), options.seed
        return {
            "gen_zb": generator(shape, options.noise_size, *sizes, (seed, 0), "gen_zb"),
            "disc_b": discriminator(shape, *sizes, (seed, 1), "disc_b"),
        }

    def prepare(self):
        """The generator's loss."""
        self.generator_loss = getattr(losses, self.options.generator_loss)

    def noise(self, count, seed):
        """Standard normal noise, a vector for each image."""
        return (tf.random.stateless_normal((count, self.gen_zb.input_shape[-1]), seed),)

    def call(self, batch):
        """Makes images of `(a, b, noise)`'s noise."""
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
        (noise,) = generator_file.inputs(self.gen_zb, count=SHOWN * len(b))
        samples = np.asarray(self.gen_zb(noise, training=False))
        return [(names[1] if i == 0 else "", samples[i::SHOWN]) for i in range(SHOWN)]


def generator(image_shape, noise=100, filters=128, classes=0, seed=None, name="generator"):
    """The DCGAN generator: noise becomes a small map, which is doubled until it is the image.

    At 64x64 with 128 filters it is that of the paper's figure 1 (4x4x1024 first). Other sizes by
    rule: the map begins where halving the image ends (`halvings`), at 7x7 for 28x28, and has
    `filters` channels before the last doubling, twice as many before each other, up to eightfold.

    Args:
        image_shape: `(height, width, channels)` of the images.
        noise: Length of the noise vector; 100 in the paper.
        filters: Channels before the last doubling.
        classes: Number of classes that are asked for beside the noise; 0 for none.
        seed: Integer that fixes the initial weights, or None.
        name: Name of the model.

    Returns:
        `keras.Model` from noise `(batch, noise)`, or with classes from `[asked, noise]`, one-hot
        images `(batch, 1, 1, classes)` of -1 and 1 first, to images
        `(batch, height, width, channels)` in [-1, 1] (tanh).

    Raises:
        InputError: If the image's sides cannot be halved.

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
        image_shape: `(height, width, channels)` of the images.
        filters: Channels after the first convolution; doubled at each further one up to eightfold.
        classes: Number of classes; where there are any, each is one more channel of the image,
            1 everywhere for the class at hand and 0 for others.
        seed: Integer that fixes the initial weights, or None.
        name: Name of the model.

    Returns:
        `keras.Model` from images, or with classes from `[one-hot images, images]`, to logits
        `(batch, 1)`.

    Raises:
        InputError: If the image's sides cannot be halved.

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
        # Neither at the image nor at the logit: section 3 found that unstable.
        x = LeakyReLU(0.2)(_normalized(x) if level else x)
    x = Dense(1, kernel_initializer=next(init))(Flatten()(x))
    return keras.Model(inputs, x, name=name)


def halvings(height, width):
    """How often an image can be halved so that both sides stay whole and at least 4.

    Raises:
        InputError: If not even once.
    """
    levels = 0
    while not (height % 2 or width % 2) and min(height, width) >= 8:
        height, width, levels = height // 2, width // 2, levels + 1
    if not levels:
        raise InputError(
            f"Height and width must be even, at least 8, received {height}x{width}: prepare the "
            "images with such a size."
        )
    return levels


def one_hot(images):
    """Classes as they come in a batch, -1 and 1, to 0 and 1."""
    return Rescaling(0.5, 0.5)(images)


def _normalized(x):
    # As in the authors' later code for Torch; Keras's averages are too slow for short trainings.
    return BatchNormalization(momentum=0.9, epsilon=1e-5)(x)


def _initializers(seed):
    """Yields N(0, 0.02), section 4's, with a seed of its own for each layer."""
    rng = np.random.default_rng(seed)
    while True:
        yield keras.initializers.RandomNormal(0.0, 0.02, seed=int(rng.integers(2**31)))
