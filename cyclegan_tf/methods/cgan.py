"""Conditional GAN: images of a class that is asked for.

By default the networks are DCGAN's; those of the paper have no dropout here, and Adam in place of
stochastic gradient descent whose rate falls from 0.1. In trials of a few epochs of MNIST the
convolutional ones obeyed the class, and those of the paper did not yet.

Reference: Mirza and Osindero 2014, "Conditional Generative Adversarial Nets",
https://arxiv.org/abs/1411.1784
"""

from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from keras.layers import Activation, Concatenate, Dense, Flatten, MaxPooling1D, ReLU, Reshape

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.methods import dcgan
from cyclegan_tf.methods.dcgan import DCGAN, GANOptions, one_hot
from cyclegan_tf.methods.losses import binary_crossentropy
from cyclegan_tf.methods.options import network_option
from cyclegan_tf.methods.registry import method
from cyclegan_tf.networks import generator_file
from cyclegan_tf.training.model import GenerativeModel


@dataclass(frozen=True, kw_only=True)
class ConditionalGANOptions(GANOptions):
    """Options of the conditional GAN."""

    network: Literal["maxout", "convolutional"] = network_option(
        "convolutional",
        "networks of the paper, fully connected with maxout units, or DCGAN's, to which the class "
        "is given beside the noise and as channels beside the image",
    )
    filters: int | None = network_option(
        None, "filters of the convolutional networks, as for dcgan; by default 128", low=1
    )

    def resolve(self, shape_a, shape_b):
        """The filters; checks that domain A holds classes."""
        if shape_a[:2] != (1, 1):
            raise InputError(
                "cgan is asked for a class, and domain A must hold one-hot images (1, 1, classes), "
                f"received {shape_a}: prepare digits, or take pix2pix for pairs of images."
            )
        if self.network == "maxout":
            if self.filters is not None:
                raise InputError(
                    f"filters has no use with network='maxout', received {self.filters}: leave it "
                    "out."
                )
            return self
        return self.replace(filters=128 if self.filters is None else self.filters)


@method("cgan", ConditionalGANOptions, batch=100)
class ConditionalGAN(GenerativeModel):
    """A generator from a class of domain A and noise to an image of B, and a discriminator.

    The discriminator sees the class, too: a fine 3 that was asked to be a 7 is a fake to it.

    Departures from the paper: both networks step at once, on the same fakes; noise is standard
    normal, not uniform. Of what is said there of dividing a batch, see `DCGAN`.

    Attributes:
        gen_ab: Generator from `[one-hot images (batch, 1, 1, classes), noise (batch, dims)]` to
            images of B in [-1, 1]. The classes are -1 and 1, as they come in a batch.
        disc_b: Discriminator of `[one-hot images, images of B]`; returns logits.
    """

    loss_names = ("adv_b", "disc_b")
    generator_names = ("gen_ab",)
    discriminator_names = ("disc_b",)
    saves = (("gen_ab", "ab"),)
    augments = False
    needs_pairs = True

    def make_networks(self):
        """The generator and the discriminator."""
        options, ((*_, classes), shape) = self.options, self.image_shapes
        seeds = ((options.seed, 0), (options.seed, 1))
        if options.network == "maxout":
            noise = options.noise_size
            return {
                "gen_ab": generator(shape, classes, noise, seed=seeds[0], name="gen_ab"),
                "disc_b": discriminator(shape, classes, seed=seeds[1], name="disc_b"),
            }
        sizes = (options.filters, classes)
        return {
            "gen_ab": dcgan.generator(shape, options.noise_size, *sizes, seeds[0], "gen_ab"),
            "disc_b": dcgan.discriminator(shape, *sizes, seeds[1], "disc_b"),
        }

    prepare = DCGAN.prepare

    def noise(self, count, seed):
        """Standard normal noise, a vector for each image."""
        return (tf.random.stateless_normal((count, self.gen_ab.input_shape[1][-1]), seed),)

    def call(self, batch):
        """Makes images of `(a, b, noise)`'s classes and noise."""
        return self.gen_ab([batch[0], batch[2]])

    def generator_losses(self, batch):
        """The generator's part of equation 2."""
        a, _, noise = batch
        fake = self.gen_ab([a, noise], training=True)
        return {"adv_b": self.generator_loss(self.disc_b([a, fake], training=True))}, fake

    def discriminator_losses(self, batch, shown):
        """Equation 2, negated: -log D(b|a) - log(1 - D(G(z|a)|a))."""
        a, b, _ = batch
        # Two calls: in one, the statistics of a mixed batch would tell the halves apart.
        real, fake = self.disc_b([a, b], training=True), self.disc_b([a, shown], training=True)
        return {"disc_b": binary_crossentropy(real, 1.0) + binary_crossentropy(fake, 0.0)}

    def columns(self, a, b, names):
        """Samples of every class, of the same noise after each epoch: a column for each."""
        classes, rows = a.shape[-1], len(a)
        asked = np.tile(2 * np.eye(classes, dtype=np.float32) - 1, (rows, 1))[:, None, None]
        given = generator_file.inputs(self.gen_ab, asked)
        samples = np.asarray(self.gen_ab(given, training=False))
        return [(str(i), samples[i::classes]) for i in range(classes)]


