"""Recipes of the method that contrasts patches in place of a cycle."""

from cyclegan_tf import networks
from cyclegan_tf import precision as reduced
from cyclegan_tf.errors import InputError
from cyclegan_tf.methods.cut import CUT, projection_heads
from cyclegan_tf.recipes import wiring


def cut(
    image_shape_a,
    image_shape_b=None,
    *,
    blocks=None,
    filters=64,
    upsampling="resize",
    disc_layers=3,
    disc_filters=None,
    disc_norm="instance",
    disc_features=None,
    adversarial_loss="least_squares",
    adversarial_weight=1.0,
    nce_weight=1.0,
    identity=True,
    flip=False,
    temperature=0.07,
    patches=256,
    learning_rate=2e-4,
    disc_learning_rate=None,
    beta_1=0.5,
    beta_2=0.999,
    total_steps=None,
    decay_from=0.5,
    ema_decay=0.0,
    seed=0,
    fast_convolutions=None,
    jit_compile=None,
    precision="float32",
    accumulate=1,
    strategy=None,
):
    """CUT as published, but for two things, ready for `training_run.train` or `fit`.

    The authors halve and double sizes with blurred sampling; here strided convolutions halve
    them, as in CycleGAN, and resizing doubles them. Initial weights are CycleGAN's.

    Args:
        image_shape_a: `(height, width, channels)` of domain A's training pictures. Height and
            width must be multiples of 4, and give the discriminator at least one patch.
        image_shape_b: The same of domain B, which must be equal; A's by default.
        blocks: Residual blocks of the generator; by default 6 at 128 pixels and below and 9 above.
        filters: Channels after the first convolution, in generator and discriminator.
        upsampling: As for `cyclegan`.
        disc_layers: As for `cyclegan`.
        disc_filters: Another number of filters for the discriminator.
        disc_norm: As for `cyclegan`.
        disc_features: As for `cyclegan`.
        adversarial_loss: "least_squares", "binary_crossentropy" or "hinge".
        adversarial_weight: Weight of the generator's adversarial loss.
        nce_weight: Weight of the contrasts, together.
        identity: Whether pictures of B are contrasted with themselves, too.
        flip: Whether half of the pictures are translated mirrored, and their features mirrored
            back.
        temperature: What similarities are divided by.
        patches: Places of each layer that are contrasted with each other, at most.
        learning_rate: Adam's rate at the start.
        disc_learning_rate: Another one for the discriminators (Heusel et al. 2017).
        beta_1: Adam's first decay rate.
        beta_2: Adam's second decay rate.
        total_steps: Steps of the whole run, over which the rate falls to zero; None keeps it.
        decay_from: Share of `total_steps` after which the rate starts to fall.
        ema_decay: As for `cyclegan`.
        seed: Integer that fixes the initial weights and every draw of the training.
        fast_convolutions: As for `cyclegan`.
        jit_compile: Whether XLA compiles the step; by default on a GPU.
        precision: As for `cyclegan`.
        accumulate: As for `cyclegan`.
        strategy: As for `cyclegan`.

    Returns:
        A compiled `CUT`; `arguments` and `method` on it say how it was made.

    Raises:
        InputError: If an argument is out of its range.

    Reference:
        Park et al. 2020, https://arxiv.org/abs/2007.15651
    """
    image_shape_a = tuple(image_shape_a)
    image_shape_b = tuple(image_shape_b or image_shape_a)
    given = dict(locals())
    strategy = wiring.strategy_or_default(strategy)
    wiring.check_unpaired(given)
    height, width, channels = image_shape_a
    if image_shape_a != image_shape_b:
        raise InputError(
            f"Both domains must have one shape, received {image_shape_a} and {image_shape_b}: CUT "
            "sees pictures of both with one encoder."
        )
    if blocks is None:
        blocks = 6 if min(height, width) <= 128 else 9
    disc_filters = filters if disc_filters is None else disc_filters
    whole = {"filters": 1, "disc_filters": 1, "blocks": 1, "disc_layers": 0, "patches": 2}
    whole |= {"accumulate": 1, "seed": 0}
    wiring.check_numbers(locals(), **whole, adversarial_weight=0, nce_weight=0, learning_rate=0)
    if not temperature > 0:
        raise InputError(f"temperature must be above 0, received {temperature!r}.")
    wiring.check_layers(disc_layers, height, width)
    with strategy.scope():
        gen_ab = networks.resnet_generator(
            (None, None, channels),
            filters,
            blocks,
            upsampling=upsampling,
            fast=fast_convolutions,
            seed=(seed, 0),
            name="gen_ab",
        )
        gen_ab = reduced.in_precision(gen_ab, precision)
        options = {"features": disc_features, "norm": disc_norm, "seed": (seed, 1)}
        disc_b = wiring.discriminator(
            image_shape_a, disc_filters, disc_layers, **options, name="disc_b"
        )
        disc_b = reduced.in_precision(disc_b, precision)
        heads = projection_heads(gen_ab, seed=(seed, 2))
        optimizers = wiring.both_optimizers(given)
    model = CUT(
        gen_ab,
        disc_b,
        heads,
        image_size=(height, width),
        **wiring.adversarial(adversarial_loss),
        adversarial_weight=adversarial_weight,
        nce_weight=nce_weight,
        identity=identity,
        flip=flip,
        temperature=temperature,
        patches=patches,
        seed=seed,
        strategy=strategy,
    )
    arguments = wiring.arguments_of(given)
    return wiring.finished(model, "cut", arguments, optimizers, jit_compile, accumulate, ema_decay)


#: In what FastCUT departs from CUT.
_OF_FASTCUT = {"nce_weight": 10.0, "identity": False, "flip": True}


def fastcut(image_shape_a, image_shape_b=None, **options):
    """FastCUT: `cut` with ten times the contrast, for A alone, and mirrored pictures; faster.

    Args:
        image_shape_a: As for `cut`.
        image_shape_b: As for `cut`.
        **options: As for `cut`.

    Returns:
        A compiled `CUT`; its `method` and `arguments` are those of `cut`.

    Raises:
        InputError: If an argument is out of its range.
    """
    return cut(image_shape_a, image_shape_b, **(_OF_FASTCUT | options))


fastcut.__signature__ = wiring.signature(cut, _OF_FASTCUT)
