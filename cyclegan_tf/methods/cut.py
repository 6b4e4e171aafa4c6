"""CUT: unpaired translation in one direction, by contrasting patches instead of a cycle.

What is at a place of the translation must be told, by the generator's own encoder, from what is
at other places of the input. No second generator, no second discriminator.

Reference: Park et al. 2020, "Contrastive Learning for Unpaired Image-to-Image Translation",
https://arxiv.org/abs/2007.15651
"""

import keras
import numpy as np
import tensorflow as tf
from keras.layers import Add, Dense, ReLU, UnitNormalization

from cyclegan_tf.convolutions import Conv2D
from cyclegan_tf.losses import info_nce, least_squares, of_discriminator
from cyclegan_tf.training import GenerativeModel

#: Residual blocks whose outputs are contrasted, from 1; the first and fifth of nine in the paper.
BLOCKS = (1, 5)


class CUT(GenerativeModel):
    """A generator, a discriminator of its target, and heads that make features comparable.

    Args:
        gen_ab: Generator from domain A to domain B, as `networks.resnet_generator` makes it.
        disc_b: Discriminator of domain B; returns logits.
        heads: One network for each of `features(gen_ab)`, as `projection_heads` makes them.
        image_size: As for `CycleGAN`.
        adversarial_loss: Function of `(logits, target)`.
        generator_loss: As for `CycleGAN`.
        adversarial_weight: Weight of the generator's adversarial loss.
        nce_weight: Weight of the contrast, 1 in CUT and 10 in FastCUT.
        identity: Whether half of that is for pictures of B, which are to stay; not in FastCUT.
        flip: Whether half of the pictures are translated mirrored; in FastCUT alone.
        temperature: The paper's tau.
        patches: Places of each layer that are contrasted with each other, at most.
        seed: Key of the places and mirrorings.
        strategy: As for `GenerativeModel`.

    Raises:
        ValueError: If the domains differ in channels.
    """

    loss_names = ("adv_ab", "nce_a", "nce_b", "disc_b")

    def __init__(
        self,
        gen_ab,
        disc_b,
        heads,
        image_size=None,
        adversarial_loss=least_squares,
        generator_loss=None,
        adversarial_weight=1.0,
        nce_weight=1.0,
        identity=True,
        flip=False,
        temperature=0.07,
        patches=256,
        seed=0,
        strategy=None,
        **kwargs,
    ):
        super().__init__(seed=seed, strategy=strategy, **kwargs)
        channels_a, channels_b = gen_ab.input_shape[-1], gen_ab.output_shape[-1]
        if channels_a != channels_b:
            raise ValueError(
                f"gen_ab must give as many channels as it takes, received {channels_a} and "
                f"{channels_b}: its encoder sees pictures of both domains."
            )
        image_size = tuple(image_size or gen_ab.input_shape[1:3])
        self.image_shapes = (*image_size, channels_a), (*image_size, channels_b)
        self.gen_ab, self.disc_b, self.heads = gen_ab, disc_b, heads
        outputs = features(gen_ab)
        self._encoder = keras.Model(gen_ab.inputs, outputs)
        self._translator = keras.Model(gen_ab.inputs, [gen_ab.output, *outputs])
        self.adversarial_loss = adversarial_loss
        self.generator_loss = generator_loss or (lambda logits: adversarial_loss(logits, 1.0))
        self.adversarial_weight, self.nce_weight = adversarial_weight, nce_weight
        self.identity, self.flip, self.temperature = identity, flip, temperature
        self.patches = patches
        self.loss_names = tuple(n for n in self.loss_names if identity or n != "nce_b")
        self.built = True

    @property
    def generators(self):
        """The generator and the heads, trained by one optimizer."""
        return [self.gen_ab, *self.heads]

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
        places = [tf.math.top_k(order, min(self.patches, order.shape[1]))[1] for order in orders]
        own = tf.concat([a, b], 0) if self.identity else a
        if self.flip:
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
        losses = {"adv_ab": self.adversarial_weight * self.generator_loss(logits)}
        names = self.loss_names[1:-1]
        for name, part in zip(names, (slice(count), slice(count, None)), strict=False):
            contrasts = [
                self._contrast(head, query[part], key[part], at)
                for head, query, key, at in zip(self.heads, queries, keys, places, strict=True)
            ]
            losses[name] = self.nce_weight / len(names) * tf.add_n(contrasts) / len(contrasts)
        return losses, (translated[:count],)

    def _contrast(self, head, query, key, places):
        """PatchNCE of one layer (equation 4): each place against the others of its own picture."""
        query, key = (
            head(tf.gather(tf.reshape(x, [x.shape[0], -1, x.shape[-1]]), places, batch_dims=1))
            for x in (query, key)
        )
        return info_nce(query, tf.stop_gradient(key), self.temperature)

    def discriminator_losses(self, batch, shown):
        """Half of the discriminator's loss on real and on fake pictures."""
        logits = tf.split(self.disc_b(tf.concat([batch[1], *shown], 0), training=True), 2)
        return {"disc_b": of_discriminator(self.adversarial_loss, *logits)}


def features(generator):
    """What is contrasted: the picture itself, both convolutions that halve it, two blocks.

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
