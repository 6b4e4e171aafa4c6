"""Recipes of the methods that translate unpaired pictures through a latent code."""

import keras

from cyclegan_tf import coders
from cyclegan_tf import precision as reduced
from cyclegan_tf.errors import InputError
from cyclegan_tf.methods.munit import MUNIT, style_encoder
from cyclegan_tf.methods.unit import UNIT
from cyclegan_tf.networks import multiscale_discriminator
from cyclegan_tf.optimizers import Adam
from cyclegan_tf.recipes import wiring

#: Steps after which the authors halve the learning rate.
HALVED_EVERY = 100_000


def unit(
    image_shape_a,
    image_shape_b=None,
    *,
    blocks=4,
    shared_blocks=1,
    filters=64,
    disc_layers=4,
    disc_scales=3,
    disc_filters=None,
    adversarial_weight=1.0,
    reconstruction_weight=10.0,
    kl_weight=0.01,
    cycle_weight=10.0,
    cycle_kl_weight=0.01,
    learning_rate=1e-4,
    beta_1=0.5,
    l2_weight=1e-4,
    halve_every=None,
    total_steps=None,
    seed=0,
    fast_convolutions=None,
    jit_compile=None,
    precision="float32",
    accumulate=1,
    strategy=None,
):
    """UNIT with the authors' settings, ready for `training_run.train` or `fit`.

    Args:
        image_shape_a: `(height, width, channels)` of domain A's training pictures. Height and
            width must be multiples of 4, and at least `2 ** (disc_layers + disc_scales - 1)`.
        image_shape_b: The same of domain B, of the same height and width; A's by default.
        blocks: Residual blocks of each encoder and of each decoder.
        shared_blocks: How many of them both domains share, the last of the encoders and the first
            of the decoders: 1 in the paper, 0 in the authors' second code.
        filters: Channels after the first convolution, in encoders and discriminators.
        disc_layers: Stride-2 convolutions of the discriminators at each scale.
        disc_scales: Sizes of the picture that the discriminators judge.
        disc_filters: Another number of filters for the discriminators.
        adversarial_weight: Weight of the adversarial losses.
        reconstruction_weight: Weight of each picture's own reconstruction.
        kl_weight: Weight of each code's divergence.
        cycle_weight: Weight of each cycle loss.
        cycle_kl_weight: Weight of the divergence of each translation's code.
        learning_rate: Adam's rate at the start.
        beta_1: Adam's first decay rate.
        l2_weight: Weight decay as PyTorch's Adam means it; see `optimizers.Adam`.
        halve_every: Steps after which the rate is halved, again and again. By default 100,000, as
            published, or a quarter of `total_steps` where that is less, so that short runs settle.
        total_steps: Steps of the whole run, if known.
        seed: Integer that fixes the initial weights and every draw of the training.
        fast_convolutions: As for `unpaired.cyclegan`.
        jit_compile: As for `unpaired.cyclegan`.
        precision: As for `unpaired.cyclegan`.
        accumulate: As for `unpaired.cyclegan`.
        strategy: As for `unpaired.cyclegan`.

    Returns:
        A compiled `UNIT`; `arguments` and `method` on it say how it was made.

    Raises:
        InputError: If an argument is out of its range.
    """
    image_shape_a = tuple(image_shape_a)
    image_shape_b = tuple(image_shape_b or image_shape_a)
    arguments = wiring.arguments_of(locals())
    strategy = wiring.strategy_or_default(strategy)
    _check(arguments | {"accumulate": accumulate, "precision": precision})
    wiring.check_numbers(arguments, shared_blocks=0, kl_weight=0, cycle_kl_weight=0)
    if shared_blocks > blocks:
        raise InputError(
            f"shared_blocks must be at most blocks, {blocks}, received {shared_blocks}: give fewer."
        )
    weights = {name: arguments[name] for name in arguments if name.endswith("_weight")}
    del weights["l2_weight"]
    own, code = {"filters": filters, "blocks": blocks - shared_blocks}, 4 * filters
    common = {"fast": fast_convolutions}
    (*_, a), (*_, b) = image_shape_a, image_shape_b
    with strategy.scope():
        parts = [
            coders.encoder((None, None, a), **own, **common, seed=(seed, 0), name="enc_a"),
            coders.encoder((None, None, b), **own, **common, seed=(seed, 1), name="enc_b"),
            coders.residual_blocks(code, shared_blocks, **common, seed=(seed, 2), name="enc_ab"),
            coders.residual_blocks(code, shared_blocks, **common, seed=(seed, 3), name="dec_ab"),
            coders.decoder(a, **own, **common, seed=(seed, 4), name="dec_a"),
            coders.decoder(b, **own, **common, seed=(seed, 5), name="dec_b"),
            *_discriminators(arguments),
        ]
        parts = [reduced.in_precision(network, precision) for network in parts]
        optimizers = [_adam(arguments, precision) for _ in range(2)]
    shapes = {"image_shape_a": image_shape_a, "image_shape_b": image_shape_b}
    model = UNIT(*parts, **shapes, **weights, seed=seed, strategy=strategy)
    return wiring.finished(model, "unit", arguments, optimizers, jit_compile, accumulate)


