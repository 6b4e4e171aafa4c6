"""AlexNet and VGG16, trained on ImageNet: the convolutions behind LPIPS, with their weights."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.networks.pretrained import weights as weight_source

# Mean and deviation of ImageNet's red, green and blue, on the scale of -1..1.
SHIFT = np.array([-0.030, -0.088, -0.188], np.float32)
SCALE = np.array([0.458, 0.448, 0.450], np.float32)


class Layer(NamedTuple):
    """A convolution with ReLU.

    Attributes:
        index: Its number among the "features" of torchvision's network.
        shape: Kernel `(height, width, channels, filters)`.
        stride: In pixels.
        pool: Width of the maximum pool of stride 2 before it, or None.
        compared: Whether LPIPS compares its output.
    """

    index: int
    shape: tuple
    stride: int = 1
    pool: int | None = None
    compared: bool = True

    @property
    def padding(self):
        """Pixels of zeros on each side: all but AlexNet's first layer keep the size."""
        return 2 if self.stride > 1 else self.shape[0] // 2


_ALEX = (
    Layer(0, (11, 11, 3, 64), stride=4),
    Layer(3, (5, 5, 64, 192), pool=3),
    Layer(6, (3, 3, 192, 384), pool=3),
    Layer(8, (3, 3, 384, 256)),
    Layer(10, (3, 3, 256, 256)),
)
_VGG = (
    Layer(0, (3, 3, 3, 64), compared=False),
    Layer(2, (3, 3, 64, 64)),
    Layer(5, (3, 3, 64, 128), pool=2, compared=False),
    Layer(7, (3, 3, 128, 128)),
    Layer(10, (3, 3, 128, 256), pool=2, compared=False),
    Layer(12, (3, 3, 256, 256), compared=False),
    Layer(14, (3, 3, 256, 256)),
    Layer(17, (3, 3, 256, 512), pool=2, compared=False),
    Layer(19, (3, 3, 512, 512), compared=False),
    Layer(21, (3, 3, 512, 512)),
    Layer(24, (3, 3, 512, 512), pool=2, compared=False),
    Layer(26, (3, 3, 512, 512), compared=False),
    Layer(28, (3, 3, 512, 512)),
)
#: Layers, the smallest side that leaves a pixel to compare, and the network's name in Flax.
NETWORKS = {"alex": (_ALEX, 31, "AlexNet_0"), "vgg": (_VGG, 16, "VGG16_0")}


def trunk(network="alex", weights=None):
    """Gives the convolutions behind LPIPS, with their published weights.

    Args:
        network: As for `load`.
        weights: As for `load`.

    Returns:
        `(layers, least)`: list of `(Layer, kernel, bias)`, arrays, and the smallest side of a
        image that leaves a pixel after all of them. Images are to be `(x - SHIFT) / SCALE`.

    Raises:
        InputError: As from `load`.
    """
    check(network)
    layers, least, flax_name = NETWORKS[network]
    convolutions, _ = parse(weight_source.load(network, weights)[0], layers, flax_name)
    found = [(layer, *pair) for layer, pair in zip(layers, convolutions, strict=True)]
    return found, least


def check(network):
    """Raises InputError unless `network` is one of `NETWORKS`."""
    if network not in NETWORKS:
        raise InputError(f'network must be "alex" or "vgg", received {network!r}.')


def parse(tensors, layers, flax_name):
    """Finds kernels, biases and heads in any of the layouts that they are published in."""

    def find(shape, *names):
        values = next((tensors[name] for name in names if name in tensors), None)
        if values is None:
            raise InputError(
                f"The LPIPS weights lack {' or '.join(names)}: give the file or files with both "
                "the network and the heads of version 0.1."
            )
        values = np.asarray(values, np.float32)
        if values.ndim == 4 and names[0] not in tensors:
            values = values.transpose(2, 3, 1, 0)  # PyTorch's order is filters, channels, ...
        if values.shape != shape or not np.isfinite(values).all():
            raise InputError(
                f"{names[0]} of the LPIPS weights must be {shape} finite numbers, received shape "
                f"{values.shape}: give the published files of this network."
            )
        return values

    convolutions, heads, block = [], [], 1
    for number, layer in enumerate(layers):
        # In lpips.LPIPS the same layers are cut into five slices, each up to a compared one.
        flax, *torch = (
            f"{flax_name}.Conv_{number}",
            f"features.{layer.index}",
            f"net.slice{block}.{layer.index}",
        )
        kernel = find(layer.shape, f"{flax}.kernel", *(f"{name}.weight" for name in torch))
        bias = find(layer.shape[-1:], f"{flax}.bias", *(f"{name}.bias" for name in torch))
        convolutions.append((tf.constant(kernel), tf.constant(bias)))
        if layer.compared:
            names = (f"NetLinLayer_{block - 1}.Conv_0.kernel", f"lin{block - 1}.model.1.weight")
            heads.append(find((1, 1, layer.shape[-1], 1), *names)[0, 0, :, 0])
            block += 1
    return convolutions, heads
