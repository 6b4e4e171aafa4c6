"""The recipe of the method that keeps which places of a picture are alike."""

from cyclegan_tf import networks
from cyclegan_tf import precision as reduced
from cyclegan_tf.methods.fsesim import FSeSim
from cyclegan_tf.metrics import perceptual
from cyclegan_tf.recipes import wiring

#: Pictures of this many pixels or fewer are doubled for the trained network: stripes of four
#: pixels are too fine for it.
FINE = 64


def fsesim(
    image_shape_a,
    image_shape_b=None,
    *,
    blocks=None,
    filters=64,
    upsampling="bilinear",
    disc_layers=3,
    disc_filters=None,
    disc_features="alex",
    adversarial_loss="hinge",
    adversarial_weight=1.0,
    spatial_weight=10.0,
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
    """FSeSim with a discriminator of trained features, for `training_run.train` or `fit`.

    The loss and its weight are the paper's; there VGG16 measures likeness and the discriminator is
    CycleGAN's. Here one trained network serves both. Pictures of up to 64 pixels are doubled for
    it.

    Args:
        image_shape_a: `(height, width, channels)` of domain A's training pictures. Height and
            width must be multiples of 4, and give the discriminator at least one patch.
        image_shape_b: The same of domain B, of the same height and width, and of 1 or 3 channels;
            A's by default. Where A has other channels, the layout of their mean is kept.
        blocks: Residual blocks of the generator; by default 6 at 128 pixels and below and 9 above.
        filters: Channels after the first convolution, in generator and discriminator.
        upsampling: As for `cyclegan`.
        disc_layers: As for `cyclegan`, but not 0.
        disc_filters: Another number of filters for the discriminator.
        disc_features: "alex" or "vgg", the network whose features are judged and compared. Its
            weights are fetched once (see `metrics.weights.locate`).
        adversarial_loss: "least_squares", "binary_crossentropy" or "hinge".
        adversarial_weight: Weight of the generator's adversarial loss.
        spatial_weight: Weight of the spatially-correlative loss.
        patches: Places of each level of features whose similarities are compared, at most.
        learning_rate: Adam's rate at the start.
        disc_learning_rate: Another one for the discriminator (Heusel et al. 2017).
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
        A compiled `FSeSim`; `arguments` and `method` on it say how it was made.

    Raises:
        InputError: If an argument is out of its range, or the weights cannot be had.

    Reference:
        Zheng et al. 2021, https://arxiv.org/abs/2104.00854; Sauer et al. 2021,
        https://arxiv.org/abs/2111.01007
    """
    image_shape_a = tuple(image_shape_a)
    image_shape_b = tuple(image_shape_b or image_shape_a)
    given = dict(locals())
    strategy = wiring.strategy_or_default(strategy)
    wiring.check_choice("disc_features", disc_features, tuple(perceptual.NETWORKS))
    wiring.check_unpaired(given | {"disc_norm": "spectral"})
    height, width, channels_a = image_shape_a
    if blocks is None:
        blocks = 6 if min(height, width) <= 128 else 9
    disc_filters = filters if disc_filters is None else disc_filters
    whole = {"filters": 1, "disc_filters": 1, "blocks": 0, "disc_layers": 1, "patches": 2}
    whole |= {"accumulate": 1, "seed": 0}
    weights = {"adversarial_weight": 0, "spatial_weight": 0, "learning_rate": 0}
    wiring.check_numbers(locals(), **whole, **weights)
    wiring.check_layers(disc_layers, height, width)
    with strategy.scope():
        gen_ab = networks.resnet_generator(
            (None, None, channels_a),
            filters,
            blocks,
            output_channels=image_shape_b[-1],
            upsampling=upsampling,
            fast=fast_convolutions,
            seed=(seed, 0),
            name="gen_ab",
        )
        gen_ab = reduced.in_precision(gen_ab, precision)
        disc_b = wiring.discriminator(
            image_shape_b,
            disc_filters,
            disc_layers,
            features=disc_features,
            doublings=int(min(height, width) <= FINE),
            norm="spectral",
            seed=(seed, 1),
            name="disc_b",
        )
        disc_b = reduced.in_precision(disc_b, precision)
        optimizers = wiring.both_optimizers(given)
    model = FSeSim(
        gen_ab,
        disc_b,
        **wiring.adversarial(adversarial_loss),
        adversarial_weight=adversarial_weight,
        spatial_weight=spatial_weight,
        patches=patches,
        seed=seed,
        strategy=strategy,
    )
    arguments = wiring.arguments_of(given)
    return wiring.finished(
        model, "fsesim", arguments, optimizers, jit_compile, accumulate, ema_decay
    )
