"""FSeSim: unpaired translation in one direction that keeps the self-similarity of the image.

A horse's flank is like its neck and unlike the grass, and so is a zebra's, though it looks like
neither. A trained classifier tells what is alike; the same one helps the discriminator judge. (The
paper measures by VGG16 and has CycleGAN's discriminator.) No second generator.

Reference: Zheng et al. 2021, "The Spatially-Correlative Loss for Various Image Translation Tasks",
https://arxiv.org/abs/2104.00854 (the fixed self-similarity); the discriminator is that of Sauer et
al. 2021, https://arxiv.org/abs/2111.01007.
"""

from dataclasses import dataclass
from typing import Literal

import keras
import tensorflow as tf

from cyclegan_tf.methods import losses as adversarial
from cyclegan_tf.methods.cyclegan import WITHIN_MINUTES
from cyclegan_tf.methods.losses import of_discriminator, self_similarity, spatially_correlative
from cyclegan_tf.methods.options import loss_option, network_option
from cyclegan_tf.methods.registry import method, preset
from cyclegan_tf.methods.unpaired import UnpairedOptions, check_shapes
from cyclegan_tf.networks import projected_discriminator
from cyclegan_tf.training.model import GenerativeModel

#: Images of this many pixels or fewer are doubled for the classifier: stripes of four pixels are
#: too fine for it.
FINE = 64


@dataclass(frozen=True, kw_only=True)
class FSeSimOptions(UnpairedOptions):
    """Options of FSeSim."""

    upsampling: Literal["transposed", "resize", "bilinear"] = network_option(
        "bilinear", "how sizes are doubled: as for cyclegan"
    )
    disc_layers: int = network_option(
        3, "stride-2 convolutions of the PatchGAN that judges the pixels", low=1
    )
    disc_features: Literal["alex", "vgg"] = network_option(
        "alex", "classifier whose features are judged and compared; its weights are fetched once"
    )
    adversarial_loss: Literal["least_squares", "binary_crossentropy", "hinge"] = loss_option(
        "hinge", "adversarial loss"
    )
    spatial_weight: float = loss_option(10.0, "weight of the spatially-correlative loss", low=0)
    patches: int = loss_option(
        256, "places of each level of features whose similarities are compared, at most", low=2
    )


@method("fsesim", FSeSimOptions)
class FSeSim(GenerativeModel):
    """A generator, and a discriminator of its target that judges features of a classifier.

    Attributes:
        gen_ab: Generator from domain A to domain B. Where A has other channels than B, the layout
            of their mean is kept.
        disc_b: `projected_discriminator` of domain B.
    """

    loss_names = ("adv_ab", "spatial_a", "disc_b")
    generator_names = ("gen_ab",)
    discriminator_names = ("disc_b",)
    saves = (("gen_ab", "ab"),)

    def make_networks(self):
        """The generator and the discriminator."""
        shape_a, shape_b = self.image_shapes
        check_shapes(shape_a, shape_b)
        doublings = int(min(shape_a[:2]) <= FINE)
        return {
            "gen_ab": self.options.resnet(shape_a[-1], shape_b[-1], 0, "gen_ab"),
            "disc_b": self.options.discriminator(shape_b, 1, "disc_b", doublings),
        }

    def prepare(self):
        """What gives the features of the classifier inside of the discriminator."""
        loss = self.options.adversarial_loss
        self.adversarial_loss, self.generator_loss = adversarial.by_name(loss)
        levels = projected_discriminator.levels(self.disc_b)
        self._features = keras.Model(self.disc_b.input, levels)
        # One pass gives what the discriminator says and what its classifier sees. The latter is
        # never computed twice: what learns of the discriminator goes on from it.
        self._judged = keras.Model(self.disc_b.input, [self.disc_b.output, *levels])
        self._heads = keras.Model([self.disc_b.input, *levels], self.disc_b.output)

    def columns(self, a, b, names):
        """Images of A, translated; of B beside them, as what they should look like."""
        return [(names[0], a), (f"as {names[1]}", self.gen_ab(a)), None, (names[1], b)]

    def noise(self, count, seed):
        """For each level a random number of each place."""
        fold_in = tf.random.experimental.stateless_fold_in
        return tuple(
            tf.random.stateless_uniform((count, x.shape[1] * x.shape[2]), fold_in(seed, i))
            for i, x in enumerate(self._features.outputs)
        )

    def generator_losses(self, batch):
        """Adversarial loss and the difference of layouts (equations 3 and 5), weighted."""
        a, _, *orders = batch
        translated = self.gen_ab(a, training=True)
        logits, *found = self._judged(translated, training=True)
        return {
            "adv_ab": self.options.adversarial_weight * self.generator_loss(logits),
            "spatial_a": self.options.spatial_weight * self.difference_of_layouts(a, found, orders),
        }, (translated, *found, *self._features(batch[1]))

    def difference_of_layouts(self, a, found, orders):
        """Mean over levels of how far a translation's layout differs from that of its input.

        Args:
            a: The inputs.
            found: Features of their translations.
            orders: What `noise` drew for each level.
        """
        wanted = self._features(_with_channels(a, self.image_shapes[1][-1]))
        differences = []
        for order, x, y in zip(orders, wanted, found, strict=True):
            places = tf.math.top_k(order, min(self.options.patches, order.shape[1]))[1]
            ours, theirs = (self_similarity(tf.cast(m, tf.float32), places) for m in (y, x))
            differences.append(spatially_correlative(ours, theirs))
        return tf.add_n(differences) / len(differences)

    def discriminator_losses(self, batch, shown):
        """Half of the discriminator's loss on real and on fake images."""
        translated, *features = shown
        of_fake, of_real = features[: len(features) // 2], features[len(features) // 2 :]
        both = zip((batch[1], *of_real), (translated, *of_fake), strict=True)
        given = [tf.concat(pair, 0) for pair in both]
        logits = tf.split(self._heads(given, training=True), 2)
        return {"disc_b": of_discriminator(self.adversarial_loss, *logits)}


def _with_channels(images, count):
    """The images as they are, or their mean of all channels in each of `count`."""
    if images.shape[-1] == count:
        return images
    return tf.repeat(tf.reduce_mean(images, -1, keepdims=True), count, -1)


# With a weight of 10, few stripes come.
preset("fsesim_fast", "fsesim", chooses_filters=True, **WITHIN_MINUTES, spatial_weight=3.0)
