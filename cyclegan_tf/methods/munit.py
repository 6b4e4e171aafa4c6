"""MUNIT: unpaired translation with many outputs for one input.

Reference: Huang et al. 2018, "Multimodal Unsupervised Image-to-Image Translation",
https://arxiv.org/abs/1804.04732; settings of the authors' code, https://github.com/NVlabs/MUNIT
"""

from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from keras.layers import Dense, GlobalAveragePooling2D, ReLU

from cyclegan_tf.methods.losses import l1
from cyclegan_tf.methods.options import loss_option, network_option
from cyclegan_tf.methods.registry import method
from cyclegan_tf.methods.unit import UNIT, LatentOptions
from cyclegan_tf.networks import image_autoencoder
from cyclegan_tf.networks.generators import chained
from cyclegan_tf.networks.initializers import he_normal
from cyclegan_tf.networks.layers.convolutions import Conv2D
from cyclegan_tf.training.model import GenerativeModel


@dataclass(frozen=True, kw_only=True)
class MUNITOptions(LatentOptions):
    """Options of MUNIT; the authors' by default."""

    style_dims: int = network_option(8, "dimensions of a style code", low=1)
    hidden: int = network_option(
        256, "hidden units of the perceptrons that make AdaIN parameters of a style", low=1
    )
    style_weight: float = loss_option(
        1.0, "weight of the style reconstruction losses, of styles that were drawn", low=0
    )
    content_weight: float = loss_option(1.0, "weight of the content reconstruction losses", low=0)
    cycle_weight: float = loss_option(
        0.0,
        "weight of the style-augmented cycle-consistency losses: to the other domain in any "
        "style, and back in the image's own; the authors have 10 for some data sets",
        low=0,
    )


def style_encoder(
    input_shape=(None, None, 3),
    filters=64,
    downsamplings=4,
    style_dims=8,
    seed=None,
    name="style",
):
    """The style encoder: convolutions, then the average over all positions.

    It has no normalization, which would take off the means and deviations that make a style.

    Args:
        input_shape: `(height, width, channels)`; height and width may be None, and must be at
            least `2 ** downsamplings` in use.
        filters: Channels after the first convolution; doubled at the first two halvings.
        downsamplings: Number of stride-2 convolutions.
        style_dims: Numbers in a style code.
        seed: As for `networks.initializers.he_normal`.
        name: Name of the model.

    Returns:
        `keras.Model` from images in [-1, 1] to `(batch, style_dims)`.
    """
    init = he_normal(seed)

    def convolution(x, filters, size, strides, reflect):
        options = {"kernel_initializer": next(init)}
        return ReLU()(Conv2D(filters, size, strides, reflect=reflect, **options)(x))

    image = keras.Input(input_shape)
    x = convolution(image, filters, 7, 1, 3)
    for level in range(1, downsamplings + 1):
        x = convolution(x, filters * min(2**level, 4), 4, 2, 1)
    x = Dense(style_dims, kernel_initializer=next(init))(GlobalAveragePooling2D()(x))
    return keras.Model(image, x, name=name)


