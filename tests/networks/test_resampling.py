import keras
import numpy as np
import tensorflow as tf

from cyclegan_tf.networks import generators
from cyclegan_tf.networks.layers.resampling import BilinearDoubling, HalvingAverage, NearestResizing


def test_halving_average_counts_only_pixels_that_are_there():
    x = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    # Around (0, 0) there are 4 pixels, around (0, 2) and (2, 0) six, around (2, 2) nine.
    expected = [
        [(0 + 1 + 4 + 5) / 4, (1 + 2 + 3 + 5 + 6 + 7) / 6],
        [(4 + 5 + 8 + 9 + 12 + 13) / 6, 10],
    ]
    np.testing.assert_allclose(HalvingAverage()(x)[0, :, :, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(HalvingAverage()(np.ones((1, 5, 7, 2), "float32")), 1, rtol=1e-6)
    assert HalvingAverage().compute_output_shape((None, 5, None, 2)) == (None, 3, None, 2)


def test_bilinear_doubling_by_hand():
    x = np.float32([[0, 4], [8, 16]]).reshape(1, 2, 2, 1)
    rows = np.float32([[0, 1, 3, 4], [2, 3.25, 5.75, 7], [6, 7.75, 11.25, 13], [8, 10, 14, 16]])
    np.testing.assert_allclose(BilinearDoubling()(x)[0, :, :, 0], rows, rtol=1e-6)
    assert BilinearDoubling().compute_output_shape((None, 5, None, 2)) == (None, 10, None, 2)
    assert BilinearDoubling(dtype="bfloat16")(x).dtype == tf.bfloat16


def test_nearest_resizing_is_that_of_keras():
    x = np.random.default_rng(0).normal(size=(2, 6, 7, 3)).astype("float32")
    for size in ((15, 15), (6, 14), (3, 5)):
        layer = NearestResizing(size)
        np.testing.assert_array_equal(layer(x), keras.layers.Resizing(*size, "nearest")(x))
        assert layer.compute_output_shape(x.shape) == (2, *size, 3)
        assert NearestResizing.from_config(layer.get_config()).size == size


def test_networks_double_images_of_any_size():
    for network in (
        generators.resnet_generator(filters=2, blocks=1, upsampling="bilinear"),
        generators.unet_generator(filters=2, depth=2, upsampling="bilinear"),
    ):
        called = tf.function(network).get_concrete_function(
            tf.TensorSpec((None, None, None, 3), tf.float32)
        )
        for shape in ((1, 16, 24, 3), (2, 32, 16, 3)):
            assert called(tf.ones(shape)).shape == shape
