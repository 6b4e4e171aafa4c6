"""The variational autoencoder's losses and bounds, on toys whose evidence is known exactly."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf import recipes
from cyclegan_tf.evaluation.likelihood import evidence, standard_error
from cyclegan_tf.methods.vae import VAE, VAEOptions
from cyclegan_tf.networks import latent_autoencoder

SHAPE = (1, 3, 1)
W = np.array([[0.8, -0.5, 0.3], [0.3, 0.6, 0.2]])  # rows are orthogonal: a diagonal posterior
NOISE = 0.6


def set_weights(network, *values):
    network.set_weights([np.asarray(value, "float32") for value in values])


class Linear:
    """A Gaussian around the decoder's output itself, so that everything stays Gaussian."""

    scale = 1.0

    def __call__(self, images, outputs):
        squares = ((images - outputs) / NOISE) ** 2 + np.log(2 * np.pi * NOISE**2)
        return 0.5 * tf.reduce_sum(squares, (1, 2, 3))


def make_vae(encoder, decoder, shape=SHAPE, **options):
    """A VAE of these networks and `Linear`; pixels stay as they are unless told otherwise."""
    options = VAEOptions(likelihood="bernoulli", **{"binarize": False} | options)
    networks = {"encoder": encoder, "decoder": decoder}
    model = VAE(options, (None, shape), networks=networks)
    model.likelihood = Linear()
    return model


def linear_vae(exact=True, **options):
    """p(x) = N(0, W'W + NOISE^2): z in two dimensions, x = zW and noise, in three pixels."""
    encoder = latent_autoencoder.dense_encoder([SHAPE], 2, hidden=())
    decoder = latent_autoencoder.dense_decoder(SHAPE, 2, hidden=())
    precision = 1 + (W**2).sum(1) / NOISE**2
    mean = W.T / NOISE**2 / precision if exact else np.zeros((3, 2))
    # The encoder sees (x + 1) / 2.
    set_weights(encoder.get_layer("mean"), 2 * mean, -mean.sum(0))
    spread = -np.log(precision) if exact else np.zeros(2)
    set_weights(encoder.get_layer("log_variance"), np.zeros((3, 2)), spread)
    set_weights(decoder, W, np.zeros(3))
    model = make_vae(encoder, decoder, **options)
    model.compile(keras.optimizers.SGD(0.1))
    return model


def make_images(count=50):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((count, 2)) @ W + NOISE * rng.standard_normal((count, 3))
    return x.reshape(count, *SHAPE).astype("float32")


def exact_evidence(x):
    covariance = W.T @ W + NOISE**2 * np.eye(3)
    x = x.reshape(-1, 3)
    squares = np.einsum("ni,ij,nj->n", x, np.linalg.inv(covariance), x)
    return -0.5 * (squares + np.linalg.slogdet(2 * np.pi * covariance)[1])


def test_bounds_touch_the_evidence_at_the_exact_posterior():
    x = make_images()
    bounds = evidence(linear_vae(), None, x, draws=200, batch_size=25)
    # Every draw's weight is the evidence itself; the ELBO's reconstruction varies with the draw.
    np.testing.assert_allclose(bounds.importance, exact_evidence(x), atol=1e-5)
    np.testing.assert_allclose(bounds.elbo, exact_evidence(x), atol=0.5)
    assert bounds.elbo.mean() == pytest.approx(exact_evidence(x).mean(), abs=0.05)


def test_more_draws_raise_the_importance_weighted_bound_towards_the_evidence():
    x, model = make_images(200), linear_vae(exact=False)
    bounds = [evidence(model, None, x, draws=k, batch_size=200) for k in (1, 10, 300)]
    one, ten, many = (bound.importance.mean() for bound in bounds)
    exact = exact_evidence(x).mean()
    assert one + 0.3 < ten < exact - 0.02
    assert many == pytest.approx(exact, abs=0.05)
    # Of one draw it is the ELBO in expectation: here E[log p(x|z)], known by hand.
    by_hand = -0.5 * ((x**2).sum((1, 2, 3)) + (W**2).sum()) / NOISE**2
    by_hand = (by_hand - 1.5 * np.log(2 * np.pi * NOISE**2)).mean()
    elbo = evidence(model, None, x, draws=100, batch_size=200).elbo
    assert elbo.mean() == pytest.approx(by_hand, abs=0.1)


def test_bounds_print_their_error():
    bounds = evidence(linear_vae(), None, make_images(), draws=2)
    error = np.std(bounds.elbo, ddof=1) / np.sqrt(50)
    assert standard_error(bounds.elbo) == pytest.approx(error)
    first, second = str(bounds).splitlines()
    assert first == f"ELBO: {bounds.elbo.mean():.2f} nats ±{error:.2f}"
    assert second.startswith("importance-weighted, k=2: ")


def test_losses_are_the_bound_with_its_weight():
    x, model = make_images(4), linear_vae(kl_weight=3.0)
    normal = tf.constant([[0.3, -1.0]] * 4)
    surprise, divergence, _ = model.terms((x, x, normal))
    losses, made = model.generator_losses((x, x, normal))
    assert made == ()
    assert float(losses["reconstruction"]) == pytest.approx(np.mean(surprise))
    assert float(losses["kl"]) == pytest.approx(3 * np.mean(divergence))


