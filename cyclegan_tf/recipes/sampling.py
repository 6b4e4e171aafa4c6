"""Recipes of the methods that make pictures from noise."""

from cyclegan_tf import losses
from cyclegan_tf import precision as reduced
from cyclegan_tf.errors import InputError
from cyclegan_tf.methods import cgan as fully_connected
from cyclegan_tf.methods import dcgan as convolutional
from cyclegan_tf.methods.cgan import ConditionalGAN
from cyclegan_tf.methods.dcgan import DCGAN
from cyclegan_tf.recipes import wiring


def dcgan(
    image_shape,
    *,
    noise_size=100,
    filters=128,
    generator_loss="non_saturating",
    learning_rate=2e-4,
    beta_1=0.5,
    total_steps=None,
    decay_from=1.0,
    seed=0,
    jit_compile=None,
    precision="float32",
    accumulate=1,
    strategy=None,
):
    """DCGAN as published: pictures of domain B from noise. The paper's batch is 128.

    Args:
        image_shape: `(height, width, channels)` of domain B's training pictures; sides even, at
            least 8.
        noise_size: Length of the noise vector.
        filters: Channels in the largest maps, doubled at each halving up to eightfold. 128 at 64x64
            pixels in the paper; on a CPU 32 will do for digits.
        generator_loss: "non_saturating" or "minimax", see `losses`.
        learning_rate: Adam's rate.
        beta_1: Adam's first decay rate.
        total_steps: Steps of the whole run, for `decay_from`.
        decay_from: Share of `total_steps` after which the rate falls to zero; 1 keeps it, as in
            the paper.
        seed: Integer that fixes the initial weights and every draw of the training.
        jit_compile: As for `cyclegan`.
        precision: As for `cyclegan`.
        accumulate: As for `cyclegan`; each piece is normalized by its own statistics.
        strategy: As for `cyclegan`; each device's part is normalized by its own statistics.

    Returns:
        A compiled `DCGAN`; `arguments` and `method` on it say how it was made.

    Raises:
        InputError: If an argument is out of its range.

    Reference:
        Radford et al. 2016, https://arxiv.org/abs/1511.06434, section 4
    """
    image_shape = tuple(image_shape)
    total_steps = None if decay_from == 1 else total_steps
    arguments = wiring.arguments_of(locals())
    strategy = wiring.strategy_or_default(strategy)
    wiring.check_shape("image_shape", image_shape)
    _check(locals())
    wiring.check_sides(*image_shape[:2], 2, 8)
    with strategy.scope():
        networks = (
            convolutional.generator(image_shape, noise_size, filters, 0, (seed, 0), "gen_zb"),
            convolutional.discriminator(image_shape, filters, 0, (seed, 1), "disc_b"),
        )
        networks = [reduced.in_precision(network, precision) for network in networks]
        rate = (learning_rate, beta_1, 0.999, total_steps, decay_from, precision)
        optimizers = [wiring.adam(*rate) for _ in range(2)]
    loss = getattr(losses, generator_loss)
    model = DCGAN(*networks, generator_loss=loss, seed=seed, strategy=strategy)
    return wiring.finished(model, "dcgan", arguments, optimizers, jit_compile, accumulate)


def cgan(
    image_shape_a,
    image_shape_b,
    *,
    network="convolutional",
    noise_size=100,
    filters=None,
    generator_loss="non_saturating",
    learning_rate=2e-4,
    beta_1=0.5,
    total_steps=None,
    decay_from=1.0,
    seed=0,
    jit_compile=None,
    precision="float32",
    accumulate=1,
    strategy=None,
):
    """Conditional GAN: pictures of domain B, of a class of domain A that is asked for.

    Departures from the paper: the networks are DCGAN's by default; those of the paper have no
    dropout here, and Adam as for `dcgan` in place of stochastic gradient descent whose rate falls
    from 0.1. In trials of a few epochs of MNIST the convolutional ones obeyed the class, and those
    of the paper did not yet. The paper's batch is 100.

    Args:
        image_shape_a: `(1, 1, classes)`: domain A holds one-hot pictures, as `data.digits` makes.
        image_shape_b: `(height, width, channels)` of domain B's training pictures.
        network: "convolutional" (DCGAN's, to which the class is given beside the noise and as
            channels beside the picture) or "maxout" (the paper's, fully connected).
        noise_size: Length of the noise vector.
        filters: Of the convolutional networks, as for `dcgan`; 128 by default.
        generator_loss: As for `dcgan`.
        learning_rate: As for `dcgan`.
        beta_1: As for `dcgan`.
        total_steps: As for `dcgan`.
        decay_from: As for `dcgan`.
        seed: As for `dcgan`.
        jit_compile: As for `dcgan`.
        precision: As for `dcgan`.
        accumulate: As for `dcgan`.
        strategy: As for `dcgan`.

    Returns:
        A compiled `ConditionalGAN`; `arguments` and `method` on it say how it was made.

    Raises:
        InputError: If an argument is out of its range, or A holds no classes.

    Reference:
        Mirza and Osindero 2014, https://arxiv.org/abs/1411.1784, section 4.1
    """
    image_shape_a, image_shape_b = tuple(image_shape_a), tuple(image_shape_b)
    total_steps = None if decay_from == 1 else total_steps
    arguments = wiring.arguments_of(locals())
    strategy = wiring.strategy_or_default(strategy)
    wiring.check_shape("image_shape_a", image_shape_a)
    wiring.check_shape("image_shape_b", image_shape_b)
    wiring.check_choice("network", network, ("maxout", "convolutional"))
    if image_shape_a[:2] != (1, 1):
        raise InputError(
            "cgan is asked for a class, and domain A must hold one-hot pictures (1, 1, classes), "
            f"received {image_shape_a}: prepare digits, or take pix2pix for pairs of pictures."
        )
    if network == "maxout" and filters is not None:
        raise InputError(f"filters has no use with network='maxout', received {filters}.")
    filters = 128 if filters is None else filters
    _check(locals())
    classes = image_shape_a[-1]
    with strategy.scope():
        if network == "maxout":
            options = (image_shape_b, classes)
            networks = (
                fully_connected.generator(*options, noise_size, seed=(seed, 0), name="gen_ab"),
                fully_connected.discriminator(*options, seed=(seed, 1), name="disc_b"),
            )
        else:
            wiring.check_sides(*image_shape_b[:2], 2, 8)
            options = (filters, classes)
            networks = (
                convolutional.generator(image_shape_b, noise_size, *options, (seed, 0), "gen_ab"),
                convolutional.discriminator(image_shape_b, *options, (seed, 1), "disc_b"),
            )
        networks = [reduced.in_precision(network, precision) for network in networks]
        rate = (learning_rate, beta_1, 0.999, total_steps, decay_from, precision)
        optimizers = [wiring.adam(*rate) for _ in range(2)]
    loss = getattr(losses, generator_loss)
    model = ConditionalGAN(*networks, generator_loss=loss, seed=seed, strategy=strategy)
    return wiring.finished(model, "cgan", arguments, optimizers, jit_compile, accumulate)


def _check(given):
    """Checks what both recipes take."""
    wiring.check_choice("precision", given["precision"], reduced.POLICIES)
    choices = ("non_saturating", "minimax")
    wiring.check_choice("generator_loss", given["generator_loss"], choices)
    wiring.check_numbers(given, noise_size=1, filters=1, accumulate=1, seed=0, learning_rate=0)