def munit(
    image_shape_a,
    image_shape_b=None,
    *,
    blocks=4,
    filters=64,
    style_dims=8,
    hidden=256,
    disc_layers=4,
    disc_scales=3,
    disc_filters=None,
    adversarial_weight=1.0,
    reconstruction_weight=10.0,
    style_weight=1.0,
    content_weight=1.0,
    cycle_weight=0.0,
    learning_rate=1e-4,
    beta_1=0.5,
    l2_weight=1e-4,
    halve_every=None,
    total_steps=None,
    seed=0,
    fast_convolutions=None,
    jit_compile=None,
    precision="float32",
    accumulate=1,
    strategy=None,
):
    """MUNIT with the authors' settings, ready for `training_run.train` or `fit`.

    Args:
        image_shape_a: As for `unit`; height and width at least 16.
        image_shape_b: As for `unit`.
        blocks: Residual blocks of each content encoder and of each decoder.
        filters: Channels after the first convolution, in encoders and discriminators.
        style_dims: Numbers in a style code.
        hidden: Units in the hidden layers of the perceptrons between styles and decoders.
        disc_layers: As for `unit`.
        disc_scales: As for `unit`.
        disc_filters: As for `unit`.
        adversarial_weight: Weight of the adversarial losses.
        reconstruction_weight: Weight of each picture's own reconstruction.
        style_weight: Weight of the reconstruction of each style that was drawn.
        content_weight: Weight of the reconstruction of each content code.
        cycle_weight: Weight of each cycle loss; the authors have 10 for some data sets.
        learning_rate: Adam's rate at the start.
        beta_1: Adam's first decay rate.
        l2_weight: As for `unit`.
        halve_every: As for `unit`.
        total_steps: Steps of the whole run, if known.
        seed: Integer that fixes the initial weights and every draw of the training.
        fast_convolutions: As for `unpaired.cyclegan`.
        jit_compile: As for `unpaired.cyclegan`.
        precision: As for `unpaired.cyclegan`.
        accumulate: As for `unpaired.cyclegan`.
        strategy: As for `unpaired.cyclegan`.

    Returns:
        A compiled `MUNIT`; `arguments` and `method` on it say how it was made.

    Raises:
        InputError: If an argument is out of its range.
    """
    image_shape_a = tuple(image_shape_a)
    image_shape_b = tuple(image_shape_b or image_shape_a)
    arguments = wiring.arguments_of(locals())
    strategy = wiring.strategy_or_default(strategy)
    _check(arguments | {"accumulate": accumulate, "precision": precision}, least=16)
    wiring.check_numbers(arguments, style_dims=1, hidden=1, style_weight=0, content_weight=0)
    weights = {name: arguments[name] for name in arguments if name.endswith("_weight")}
    del weights["l2_weight"]
    own, style = {"filters": filters, "blocks": blocks}, {"style_dims": style_dims}
    common = {"fast": fast_convolutions}
    channels = image_shape_a[-1], image_shape_b[-1]
    with strategy.scope():
        parts = []
        for i, (c, domain) in enumerate(zip(channels, "ab", strict=True)):
            options = common | {"seed": (seed, i), "name": f"content_{domain}"}
            parts.append(coders.encoder((None, None, c), **own, **options))
        for i, (c, domain) in enumerate(zip(channels, "ab", strict=True)):
            options = common | style | {"seed": (seed, 2 + i), "name": f"style_{domain}"}
            parts.append(style_encoder((None, None, c), filters, **options))
        for i, (c, domain) in enumerate(zip(channels, "ab", strict=True)):
            options = common | style | {"seed": (seed, 4 + i), "name": f"dec_{domain}"}
            parts.append(coders.decoder(c, **own, hidden=hidden, **options))
        parts += _discriminators(arguments)
        parts = [reduced.in_precision(network, precision) for network in parts]
        optimizers = [_adam(arguments, precision) for _ in range(2)]
    shapes = {"image_shape_a": image_shape_a, "image_shape_b": image_shape_b}
    model = MUNIT(*parts, **shapes, **weights, seed=seed, strategy=strategy)
    return wiring.finished(model, "munit", arguments, optimizers, jit_compile, accumulate)


