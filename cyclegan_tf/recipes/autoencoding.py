"""Recipes of the methods that learn to encode pictures, and to draw them from a code."""

from cyclegan_tf import vector_coders
from cyclegan_tf.errors import InputError
from cyclegan_tf.likelihoods import SPREAD, Likelihood
from cyclegan_tf.methods.autoencoder import Autoencoder
from cyclegan_tf.methods.cvae import CVAE, unet_decoder
from cyclegan_tf.methods.vae import VAE
from cyclegan_tf.recipes import wiring

#: Numbers in a code by the kind of networks: as Burda et al., our choice, as BicycleGAN.
LATENT = {"dense": 50, "convolutional": 128, "unet": 8}


def autoencoder(
    image_shape,
    *,
    network=None,
    latent=None,
    filters=32,
    likelihood=None,
    spread=SPREAD,
    brightness=0.5,
    learning_rate=1e-3,
    beta_1=0.9,
    total_steps=None,
    decay_from=0.5,
    seed=0,
    jit_compile=None,
    accumulate=1,
    strategy=None,
):
    """A plain autoencoder, with the networks of `vae`.

    Args:
        image_shape: As for `vae`.
        network: As for `vae`.
        latent: As for `vae`.
        filters: As for `vae`.
        likelihood: As for `vae`; of gray pixels, "bernoulli" is the cross-entropy.
        spread: As for `vae`.
        brightness: As for `vae`.
        learning_rate: As for `vae`.
        beta_1: As for `vae`.
        total_steps: As for `vae`.
        decay_from: As for `vae`.
        seed: As for `vae`.
        jit_compile: As for `vae`.
        accumulate: As for `vae`.
        strategy: As for `vae`.

    Returns:
        A compiled `methods.autoencoder.Autoencoder`; `arguments` and `method` on it say how it
        was made.

    Raises:
        InputError: If an argument is out of its range.
    """
    image_shape = tuple(image_shape)
    arguments = wiring.arguments_of(locals())
    strategy = wiring.strategy_or_default(strategy)
    wiring.check_shape("image_shape", image_shape)
    kind, latent = _network(network, latent, image_shape)
    wiring.check_numbers(locals(), latent=1, filters=1, accumulate=1, seed=0, learning_rate=0)
    likelihood = _likelihood(likelihood, spread, image_shape)
    bias = _bias(likelihood, brightness)
    with strategy.scope():
        networks = (
            _encoder(kind, [image_shape], latent, filters, (seed, 0), heads=("code",)),
            _decoder(kind, image_shape, latent, filters, (seed, 1), bias=bias),
        )
        optimizer = wiring.adam(learning_rate, beta_1, 0.999, total_steps, decay_from)
    model = Autoencoder(*networks, likelihood, seed=seed, strategy=strategy)
    return wiring.finished(model, "autoencoder", arguments, [optimizer], jit_compile, accumulate)


