"""pix2pix: translation learned from pairs of images that belong together.

Reference: Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial
Networks", https://arxiv.org/abs/1611.07004

Where it departs from the authors' code: theirs updates the discriminator first and shows the
generator the updated one; here both step at once, from one set of fakes. Dropout masks and
running averages are the step's own state, so that a run resumes to the bit.
"""

import warnings
from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from keras.layers import Activation, Concatenate, LeakyReLU, ReLU

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.methods import losses as adversarial
from cyclegan_tf.methods.losses import l1, of_discriminator
from cyclegan_tf.methods.options import Adversarial, LinearDecay, loss_option, network_option
from cyclegan_tf.methods.registry import method
from cyclegan_tf.methods.unpaired import check_layers, check_shapes
from cyclegan_tf.networks import generator_file
from cyclegan_tf.networks.discriminators import discriminator
from cyclegan_tf.networks.generators import halvings
from cyclegan_tf.networks.layers.convolutions import Conv2D, Conv2DTranspose
from cyclegan_tf.networks.layers.dropout import Dropout
from cyclegan_tf.networks.layers.normalization import BatchNormalization
from cyclegan_tf.training.model import GenerativeModel


@dataclass(frozen=True, kw_only=True)
class Pix2PixOptions(Adversarial, LinearDecay):
    """Options of pix2pix; the paper's by default."""

    filters: int = network_option(
        64, "channels after the first convolution of both networks", low=1
    )
    dropout: bool = network_option(
        True,
        "dropout in the generator, its only noise; there is none below 64 pixels, or where a side "
        "cannot be halved six times",
    )
    disc_layers: int = network_option(
        3,
        "stride-2 convolutions of the PatchGAN: 3 judges patches of 70x70 pixels, 0 single pixels",
        low=0,
    )
    disc_filters: int | None = network_option(
        None, "another number of filters for the discriminator", low=1
    )
    adversarial_loss: Literal["binary_crossentropy", "least_squares"] = loss_option(
        "binary_crossentropy", "adversarial loss"
    )
    adversarial_weight: float = loss_option(
        1.0,
        "weight of the generator's adversarial loss; 0 is the paper's baseline, L1 alone, without "
        "a discriminator",
        low=0,
    )
    l1_weight: float = loss_option(100.0, "weight of the L1 distance to the true image", low=0)

    def resolve(self, shape_a, shape_b):
        """The discriminator's filters; checks that there is a loss."""
        if not self.adversarial_weight and not self.l1_weight:
            raise InputError(
                "adversarial_weight and l1_weight are both 0: give one of them a weight."
            )
        if not self.adversarial_weight:
            unused = ("disc_layers", "disc_filters", "disc_learning_rate")
            self.tell_unused("with adversarial_weight=0", *unused)
        return self.replace(
            disc_filters=self.filters if self.disc_filters is None else self.disc_filters
        )


def unet(
    input_shape=(None, None, 3),
    filters=64,
    depth=8,
    output_channels=None,
    dropout=True,
    seed=None,
    name="gen_ab",
):
    """The U-Net of pix2pix: batch-normalized, with dropout as its only noise.

    Args:
        input_shape: `(height, width, channels)`; height and width may be None, and must be
            multiples of `2 ** depth` in use.
        filters: Channels after the first convolution; doubled at each level up to eightfold.
        depth: Number of halvings; 8 takes 256 pixels down to one, 7 takes 128.
        output_channels: Channels of the output; those of the input by default.
        dropout: Whether the way up drops half of the numbers at its levels of eightfold filters,
            but for the innermost: three of them at depth 8, two at 7, none below 6, as in the
            authors' later code (the paper's list begins with the innermost).
        seed: Integer that fixes the initial weights, or None.
        name: Name of the model.

    Returns:
        `keras.Model` from `[images, noise]` to images: `(batch, height, width, channels)` in
        [-1, 1] and `(batch, 1)`, which seeds the masks, to `(batch, height, width,
        output_channels)` in [-1, 1] (tanh). Without dropout from images alone.

    Raises:
        ValueError: If `depth` is below 2.

    Reference:
        Isola et al. 2017, sections 3.2 and 6.1.1
    """
    if depth < 2:
        raise ValueError(f"depth must be at least 2, received {depth}.")
    rng = np.random.default_rng(seed)

    def draw():
        return int(rng.integers(2**31))

    def options(level):
        normal = keras.initializers.RandomNormal(0.0, 0.02, seed=draw())
        return {"filters": filters * min(2**level, 8), "kernel_initializer": normal}

    image, noise = keras.Input(input_shape, name="image"), keras.Input((1,), name="noise")
    x, skips = image, []
    for level in range(depth):
        if level > 0:
            skips.append(x)
            x = LeakyReLU(0.2)(x)
        x = Conv2D(kernel_size=4, strides=2, zeros=1, use_bias=False, **options(level))(x)
        # Neither the image's own colours nor the innermost pixel are normalized.
        if 0 < level < depth - 1:
            x = BatchNormalization(seed=draw())(x)
    up = {"kernel_size": 4, "strides": 2, "padding": "same"}
    levels_with_dropout = range(3, depth - 2) if dropout else ()
    for level in reversed(range(depth - 1)):
        x = Conv2DTranspose(**up, use_bias=False, **options(level))(ReLU()(x))
        x = BatchNormalization(seed=draw())(x)
        if level in levels_with_dropout:
            x = Dropout(0.5, number=level)([x, noise])
        x = Concatenate()([skips.pop(), x])
    last = options(0) | {"filters": output_channels or input_shape[-1]}
    x = Activation("tanh")(Conv2DTranspose(**up, **last)(ReLU()(x)))
    return keras.Model([image, noise] if levels_with_dropout else image, x, name=name)


