"""FSeSim: unpaired translation in one direction that keeps which places are alike.

A horse's flank is like its neck and unlike the grass, and so is a zebra's, though it looks like
neither. The trained network that helps the discriminator judge tells what is alike. No second
generator, nothing to learn but the translation.

Reference: Zheng et al. 2021, "The Spatially-Correlative Loss for Various Image Translation Tasks",
https://arxiv.org/abs/2104.00854 (the fixed self-similarity); the discriminator is that of Sauer et
al. 2021, https://arxiv.org/abs/2111.01007.
"""

import keras
import tensorflow as tf

from cyclegan_tf import projected
from cyclegan_tf.losses import (
    least_squares,
    of_discriminator,
    self_similarity,
    spatially_correlative,
)
from cyclegan_tf.training import GenerativeModel


class FSeSim(GenerativeModel):
    """A generator, and a discriminator of its target that judges features of a trained network.

    Args:
        gen_ab: Generator from domain A to domain B.
        disc_b: `projected.projected_discriminator` of domain B.
        adversarial_loss: Function of `(logits, target)`.
        generator_loss: As for `CycleGAN`.
        adversarial_weight: Weight of the generator's adversarial loss.
        spatial_weight: Weight of the spatially-correlative loss, 10 in the paper.
        patches: Places of each level of features whose similarities are compared, at most.
        seed: Key of the places.
        strategy: As for `GenerativeModel`.

    Raises:
        ValueError: If the discriminator judges other channels than the generator gives.
    """

    loss_names = ("adv_ab", "spatial_a", "disc_b")

    def __init__(
        self,
        gen_ab,
        disc_b,
        adversarial_loss=least_squares,
        generator_loss=None,
        adversarial_weight=1.0,
        spatial_weight=10.0,
        patches=256,
        seed=0,
        strategy=None,
        **kwargs,
    ):
        super().__init__(seed=seed, strategy=strategy, **kwargs)
        *size, channels = disc_b.input_shape[1:]
        if gen_ab.output_shape[-1] != channels:
            raise ValueError(
                f"disc_b must judge the {gen_ab.output_shape[-1]} channels that gen_ab gives, "
                f"received one of {channels}."
            )
        self.image_shapes = (*size, gen_ab.input_shape[-1]), (*size, channels)
        self.gen_ab, self.disc_b = gen_ab, disc_b
        levels = projected.levels(disc_b)
        self._features = keras.Model(disc_b.input, levels)
        # One pass gives what the discriminator says and what its trained network sees.
        self._judged = keras.Model(disc_b.input, [disc_b.output, *levels])
        self.adversarial_loss = adversarial_loss
        self.generator_loss = generator_loss or (lambda logits: adversarial_loss(logits, 1.0))
        self.adversarial_weight, self.spatial_weight = adversarial_weight, spatial_weight
        self.patches = patches
        self.built = True

    @property
    def generators(self):
        """The generator."""
        return [self.gen_ab]

    @property
    def discriminators(self):
        """The discriminator of B."""
        return [self.disc_b]

    @property
    def saved(self):
        """The generator."""
        return {"gen_ab": (self.gen_ab, "ab")}

    def columns(self, a, b, names):
        """Pictures of A, translated; of B beside them, as what they should look like."""
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
        wanted = self._features(_with_channels(a, translated.shape[-1]))
        differences = []
        for order, x, y in zip(orders, wanted, found, strict=True):
            places = tf.math.top_k(order, min(self.patches, order.shape[1]))[1]
            ours, theirs = (self_similarity(tf.cast(m, tf.float32), places) for m in (y, x))
            differences.append(spatially_correlative(ours, theirs))
        return {
            "adv_ab": self.adversarial_weight * self.generator_loss(logits),
            "spatial_a": self.spatial_weight * tf.add_n(differences) / len(differences),
        }, (translated,)

    def discriminator_losses(self, batch, shown):
        """Half of the discriminator's loss on real and on fake pictures."""
        logits = tf.split(self.disc_b(tf.concat([batch[1], *shown], 0), training=True), 2)
        return {"disc_b": of_discriminator(self.adversarial_loss, *logits)}


def _with_channels(pictures, count):
    """The pictures as they are, or their mean of all channels in each of `count`."""
    if pictures.shape[-1] == count:
        return pictures
    return tf.repeat(tf.reduce_mean(pictures, -1, keepdims=True), count, -1)
