"""Residual output: a generator that computes what to change of its input."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("cyclegan_tf", name="AddToPicture")
class ResidualOutput(keras.layers.Layer):
    """A generator's last step where it is to change its input: tanh(x + artanh(0.95 image)).

    Where x is 0, what comes out is the image, a little less contrasted (artanh has no end).

    Input: `[x, image]`, both `(batch, height, width, channels)`, the image in [-1, 1].

    Reference:
        Kupyn et al. 2018, "DeblurGAN", https://arxiv.org/abs/1711.07064, section 3.2 (there as
        a plain sum)
    """

    def call(self, inputs):
        x, image = inputs
        image = 0.95 * ops.clip(image, -1.0, 1.0)
        # By logarithms, which other runtimes know as well.
        return ops.tanh(x + 0.5 * (ops.log(1.0 + image) - ops.log(1.0 - image)))

    def compute_output_shape(self, input_shape):
        return input_shape[0]