def generator(image_shape, classes, noise=100, width=1.0, seed=None, name="generator"):
    """The paper's fully connected generator.

    Noise goes through 200 units and the class through 1000, both together through 1200. The
    dropout of the paper is left out.

    Args:
        image_shape: `(height, width, channels)` of the images.
        classes: Number of classes.
        noise: Length of the noise vector; 100 in the paper.
        width: Factor of all numbers of units; 1 in the paper.
        seed: Integer that fixes the initial weights, or None.
        name: Name of the model.

    Returns:
        `keras.Model` from `[one-hot images (batch, 1, 1, classes) of -1 and 1, noise
        (batch, noise)]` to images in [-1, 1]: tanh, which is the paper's sigmoid stretched.

    Reference:
        Mirza and Osindero 2014, section 4.1
    """
    dense = _layers(width, seed)
    asked, z = keras.Input((1, 1, classes)), keras.Input((noise,))
    hidden = [ReLU()(dense(200)(z)), ReLU()(dense(1000)(Flatten()(one_hot(asked))))]
    x = ReLU()(dense(1200)(Concatenate()(hidden)))
    x = Reshape(image_shape)(dense(int(np.prod(image_shape)), exact=True)(x))
    return keras.Model([asked, z], Activation("tanh")(x), name=name)


def discriminator(image_shape, classes, width=1.0, seed=None, name="discriminator"):
    """The paper's fully connected discriminator of maxout units.

    The image goes through 240 units of 5 pieces, the class through 50 of 5, both together through
    240 of 4. The dropout of the paper is left out.

    Args:
        image_shape: As for `generator`.
        classes: As for `generator`.
        width: As for `generator`.
        seed: As for `generator`.
        name: Name of the model.

    Returns:
        `keras.Model` from `[one-hot images, images]` to logits `(batch, 1)`.

    References:
        Mirza and Osindero 2014, section 4.1;
        Goodfellow et al. 2013, "Maxout Networks", https://arxiv.org/abs/1302.4389
    """
    dense = _layers(width, seed)

    def maxout(x, units, pieces):
        x = dense(units, pieces)(x)
        return Flatten()(MaxPooling1D(pieces)(Reshape((-1, 1))(x)))

    asked, image = keras.Input((1, 1, classes)), keras.Input(image_shape)
    hidden = [maxout(Flatten()(image), 240, 5), maxout(Flatten()(one_hot(asked)), 50, 5)]
    x = maxout(Concatenate()(hidden), 240, 4)
    return keras.Model([asked, image], dense(1, exact=True)(x), name=name)


def _layers(width, seed):
    """Returns what makes dense layers, each with initial weights of its own."""
    rng = np.random.default_rng(seed)

    def dense(units, pieces=1, exact=False):
        units = units if exact else max(round(width * units), 1)
        init = keras.initializers.GlorotUniform(seed=int(rng.integers(2**31)))
        return Dense(units * pieces, kernel_initializer=init)

    return dense