@method("munit", MUNITOptions)
class MUNIT(GenerativeModel):
    """Images are content, which both domains share, and style, which belongs to one.

    The content of an image of A, decoded by B's decoder with a style drawn from N(0, 1), is one
    of its translations; with the style of an image of B it is the translation in that style.

    In the authors' code the discriminators are updated first, and the generators with styles
    drawn anew; here both sides are updated at once, on the same translations. Their
    optional loss by VGG features is left out.

    Attributes:
        content_a: Encoder from domain A's images to their content codes; and `content_b`.
        style_a: Encoder from domain A's images to style codes `(batch, dims)`; and `style_b`.
        dec_a: Decoder from `[content, style]` to domain A's images in [-1, 1]; and `dec_b`.
        disc_a: Discriminator of domain A; returns a list of logits, one for each scale.
    """

    loss_names = (
        "adv_ab",
        "adv_ba",
        "reconstruction_a",
        "reconstruction_b",
        "style_a",
        "style_b",
        "content_a",
        "content_b",
        "cycle_a",
        "cycle_b",
        "disc_a",
        "disc_b",
    )
    generator_names = ("content_a", "content_b", "style_a", "style_b", "dec_a", "dec_b")
    discriminator_names = ("disc_a", "disc_b")
    saves = (("gen_ab", "ab"), ("gen_ba", "ba"), ("style_a", "az"), ("style_b", "bz"))

    def make_networks(self):
        """Encoders of content and of style, decoders and discriminators."""
        options, made = self.options, {}
        discriminators = options.discriminators(*self.image_shapes, least=16)
        own = {"filters": options.filters, "blocks": options.blocks}
        style = {"style_dims": options.style_dims}
        for i, (domain, shape) in enumerate(zip("ab", self.image_shapes, strict=True)):
            images = (None, None, shape[-1])
            seeds = [(options.seed, number + i) for number in (0, 2, 4)]
            name = f"content_{domain}"
            made[name] = image_autoencoder.encoder(images, **own, seed=seeds[0], name=name)
            name = f"style_{domain}"
            sizes = {"filters": options.filters, **style}
            made[name] = style_encoder(images, **sizes, seed=seeds[1], name=name)
            name = f"dec_{domain}"
            sizes = {**own, **style, "hidden": options.hidden}
            made[name] = image_autoencoder.decoder(shape[-1], **sizes, seed=seeds[2], name=name)
        return made | discriminators

    def prepare(self):
        """Both generators, of an encoder of content and a decoder, and which losses there are."""
        self.gen_ab = chained([self.content_a, self.dec_b], "gen_ab")
        self.gen_ba = chained([self.content_b, self.dec_a], "gen_ba")
        if not self.options.cycle_weight:
            self.loss_names = tuple(n for n in self.loss_names if not n.startswith("cycle"))

    def noise(self, count, seed):
        """Draws a style of A and one of B for each image."""
        fold_in = tf.random.experimental.stateless_fold_in
        return tuple(
            tf.random.stateless_normal((count, network.output_shape[-1]), fold_in(seed, i))
            for i, network in enumerate((self.style_a, self.style_b))
        )

    def generator_losses(self, batch):
        """The objective of equation 5 (its terms: equations 1 to 4), weighted."""
        options, (a, b, drawn_a, drawn_b) = self.options, batch
        content_a, content_b = self.content_a(a, training=True), self.content_b(b, training=True)
        style_a, style_b = self.style_a(a, training=True), self.style_b(b, training=True)
        # One call of each decoder reconstructs and translates: no normalization spans images.
        contents = tf.concat([content_a, content_b], 0)
        recon_a, fake_a = _decoded(self.dec_a, contents, [style_a, drawn_a])
        fake_b, recon_b = _decoded(self.dec_b, contents, [drawn_b, style_b])
        again_a = self.content_b(fake_b, training=True)
        again_b = self.content_a(fake_a, training=True)
        losses = {
            "reconstruction_a": options.reconstruction_weight * l1(recon_a, a),
            "reconstruction_b": options.reconstruction_weight * l1(recon_b, b),
            "style_a": options.style_weight * l1(self.style_a(fake_a, training=True), drawn_a),
            "style_b": options.style_weight * l1(self.style_b(fake_b, training=True), drawn_b),
            "content_a": options.content_weight * l1(again_a, content_a),
            "content_b": options.content_weight * l1(again_b, content_b),
        }
        if options.cycle_weight:
            cycled_a = self.dec_a([again_a, style_a], training=True)
            cycled_b = self.dec_b([again_b, style_b], training=True)
            losses["cycle_a"] = options.cycle_weight * l1(cycled_a, a)
            losses["cycle_b"] = options.cycle_weight * l1(cycled_b, b)
        return losses | self.adversarial_losses(fake_a, fake_b), (fake_a, fake_b)

    adversarial_losses = UNIT.adversarial_losses
    discriminator_losses = UNIT.discriminator_losses

    def columns(self, a, b, names):
        """Test images, each translated in three styles that stay the same from epoch to epoch."""
        columns = []
        for images, network, name, other in (
            (a, self.gen_ab, names[0], names[1]),
            (b, self.gen_ba, names[1], names[0]),
        ):
            columns += [(name, images)]
            for style in range(3):
                drawn = np.random.default_rng(style).normal(size=(1, network.inputs[1].shape[-1]))
                drawn = np.repeat(drawn.astype("float32"), len(images), axis=0)
                fake = np.asarray(network([images, drawn], training=False))
                columns.append((f"as {other}, {style + 1}", fake))
            columns.append(None)
        return columns[:-1]


def _decoded(decoder, contents, styles):
    """Decodes the contents of A's images and then of B's, each half with styles of its own."""
    return tf.split(decoder([contents, tf.concat(styles, 0)], training=True), 2)
