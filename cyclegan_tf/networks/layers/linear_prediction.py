"""Linear prediction: a first, blurred image of what a generator is to make, by a closed formula."""

import keras
import tensorflow as tf
from keras import ops

#: Parts of a palette along each side, and pixels of a prediction.
GRID, SIDE = 4, 32


def palettes(images, parts=GRID):
    """Mean colours of equal parts of images.

    Args:
        images: Tensor `(batch, height, width, channels)`, its sides multiples of `parts`.
        parts: Along each side.

    Returns:
        Tensor `(batch, parts * parts * channels)`: rows, columns, channels.
    """
    rows, columns = (side // parts for side in tf.unstack(tf.shape(images)[1:3]))
    channels = images.shape[-1]
    cut = tf.reshape(images, tf.stack([-1, parts, rows, parts, columns, channels]))
    return tf.reshape(tf.reduce_mean(cut, (2, 4)), (-1, parts * parts * channels))


@keras.saving.register_keras_serializable("cyclegan_tf")
class LinearPrediction(keras.layers.Layer):
    """What the colours of an image and a code tell of its translation, as far as a line tells it.

    Its weights are not learnt step by step: whoever trains computes them (`data.linear_model`).
    Until then it gives gray.

    Args:
        channels: Of the prediction.

    Input: a pair of images `(batch, height, width, channels)`, their sides multiples of 4, and
    codes `(batch, numbers)`.
    Output: `(batch, height, width, channels)` in [-1, 1], of 32x32 pixels, enlarged.
    """

    def __init__(self, channels, **kwargs):
        super().__init__(**kwargs)
        self.channels = channels

    def build(self, input_shape):
        (*_, channels), (_, numbers) = input_shape
        size = SIDE * SIDE * self.channels
        frozen = {"initializer": "zeros", "trainable": False}
        self.kernel = self.add_weight(shape=(GRID**2 * channels + numbers, size), **frozen)
        self.bias = self.add_weight(shape=(size,), **frozen)

    def predicted(self, images, codes):
        """The prediction before it is enlarged, and may leave [-1, 1].

        Args:
            images: Tensor `(batch, height, width, channels)`.
            codes: Tensor `(batch, numbers)`.

        Returns:
            Tensor `(batch, 32, 32, channels)`.
        """
        known = tf.concat([palettes(images), tf.cast(codes, images.dtype)], -1)
        small = ops.matmul(known, self.kernel) + self.bias
        return tf.reshape(small, (-1, SIDE, SIDE, self.channels))

    def call(self, inputs):
        images, codes = inputs
        small = self.predicted(images, codes)
        large = tf.image.resize(small, tf.shape(images)[1:3], "bilinear")
        return tf.cast(tf.clip_by_value(large, -1.0, 1.0), images.dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape[0][:-1], self.channels)

    def get_config(self):
        return {**super().get_config(), "channels": self.channels}
