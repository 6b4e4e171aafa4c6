"""The conditional VAE on a toy whose evidence is known exactly, and its U-Net."""

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf import recipes
from cyclegan_tf.evaluation.likelihood import evidence
from cyclegan_tf.methods.cvae import CVAE, CVAEOptions, unet_decoder
from cyclegan_tf.networks import latent_autoencoder

SHAPE = (1, 1, 1)
U, S, W, V, NOISE = 0.9, 0.7, 1.4, 0.5, 0.6


def set_weights(network, *values):
    network.set_weights([np.asarray(value, "float32") for value in values])


class Linear:
    """A Gaussian around the decoder's output itself."""

    scale = 1.0

    def __call__(self, images, outputs):
        squares = ((images - outputs) / NOISE) ** 2 + np.log(2 * np.pi * NOISE**2)
        return 0.5 * tf.reduce_sum(squares, (1, 2, 3))


def linear_cvae():
    """z = U a and noise S; b = W z + V a and noise; with the exact posterior as encoder."""
    encoder = latent_autoencoder.dense_encoder([SHAPE, SHAPE], 1, hidden=())
    decoder = latent_autoencoder.dense_decoder(SHAPE, 1, SHAPE, hidden=())
    prior = latent_autoencoder.dense_encoder([SHAPE], 1, hidden=())
    variance = 1 / (1 / S**2 + W**2 / NOISE**2)
    of_b = variance * W / NOISE**2
    of_a = variance * U / S**2 - of_b * V
    # Encoder and prior see (x + 1) / 2, the decoder the condition as it is.
    set_weights(encoder.get_layer("mean"), [[2 * of_a], [2 * of_b]], [-of_a - of_b])
    set_weights(encoder.get_layer("log_variance"), np.zeros((2, 1)), [np.log(variance)])
    set_weights(prior.get_layer("mean"), [[2 * U]], [-U])
    set_weights(prior.get_layer("log_variance"), [[0.0]], [2 * np.log(S)])
    set_weights(decoder, [[V], [W]], [0.0])
    networks = {"encoder": encoder, "decoder": decoder, "prior": prior}
    model = CVAE(CVAEOptions(likelihood="gaussian"), (SHAPE, SHAPE), networks=networks)
    model.likelihood = Linear()
    return model


def test_bounds_touch_the_evidence_at_the_exact_posterior():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((40, *SHAPE)).astype("float32")
    b = rng.standard_normal((40, *SHAPE)).astype("float32")
    mean, variance = (W * U + V) * a, W**2 * S**2 + NOISE**2
    exact = -0.5 * ((b - mean) ** 2 / variance + np.log(2 * np.pi * variance))[:, 0, 0, 0]
    bounds = evidence(linear_cvae(), a, b, draws=400)
    np.testing.assert_allclose(bounds.importance, exact, atol=1e-5)
    assert bounds.elbo.mean() == pytest.approx(exact.mean(), abs=0.03)


def test_in_use_the_code_comes_from_the_prior():
    model = linear_cvae()
    (gen_ab, direction), z, a = model.saved["gen_ab"], 1.3, 0.4
    assert direction == "ab"
    fake_b = gen_ab([tf.fill((1, *SHAPE), a), tf.constant([[z]])])
    assert float(fake_b[0, 0, 0, 0]) == pytest.approx(np.tanh(W * (U * a + S * z) + V * a))
    assert model.generators == [model.encoder, model.decoder, model.prior]


def test_reconstruction_takes_the_image_s_own_code():
    model = linear_cvae()
    a, b = np.full((1, *SHAPE), 0.2, "float32"), np.full((1, *SHAPE), -0.5, "float32")
    variance = 1 / (1 / S**2 + W**2 / NOISE**2)
    mean = variance * (U * 0.2 / S**2 + W * (-0.5 - V * 0.2) / NOISE**2)
    assert model.reconstruct(a, b)[0, 0, 0, 0] == pytest.approx(np.tanh(W * mean + V * 0.2))


@pytest.mark.parametrize("kind", ["dense", "convolutional"])
def test_a_class_is_a_condition(kind):
    digit, shape = (1, 1, 10), (8, 8, 1)
    options = {"network": kind, "latent": 2, "filters": 32, "prior": "standard"}
    model = recipes.cvae(digit, shape, **options)
    assert not model.augments and model.image_shapes == (digit, shape)
    classes = 2 * np.eye(10, dtype="float32").reshape(10, *digit) - 1
    drawn = model.gen_ab([classes, np.zeros((10, 2), "float32")])
    assert drawn.shape == (10, *shape)
    assert np.abs(drawn[0] - drawn[1]).max() > 0.01
    blank = np.zeros((10, *shape), "float32")
    labels = [c and c[0] for c in model.columns(classes, blank, ("digit", "handwriting"))]
    assert labels == ["handwriting", "and back", None, *["drawn"] * 4]
    noise = model.noise(10, tf.constant([0, 0]))
    losses, _ = model.generator_losses((tf.constant(classes), tf.constant(blank), *noise))
    assert all(np.isfinite(value) for value in losses.values())


def test_unet_is_steered_by_its_code_at_every_level():
    decoder = unet_decoder((16, 16, 1), (16, 16, 3), 4, filters=4, bias=0.3)
    a = tf.random.stateless_uniform((2, 16, 16, 1), (0, 1), -1.0)
    one, other = decoder([a, tf.zeros((2, 4))]), decoder([a, tf.ones((2, 4))])
    assert one.shape == (2, 16, 16, 3)
    assert np.abs(one - other).mean() > 0.1
    # 16, 8 and 4 pixels: 3 maps on the way up, each with a scale and a shift.
    assert sum(layer.name.startswith("multiply") for layer in decoder.layers) == 3
    rows = [decoder([a[i : i + 1], tf.zeros((1, 4))]) for i in range(2)]
    np.testing.assert_allclose(tf.concat(rows, 0), one, atol=1e-5)


def test_parameters_of_the_unet():
    decoder = unet_decoder((64, 64, 1), (64, 64, 3), 8, filters=16)
    assert decoder.count_params() == 1_071_427


def test_every_network_is_trained(eager):
    shapes = (16, 16, 1), (16, 16, 3)
    model = recipes.cvae(*shapes, latent=2, filters=2, learning_rate=1e-4)
    assert model.augments and model.needs_pairs
    before = [network.get_weights() for network in model.generators]
    a, b = (
        tf.random.stateless_uniform((2, *shape), (0, i), -1.0) for i, shape in enumerate(shapes)
    )
    logs = model.train_step((a, b))
    assert set(logs) == {"reconstruction", "kl"}
    for network, old in zip(model.generators, before, strict=True):
        moved = [np.abs(x - y).max() > 0 for x, y in zip(network.get_weights(), old, strict=True)]
        kernels = [x.ndim > 1 for x in old]
        assert all(m for m, kernel in zip(moved, kernels, strict=True) if kernel)
