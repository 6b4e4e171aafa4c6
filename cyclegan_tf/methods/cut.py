"""CUT: unpaired translation in one direction, by contrasting patches instead of a cycle.

What is at a place of the translation must be told, by the generator's own encoder, from what is
at other places of the input. No second generator, no second discriminator.

The authors halve and double sizes with blurred sampling; here strided convolutions halve them, as
in CycleGAN, and resizing doubles them. Initial weights are CycleGAN's.

Reference: Park et al. 2020, "Contrastive Learning for Unpaired Image-to-Image Translation",
https://arxiv.org/abs/2007.15651
"""

from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from keras.layers import Add, Dense, ReLU, UnitNormalization

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.methods import losses as adversarial
from cyclegan_tf.methods.losses import info_nce, of_discriminator
from cyclegan_tf.methods.options import loss_option, network_option
from cyclegan_tf.methods.registry import method, preset
from cyclegan_tf.methods.unpaired import DiscriminatorOptions, check_shapes
from cyclegan_tf.networks.layers.convolutions import Conv2D
from cyclegan_tf.training.model import GenerativeModel

#: Residual blocks whose outputs are contrasted, from 1; the first and fifth of nine in the paper.
BLOCKS = (1, 5)


@dataclass(frozen=True, kw_only=True)
class CUTOptions(DiscriminatorOptions):
    """Options of CUT; the paper's by default."""

    blocks: int | None = network_option(
        None, "residual blocks of the generator; by default 6 up to 128 pixels and 9 above", low=1
    )
    upsampling: Literal["transposed", "resize", "bilinear"] = network_option(
        "resize", "how sizes are doubled: as for cyclegan"
    )
    nce_weight: float = loss_option(1.0, "weight of the contrastive losses, together", low=0)
    identity: bool = loss_option(
        True, "contrast images of B with themselves, too, at half of the weight"
    )
    flip: bool = loss_option(
        False, "translate half of the images mirrored, and mirror their features back"
    )
    temperature: float = loss_option(
        0.07, "what similarities are divided by; the paper's tau", low=0.001
    )
    patches: int = loss_option(256, "places of each layer that are contrasted, at most", low=2)

    def resolve(self, shape_a, shape_b):
        """Checks that one encoder can see images of both domains."""
        if shape_a != shape_b:
            raise InputError(
                f"Both domains must have one shape, received {shape_a} and {shape_b}: CUT sees "
                "images of both with one encoder."
            )
        return super().resolve(shape_a, shape_b)