def test_the_gradient_passes_the_draw():
    encoder = latent_autoencoder.dense_encoder([(1, 1, 1)], 1, hidden=())
    decoder = latent_autoencoder.dense_decoder((1, 1, 1), 1, hidden=())
    w, x, normal, m, v = 1.7, 0.4, -0.8, 0.2, np.log(0.5)
    set_weights(encoder.get_layer("mean"), [[0.0]], [m])
    set_weights(encoder.get_layer("log_variance"), [[0.0]], [v])
    set_weights(decoder, [[w]], [0.0])
    model = make_vae(encoder, decoder, (1, 1, 1))
    image = tf.fill((1, 1, 1, 1), x)
    biases = [encoder.get_layer(name).bias.value for name in ("mean", "log_variance")]
    with tf.GradientTape() as tape:
        tape.watch(biases)
        losses, _ = model.generator_losses((image, image, tf.constant([[normal]])))
        total = tf.add_n(list(losses.values()))
    of_mean, of_log_variance = (float(g[0]) for g in tape.gradient(total, biases))
    z = m + np.exp(v / 2) * normal
    of_code = -(x - w * z) * w / NOISE**2
    assert of_mean == pytest.approx(of_code + m, rel=1e-5)
    by_hand = of_code * 0.5 * np.exp(v / 2) * normal + 0.5 * (np.exp(v) - 1)
    assert of_log_variance == pytest.approx(by_hand, rel=1e-5)


def test_pixels_are_binarized_by_their_brightness():
    model = linear_vae(binarize=True)
    thresholds, normal = model.noise(20000, tf.constant([3, 4]))
    assert thresholds.shape == (20000, *SHAPE) and normal.shape == (20000, 2)
    seen = []
    model.likelihood = lambda b, outputs: seen.append(b) or tf.reduce_sum(outputs, (1, 2, 3))
    gray = tf.fill((20000, *SHAPE), -0.4)  # brightness 0.3
    model.terms((gray, gray, thresholds, normal))
    assert set(np.unique(seen[0])) == {-1, 1}
    assert np.mean(seen[0] == 1) == pytest.approx(0.3, abs=0.01)
    np.testing.assert_array_equal(model.noise(20000, tf.constant([3, 4]))[1], normal)
    assert np.abs(model.noise(20000, tf.constant([3, 5]))[1] - normal).max() > 1
    assert abs(np.corrcoef(thresholds[:, 0, 0, 0], normal[:, 0])[0, 1]) < 0.03


def test_parameters_of_the_published_networks():
    encoder = latent_autoencoder.dense_encoder([(28, 28, 1)], 50)
    decoder = latent_autoencoder.dense_decoder((28, 28, 1), 50)
    hidden = 784 * 200 + 200 + 200 * 200 + 200
    assert encoder.count_params() == hidden + 2 * (200 * 50 + 50) == 217_300
    assert decoder.count_params() == 50 * 200 + 200 + 200 * 200 + 200 + 200 * 784 + 784 == 207_984


@pytest.mark.parametrize(("size", "smallest"), [(28, 7), (64, 4), (16, 4), (6, 3), (5, 5)])
def test_convolutional_coders_go_down_by_rule(size, smallest):
    encoder = latent_autoencoder.convolutional_encoder([(size, size, 3)], 5, filters=2)
    decoder = latent_autoencoder.convolutional_decoder((size, size, 3), 5, filters=2, bias=0.7)
    assert encoder.layers[-3].output.shape[1] % smallest**2 == 0  # the flat map
    assert size >> latent_autoencoder.halvings(size, size) == smallest
    mean, log_variance = encoder(tf.zeros((2, size, size, 3)))
    assert mean.shape == log_variance.shape == (2, 5)
    blank = decoder(tf.zeros((1, 5)))
    assert blank.shape == (1, size, size, 3)
    np.testing.assert_allclose(blank, 0.7, rtol=1e-6)  # all other biases are 0


def test_saved_networks_draw_and_reconstruct():
    model = recipes.vae(SHAPE, latent=2)
    (reconstructor, there), (sampler, drawn) = model.saved["vae"], model.saved["decoder"]
    assert (there, drawn) == ("bb", "zb")
    z, x = tf.constant([[0.3, -2.0]]), make_images(1)
    sigmoid = 1 / (1 + np.exp(-np.asarray(model.decoder(z))))
    np.testing.assert_allclose(sampler(z), 2 * sigmoid - 1, atol=1e-6)
    np.testing.assert_allclose(reconstructor(x), sampler(model.encoder(x)[0]), atol=1e-6)
    labels = [column and column[0] for column in model.columns(None, x, ("digit", "handwriting"))]
    assert labels == ["handwriting", "and back", None, *["drawn"] * 4]
    first, second = (model.columns(None, x, ("", ""))[3][1] for _ in range(2))
    np.testing.assert_array_equal(first, second)