@method("pix2pix", Pix2PixOptions)
class Pix2Pix(GenerativeModel):
    """A generator from A to B, and a discriminator that sees A beside what it judges.

    Batch normalization makes the discriminator see real and made images in calls of their
    own: together, the statistics of the batch would tell them apart or mix them up. Each part of
    a batch, of a device or of gradient accumulation, is normalized by statistics of its own.

    Attributes:
        gen_ab: Generator from domain A to domain B, both in [-1, 1], as `unet` makes it.
        disc_b: Discriminator on A's and B's channels, one after the other; returns logits. None
            where `adversarial_weight` is 0.
    """

    needs_pairs = True
    loss_names = ("l1_ab",)
    generator_names = ("gen_ab",)
    saves = (("gen_ab", "ab"),)
    disc_b = None

    def make_networks(self):
        """The U-Net, and the discriminator where there is an adversarial loss."""
        options, (shape_a, shape_b) = self.options, self.image_shapes
        check_shapes(shape_a, shape_b)
        (height, width, channels_a), channels_b = shape_a, shape_b[-1]
        depth, shape = halvings(height, width), (None, None, channels_a)
        seeds = ((options.seed, 0), (options.seed, 1))
        gen_ab = unet(shape, options.filters, depth, channels_b, options.dropout, seeds[0])
        if options.dropout and len(gen_ab.inputs) == 1:
            warnings.warn(
                f"The generator has no dropout, which begins at six halvings: {height}x{width} "
                f"pixels have {depth}, so that translations do not vary with the seed.",
                stacklevel=2,
            )
        if not options.adversarial_weight:
            return {"gen_ab": gen_ab}
        check_layers(options.disc_layers, height, width)
        both = (None, None, channels_a + channels_b)
        sizes = (options.disc_filters, options.disc_layers)
        disc_b = discriminator(both, *sizes, norm="batch", seed=seeds[1], name="disc_b")
        return {"gen_ab": gen_ab, "disc_b": disc_b}

    def prepare(self):
        """Which losses there are."""
        if self.disc_b is not None:
            loss = self.options.adversarial_loss
            self.adversarial_loss, self.generator_loss = adversarial.by_name(loss)
            self.loss_names = ("adv_ab", "l1_ab", "disc_b")
            self.discriminator_names = ("disc_b",)

    def noise(self, count, seed):
        """One number per image, which seeds its dropout masks."""
        if len(self.gen_ab.inputs) == 1:
            return ()
        return (tf.random.stateless_normal((count, 1), seed),)

    def generator_losses(self, batch):
        """Adversarial (equation 1, non-saturating) and L1 loss (3), weighted as in (4)."""
        a, b, *noise = batch
        fake_b = self.gen_ab([a, *noise] if noise else a, training=True)
        losses = {"l1_ab": self.options.l1_weight * l1(fake_b, b)}
        if self.disc_b is not None:
            logits = self.disc_b(tf.concat([a, fake_b], -1), training=True)
            losses["adv_ab"] = self.options.adversarial_weight * self.generator_loss(logits)
        return losses, fake_b

    def discriminator_losses(self, batch, shown):
        """Half of the loss on real pairs and on made ones: it learns at half the pace."""
        if self.disc_b is None:
            return {}
        a, b, *_ = batch
        # Two calls, since batch statistics are of real or of made images.
        logits = (self.disc_b(tf.concat([a, x], -1), training=True) for x in (b, shown))
        return {"disc_b": of_discriminator(self.adversarial_loss, *logits)}

    def columns(self, a, b, names):
        """What each image became beside what it should have become."""
        given = generator_file.inputs(self.gen_ab, a)
        fake_b = self.gen_ab(given if len(given) > 1 else a, training=False)
        return [(names[0], a), (f"as {names[1]}", fake_b), (f"true {names[1]}", b)]