def _check(given, least=8):
    """Raises InputError unless the arguments that both methods have are in their ranges."""
    shape_a, shape_b = given["image_shape_a"], given["image_shape_b"]
    wiring.check_shape("image_shape_a", shape_a)
    wiring.check_shape("image_shape_b", shape_b)
    wiring.check_same_size(shape_a, shape_b)
    wiring.check_sides(*shape_a[:2], 4, least)
    wiring.check_choice("precision", given["precision"], reduced.POLICIES)
    by_default = {"disc_filters": given["filters"], "halve_every": 1}
    given = {name: by_default.get(name) if x is None else x for name, x in given.items()}
    wiring.check_numbers(
        given,
        blocks=0,
        filters=1,
        disc_layers=1,
        disc_scales=1,
        disc_filters=1,
        adversarial_weight=0,
        reconstruction_weight=0,
        cycle_weight=0,
        learning_rate=0,
        l2_weight=0,
        halve_every=1,
        accumulate=1,
        seed=0,
    )
    # Before each of the convolutions of the smallest scale there must be two pixels to mirror.
    smallest = 2 ** (given["disc_layers"] + given["disc_scales"] - 1)
    if min(shape_a[:2]) < smallest:
        raise InputError(
            f"disc_layers={given['disc_layers']} with disc_scales={given['disc_scales']} needs "
            f"pictures of at least {smallest} pixels, received {shape_a[0]}x{shape_a[1]}: give "
            "fewer."
        )


def _discriminators(given):
    """One for each domain."""
    return [
        multiscale_discriminator(
            (None, None, given[f"image_shape_{domain}"][-1]),
            given["filters"] if given["disc_filters"] is None else given["disc_filters"],
            given["disc_layers"],
            given["disc_scales"],
            seed=(given["seed"], number),
            name=f"disc_{domain}",
        )
        for domain, number in (("a", 6), ("b", 7))
    ]


def _adam(given, precision):
    """Adam as in the authors' code."""
    every = given["halve_every"]
    if every is None:
        every = HALVED_EVERY
        if given["total_steps"] is not None:
            every = max(1, min(every, given["total_steps"] // 4))
    rate = keras.optimizers.schedules.ExponentialDecay(
        given["learning_rate"], every, 0.5, staircase=True
    )
    beta_1, l2 = given["beta_1"], given["l2_weight"]
    return reduced.with_loss_scale(Adam(rate, beta_1=beta_1, epsilon=1e-8, l2=l2), precision)
