"""CycleGAN: translation between two domains from unpaired images.

Reference: Zhu et al. 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent
Adversarial Networks", https://arxiv.org/abs/1703.10593
"""

from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import statistics
from cyclegan_tf.methods import losses as adversarial
from cyclegan_tf.methods.losses import gradient_difference, l1, of_discriminator
from cyclegan_tf.methods.options import (
    computing_option,
    learning_option,
    loss_option,
    network_option,
)
from cyclegan_tf.methods.registry import method, preset
from cyclegan_tf.methods.unpaired import DiscriminatorOptions, check_shapes
from cyclegan_tf.networks.generators import halvings, unet_generator
from cyclegan_tf.training.gradient_checkpointing import recomputed
from cyclegan_tf.training.image_pool import ImagePool
from cyclegan_tf.training.model import GenerativeModel


@dataclass(frozen=True, kw_only=True)
class CycleGANOptions(DiscriminatorOptions):
    """Options of CycleGAN; the paper's by default."""

    generator: Literal["resnet", "unet"] = network_option(
        "resnet", "architecture of the generators; the U-Net goes as deep as the size can be halved"
    )
    residual: bool = network_option(
        False,
        "residual output: ResNet generators compute what to change of their input, and start as "
        "copies; for domains of one composition, not for photos and cartoons",
        since=False,
    )
    cycle_weight: float = loss_option(10.0, "weight of each cycle loss", low=0)
    identity_weight: float | None = loss_option(
        None,
        "weight of each identity loss; by default half of cycle_weight, and 0 where the domains "
        "differ in channels",
        low=0,
    )
    paired_weight: float = loss_option(
        0.0, "weight of the L1 distance to the true image, for paired data", low=0, since=0.0
    )
    gradient_weight: float = loss_option(
        0.0,
        "weight of the gradient difference after a cycle, and to the true image where "
        "paired_weight is above 0",
        low=0,
        since=0.0,
    )
    pool_size: int = learning_option(50, "images kept in each image pool", low=0)
    recompute: bool = computing_option(
        False,
        "gradient checkpointing: ResNet generators keep the inputs of their blocks alone and "
        "compute the rest again in the backward pass; less memory, more time",
        changes_result=False,
    )

    def resolve(self, shape_a, shape_b):
        """The identity loss by the domains' channels; what residual output cannot go with."""
        channels_a, channels_b = shape_a[-1], shape_b[-1]
        identity_weight = self.identity_weight
        if identity_weight is None:
            identity_weight = self.cycle_weight / 2 if channels_a == channels_b else 0.0
        if identity_weight and channels_a != channels_b:
            raise InputError(
                f"identity_weight must be 0 where the domains differ in channels ({channels_a} and "
                f"{channels_b}), received {identity_weight}: leave it out."
            )
        if self.generator == "unet":
            self.tell_unused("with generator='unet'", "blocks", "gen_norm")
        unfit = self.generator == "unet" or channels_a != channels_b or self.recompute
        if self.residual and unfit:
            raise InputError(
                "residual needs ResNet generators between equal channels, without recompute, "
                f"received {self.generator!r}, {channels_a} and {channels_b} channels: leave it "
                "out."
            )
        return super().resolve(shape_a, shape_b).replace(identity_weight=identity_weight)


