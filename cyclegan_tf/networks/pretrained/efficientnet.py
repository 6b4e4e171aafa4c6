"""EfficientNet-Lite0, trained on ImageNet: features that no training of the package looks at.

The Lite networks are EfficientNets without squeeze-and-excitation and with ReLU6.

References:
    Tan & Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
    https://arxiv.org/abs/1905.11946; Lite variants: R. Liu 2020,
    https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

import keras
import numpy as np
from keras import ops

from cyclegan_tf.networks.pretrained import weight_files

#: Height and width of the images that the network takes.
SIDE = 224
#: Of all batch normalizations.
EPSILON = 1e-3
#: Each stage: its blocks, kernel, stride of the first block, expansion, filters.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def network(tensors):
    """Builds the network, from images to features.

    Every convolution is followed by batch normalization with fixed moments, which is folded into
    its kernel and bias.

    Args:
        tensors: Dictionary of arrays as from `weight_files.read`, in the layout of the package
            efficientnet_lite_pytorch ("_blocks.0._depthwise_conv.weight"). Others, such as those
            of the classifier, are not looked at.

    Returns:
        Keras model from float32 `(n, 224, 224, 3)` in 0..255 to `(n, 1280)` in [0, 6].

    Raises:
        InputError: If a tensor is missing, has another shape or holds NaN.
    """
    images = keras.Input((SIDE, SIDE, 3), dtype="float32")
    x = ops.relu6(_conv((images - 127) / 128, 32, 3, "_conv_stem", "_bn0", strides=2))
    number = 0
    for blocks, size, stride, expansion, filters in STAGES:
        for block in range(blocks):
            strides = 1 if block else stride
            x = _block(x, f"_blocks.{number}.", size, strides, expansion, filters)
            number += 1
    x = ops.relu6(_conv(x, 1280, 1, "_conv_head", "_bn1"))
    model = keras.Model(images, ops.mean(x, axis=(1, 2)), name="efficientnet_lite0")
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            layer.set_weights(_folded(layer, tensors))
    return model


def _block(x, name, size, strides, expansion, filters):
    """Inverted bottleneck: widen, filter each channel by itself, narrow."""
    inner = x
    if expansion > 1:
        widened = _conv(x, expansion * x.shape[-1], 1, f"{name}_expand_conv", f"{name}_bn0")
        inner = ops.relu6(widened)
    inner = _conv(inner, None, size, f"{name}_depthwise_conv", f"{name}_bn1", strides)
    inner = _conv(ops.relu6(inner), filters, 1, f"{name}_project_conv", f"{name}_bn2")
    return x + inner if inner.shape == x.shape else inner


def _conv(x, filters, size, name, norm, strides=1):
    """A convolution named after its tensors; without `filters` each channel by itself."""
    # float32 whatever the global policy: features are compared with others'.
    options = {"padding": "same", "name": f"{name}-{norm}", "dtype": "float32"}
    if filters is None:
        return keras.layers.DepthwiseConv2D(size, strides, **options)(x)
    return keras.layers.Conv2D(filters, size, strides, **options)(x)


def _folded(layer, tensors):
    """Kernel and bias of a layer, its batch normalization folded into them."""
    conv, norm = layer.name.split("-")
    height, width, depth, filters = layer.kernel.shape
    separate = isinstance(layer, keras.layers.DepthwiseConv2D)
    if separate:  # in PyTorch one filter for each channel
        depth, filters = filters, depth

    def tensor(name, shape):
        return weight_files.tensor(tensors, name, shape, "EfficientNet-Lite0")

    kernel = tensor(f"{conv}.weight", (filters, depth, height, width))
    gamma, beta, mean, variance = (
        tensor(f"{norm}.{name}", (filters,))
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / np.sqrt(variance + EPSILON)
    kernel = kernel.transpose(2, 3, 1, 0) * scale
    return [kernel.swapaxes(2, 3) if separate else kernel, beta - mean * scale]
