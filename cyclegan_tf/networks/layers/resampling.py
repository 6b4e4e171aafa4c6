"""Layers that halve and double images."""

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

    Keras's `UpSampling2D` does so for images of known sizes only.

    Input shape: `(batch, height, width, channels)`.
    Output shape: `(batch, 2 * height, 2 * width, channels)`.
    """

    def call(self, inputs):
        size = 2 * tf.shape(inputs)[1:3]
        return tf.cast(tf.image.resize(inputs, size, "bilinear"), inputs.dtype)

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        return (batch, *(None if side is None else 2 * side for side in sides), channels)


@keras.saving.register_keras_serializable("cyclegan_tf")
class NearestResizing(keras.layers.Layer):
    """Takes the nearest pixel for each of a given size.

    Keras's `Resizing` has a gradient that XLA does not know.

    Input shape: `(batch, height, width, channels)`, height and width known.
    Output shape: `(batch, *size, channels)`.

    Args:
        size: `(height, width)` of the output.
    """

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = tuple(size)

    def call(self, inputs):
        for axis, (new, old) in enumerate(zip(self.size, inputs.shape[1:3], strict=True), 1):
            nearest = [(2 * i + 1) * old // (2 * new) for i in range(new)]
            inputs = tf.gather(inputs, nearest, axis=axis)
        return inputs

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.size, input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "size": self.size}