def vae(
    image_shape,
    *,
    network=None,
    latent=None,
    filters=32,
    likelihood=None,
    spread=SPREAD,
    binarize=None,
    kl_weight=1.0,
    brightness=0.5,
    learning_rate=1e-3,
    beta_1=0.9,
    total_steps=None,
    decay_from=0.5,
    seed=0,
    jit_compile=None,
    accumulate=1,
    strategy=None,
):
    """The VAE with the networks, the rate and the binarization of Burda et al. 2016 (L = k = 1).

    Their batches have 20 pictures, and their rate falls in eight stages over 3280 epochs; here it
    falls along a line over the second half of `total_steps`.

    Args:
        image_shape: `(height, width, channels)` of domain B's training pictures, at least 4x4.
        network: "dense" (two hidden layers of 200 tanh units) or "convolutional"; dense by
            default for gray pictures of at most 32x32.
        latent: Numbers in a code; 50 for dense networks, 128 for convolutional ones by default.
        filters: Channels of the convolutional networks at full size.
        likelihood: "bernoulli", "gaussian" or "laplace"; by default Bernoulli for gray pictures
            and Gaussian for others.
        spread: Standard deviation of a Gaussian, or scale of a Laplace, pixel in [-1, 1].
        binarize: Whether to draw each pixel black or white by its brightness; by default with
            the Bernoulli likelihood.
        kl_weight: Weight of the divergence; 1 for a bound.
        brightness: Of a pixel in (0, 1) before training: that of the mean training picture, such
            as 0.13 for MNIST, makes the start much faster. (Burda et al. take each pixel's own.)
        learning_rate: Adam's rate at the start.
        beta_1: Adam's first decay rate.
        total_steps: Steps of the whole run, over which the rate falls to zero; None keeps it.
        decay_from: Share of `total_steps` after which the rate starts to fall.
        seed: Integer that fixes the initial weights and every draw of the training.
        jit_compile: Whether XLA compiles the step; by default on a GPU.
        accumulate: Number of pieces in which each batch is computed, for less memory.
        strategy: `tf.distribute.Strategy` for more than one device.

    Returns:
        A compiled `methods.vae.VAE`; `arguments` and `method` on it say how it was made.

    Raises:
        InputError: If an argument is out of its range.

    Reference:
        Burda et al. 2016, https://arxiv.org/abs/1509.00519, section 5
    """
    image_shape = tuple(image_shape)
    arguments = wiring.arguments_of(locals())
    strategy = wiring.strategy_or_default(strategy)
    wiring.check_shape("image_shape", image_shape)
    kind, latent = _network(network, latent, image_shape)
    numbers = {"latent": 1, "filters": 1, "accumulate": 1, "seed": 0}
    wiring.check_numbers(locals(), **numbers, kl_weight=0, learning_rate=0)
    likelihood = _likelihood(likelihood, spread, image_shape)
    bias = _bias(likelihood, brightness)
    with strategy.scope():
        networks = (
            _encoder(kind, [image_shape], latent, filters, (seed, 0)),
            _decoder(kind, image_shape, latent, filters, (seed, 1), bias=bias),
        )
        optimizer = wiring.adam(learning_rate, beta_1, 0.999, total_steps, decay_from)
    model = VAE(
        *networks,
        likelihood,
        binarize=_binarize(binarize, likelihood),
        kl_weight=kl_weight,
        seed=seed,
        strategy=strategy,
    )
    return wiring.finished(model, "vae", arguments, [optimizer], jit_compile, accumulate)


