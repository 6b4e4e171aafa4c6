"""The autoencoder on networks whose loss is known by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.methods.autoencoder import Autoencoder, AutoencoderOptions
from cyclegan_tf.networks import latent_autoencoder

SHAPE = (1, 2, 1)


def set_weights(network, *values):
    network.set_weights([np.asarray(value, "float32") for value in values])


def toy(**options):
    """The code is the image's mean; what comes back is its atanh everywhere."""
    encoder = latent_autoencoder.dense_encoder([SHAPE], 1, heads=("code",), hidden=())
    decoder = latent_autoencoder.dense_decoder(SHAPE, 1, hidden=())
    set_weights(encoder, np.full((2, 1), 1.0), [-1.0])  # it sees (x + 1) / 2
    set_weights(decoder, np.full((1, 2), 0.5), [0.0, 0.0])
    networks = {"encoder": encoder, "decoder": decoder}
    model = Autoencoder(AutoencoderOptions(**options), (None, SHAPE), networks=networks)
    model.compile(keras.optimizers.SGD(1.0))
    return model


def test_loss_and_image_by_hand():
    b = tf.reshape([0.9, -0.1], (1, *SHAPE))  # code 0.4, output 0.2
    model = toy(likelihood="gaussian", spread=0.5)
    losses, made = model.generator_losses((b, b))
    back = np.tanh(0.2)
    squares = ((0.9 - back) ** 2 + (-0.1 - back) ** 2) / 0.5**2
    constant = 2 * np.log(0.5 * np.sqrt(2 * np.pi))
    assert made == ()
    assert float(losses["reconstruction"]) == pytest.approx(0.5 * squares + constant, rel=1e-5)
    network, direction = model.saved["autoencoder"]
    assert direction == "bb"
    np.testing.assert_allclose(np.ravel(network(b)), [back, back], atol=1e-6)


def test_crossentropy_by_hand():
    b = tf.reshape([1.0, -1.0], (1, *SHAPE))
    loss = toy().generator_losses((b, b))[0]["reconstruction"]
    assert float(loss) == pytest.approx(2 * np.log(2))  # code 0: gray


def test_a_step_needs_no_discriminator():
    model = toy(likelihood="gaussian", spread=0.5)
    b = tf.reshape([0.9, -0.1], (1, *SHAPE))
    first = float(model.train_step((b, b))["reconstruction"])
    model.reset_metrics()
    assert float(model.train_step((b, b))["reconstruction"]) < first
    labels = [label for label, _ in model.columns(None, np.asarray(b), ("A", "B"))]
    assert labels == ["B", "and back"]
