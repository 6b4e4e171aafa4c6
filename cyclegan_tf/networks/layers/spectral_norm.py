"""Spectral normalization: convolutions that cannot stretch their input by more than they say."""

import keras
import numpy as np
import tensorflow as tf

from cyclegan_tf.networks.layers.convolutions import Conv2D

#: Power iterations at the start; one after each step keeps up with the weights.
FIRST_ITERATIONS = 20


@keras.saving.register_keras_serializable("cyclegan_tf")
class SpectralConv2D(Conv2D):
    """A convolution whose kernel is divided by its largest singular value, as a matrix.

    The value is that of the kernel at hand along `vector`, which `iterate` turns towards the
    largest one: one call after each update of the kernel is enough. Calls of the layer change
    nothing, so that a step may call it as often as it likes. (Keras's `SpectralNormalization`
    overwrites the kernel at each call in training, and leaves no gradient to the value.)

    Args:
        *args: As for `convolutions.Conv2D`.
        **kwargs: As for `convolutions.Conv2D`; `fast` is always off.

    Reference:
        Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks",
        https://arxiv.org/abs/1802.05957, equations 8 to 12
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{**kwargs, "fast": False})

    def build(self, input_shape):
        """Makes the weights; the vector is that of the initial kernel."""
        super().build(input_shape)

        def start(shape, dtype=None):
            matrix = np.reshape(self._kernel.numpy(), (-1, self.filters))
            vector = np.ones(shape)
            for _ in range(FIRST_ITERATIONS):
                vector = matrix.T @ (matrix @ vector)
                vector /= np.linalg.norm(vector) + 1e-12
            return tf.constant(vector, dtype)

        # As the image pools: each replica writes its own copy, and the first is saved.
        copies = {"synchronization": "on_read", "aggregation": "only_first_replica"}
        self.vector = keras.Variable(
            start, (self.filters,), self.variable_dtype, trainable=False, name="vector", **copies
        )

    def convolution_op(self, inputs, kernel):
        """Convolves with the kernel over its singular value."""
        return super().convolution_op(inputs, kernel) / tf.cast(self.singular_value(), inputs.dtype)

    def singular_value(self):
        """The kernel's stretch along `vector`, a scalar; gradients flow into the kernel alone."""
        right = tf.convert_to_tensor(self.vector.value)
        stretched = tf.linalg.matvec(self._matrix(), right)
        left = tf.stop_gradient(tf.math.l2_normalize(stretched))
        return tf.tensordot(left, stretched, 1)

    def iterate(self):
        """Turns `vector` towards the kernel's first right singular vector: one power iteration."""
        matrix = self._matrix()
        left = tf.linalg.matvec(matrix, tf.convert_to_tensor(self.vector.value))
        right = tf.linalg.matvec(matrix, tf.math.l2_normalize(left), transpose_a=True)
        self.vector.value.assign(tf.math.l2_normalize(right))

    def _matrix(self):
        return tf.reshape(tf.convert_to_tensor(self._kernel.value), [-1, self.filters])

    def save_own_variables(self, store):
        """Writes the vector, too, which Keras's convolutions would leave out."""
        super().save_own_variables(store)
        store["vector"] = self.vector

    def load_own_variables(self, store):
        """Reads the vector, too."""
        super().load_own_variables(store)
        self.vector.assign(store["vector"])


def layers_of(networks):
    """The spectrally normalized layers of `networks`, a list."""
    return [
        layer
        for network in networks
        for layer in network._flatten_layers(include_self=False)
        if isinstance(layer, SpectralConv2D)
    ]
