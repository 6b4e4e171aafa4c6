"""Reflection padding as a layer, for generators of other codebases."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("cyclegan_tf")
class ReflectionPadding2D(keras.layers.Layer):
    """Pads height and width by mirroring the image at its border pixels.

    Args:
        padding: Number of pixels on each of the four sides, or `(vertical, horizontal)`.

    Input shape: `(batch, height, width, channels)`, height and width above `padding`.
    Output shape: `(batch, height + 2 * vertical, width + 2 * horizontal, channels)`.
    """

    def __init__(self, padding=1, **kwargs):
        super().__init__(**kwargs)
        self.padding = (padding, padding) if isinstance(padding, int) else tuple(padding)

    def call(self, inputs):
        v, h = self.padding
        return ops.pad(inputs, ((0, 0), (v, v), (h, h), (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        v, h = self.padding
        height = None if height is None else height + 2 * v
        width = None if width is None else width + 2 * h
        return (batch, height, width, channels)

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}
