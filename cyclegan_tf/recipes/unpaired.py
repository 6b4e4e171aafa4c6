"""Recipes of the methods that learn from unpaired pictures of two domains."""

from cyclegan_tf import networks
from cyclegan_tf import precision as reduced
from cyclegan_tf.errors import InputError
from cyclegan_tf.methods.cyclegan import CycleGAN
from cyclegan_tf.recipes import wiring


def cyclegan(
    image_shape_a,
    image_shape_b=None,
    *,
    generator="resnet",
    blocks=None,
    filters=64,
    upsampling="transposed",
    residual=False,
    disc_layers=3,
    disc_filters=None,
    disc_norm="instance",
    disc_features=None,
    adversarial_loss="least_squares",
    adversarial_weight=1.0,
    cycle_weight=10.0,
    identity_weight=None,
    paired_weight=0.0,
    gradient_weight=0.0,
    pool_size=50,
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
    recompute=False,
    strategy=None,
):
    """CycleGAN as published, ready for `training_run.train` or `fit`.

    Args:
        image_shape_a: `(height, width, channels)` of domain A's training pictures. Height and
            width must be multiples of 4, and give the discriminators at least one patch.
        image_shape_b: The same of domain B, of the same height and width; A's by default.
        generator: "resnet" or "unet".
        blocks: Residual blocks of the ResNet generator; by default 6 at 128 pixels and below
            and 9 above, as the authors do. The U-Net goes as deep as the size can be halved,
            at most 8 times.
        filters: Channels after the first convolution, in generators and discriminators.
        upsampling: "transposed" or "resize" (no checkerboard).
        residual: Whether the ResNet generators compute what to change of their input, and start as
            copies; for domains of one composition, such as horses and zebras, not for photos and
            cartoons. `data.likeness.alike` tells.
        disc_layers: 3 for the 70x70 PatchGAN; any other number of layers; 0 judges single pixels.
        disc_filters: Another number of filters for the discriminators.
        disc_norm: "instance", or "spectral" for discriminators that see colours as they are.
        disc_features: "alex" or "vgg" for discriminators that see, beside the pixels, what a
            network trained on ImageNet makes of them (Sauer et al. 2021); needs "spectral".
            Its weights are those of LPIPS, found or downloaded as `metrics.weights` says.
        adversarial_loss: "least_squares", "binary_crossentropy" or "hinge".
        adversarial_weight: Weight of the generators' adversarial losses.
        cycle_weight: Weight of each cycle loss.
        identity_weight: Weight of each identity loss; by default half of `cycle_weight`, and 0
            where the domains differ in channels.
        paired_weight: Weight of the L1 distance to the true picture, for paired data; the paper
            has none.
        gradient_weight: Weight of the difference of the edges after a cycle, and to the true
            picture where `paired_weight` is above 0 (`losses.gradient_difference`).
        pool_size: Pictures kept in each image pool.
        learning_rate: Adam's rate at the start.
        disc_learning_rate: Another one for the discriminators (Heusel et al. 2017).
        beta_1: Adam's first decay rate.
        beta_2: Adam's second decay rate.
        total_steps: Steps of the whole run, over which the rate falls to zero; None keeps it.
        decay_from: Share of `total_steps` after which the rate starts to fall.
        ema_decay: Decay of the moving average of the generators' weights, which is then shown,
            scored and saved, such as 0.999 (Yazıcı et al. 2019); 0, as in the paper, keeps none.
        seed: Integer that fixes the initial weights and every draw of the training.
        fast_convolutions: Whether the generators' convolutions are computed in the way that is
            fast on a CPU (`convolutions.Conv2D`); by default where there is no GPU, and no
            `recompute`, since it takes memory.
        jit_compile: Whether XLA compiles the step; by default on a GPU.
        precision: "float32", "mixed_float16" or "mixed_bfloat16": the type that the networks
            compute in; see `precision.in_precision`.
        accumulate: Number of pieces in which each batch is computed, one after another, for less
            memory; must divide the batch.
        recompute: Whether the ResNet generators keep only the blocks' inputs for the backward pass
            and compute the rest again: less memory, more time.
        strategy: `tf.distribute.Strategy` for more than one device, as `devices.strategy` makes
            it; no part of the `arguments`, since the weights are those of one device.

    Returns:
        A compiled `CycleGAN`; `arguments` and `method` on it say how it was made.

    Raises:
        InputError: If an argument is out of its range.
    """
    image_shape_a = tuple(image_shape_a)
    image_shape_b = tuple(image_shape_b or image_shape_a)
    given = dict(locals())
    strategy = wiring.strategy_or_default(strategy)
    wiring.check_unpaired(given)
    (height, width, channels_a), channels_b = image_shape_a, image_shape_b[-1]
    wiring.check_choice("generator", generator, ("resnet", "unet"))
    if identity_weight is None:
        identity_weight = cycle_weight / 2 if channels_a == channels_b else 0.0
    if identity_weight and channels_a != channels_b:
        raise InputError(
            f"identity_weight must be 0 where the domains differ in channels ({channels_a} and "
            f"{channels_b}), received {identity_weight}: leave it out."
        )
    if residual and (generator == "unet" or channels_a != channels_b or recompute):
        raise InputError(
            "residual needs ResNet generators between equal channels, without recompute, received "
            f"{generator!r}, {channels_a} and {channels_b} channels: leave it out."
        )
    if blocks is None:
        blocks = 6 if min(height, width) <= 128 else 9
    disc_filters = filters if disc_filters is None else disc_filters
    wiring.check_numbers(
        locals(),
        filters=1,
        disc_filters=1,
        blocks=0,
        disc_layers=0,
        pool_size=0,
        accumulate=1,
        seed=0,
        adversarial_weight=0,
        cycle_weight=0,
        identity_weight=0,
        paired_weight=0,
        gradient_weight=0,
        learning_rate=0,
    )

    def make_generator(channels, channels_out, number):
        options = {
            "input_shape": (None, None, channels),
            "filters": filters,
            "output_channels": channels_out,
            "upsampling": upsampling,
            "fast": False if fast_convolutions is None and recompute else fast_convolutions,
            "seed": (seed, number),
            "name": "gen_ab" if number == 0 else "gen_ba",
        }
        if generator == "unet":
            return networks.unet_generator(depth=wiring.halvings(height, width), **options)
        return networks.resnet_generator(blocks=blocks, residual=residual, **options)

    def make_discriminator(shape, number):
        options = {"features": disc_features, "norm": disc_norm, "seed": (seed, number)}
        options["name"] = "disc_a" if number == 2 else "disc_b"
        return wiring.discriminator(shape, disc_filters, disc_layers, **options)

    wiring.check_layers(disc_layers, height, width)
    with strategy.scope():
        networks_ = (
            make_generator(channels_a, channels_b, 0),
            make_generator(channels_b, channels_a, 1),
            make_discriminator(image_shape_a, 2),
            make_discriminator(image_shape_b, 3),
        )
        networks_ = [reduced.in_precision(network, precision) for network in networks_]
        optimizers = wiring.both_optimizers(given)
    model = CycleGAN(
        *networks_,
        image_size=(height, width),
        **wiring.adversarial(adversarial_loss),
        adversarial_weight=adversarial_weight,
        cycle_weight=cycle_weight,
        identity_weight=identity_weight,
        paired_weight=paired_weight,
        gradient_weight=gradient_weight,
        pool_size=pool_size,
        seed=seed,
        recompute=recompute,
        strategy=strategy,
    )
    arguments = wiring.arguments_of(given)
    return wiring.finished(
        model, "cyclegan", arguments, optimizers, jit_compile, accumulate, ema_decay
    )


#: In what `mri_to_ct` departs from `cyclegan`.
_OF_MRI_TO_CT = {"identity_weight": 0.0, "upsampling": "resize"}


def mri_to_ct(image_shape_a, image_shape_b=None, **options):
    """CycleGAN for MR and CT slices.

    Without an identity loss, as in the paper: an MR slice is no CT slice to be left as it is.
    Sizes are doubled by resizing, since transposed convolutions leave a checkerboard, which in CT
    looks like texture. The losses that need pairs or compare edges are off, as everywhere.

    Args:
        image_shape_a: `(height, width, channels)` of the MR slices; neighbours are channels.
        image_shape_b: The same of the CT slices; A's by default.
        **options: As for `cyclegan`.

    Returns:
        A compiled `CycleGAN`; its `method` and `arguments` are those of `cyclegan`.

    Raises:
        InputError: If an argument is out of its range.

    Reference:
        Wolterink et al. 2017, "Deep MR to CT Synthesis using Unpaired Data",
        https://arxiv.org/abs/1708.01155
    """
    return cyclegan(image_shape_a, image_shape_b, **(_OF_MRI_TO_CT | options))


mri_to_ct.__signature__ = wiring.signature(cyclegan, _OF_MRI_TO_CT)