def cvae(
    image_shape_a,
    image_shape_b,
    *,
    network=None,
    prior="learned",
    latent=None,
    filters=32,
    likelihood=None,
    spread=SPREAD,
    binarize=None,
    kl_weight=1.0,
    brightness=0.5,
    learning_rate=1e-3,
    beta_1=0.9,
    total_steps=None,
    decay_from=0.5,
    seed=0,
    jit_compile=None,
    accumulate=1,
    strategy=None,
):
    """The conditional VAE: pictures of B for a class or a picture of A. Learns from pairs.

    Args:
        image_shape_a: `(height, width, channels)` of A's training pictures: `(1, 1, classes)` for
            classes, or the size of B's. What is saved takes this size; others are scaled to it.
        image_shape_b: The same of B.
        network: "dense", "convolutional" or "unet" (for pictures of A; its encoder and prior are
            convolutional); the U-Net by default where A has the size of B, else as for `vae`.
        prior: "learned" (p(z | a), the paper's) or "standard" (N(0, I), as in BicycleGAN's VAE).
        latent: As for `vae`; 8 by default for the U-Net.
        filters: As for `vae`.
        likelihood: As for `vae`; Laplace by default for the U-Net.
        spread: As for `vae`.
        binarize: As for `vae`.
        kl_weight: As for `vae`.
        brightness: As for `vae`.
        learning_rate: As for `vae`.
        beta_1: As for `vae`.
        total_steps: As for `vae`.
        decay_from: As for `vae`.
        seed: As for `vae`.
        jit_compile: As for `vae`.
        accumulate: As for `vae`.
        strategy: As for `vae`.

    Returns:
        A compiled `methods.cvae.CVAE`; `arguments` and `method` on it say how it was made.

    Raises:
        InputError: If an argument is out of its range.
    """
    image_shape_a, image_shape_b = tuple(image_shape_a), tuple(image_shape_b)
    arguments = wiring.arguments_of(locals())
    strategy = wiring.strategy_or_default(strategy)
    wiring.check_shape("image_shape_a", image_shape_a)
    wiring.check_shape("image_shape_b", image_shape_b)
    wiring.check_choice("prior", prior, ("learned", "standard"))
    if image_shape_a[:2] not in ((1, 1), image_shape_b[:2]):
        raise InputError(
            f"image_shape_a must be (1, 1, classes) or have B's height and width, received "
            f"{image_shape_a} and {image_shape_b}: prepare the data with one size."
        )
    kind, latent = _network(network, latent, image_shape_b, image_shape_a)
    numbers = {"latent": 1, "filters": 1, "accumulate": 1, "seed": 0}
    wiring.check_numbers(locals(), **numbers, kl_weight=0, learning_rate=0)
    if likelihood is None and kind == "unet":
        likelihood = "laplace"
    likelihood = _likelihood(likelihood, spread, image_shape_b)
    bias, both = _bias(likelihood, brightness), [image_shape_a, image_shape_b]
    with strategy.scope():
        encoder = _encoder(kind, both, latent, filters, (seed, 0))
        decoder = _decoder(kind, image_shape_b, latent, filters, (seed, 1), image_shape_a, bias)
        own_prior = None
        if prior == "learned":
            own_prior = _encoder(kind, both[:1], latent, filters, (seed, 2), name="prior")
        optimizer = wiring.adam(learning_rate, beta_1, 0.999, total_steps, decay_from)
    model = CVAE(
        encoder,
        decoder,
        own_prior,
        likelihood,
        binarize=_binarize(binarize, likelihood),
        kl_weight=kl_weight,
        seed=seed,
        strategy=strategy,
    )
    return wiring.finished(model, "cvae", arguments, [optimizer], jit_compile, accumulate)


def _network(network, latent, shape, condition=None):
    """The kind of networks, and how many numbers their codes have."""
    kinds = ("dense", "convolutional")
    if condition is not None and condition[:2] == shape[:2] != (1, 1):
        kinds += ("unet",)
    if network is None:
        small = shape[-1] == 1 and max(shape[:2]) <= 32
        network = kinds[-1] if "unet" in kinds else kinds[0 if small else 1]
    wiring.check_choice("network", network, kinds)
    if network != "dense":
        wiring.check_sides(*shape[:2], 1, 4)
    return network, LATENT[network] if latent is None else latent


def _likelihood(name, spread, shape):
    if name is None:
        name = "bernoulli" if shape[-1] == 1 else "gaussian"
    return Likelihood(name, spread)


def _binarize(binarize, likelihood):
    if binarize is None:
        return likelihood.name == "bernoulli"
    if binarize and likelihood.name != "bernoulli":
        raise InputError(
            f"binarize must be False with the {likelihood.name} likelihood: leave it out."
        )
    return binarize


def _bias(likelihood, brightness):
    if not isinstance(brightness, float) or not 0 < brightness < 1:
        raise InputError(f"brightness must be between 0 and 1, received {brightness!r}.")
    return likelihood.bias(brightness)


def _encoder(kind, shapes, latent, filters, seed, heads=("mean", "log_variance"), name="encoder"):
    if kind == "dense" or max(max(shape[:2]) for shape in shapes) == 1:
        return vector_coders.dense_encoder(shapes, latent, heads, seed=seed, name=name)
    return vector_coders.convolutional_encoder(shapes, latent, heads, filters, seed, name)


def _decoder(kind, shape, latent, filters, seed, condition=None, bias=0.0):
    options = {"bias": bias, "seed": seed, "name": "decoder"}
    if kind == "unet":
        return unet_decoder(condition, shape, latent, filters, **options)
    if kind == "dense":
        return vector_coders.dense_decoder(shape, latent, condition, **options)
    return vector_coders.convolutional_decoder(shape, latent, condition, filters=filters, **options)
