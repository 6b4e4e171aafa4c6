"""Recipes of the methods that learn from pairs: picture i of A belongs to picture i of B."""

from cyclegan_tf import losses
from cyclegan_tf import precision as reduced
from cyclegan_tf.errors import InputError
from cyclegan_tf.methods.pix2pix import Pix2Pix, unet
from cyclegan_tf.recipes import wiring


def pix2pix(
    image_shape_a,
    image_shape_b=None,
    *,
    filters=64,
    dropout=True,
    disc_layers=3,
    disc_filters=None,
    adversarial_loss="binary_crossentropy",
    adversarial_weight=1.0,
    l1_weight=100.0,
    learning_rate=2e-4,
    beta_1=0.5,
    total_steps=None,
    decay_from=0.5,
    ema_decay=0.0,
    seed=0,
    jit_compile=None,
    precision="float32",
    accumulate=1,
    strategy=None,
):
    """pix2pix as published, ready for `training_run.train` or `fit`, on paired data.

    Args:
        image_shape_a: `(height, width, channels)` of domain A's training pictures. Height and
            width must be multiples of 4, and give the discriminator at least one patch. The U-Net
            goes as deep as they can be halved, at most 8 times.
        image_shape_b: The same of domain B, of the same height and width; A's by default.
        filters: Channels after the first convolution, in generator and discriminator.
        dropout: Whether the generator has dropout, which is its only noise; see
            `methods.pix2pix.unet` for where.
        disc_layers: 3 for the 70x70 PatchGAN; any other number of layers; 0 judges single pixels.
        disc_filters: Another number of filters for the discriminator.
        adversarial_loss: "binary_crossentropy" or "least_squares".
        adversarial_weight: Weight of the generator's adversarial loss; 0 is the paper's baseline,
            L1 alone, without a discriminator.
        l1_weight: Weight of the mean absolute difference to the true picture.
        learning_rate: Adam's rate at the start.
        beta_1: Adam's first decay rate.
        total_steps: Steps of the whole run, over which the rate falls to zero; None keeps it.
        decay_from: Share of `total_steps` after which the rate starts to fall.
        ema_decay: As for `cyclegan`.
        seed: Integer that fixes the initial weights and every draw of the training.
        jit_compile: Whether XLA compiles the step; by default on a GPU.
        precision: "float32", "mixed_float16" or "mixed_bfloat16": the type that the networks
            compute in; see `precision.in_precision`.
        accumulate: Number of pieces in which each batch is computed, one after another, for less
            memory; must divide the batch. Each piece is normalized by statistics of its own.
        strategy: `tf.distribute.Strategy` for more than one device, as `devices.strategy` makes
            it. Each device's part of the batch is normalized by statistics of its own.

    Returns:
        A compiled `Pix2Pix`; `arguments` and `method` on it say how it was made.

    Raises:
        InputError: If an argument is out of its range.
    """
    image_shape_a = tuple(image_shape_a)
    image_shape_b = tuple(image_shape_b or image_shape_a)
    arguments = wiring.arguments_of(locals())
    strategy = wiring.strategy_or_default(strategy)
    wiring.check_shape("image_shape_a", image_shape_a)
    wiring.check_shape("image_shape_b", image_shape_b)
    (height, width, channels_a), channels_b = image_shape_a, image_shape_b[-1]
    wiring.check_choice("precision", precision, reduced.POLICIES)
    wiring.check_choice(
        "adversarial_loss", adversarial_loss, ("binary_crossentropy", "least_squares")
    )
    wiring.check_same_size(image_shape_a, image_shape_b)
    wiring.check_sides(height, width, 4, 8)
    disc_filters = filters if disc_filters is None else disc_filters
    wiring.check_numbers(
        locals(),
        filters=1,
        disc_filters=1,
        disc_layers=0,
        accumulate=1,
        seed=0,
        adversarial_weight=0,
        l1_weight=0,
        learning_rate=0,
    )
    if not adversarial_weight and not l1_weight:
        raise InputError("adversarial_weight and l1_weight are both 0: give one of them a weight.")
    if adversarial_weight:
        wiring.check_layers(disc_layers, height, width)
    with strategy.scope():
        gen_ab = unet(
            (None, None, channels_a),
            filters,
            wiring.halvings(height, width),
            channels_b,
            dropout,
            seed=(seed, 0),
        )
        gen_ab = reduced.in_precision(gen_ab, precision)
        disc_b = None
        if adversarial_weight:
            both = (height, width, channels_a + channels_b)
            options = {"norm": "batch", "seed": (seed, 1), "name": "disc_b"}
            disc_b = wiring.discriminator(both, disc_filters, disc_layers, **options)
            disc_b = reduced.in_precision(disc_b, precision)
        rate = (learning_rate, beta_1, 0.999, total_steps, decay_from, precision)
        optimizers = [wiring.adam(*rate) for _ in range(2 if adversarial_weight else 1)]
    model = Pix2Pix(
        gen_ab,
        disc_b,
        image_size=(height, width),
        adversarial_loss=getattr(losses, adversarial_loss),
        adversarial_weight=adversarial_weight,
        l1_weight=l1_weight,
        seed=seed,
        strategy=strategy,
    )
    return wiring.finished(
        model, "pix2pix", arguments, optimizers, jit_compile, accumulate, ema_decay
    )
