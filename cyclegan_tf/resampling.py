"""Layers that halve and double pictures."""

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable("cyclegan_tf")
class HalvingAverage(keras.layers.Layer):
    """Halves height and width: the average of each 3x3 pixels around every second one.

    At the border only the pixels that there are count. Equals PyTorch's average pooling with
    padding 1 without counting it; Keras's `padding="same"` lies half a pixel elsewhere.

    Input shape: `(batch, height, width, channels)`.
    Output shape: `(batch, ceil(height / 2), ceil(width / 2), channels)`.
    """

    def call(self, inputs):
        sums, counts = (
            ops.average_pool(ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), 3, 2)
            for x in (inputs, ops.ones_like(inputs[:1, :, :, :1]))
        )
        return sums / counts

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        return (batch, *(None if side is None else -(-side // 2) for side in sides), channels)


@keras.saving.register_keras_serializable("cyclegan_tf")
class BilinearDoubling(keras.layers.Layer):
    """Doubles height and width, each new pixel 3/4 of the nearest and 1/4 of the next one's.

    Keras's `UpSampling2D` does so for pictures of known sizes only.

    Input shape: `(batch, height, width, channels)`.
    Output shape: `(batch, 2 * height, 2 * width, channels)`.
    """

    def call(self, inputs):
        size = 2 * tf.shape(inputs)[1:3]
        return tf.cast(tf.image.resize(inputs, size, "bilinear"), inputs.dtype)

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        return (batch, *(None if side is None else 2 * side for side in sides), channels)