@method("cut", CUTOptions)
class CUT(GenerativeModel):
    """A generator, a discriminator of its target, and heads that make features comparable.

    Attributes:
        gen_ab: Generator from domain A to domain B, as `networks.resnet_generator` makes it.
        disc_b: Discriminator of domain B; returns logits.
        heads: One network for each of `features(gen_ab)`, as `projection_heads` makes them.
    """

    loss_names = ("adv_ab", "nce_a", "nce_b", "disc_b")
    discriminator_names = ("disc_b",)
    saves = (("gen_ab", "ab"),)

    def make_networks(self):
        """The generator and the discriminator."""
        check_shapes(*self.image_shapes)
        channels = self.image_shapes[0][-1]
        return {
            "gen_ab": self.options.resnet(channels, channels, 0, "gen_ab"),
            "disc_b": self.options.discriminator(self.image_shapes[1], 1, "disc_b"),
        }

    def prepare(self):
        """The heads, and the encoder: the generator's first half."""
        options = self.options
        self.adversarial_loss, self.generator_loss = adversarial.by_name(options.adversarial_loss)
        self.heads = projection_heads(self.gen_ab, seed=(options.seed, 2))
        outputs = features(self.gen_ab)
        self._encoder = keras.Model(self.gen_ab.inputs, outputs)
        self._translator = keras.Model(self.gen_ab.inputs, [self.gen_ab.output, *outputs])
        self.loss_names = tuple(n for n in self.loss_names if options.identity or n != "nce_b")

    @property
    def generators(self):
        """The generator and the heads, trained by one optimizer."""
        return [self.gen_ab, *self.heads]

    def columns(self, a, b, names):
        """Images of A, translated; of B beside them, as what they should look like."""
        return [(names[0], a), (f"as {names[1]}", self.gen_ab(a)), None, (names[1], b)]

    def noise(self, count, seed):
        """For each layer a random number of each place, and a coin for mirroring."""
        fold_in = tf.random.experimental.stateless_fold_in
        shapes = self._encoder.compute_output_shape((count, *self.image_shapes[0]))
        orders = [
            tf.random.stateless_uniform((count, height * width), fold_in(seed, i))
            for i, (_, height, width, _) in enumerate(shapes)
        ]
        return (*orders, tf.random.stateless_uniform((count, 1, 1, 1), fold_in(seed, len(orders))))

    def generator_losses(self, batch):
        """Adversarial loss and both contrasts (equation 5; means over layers), weighted."""
        a, b, *orders, coin = batch
        places = [
            tf.math.top_k(order, min(self.options.patches, order.shape[1]))[1] for order in orders
        ]
        own = tf.concat([a, b], 0) if self.options.identity else a
        if self.options.flip:
            # The coins of A serve B, too: what matters is that features are mirrored back.
            mirror = tf.tile(coin < 0.5, [own.shape[0] // a.shape[0], 1, 1, 1])
            translated = self.gen_ab(_mirrored(own, mirror), training=True)
            keys = self._encoder(own, training=True)
            queries = [_mirrored(x, mirror) for x in self._encoder(translated, training=True)]
        else:
            translated, *keys = self._translator(own, training=True)
            queries = self._encoder(translated, training=True)
        count = a.shape[0]
        logits = self.disc_b(translated[:count], training=True)
        losses = {"adv_ab": self.options.adversarial_weight * self.generator_loss(logits)}
        names = self.loss_names[1:-1]
        for name, part in zip(names, (slice(count), slice(count, None)), strict=False):
            contrasts = [
                self._contrast(head, query[part], key[part], at)
                for head, query, key, at in zip(self.heads, queries, keys, places, strict=True)
            ]
            losses[name] = (
                self.options.nce_weight / len(names) * tf.add_n(contrasts) / len(contrasts)
            )
        return losses, (translated[:count],)

    def _contrast(self, head, query, key, places):
        """PatchNCE of one layer (equation 4): each place against the others of its own image."""
        query, key = (
            head(tf.gather(tf.reshape(x, [x.shape[0], -1, x.shape[-1]]), places, batch_dims=1))
            for x in (query, key)
        )
        return info_nce(query, tf.stop_gradient(key), self.options.temperature)

    def discriminator_losses(self, batch, shown):
        """Half of the discriminator's loss on real and on fake images."""
        logits = tf.split(self.disc_b(tf.concat([batch[1], *shown], 0), training=True), 2)
        return {"disc_b": of_discriminator(self.adversarial_loss, *logits)}


def features(generator):
    """What is contrasted: the image itself, both convolutions that halve it, two blocks.

    Args:
        generator: As `networks.resnet_generator` makes it. Of fewer blocks than `BLOCKS` asks
            for, the last is taken.

    Returns:
        List of the layers' symbolic outputs `(batch, height, width, channels)`.
    """
    halving = [x for x in generator.layers if isinstance(x, Conv2D) and x.strides == (2, 2)]
    blocks = [layer for layer in generator.layers if isinstance(layer, Add)]
    chosen = sorted({min(number, len(blocks)) - 1 for number in BLOCKS if blocks})
    return [generator.input, *(x.output for x in (*halving, *(blocks[i] for i in chosen)))]


def projection_heads(generator, units=256, seed=None):
    """The heads H_l: perceptrons of one hidden layer that end on the unit sphere.

    Args:
        generator: The one whose `features` they take.
        units: Numbers in a feature, and hidden ones.
        seed: Integer that fixes the initial weights, or None.

    Returns:
        List of `keras.Model` from `(batch, patches, channels)` to `(batch, patches, units)`.
    """
    rng = np.random.default_rng(seed)

    def dense():
        init = keras.initializers.RandomNormal(0.0, 0.02, seed=int(rng.integers(2**31)))
        return Dense(units, kernel_initializer=init)

    return [
        keras.Sequential(
            [keras.Input((None, x.shape[-1])), dense(), ReLU(), dense(), UnitNormalization()],
            name=f"head_{i}",
        )
        for i, x in enumerate(features(generator))
    ]


def _mirrored(images, which):
    return tf.where(which, tf.reverse(images, [2]), images)


preset("fastcut", "cut", nce_weight=10.0, identity=False, flip=True)