@method("cyclegan", CycleGANOptions)
class CycleGAN(GenerativeModel):
    """Two generators that undo each other, and a discriminator for each domain.

    Attributes:
        gen_ab: Generator from domain A to domain B, both in [-1, 1].
        gen_ba: Generator from B to A.
        disc_a: Discriminator of domain A; returns logits.
        disc_b: Discriminator of domain B.
        pool_a: Image pool of domain A; `pool_b` is that of B.
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
    generator_names = ("gen_ab", "gen_ba")
    discriminator_names = ("disc_a", "disc_b")
    saves = (("gen_ab", "ab"), ("gen_ba", "ba"))

    def make_networks(self):
        """Both generators and both discriminators."""
        shape_a, shape_b = self.image_shapes
        check_shapes(shape_a, shape_b)
        return {
            "gen_ab": self._generator(shape_a[-1], shape_b[-1], 0, "gen_ab"),
            "gen_ba": self._generator(shape_b[-1], shape_a[-1], 1, "gen_ba"),
            "disc_a": self.options.discriminator(shape_a, 2, "disc_a"),
            "disc_b": self.options.discriminator(shape_b, 3, "disc_b"),
        }

    def _generator(self, channels, output_channels, number, name):
        options = self.options
        if options.generator == "resnet":
            own = (number, name)
            return options.resnet(channels, output_channels, *own, residual=options.residual)
        return unet_generator(
            (None, None, channels),
            options.filters,
            halvings(*self.image_shapes[0][:2]),
            output_channels,
            options.upsampling,
            seed=(options.seed, number),
            name=name,
        )

    def prepare(self):
        """The image pools, and which losses there are."""
        options = self.options
        self.adversarial_loss, self.generator_loss = adversarial.by_name(options.adversarial_loss)
        self.pool_a, self.pool_b = (ImagePool(s, options.pool_size) for s in self.image_shapes)
        self.needs_pairs = options.paired_weight > 0
        self._recomputed = tuple(map(recomputed, self.generators)) if options.recompute else None
        absent = {n for n in ("identity", "paired", "gradient") if not vars(options)[f"{n}_weight"]}
        self.loss_names = tuple(n for n in self.loss_names if n.split("_")[0] not in absent)
        # The first call translates, and with an identity loss also repeats; the second goes back.
        self.generator_calls = (2 if options.identity_weight else 1, 1)

    def columns(self, a, b, names):
        """Images of both domains, translated, and translated back."""
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
        """Identity, cycle and adversarial losses (equation 3), and those for pairs and edges."""
        a, b = batch
        gen_ab, gen_ba = self._recomputed or self.generators
        options, losses = self.options, {}
        if options.identity_weight:
            # Section 5.2. One call translates and repeats: instance norm keeps the images apart.
            fake_b, same_b = tf.split(gen_ab(tf.concat([a, b], 0), training=True), 2)
            fake_a, same_a = tf.split(gen_ba(tf.concat([b, a], 0), training=True), 2)
            losses["identity_a"] = options.identity_weight * l1(same_a, a)
            losses["identity_b"] = options.identity_weight * l1(same_b, b)
        else:
            fake_b, fake_a = gen_ab(a, training=True), gen_ba(b, training=True)
        cycled_a, cycled_b = gen_ba(fake_b, training=True), gen_ab(fake_a, training=True)
        # Equation 2.
        losses["cycle_a"] = options.cycle_weight * l1(cycled_a, a)
        losses["cycle_b"] = options.cycle_weight * l1(cycled_b, b)
        if options.paired_weight:
            losses["paired_ab"] = options.paired_weight * l1(fake_b, b)
            losses["paired_ba"] = options.paired_weight * l1(fake_a, a)
        if options.gradient_weight:
            edges_a = gradient_difference(cycled_a, a)
            edges_b = gradient_difference(cycled_b, b)
            if options.paired_weight:
                edges_a += gradient_difference(fake_a, a)
                edges_b += gradient_difference(fake_b, b)
            losses["gradient_a"] = options.gradient_weight * edges_a
            losses["gradient_b"] = options.gradient_weight * edges_b
        # Equation 1, by the loss of section 4: the generators' half of it.
        for name, disc, fake in (("adv_ab", self.disc_b, fake_b), ("adv_ba", self.disc_a, fake_a)):
            logits = disc(fake, training=True)
            losses[name] = options.adversarial_weight * self.generator_loss(logits)
        return losses, (fake_a, fake_b)

    def remember(self, fakes, seed):
        """Passes the fakes through both image pools."""
        fold_in = tf.random.experimental.stateless_fold_in
        return tuple(
            pool(fake, fold_in(seed, i))
            for i, (pool, fake) in enumerate(zip((self.pool_a, self.pool_b), fakes, strict=True))
        )

    def discriminator_losses(self, batch, shown):
        """Half of each discriminator's loss on real and on pooled fake images."""
        losses = {}
        for name, disc, real, fake in zip(
            ("disc_a", "disc_b"), (self.disc_a, self.disc_b), batch, shown, strict=True
        ):
            logits = tf.split(disc(tf.concat([real, fake], 0), training=True), 2)
            losses[name] = of_discriminator(self.adversarial_loss, *logits)
        return losses


def _by_likeness(given, dataset):
    """Domains that are alike get residual output; a cycle then weighs less, and nothing is cropped.

    A copy comes back as it was, and would stay a copy.
    """
    residual = given.get("residual")
    if residual is None:
        residual = dataset is not None and statistics.suits_residual_output(dataset)
        if dataset is not None and (gap := statistics.domain_gap(dataset)) is not None:
            print(
                f"Mean images of both domains are {gap:.2g} variances apart: generators "
                + ("start as copies of their input." if residual else "draw anew.")
            )
    return {"residual": residual} | (
        {"cycle_weight": 3.0, "augments": "mirror"} if residual else {}
    )


#: What presets for minutes depart in, and whose idea it is; `benchmarks/ablation.py` measures it.
WITHIN_MINUTES = {
    "filters": 16,
    "blocks": 4,
    "upsampling": "bilinear",  # no checkerboard, no grid: Odena et al. 2016
    "adversarial_loss": "hinge",  # Lim and Ye 2017
    "disc_filters": 24,
    "learning_rate": 5e-4,
    "beta_2": 0.99,
    "ema_decay": 0.999,  # Yazıcı et al. 2019
}

preset(
    "cyclegan_fast",
    "cyclegan",
    adapt=_by_likeness,
    chooses_filters=True,
    **WITHIN_MINUTES,
    disc_norm="spectral",  # sees colours and backgrounds: Miyato et al. 2018
    identity_weight=0.0,  # which holds colours and shapes back, and costs a third of a step
)
# An MR slice is no CT slice to be left as it is; transposed convolutions leave a checkerboard,
# which in CT looks like texture. Wolterink et al. 2017, https://arxiv.org/abs/1708.01155
preset("mri_to_ct", "cyclegan", identity_weight=0.0, upsampling="resize")
