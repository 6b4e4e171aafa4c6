"""UNIT: unpaired translation through a latent space that both domains share.

Reference: Liu et al. 2017, "Unsupervised Image-to-Image Translation Networks",
https://arxiv.org/abs/1703.00848; the losses are those of the authors' second code
(https://github.com/mingyuliutw/UNIT), the sharing of layers that of the paper and their first.
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.methods.losses import l1, least_squares, over_scales
from cyclegan_tf.methods.options import (
    Adversarial,
    FastConvolutions,
    check_same_size,
    check_sides,
    learning_option,
    loss_option,
    network_option,
)
from cyclegan_tf.methods.registry import method
from cyclegan_tf.networks import image_autoencoder
from cyclegan_tf.networks.discriminators import multiscale_discriminator
from cyclegan_tf.networks.generators import chained
from cyclegan_tf.training.model import GenerativeModel

#: Steps after which the authors halve the learning rate.
HALVED_EVERY = 100_000


@dataclass(frozen=True, kw_only=True)
class LatentOptions(FastConvolutions, Adversarial):
    """Options that UNIT and MUNIT share; the authors' by default."""

    blocks: int = network_option(4, "residual blocks of each encoder and of each decoder", low=0)
    filters: int = network_option(
        64, "channels after the first convolution of encoders and discriminators", low=1
    )
    disc_layers: int = network_option(
        4, "stride-2 convolutions of the discriminators at each scale", low=1
    )
    disc_scales: int = network_option(
        3, "scales of the multi-scale discriminators, each half of the one before", low=1
    )
    disc_filters: int | None = network_option(
        None, "another number of filters for the discriminators", low=1
    )
    adversarial_weight: float = loss_option(
        1.0, "weight of the least-squares adversarial losses", low=0
    )
    reconstruction_weight: float = loss_option(
        10.0, "weight of the reconstruction losses, of images from their own codes", low=0
    )
    learning_rate: float = learning_option(1e-4, "Adam's learning rate at the start", low=0)
    l2_weight: float = learning_option(
        1e-4, "weight decay, added to the gradient as by PyTorch's Adam", low=0
    )
    halve_every: int | None = learning_option(
        None,
        "steps after which the learning rate is halved, again and again; by default 100,000, or a "
        "quarter of the run where that is less",
        low=1,
    )

    def resolve(self, shape_a, shape_b):
        """The discriminators' filters, and how often the learning rate is halved."""
        every = self.halve_every
        if every is None:
            every = HALVED_EVERY
            if self.total_steps is not None:
                every = max(1, min(every, self.total_steps // 4))
        disc_filters = self.filters if self.disc_filters is None else self.disc_filters
        return self.replace(halve_every=every, disc_filters=disc_filters)

    def schedule(self, rate):
        """A staircase: halved every so many steps."""
        decay = keras.optimizers.schedules.ExponentialDecay
        return decay(rate, self.halve_every, 0.5, staircase=True)

    def discriminators(self, shape_a, shape_b, least=8):
        """One multi-scale discriminator for each domain, for images of at least so many pixels."""
        check_same_size(shape_a, shape_b)
        check_sides(*shape_a[:2], 4, least)
        # Each convolution has two pixels to mirror at its border, and each scale one to judge.
        smallest = 2 ** (self.disc_layers + self.disc_scales - 1)
        if min(shape_a[:2]) < smallest:
            raise InputError(
                f"disc_layers={self.disc_layers} with disc_scales={self.disc_scales} needs images "
                f"of at least {smallest} pixels, received {shape_a[0]}x{shape_a[1]}: give fewer."
            )
        return {
            name: multiscale_discriminator(
                (None, None, shape[-1]),
                self.disc_filters,
                self.disc_layers,
                self.disc_scales,
                seed=(self.seed, number),
                name=name,
            )
            for name, shape, number in (("disc_a", shape_a, 6), ("disc_b", shape_b, 7))
        }


@dataclass(frozen=True, kw_only=True)
class UNITOptions(LatentOptions):
    """Options of UNIT; the authors' by default."""

    shared_blocks: int = network_option(
        1,
        "residual blocks that both domains share, the last of the encoders and the first of the "
        "decoders; 1 in the paper, 0 in the authors' second code",
        low=0,
    )
    kl_weight: float = loss_option(
        0.01, "weight of the KL divergence of each code from N(0, 1)", low=0
    )
    cycle_weight: float = loss_option(10.0, "weight of the cycle-consistency losses", low=0)
    cycle_kl_weight: float = loss_option(
        0.01, "weight of the KL divergence of each translation's code from N(0, 1)", low=0
    )

    def resolve(self, shape_a, shape_b):
        """Checks that no more blocks are shared than there are."""
        if self.shared_blocks > self.blocks:
            raise InputError(
                f"shared_blocks must be at most blocks, {self.blocks}, received "
                f"{self.shared_blocks}: give fewer."
            )
        return super().resolve(shape_a, shape_b)


def kl_to_normal(mean):
    """Divergence of N(mean, 1) from N(0, 1) as the authors weigh it: the mean of `mean ** 2`.

    Twice the divergence per number of the code, in nats.

    Args:
        mean: Tensor of any shape.

    Returns:
        Scalar tensor.
    """
    return tf.reduce_mean(tf.square(mean))


@method("unit", UNITOptions)
class UNIT(GenerativeModel):
    """Two variational autoencoders with one latent space between them, and two discriminators.

    An image and its translation are assumed to have one latent code. The last layers of both
    encoders and the first of both decoders are therefore the same (equations 1 and 2); a code of
    an image of A, decoded by B's decoder, is its translation. Codes are N(mean, 1), the encoder
    giving the mean; in use the mean itself is decoded.

    In paper and code the discriminators are updated first, and the generators on codes drawn
    anew; here both sides are updated at once, from the same codes. The authors' optional
    loss by VGG features is left out.

    Attributes:
        enc_a: Encoder of domain A's images, up to what is shared; `enc_b` is that of B.
        enc_shared: The layers that end both encoders; gives the code's mean.
        dec_shared: The layers that begin both decoders.
        dec_a: Decoder to domain A's images in [-1, 1], from what `dec_shared` gives.
        disc_a: Discriminator of domain A; returns a list of logits, one for each scale.
    """

    loss_names = (
        "adv_ab",
        "adv_ba",
        "reconstruction_a",
        "reconstruction_b",
        "kl_a",
        "kl_b",
        "cycle_a",
        "cycle_b",
        "cycle_kl_a",
        "cycle_kl_b",
        "disc_a",
        "disc_b",
    )
    generator_names = ("enc_a", "enc_b", "enc_shared", "dec_shared", "dec_a", "dec_b")
    discriminator_names = ("disc_a", "disc_b")
    saves = (("gen_ab", "ab"), ("gen_ba", "ba"))

    def make_networks(self):
        """Encoders, decoders, what they share, and discriminators."""
        options, (shape_a, shape_b) = self.options, self.image_shapes
        discriminators = options.discriminators(shape_a, shape_b)
        own = {"filters": options.filters, "blocks": options.blocks - options.shared_blocks}
        shared = (4 * options.filters, options.shared_blocks)
        encoder, decoder = image_autoencoder.encoder, image_autoencoder.decoder
        blocks, seed = image_autoencoder.residual_blocks, options.seed
        any_a, any_b = ((None, None, shape[-1]) for shape in (shape_a, shape_b))
        return {
            "enc_a": encoder(any_a, **own, seed=(seed, 0), name="enc_a"),
            "enc_b": encoder(any_b, **own, seed=(seed, 1), name="enc_b"),
            "enc_shared": blocks(*shared, seed=(seed, 2), name="enc_ab"),
            "dec_shared": blocks(*shared, seed=(seed, 3), name="dec_ab"),
            "dec_a": decoder(shape_a[-1], **own, seed=(seed, 4), name="dec_a"),
            "dec_b": decoder(shape_b[-1], **own, seed=(seed, 5), name="dec_b"),
            **discriminators,
        }

    def prepare(self):
        """Both generators, of an encoder and a decoder, and the shapes of the noise on codes."""
        shared = [self.enc_shared, self.dec_shared]
        self.gen_ab = chained([self.enc_a, *shared, self.dec_b], "gen_ab")
        self.gen_ba = chained([self.enc_b, *shared, self.dec_a], "gen_ba")
        codes = [
            tuple(self.enc_shared.compute_output_shape(own.compute_output_shape((1, *shape)))[1:])
            for own, shape in zip((self.enc_a, self.enc_b), self.image_shapes, strict=True)
        ]
        #: On the code of a, of b, of the translation of a, and of b's.
        self.noise_shapes = [*codes, *codes]

    def noise(self, count, seed):
        """Draws what is added to the four codes of a step."""
        fold_in = tf.random.experimental.stateless_fold_in
        return tuple(
            tf.random.stateless_normal((count, *shape), fold_in(seed, i))
            for i, shape in enumerate(self.noise_shapes)
        )

    def encode(self, encoder, images):
        """The mean of the images' codes."""
        return self.enc_shared(encoder(images, training=True), training=True)

    def decode(self, decoder, codes):
        """The images that codes stand for."""
        return decoder(self.dec_shared(codes, training=True), training=True)

    def generator_losses(self, batch):
        """The objective of equations 3 to 6, weighted, with least-squares adversarial losses."""
        options, (a, b, *noise) = self.options, batch
        mean_a, mean_b = self.encode(self.enc_a, a), self.encode(self.enc_b, b)
        # One call of each decoder reconstructs and translates: no normalization spans images.
        codes = tf.concat([mean_a + noise[0], mean_b + noise[1]], 0)
        recon_a, fake_a = tf.split(self.decode(self.dec_a, codes), 2)
        fake_b, recon_b = tf.split(self.decode(self.dec_b, codes), 2)
        cycled_mean_a = self.encode(self.enc_b, fake_b)
        cycled_mean_b = self.encode(self.enc_a, fake_a)
        cycled_a = self.decode(self.dec_a, cycled_mean_a + noise[2])
        cycled_b = self.decode(self.dec_b, cycled_mean_b + noise[3])
        losses = {
            "reconstruction_a": options.reconstruction_weight * l1(recon_a, a),
            "reconstruction_b": options.reconstruction_weight * l1(recon_b, b),
            "kl_a": options.kl_weight * kl_to_normal(mean_a),
            "kl_b": options.kl_weight * kl_to_normal(mean_b),
            "cycle_a": options.cycle_weight * l1(cycled_a, a),
            "cycle_b": options.cycle_weight * l1(cycled_b, b),
            "cycle_kl_a": options.cycle_kl_weight * kl_to_normal(cycled_mean_a),
            "cycle_kl_b": options.cycle_kl_weight * kl_to_normal(cycled_mean_b),
        }
        return losses | self.adversarial_losses(fake_a, fake_b), (fake_a, fake_b)

    def adversarial_losses(self, fake_a, fake_b):
        """The generators' least squares on their fakes, summed over the scales."""
        weight, losses = self.options.adversarial_weight, {}
        for name, disc, fake in (("adv_ab", self.disc_b, fake_b), ("adv_ba", self.disc_a, fake_a)):
            losses[name] = weight * over_scales(least_squares, _judged(disc, fake), 1.0)
        return losses

    def discriminator_losses(self, batch, shown):
        """Least squares on real and on fake images, summed over the scales."""
        weight, losses = self.options.adversarial_weight, {}
        for name, disc, real, fake in zip(
            ("disc_a", "disc_b"), self.discriminators, batch[:2], shown, strict=True
        ):
            logits = [tf.split(one, 2) for one in _judged(disc, tf.concat([real, fake], 0))]
            of_real, of_fake = zip(*logits, strict=True)
            losses[name] = weight * (
                over_scales(least_squares, of_real, 1.0) + over_scales(least_squares, of_fake, 0.0)
            )
        return losses

    def columns(self, a, b, names):
        """Test images, translated and back, both ways."""
        fake_b, fake_a = self.gen_ab(a, training=False), self.gen_ba(b, training=False)
        back_a, back_b = self.gen_ba(fake_b, training=False), self.gen_ab(fake_a, training=False)
        columns = [
            (names[0], a),
            (f"as {names[1]}", fake_b),
            ("and back", back_a),
            None,
            (names[1], b),
            (f"as {names[0]}", fake_a),
            ("and back", back_b),
        ]
        return [column and (column[0], np.asarray(column[1])) for column in columns]


def _judged(disc, images):
    """A discriminator's logits, a list: of one scale alone Keras gives the tensor."""
    return tf.nest.flatten(disc(images, training=True))
