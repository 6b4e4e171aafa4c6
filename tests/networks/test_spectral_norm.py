"""Spectral normalization: the singular value, and what the training keeps of it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.networks import discriminators
from cyclegan_tf.networks.layers.spectral_norm import SpectralConv2D, layers_of
from cyclegan_tf.training.run import train
from support.datasets import all_variables, make_dataset, make_model

pytestmark = pytest.mark.slow

SETTINGS = {"batch_size": 2, "steps_per_epoch": 2, "images": 2, "verbose": 0}


def layer_of(kernel):
    """A layer with this kernel `(height, width, channels, filters)`, its vector turned to it."""
    kernel = np.asarray(kernel, "float32")
    layer = SpectralConv2D(kernel.shape[-1], kernel.shape[:2], zeros=0)
    layer.build((None, None, None, kernel.shape[2]))
    layer.set_weights([kernel, np.zeros(kernel.shape[-1]), np.ones(kernel.shape[-1]) / 2])
    for _ in range(30):
        layer.iterate()
    return layer


def largest(layer):
    return np.linalg.svd(layer._kernel.numpy().reshape(-1, layer.filters))[1][0]


def test_a_diagonal_kernel_by_hand():
    # The 1x1 kernel diag(3, 4) stretches by 4 at most: pixels (1, 0) and (0, 1) become 3/4 and 1.
    layer = layer_of(np.diag([3.0, 4.0]).reshape(1, 1, 2, 2))
    assert float(layer.singular_value()) == pytest.approx(4, rel=1e-5)
    np.testing.assert_allclose(np.abs(layer.vector), [0, 1], atol=1e-3)
    pixels = np.float32([[1, 0], [0, 1]]).reshape(1, 1, 2, 2)
    np.testing.assert_allclose(layer(pixels)[0, 0], [[0.75, 0], [0, 1]], atol=1e-5)


def test_it_is_the_largest_singular_value_of_a_trained_size():
    network = discriminators.patch_discriminator((64, 64, 3), filters=8, norm="spectral", seed=0)
    layers = layers_of([network])
    assert len(layers) == 5 and not any(
        isinstance(layer, keras.layers.GroupNormalization) for layer in network.layers
    )
    for layer in layers:
        assert float(layer.singular_value()) == pytest.approx(largest(layer), rel=0.05)


def test_the_gradient_is_that_of_equation_12():
    """Compared with differences of the quotient, the vectors held."""
    rng = np.random.default_rng(0)
    layer = layer_of(rng.normal(size=(2, 2, 2, 3)))
    x = tf.constant(rng.normal(size=(1, 4, 4, 2)).astype("float32"))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(layer(x)))
    gradient = tape.gradient(loss, layer._kernel.value).numpy()
    kernel = layer._kernel.numpy().astype("float64")

    def by_hand(kernel):
        value = np.linalg.svd(kernel.reshape(-1, 3))[1][0]
        plain = tf.nn.conv2d(tf.cast(x, "float64"), kernel / value, 1, "VALID")
        return float(tf.reduce_sum(tf.square(plain)))

    for place in [(0, 0, 0, 0), (1, 0, 1, 2), (0, 1, 1, 1)]:
        moved = np.zeros_like(kernel)
        moved[place] = 1e-5
        slope = (by_hand(kernel + moved) - by_hand(kernel - moved)) / 2e-5
        assert gradient[place] == pytest.approx(slope, rel=2e-3, abs=2e-3)


def test_calls_change_nothing_and_one_iteration_keeps_up():
    layer = layer_of(np.random.default_rng(0).normal(size=(4, 4, 3, 8)))
    before = layer.vector.numpy()
    layer(np.ones((1, 8, 8, 3), "float32"), training=True)
    np.testing.assert_array_equal(layer.vector, before)
    for _ in range(20):
        layer._kernel.assign(layer._kernel + 0.01)
        layer.iterate()
    assert float(layer.singular_value()) == pytest.approx(largest(layer), rel=0.01)


def test_training_iterates_once_a_step_and_resumes_to_the_bit(eager, tmp_path):
    dataset, states = make_dataset(), []
    options = {"disc_norm": "spectral", "adversarial_loss": "hinge"}
    start = layers_of(make_model(dataset, **options).discriminators)[1].vector.numpy()
    for name, stops in (("whole", [2]), ("twice", [1, 2])):
        for epochs in stops:
            model = make_model(dataset, **options)
            train(model, dataset, tmp_path / name, epochs, **SETTINGS)
        states.append(all_variables(model))
    for one, other in zip(*states, strict=True):
        np.testing.assert_array_equal(one, other)
    for layer in layers_of(model.discriminators):
        assert float(layer.singular_value()) == pytest.approx(largest(layer), rel=0.05)
    assert np.abs(layers_of(model.discriminators)[1].vector.numpy() - start).max() > 1e-6


def test_pieces_of_a_batch_give_the_weights_of_the_whole(eager, tmp_path):
    dataset, found = make_dataset(), []
    for accumulate in (1, 2):
        model = make_model(dataset, disc_norm="spectral", accumulate=accumulate)
        train(model, dataset, tmp_path / str(accumulate), 1, **SETTINGS)
        found.append(layers_of(model.discriminators))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one.vector, other.vector, atol=1e-4)
        np.testing.assert_allclose(one._kernel, other._kernel, atol=1e-4)


def test_it_is_saved_with_its_vector(tmp_path):
    network = discriminators.patch_discriminator((16, 16, 3), 4, 1, norm="spectral", seed=0)
    for layer in layers_of([network]):
        layer._kernel.assign(layer._kernel * 2 + 0.1)
        layer.iterate()
    network.save(tmp_path / "disc.keras")
    loaded = keras.models.load_model(tmp_path / "disc.keras")
    x = np.random.default_rng(0).normal(size=(1, 16, 16, 3)).astype("float32")
    np.testing.assert_array_equal(network(x), loaded(x))
