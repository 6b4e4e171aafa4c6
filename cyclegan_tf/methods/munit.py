"""MUNIT: unpaired translation with many outputs for one input.

Reference: Huang et al. 2018, "Multimodal Unsupervised Image-to-Image Translation",
https://arxiv.org/abs/1804.04732; settings of the authors' code, https://github.com/NVlabs/MUNIT
"""

import keras
import numpy as np
import tensorflow as tf
from keras.layers import Dense, GlobalAveragePooling2D, ReLU

from cyclegan_tf.coders import initializers
from cyclegan_tf.convolutions import Conv2D
from cyclegan_tf.losses import l1, least_squares, over_scales
from cyclegan_tf.networks import chained
from cyclegan_tf.training import GenerativeModel


def style_encoder(
    input_shape=(None, None, 3),
    filters=64,
    downsamplings=4,
    style_dims=8,
    fast=None,
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
        fast: As for `convolutions.Conv2D`.
        seed: As for `coders.initializers`.
        name: Name of the model.

    Returns:
        `keras.Model` from pictures in [-1, 1] to `(batch, style_dims)`.
    """
    init = initializers(seed)

    def convolution(x, filters, size, strides, reflect):
        options = {"fast": fast, "kernel_initializer": next(init)}
        return ReLU()(Conv2D(filters, size, strides, reflect=reflect, **options)(x))

    image = keras.Input(input_shape)
    x = convolution(image, filters, 7, 1, 3)
    for level in range(1, downsamplings + 1):
        x = convolution(x, filters * min(2**level, 4), 4, 2, 1)
    x = Dense(style_dims, kernel_initializer=next(init))(GlobalAveragePooling2D()(x))
    return keras.Model(image, x, name=name)


class MUNIT(GenerativeModel):
    """Pictures are content, which both domains share, and style, which belongs to one.

    The content of a picture of A, decoded by B's decoder with a style drawn from N(0, 1), is one
    of its translations; with the style of a picture of B it is the translation in that style.

    In the authors' code the discriminators are updated first, and the generators with styles
    drawn anew; here both sides are updated at once, on the same translations. Their
    optional loss by VGG features is left out.

    Args:
        content_a: Encoder from domain A's pictures to their content codes.
        content_b: The same of B.
        style_a: Encoder from domain A's pictures to style codes `(batch, dims)`.
        style_b: The same of B.
        dec_a: Decoder from `[content, style]` to domain A's pictures in [-1, 1].
        dec_b: The same of B.
        disc_a: Discriminator of domain A; returns a list of logits, one for each scale.
        disc_b: Discriminator of B.
        image_shape_a: `(height, width, channels)` of A's training pictures.
        image_shape_b: The same of B.
        adversarial_weight: Weight of the adversarial losses, on both sides.
        reconstruction_weight: Weight of each picture's own reconstruction.
        style_weight: Weight of the reconstruction of each style that was drawn.
        content_weight: Weight of the reconstruction of each content code.
        cycle_weight: Weight of "style-augmented" cycles: to the other domain in any style, and
            back in the picture's own. The authors have 10 for some data sets and 0 for others.
        seed: Key of the styles.
        strategy: As for `GenerativeModel`.
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

    def __init__(
        self,
        content_a,
        content_b,
        style_a,
        style_b,
        dec_a,
        dec_b,
        disc_a,
        disc_b,
        *,
        image_shape_a,
        image_shape_b,
        adversarial_weight=1.0,
        reconstruction_weight=10.0,
        style_weight=1.0,
        content_weight=1.0,
        cycle_weight=0.0,
        seed=0,
        strategy=None,
        **kwargs,
    ):
        super().__init__(seed=seed, strategy=strategy, **kwargs)
        self.image_shapes = (tuple(image_shape_a), tuple(image_shape_b))
        self.content_a, self.content_b = content_a, content_b
        self.style_a, self.style_b = style_a, style_b
        self.dec_a, self.dec_b = dec_a, dec_b
        self.disc_a, self.disc_b = disc_a, disc_b
        self.gen_ab = chained([content_a, dec_b], "gen_ab")
        self.gen_ba = chained([content_b, dec_a], "gen_ba")
        self.adversarial_weight = adversarial_weight
        self.reconstruction_weight = reconstruction_weight
        self.style_weight = style_weight
        self.content_weight = content_weight
        self.cycle_weight = cycle_weight
        if not cycle_weight:
            self.loss_names = tuple(n for n in self.loss_names if not n.startswith("cycle"))
        self.built = True

    @property
    def generators(self):
        """Encoders and decoders of both domains, trained by one optimizer."""
        encoders = [self.content_a, self.content_b, self.style_a, self.style_b]
        return [*encoders, self.dec_a, self.dec_b]

    @property
    def discriminators(self):
        """Both discriminators, trained by one optimizer."""
        return [self.disc_a, self.disc_b]

    @property
    def saved(self):
        """Both translations, which take a style, and what gives the style of a picture."""
        return {
            "gen_ab": (self.gen_ab, "ab"),
            "gen_ba": (self.gen_ba, "ba"),
            "style_a": (self.style_a, "az"),
            "style_b": (self.style_b, "bz"),
        }

    def noise(self, count, seed):
        """Draws a style of A and one of B for each picture."""
        fold_in = tf.random.experimental.stateless_fold_in
        return tuple(
            tf.random.stateless_normal((count, network.output_shape[-1]), fold_in(seed, i))
            for i, network in enumerate((self.style_a, self.style_b))
        )

    def generator_losses(self, batch):
        """The objective of equation 5 (its terms: equations 1 to 4), weighted."""
        a, b, drawn_a, drawn_b = batch
        content_a, content_b = self.content_a(a, training=True), self.content_b(b, training=True)
        style_a, style_b = self.style_a(a, training=True), self.style_b(b, training=True)
        # One call of each decoder reconstructs and translates: no normalization spans pictures.
        contents = tf.concat([content_a, content_b], 0)
        recon_a, fake_a = _decoded(self.dec_a, contents, [style_a, drawn_a])
        fake_b, recon_b = _decoded(self.dec_b, contents, [drawn_b, style_b])
        again_a, again_b = (
            self.content_b(fake_b, training=True),
            self.content_a(fake_a, training=True),
        )
        losses = {
            "reconstruction_a": self.reconstruction_weight * l1(recon_a, a),
            "reconstruction_b": self.reconstruction_weight * l1(recon_b, b),
            "style_a": self.style_weight * l1(self.style_a(fake_a, training=True), drawn_a),
            "style_b": self.style_weight * l1(self.style_b(fake_b, training=True), drawn_b),
            "content_a": self.content_weight * l1(again_a, content_a),
            "content_b": self.content_weight * l1(again_b, content_b),
        }
        if self.cycle_weight:
            cycled_a = self.dec_a([again_a, style_a], training=True)
            cycled_b = self.dec_b([again_b, style_b], training=True)
            losses["cycle_a"] = self.cycle_weight * l1(cycled_a, a)
            losses["cycle_b"] = self.cycle_weight * l1(cycled_b, b)
        for name, disc, fake in (("adv_ab", self.disc_b, fake_b), ("adv_ba", self.disc_a, fake_a)):
            adversarial = over_scales(least_squares, disc(fake, training=True), 1.0)
            losses[name] = self.adversarial_weight * adversarial
        return losses, (fake_a, fake_b)

    def discriminator_losses(self, batch, shown):
        """Least squares on real and on fake pictures, summed over the scales."""
        losses = {}
        for name, disc, real, fake in zip(
            ("disc_a", "disc_b"), self.discriminators, batch[:2], shown, strict=True
        ):
            logits = [tf.split(one, 2) for one in disc(tf.concat([real, fake], 0), training=True)]
            of_real, of_fake = zip(*logits, strict=True)
            losses[name] = self.adversarial_weight * (
                over_scales(least_squares, of_real, 1.0) + over_scales(least_squares, of_fake, 0.0)
            )
        return losses

    def columns(self, a, b, names):
        """Test pictures, each translated in three styles that stay the same from epoch to epoch."""
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
    """Decodes the contents of A's pictures and then of B's, each half with styles of its own."""
    return tf.split(decoder([contents, tf.concat(styles, 0)], training=True), 2)
