"""Conv2D and Conv2DTranspose equal Keras's, whichever way they are computed."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.networks.generators import resnet_generator
from cyclegan_tf.networks.layers.convolutions import (
    Conv2D,
    Conv2DTranspose,
    set_fast,
    shared_kernels,
)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def with_weights(layer, x):
    layer.build(x.shape)
    layer.set_weights([noise(*w.shape, seed=i) for i, w in enumerate(layer.get_weights())])
    return layer


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize(
    ("filters", "size", "strides", "border"),
    [
        (32, 3, 1, {"reflect": 1}),
        (3, 7, 1, {"reflect": 3}),
        (8, 3, 2, {"zeros": 1}),
        (8, 4, 1, {"zeros": 1}),
    ],
)
def test_borders_are_those_of_numpy_and_the_rest_is_keras(filters, size, strides, border, fast):
    x = noise(2, 12, 16, 32)
    layer = with_weights(Conv2D(filters, size, strides, fast=fast, **border), x)
    theirs = with_weights(keras.layers.Conv2D(filters, size, strides), x)
    ((mode, pixels),) = border.items()
    mode = {"reflect": "reflect", "zeros": "constant"}[mode]
    padded = np.pad(x, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)), mode=mode)
    expected = theirs(padded)
    assert tuple(layer.compute_output_shape(x.shape)) == tuple(expected.shape)
    np.testing.assert_allclose(layer(x), expected, atol=1e-5 * np.abs(expected).max())


def test_fast_and_plain_differ_in_rounding_only_so_both_were_computed():
    x = noise(1, 16, 16, 32)
    fast, plain = (with_weights(Conv2D(32, 3, reflect=1, fast=f), x)(x) for f in (True, False))
    difference = np.abs(fast - plain).max()
    assert 0 < difference < 1e-5 * np.abs(plain).max()


def test_by_itself_it_is_fast_without_a_gpu_and_plain_with_one(monkeypatch):
    x = noise(1, 16, 16, 32)
    layers = {f: with_weights(Conv2D(32, 3, reflect=1, fast=f), x) for f in (None, True, False)}
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: [])
    np.testing.assert_array_equal(layers[None](x), layers[True](x))
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: ["a GPU"])
    np.testing.assert_array_equal(layers[None](x), layers[False](x))


def test_what_winograd_does_not_know_is_computed_plainly():
    x = noise(1, 12, 12, 32)
    for options in ({"dilation_rate": 2}, {"groups": 2}, {"padding": "same"}, {"strides": 2}):
        ours = with_weights(Conv2D(32, 3, fast=True, **options), x)
        theirs = with_weights(keras.layers.Conv2D(32, 3, **options), x)
        np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-4, atol=1e-3)
    half = Conv2D(32, 3, reflect=1, fast=True, dtype="mixed_bfloat16")
    assert half(x).dtype == "bfloat16"


def test_a_bias_before_a_normalization_is_kept_and_not_added():
    x = noise(1, 8, 8, 2)
    layer = with_weights(Conv2D(4, 3, normalized=True), x)
    before = np.asarray(layer(x))
    layer.bias.assign([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(layer(x), before)
    assert layer.count_params() == 3 * 3 * 2 * 4 + 4


def test_transposed_convolution_leaves_out_its_first_rows_and_columns():
    x = noise(1, 5, 4, 3)
    ours = with_weights(Conv2DTranspose(2, 3, 2, crop=1), x)
    theirs = with_weights(keras.layers.Conv2DTranspose(2, 3, 2), x)
    np.testing.assert_allclose(ours(x), theirs(x)[:, 1:, 1:], rtol=1e-5, atol=1e-5)
    assert tuple(ours.compute_output_shape(x.shape)) == (1, 10, 8, 2)


def test_shared_kernels_change_nothing_and_are_put_away():
    generator = resnet_generator(filters=8, blocks=1, seed=0)
    set_fast([generator], True)
    x = noise(1, 16, 16, 3)
    alone = np.asarray(generator(x))
    with shared_kernels([generator]):
        together = np.asarray(generator(x))
        layers = [layer for layer in generator.layers if getattr(layer, "shared_kernel", None)]
        held = [layer.shared_kernel for layer in layers]
        generator(x)
        assert all(
            layer.shared_kernel is kernel for layer, kernel in zip(layers, held, strict=True)
        )
    assert len(held) == 2
    assert not any(getattr(layer, "shared_kernel", None) for layer in generator.layers)
    np.testing.assert_array_equal(alone, together)


def test_every_weight_that_counts_gets_a_gradient_with_shared_kernels():
    generator, plain = (resnet_generator(filters=8, blocks=2, seed=0) for _ in range(2))
    set_fast([generator], True)
    set_fast([plain], False)
    x = noise(2, 16, 16, 3)

    def gradients(network):
        with tf.GradientTape() as tape, shared_kernels([network]):
            y = network(network(x, training=True), training=True)
            loss = tf.reduce_mean(tf.square(y - 1.0))
        variables = [v.value for v in network.trainable_variables]
        return tape.gradient(loss, variables, unconnected_gradients="zero")

    for variable, ours, theirs in zip(
        generator.trainable_variables, gradients(generator), gradients(plain), strict=True
    ):
        assert np.abs(theirs).max() > 0 or variable.path.endswith("bias"), variable.path
        scale = max(np.abs(theirs).max(), 1e-6)
        np.testing.assert_allclose(ours, theirs, atol=1e-3 * scale, err_msg=variable.path)
