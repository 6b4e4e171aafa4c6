"""CycleGAN: translation between two domains from unpaired pictures.

Reference: Zhu et al. 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent
Adversarial Networks", https://arxiv.org/abs/1703.10593
"""

import tensorflow as tf

from cyclegan_tf.layers import ImagePool
from cyclegan_tf.losses import gradient_difference, l1, least_squares, of_discriminator
from cyclegan_tf.recomputation import recomputed
from cyclegan_tf.training import GenerativeModel


class CycleGAN(GenerativeModel):
    """Two generators that undo each other, and a discriminator for each domain.

    Args:
        gen_ab: Generator from domain A to domain B, both in [-1, 1].
        gen_ba: Generator from B to A.
        disc_a: Discriminator of domain A; returns logits.
        disc_b: Discriminator of domain B.
        image_size: `(height, width)` of the training pictures, for the image pools; by default
            the size that `gen_ab` was built for.
        adversarial_loss: Function of `(logits, target)`: `losses.least_squares` (the paper's)
            or another of the kind.
        generator_loss: Function of logits that the generators minimize in place of
            `adversarial_loss` towards 1, which is the default.
        adversarial_weight: Weight of the generators' adversarial losses.
        cycle_weight: Weight of each cycle loss; the paper's lambda.
        identity_weight: Weight of each identity loss, absolute: 0.5 * lambda in the paper, so
            5.0. Zero where the domains differ in channels: a picture of one is then no
            input of the other's generator.
        paired_weight: Weight of the L1 distance of each translation to its true picture, for data
            whose pictures come in pairs; 0, as in the paper, does without pairs.
        gradient_weight: Weight of `losses.gradient_difference` of each cycle, and of each
            translation to its true picture where `paired_weight` is above 0; 0 in the paper.
        pool_size: Pictures kept in each image pool.
        seed: Key of the pools' draws.
        recompute: Whether the generators, which must have residual blocks, keep only the blocks'
            inputs for the backward pass and compute the rest again: less memory, more time.
        strategy: As for `GenerativeModel`.

    Raises:
        ValueError: If the networks' channels do not fit each other, or an identity loss is
            asked for between domains of different channels.
    """

    loss_names = (
        "adv_ab",
        "adv_ba",
        "cycle_a",
        "cycle_b",
        "identity_a",
        "identity_b",
        "paired_ab",
        "paired_ba",
        "gradient_a",
        "gradient_b",
        "disc_a",
        "disc_b",
    )

    def __init__(
        self,
        gen_ab,
        gen_ba,
        disc_a,
        disc_b,
        image_size=None,
        adversarial_loss=least_squares,
        generator_loss=None,
        adversarial_weight=1.0,
        cycle_weight=10.0,
        identity_weight=5.0,
        paired_weight=0.0,
        gradient_weight=0.0,
        pool_size=50,
        seed=0,
        recompute=False,
        strategy=None,
        **kwargs,
    ):
        super().__init__(seed=seed, strategy=strategy, **kwargs)
        channels_a, channels_b = gen_ab.input_shape[-1], gen_ab.output_shape[-1]
        if (gen_ba.input_shape[-1], gen_ba.output_shape[-1]) != (channels_b, channels_a):
            raise ValueError(
                f"gen_ba must take {channels_b} channels and give {channels_a}, since gen_ab does "
                f"the reverse; received {gen_ba.input_shape[-1]} and {gen_ba.output_shape[-1]}."
            )
        if identity_weight and channels_a != channels_b:
            raise ValueError(
                f"identity_weight must be 0 where the domains differ in channels ({channels_a} "
                f"and {channels_b}), received {identity_weight}."
            )
        image_size = tuple(image_size or gen_ab.input_shape[1:3])
        if None in image_size:
            raise ValueError("image_size is needed where gen_ab was built for any size.")
        self.gen_ab, self.gen_ba = gen_ab, gen_ba
        self.disc_a, self.disc_b = disc_a, disc_b
        self.image_shapes = (*image_size, channels_a), (*image_size, channels_b)
        with self.strategy.scope():
            self.pool_a = ImagePool(self.image_shapes[0], pool_size)
            self.pool_b = ImagePool(self.image_shapes[1], pool_size)
        self.adversarial_loss = adversarial_loss
        self.generator_loss = generator_loss or (lambda logits: adversarial_loss(logits, 1.0))
        self.adversarial_weight = adversarial_weight
        self.cycle_weight = cycle_weight
        self.identity_weight = identity_weight
        self.paired_weight, self.gradient_weight = paired_weight, gradient_weight
        self.needs_pairs = paired_weight > 0
        self.recompute = recompute
        self._recomputed = (recomputed(gen_ab), recomputed(gen_ba)) if recompute else None
        weights = {
            "identity": identity_weight,
            "paired": paired_weight,
            "gradient": gradient_weight,
        }
        self.loss_names = tuple(n for n in self.loss_names if weights.get(n.split("_")[0], True))
        self.built = True

    @property
    def generators(self):
        """Both generators, trained by one optimizer."""
        return [self.gen_ab, self.gen_ba]

    @property
    def discriminators(self):
        """Both discriminators, trained by one optimizer."""
        return [self.disc_a, self.disc_b]

    @property
    def saved(self):
        """Both generators."""
        return {"gen_ab": (self.gen_ab, "ab"), "gen_ba": (self.gen_ba, "ba")}

    def columns(self, a, b, names):
        """Pictures of both domains, translated, and translated back."""
        (name_a, name_b), (fake_b, fake_a) = names, self((a, b))
        return [
            (name_a, a),
            (f"as {name_b}", fake_b),
            ("and back", self.gen_ba(fake_b)),
            None,
            (name_b, b),
            (f"as {name_a}", fake_a),
            ("and back", self.gen_ab(fake_a)),
        ]

    def call(self, batch):
        """Translates `(a, b)` to `(fake_b, fake_a)`."""
        a, b = batch
        return self.gen_ab(a), self.gen_ba(b)

    def generator_losses(self, batch):
        """Adversarial (equation 1), cycle (2) and identity (section 5.2) losses, weighted."""
        a, b = batch
        gen_ab, gen_ba = self._recomputed or self.generators
        losses = {}
        if self.identity_weight:
            # One call translates and reconstructs: instance norm keeps the pictures apart.
            fake_b, same_b = tf.split(gen_ab(tf.concat([a, b], 0), training=True), 2)
            fake_a, same_a = tf.split(gen_ba(tf.concat([b, a], 0), training=True), 2)
            losses["identity_a"] = self.identity_weight * l1(same_a, a)
            losses["identity_b"] = self.identity_weight * l1(same_b, b)
        else:
            fake_b, fake_a = gen_ab(a, training=True), gen_ba(b, training=True)
        cycled_a, cycled_b = gen_ba(fake_b, training=True), gen_ab(fake_a, training=True)
        losses["cycle_a"] = self.cycle_weight * l1(cycled_a, a)
        losses["cycle_b"] = self.cycle_weight * l1(cycled_b, b)
        if self.paired_weight:
            losses["paired_ab"] = self.paired_weight * l1(fake_b, b)
            losses["paired_ba"] = self.paired_weight * l1(fake_a, a)
        if self.gradient_weight:
            edges_a = gradient_difference(cycled_a, a)
            edges_b = gradient_difference(cycled_b, b)
            if self.paired_weight:
                edges_a += gradient_difference(fake_a, a)
                edges_b += gradient_difference(fake_b, b)
            losses["gradient_a"] = self.gradient_weight * edges_a
            losses["gradient_b"] = self.gradient_weight * edges_b
        for name, disc, fake in (("adv_ab", self.disc_b, fake_b), ("adv_ba", self.disc_a, fake_a)):
            logits = disc(fake, training=True)
            losses[name] = self.adversarial_weight * self.generator_loss(logits)
        return losses, (fake_a, fake_b)

    def remember(self, fakes, seed):
        """Passes the fakes through both image pools."""
        fold_in = tf.random.experimental.stateless_fold_in
        return tuple(
            pool(fake, fold_in(seed, i))
            for i, (pool, fake) in enumerate(zip((self.pool_a, self.pool_b), fakes, strict=True))
        )

    def discriminator_losses(self, batch, shown):
        """Half of each discriminator's loss on real and on pooled fake pictures."""
        losses = {}
        for name, disc, real, fake in zip(
            ("disc_a", "disc_b"), (self.disc_a, self.disc_b), batch, shown, strict=True
        ):
            logits = tf.split(disc(tf.concat([real, fake], 0), training=True), 2)
            losses[name] = of_discriminator(self.adversarial_loss, *logits)
        return losses
