"""Convolutions with their borders inside, and a faster way to the same result on a CPU."""

import contextlib

import keras
import tensorflow as tf
from keras import ops

from cyclegan_tf.networks.layers import winograd


@keras.saving.register_keras_serializable("cyclegan_tf")
class Conv2D(keras.layers.Conv2D):
    """Keras's `Conv2D` with its borders inside, and a faster way to the same result on a CPU.

    Weights, their names and their shapes are those of `keras.layers.Conv2D`.

    Args:
        filters: Channels of the output.
        kernel_size: Pixels of the kernel's side, or `(height, width)`.
        strides: Pixels from one position of the kernel to the next.
        reflect: Pixels by which the input is first enlarged on all sides by mirroring.
        zeros: Pixels by which it is enlarged by zeros.
        normalized: If True, a normalization follows that takes the mean off each channel, and
            any bias with it. The bias stays a weight, so that the network keeps its parameters
            and takes imported ones, but is not added: its true gradient is zero.
        fast: Whether float32 convolutions are computed by matrix products made for CPUs, where
            there are such (`winograd` for 3x3 kernels, one by columns for few filters); None
            does so where there is no GPU. Not a part of saved files.
        **kwargs: As for `keras.layers.Conv2D`.
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        reflect=0,
        zeros=0,
        normalized=False,
        fast=None,
        **kwargs,
    ):
        super().__init__(filters, kernel_size, strides, **kwargs)
        self.reflect, self.zeros, self.normalized, self.fast = reflect, zeros, normalized, fast
        self.sharing, self.shared_kernel = False, None  # a winograd.Kernel for all calls

    def call(self, inputs):
        fast = self._is_fast(inputs)
        if fast and self.suits_winograd:
            kernel = self.shared_kernel
            if kernel is None:
                # Right before its first use: what was transformed long ago has left the caches.
                with tf.control_dependencies([inputs]):
                    kernel = self.transformed_kernel()
            if self.sharing:
                self.shared_kernel = kernel
            outputs = winograd.convolve(inputs, kernel, self.reflect)
        else:
            inputs = _pad(_pad(inputs, self.reflect, "reflect"), self.zeros, "constant")
            convolve = _convolve_by_columns if fast else self.convolution_op
            outputs = convolve(inputs, self.kernel)
        if self.use_bias and not self.normalized:
            outputs = ops.add(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)

    def transformed_kernel(self):
        """Returns the kernel as `winograd.convolve` takes it."""
        return winograd.Kernel(tf.convert_to_tensor(self.kernel), self.compute_dtype)

    @property
    def may_be_fast(self):
        """Whether a faster way is wanted, and the layer has nothing that it does not know."""
        fast = self.fast
        if fast is None:
            fast = not tf.config.get_visible_devices("GPU")
        plain = (self.strides, self.dilation_rate, self.groups) == ((1, 1), (1, 1), 1)
        return fast and plain and (self.padding, self.data_format) == ("valid", "channels_last")

    @property
    def suits_winograd(self):
        """Whether there are enough channels, too, and the kernel is what `winograd` is made for."""
        *sides, channels, filters = self.kernel.shape
        enough = min(channels, filters) >= 32
        borders = self.zeros == 0 and self.reflect <= 1
        return self.may_be_fast and sides == [3, 3] and enough and borders

    def _is_fast(self, inputs):
        known = None not in inputs.shape
        # In other types only with a kernel that was made for them, which is for use alone.
        known = known and (inputs.dtype == tf.float32 or self.shared_kernel is not None)
        few_filters = self.filters * self.kernel_size[1] <= 32 and self.kernel_size[1] >= 5
        return self.may_be_fast and known and (self.suits_winograd or few_filters)

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        border = 2 * (self.reflect + self.zeros)
        sides = [None if side is None else side + border for side in sides]
        return super().compute_output_shape((batch, *sides, channels))

    def get_config(self):
        own = {"reflect": self.reflect, "zeros": self.zeros, "normalized": self.normalized}
        return {**super().get_config(), **own}


def _pad(x, pixels, mode):
    sides = (pixels, pixels)
    return ops.pad(x, ((0, 0), sides, sides, (0, 0)), mode=mode) if pixels else x


def _convolve_by_columns(x, kernel):
    """Convolves with each column of the kernel as filters of their own, then adds them up.

    Three filters would leave most of a CPU's vectors empty; seven columns of three do not.
    """
    kernel = tf.convert_to_tensor(kernel)
    height, width, channels, filters = kernel.shape
    columns = tf.reshape(tf.transpose(kernel, [0, 2, 1, 3]), [height, 1, channels, width * filters])
    batch, rows, long, _ = x.shape
    x = tf.nn.conv2d(x, columns, 1, "VALID")
    shape = [batch, rows - height + 1, long - width + 1, filters]
    return tf.add_n([tf.slice(x, [0, 0, i, i * filters], shape) for i in range(width)])


def set_fast(networks, fast):
    """Says how the convolutions of `networks` are computed.

    Args:
        networks: List of `keras.Model`.
        fast: As for `Conv2D`: True, False, or None for what suits the machine.
    """
    for layer in _convolutions_of(networks):
        layer.fast = fast


def _convolutions_of(networks):
    layers = (x for n in networks for x in n._flatten_layers(include_self=False))
    return [layer for layer in layers if isinstance(layer, Conv2D)]


def fast_layers(networks):
    """The convolutions of `networks` that `winograd` computes, a list of `Conv2D`."""
    return [layer for layer in _convolutions_of(networks) if layer.suits_winograd]


@contextlib.contextmanager
def shared_kernels(networks):
    """Within, all calls of a fast convolution share one transformed kernel, that of the first.

    Args:
        networks: List of `keras.Model`; their weights must not change within.
    """
    layers = [layer for layer in fast_layers(networks) if layer.compute_dtype == "float32"]
    for layer in layers:
        layer.sharing = True
    try:
        yield
    finally:
        for layer in layers:
            layer.sharing, layer.shared_kernel = False, None


@contextlib.contextmanager
def given_kernels(kernels):
    """Within, fast convolutions use kernels that were transformed beforehand; for use only.

    Args:
        kernels: List of `(layer, layer.transformed_kernel())`.
    """
    for layer, kernel in kernels:
        layer.shared_kernel = kernel
    try:
        yield
    finally:
        for layer, _ in kernels:
            layer.shared_kernel = None


@keras.saving.register_keras_serializable("cyclegan_tf")
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """Keras's `Conv2DTranspose`, without the first rows and columns of its output.

    With a 3x3 kernel, strides 2 and one row less it equals PyTorch's with padding 1 and output
    padding 1: exactly twice the input's size.

    Args:
        filters: Channels of the output.
        kernel_size: Pixels of the kernel's side, or `(height, width)`.
        strides: Pixels of the output from one pixel of the input to the next.
        crop: Rows and columns to leave out at the top and on the left.
        normalized: As for `Conv2D`.
        **kwargs: As for `keras.layers.Conv2DTranspose`.
    """

    def __init__(self, filters, kernel_size, strides=1, crop=0, normalized=False, **kwargs):
        super().__init__(filters, kernel_size, strides, **kwargs)
        self.crop, self.normalized = crop, normalized

    def call(self, inputs):
        outputs = ops.conv_transpose(
            inputs,
            self.kernel,
            strides=list(self.strides),
            padding=self.padding,
            output_padding=self.output_padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        if self.crop:
            # A slice by strides would do as well, but its gradient is slow.
            outputs = tf.slice(outputs, [0, self.crop, self.crop, 0], [-1, -1, -1, -1])
        if self.use_bias and not self.normalized:
            outputs = ops.add(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = super().compute_output_shape(input_shape)
        sides = [None if side is None else side - self.crop for side in sides]
        return (batch, *sides, channels)

    def get_config(self):
        return {**super().get_config(), "crop": self.crop, "normalized": self.normalized}
