"""LPIPS: how different two pictures look, by the features of a classifier."""

import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from cyclegan_tf.data.values import normalize
from cyclegan_tf.errors import InputError
from cyclegan_tf.metrics import arrays
from cyclegan_tf.metrics import weights as weight_source

#: Pairs per step: bounds the memory, not the result.
BATCH = 8

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


def lpips(x, y, value_range=None, *, network="alex", weights=None):
    """Learned Perceptual Image Patch Similarity, version 0.1: a distance, 0 for equal pictures.

    Both pictures pass a network trained on ImageNet. At five of its layers the features are
    divided by their length over the channels (plus 1e-10), their squared differences weighted
    per channel, summed over channels and averaged over positions; the distance is the sum over
    the layers.

    Args:
        x: Array `(n, height, width, 1 or 3)` of stored values.
        y: The same; picture i belongs to picture i of `x`.
        value_range: `(low, high)`, the stored values of black and white; by default the full
            range of an integer type.
        network: "alex" (the authors' choice for comparing methods) or "vgg".
        weights: As for `load`.

    Returns:
        Array `(n,)`, float64.

    Raises:
        InputError: As from `load` and `Lpips`, or if the shapes differ.

    Reference:
        Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual
        Metric", equation 1, https://arxiv.org/abs/1801.03924
    """
    x, y = arrays.check_pair(x, y)
    x, y = (normalize(images, arrays.value_range(images, value_range)) for images in (x, y))
    return load(network, weights)(x, y)


def trunk(network="alex", weights=None):
    """Gives the convolutions behind LPIPS, with their published weights.

    Args:
        network: As for `load`.
        weights: As for `load`.

    Returns:
        `(layers, least)`: list of `(Layer, kernel, bias)`, arrays, and the smallest side of a
        picture that leaves a pixel after all of them. Pictures are to be `(x - SHIFT) / SCALE`.

    Raises:
        InputError: As from `load`.
    """
    _check(network)
    layers, least, flax_name = NETWORKS[network]
    convolutions, _ = _parse(weight_source.load(network, weights)[0], layers, flax_name)
    found = [(layer, *pair) for layer, pair in zip(layers, convolutions, strict=True)]
    return found, least


def load(network="alex", weights=None):
    """Gives the function that measures LPIPS.

    Args:
        network: "alex" or "vgg".
        weights: One file with the network and its heads, or two, one with each; by default as
            `metrics.weights.locate` finds them.

    Returns:
        `Lpips`.

    Raises:
        InputError: If `network` is another, or the weights cannot be had, are incomplete or do
            not fit.
    """
    _check(network)
    located = weight_source.locate(network, weights)
    return _kept(network, tuple(located))


def _check(network):
    if network not in NETWORKS:
        raise InputError(f'network must be "alex" or "vgg", received {network!r}.')


@functools.lru_cache(maxsize=2)
def _kept(network, located):
    """Made once: the function `lpips` is called in loops."""
    return Lpips(network, [path for path, _ in located])


class Lpips:
    """LPIPS with fixed weights: see `lpips`.

    Args:
        network: As for `load`.
        weights: As for `load`.

    Attributes:
        protocol: Dictionary of strings to print beside a score: "network" and "weights" (the
            SHA-256 of each file).
    """

    def __init__(self, network="alex", weights=None):
        self._layers, self._least, flax_name = NETWORKS[network]
        tensors, sha256 = weight_source.load(network, weights)
        self._convolutions, self._heads = _parse(tensors, self._layers, flax_name)
        self.protocol = {"network": f"LPIPS 0.1, {network}", "weights": sha256}
        pictures = tf.TensorSpec((None, None, None, 3), tf.float32)
        self._distance = tf.function(self._distance, [pictures, pictures])

    def __call__(self, x, y, progress=False):
        """Measures the distance of each pair.

        Args:
            x: Float array `(n, height, width, 1 or 3)` in [-1, 1]; gray is taken as three equal
                channels.
            y: The same; its channels may be 1 where those of `x` are 3.
            progress: Whether to show a progress bar.

        Returns:
            Array `(n,)`, float64, at least 0.

        Raises:
            InputError: If the pictures are others, or too small for the network.
        """
        x, y = arrays.check_pair(x, y, any_channels=True)
        if min(x.shape[1:3]) < self._least:
            raise InputError(
                f"{self.protocol['network']} needs pictures of at least {self._least} pixels, "
                f"received {x.shape[1]}x{x.shape[2]}: enlarge them or leave this score out."
            )
        x, y = (_checked(name, images) for name, images in (("x", x), ("y", y)))
        distances = []
        with tqdm(total=len(x), unit="picture", disable=not progress) as bar:
            for start in range(0, len(x), BATCH):
                batch = slice(start, start + BATCH)
                distances.append(self._distance(x[batch], y[batch]).numpy())
                bar.update(len(distances[-1]))
        return np.concatenate(distances).astype(np.float64)

    def _distance(self, x, y):
        total = 0.0
        for head, a, b in zip(self._heads, self._features(x), self._features(y), strict=True):
            squared = (_unit(a) - _unit(b)) ** 2
            total += tf.reduce_mean(tf.reduce_sum(squared * head, axis=-1), axis=(1, 2))
        return total

    def _features(self, x):
        x = (x - SHIFT) / SCALE
        for layer, (kernel, bias) in zip(self._layers, self._convolutions, strict=True):
            if layer.pool:
                x = tf.nn.max_pool2d(x, layer.pool, 2, "VALID")
            padding = [[0, 0], [layer.padding] * 2, [layer.padding] * 2, [0, 0]]
            x = tf.nn.relu(tf.nn.conv2d(x, kernel, layer.stride, padding) + bias)
            if layer.compared:
                yield x


def _unit(features):
    return features / (tf.norm(features, axis=-1, keepdims=True) + 1e-10)


def _checked(name, images):
    if images.dtype.kind != "f" or np.abs(images).max() > 1.001:
        raise InputError(
            f"{name} must hold floats in [-1, 1], received {images.dtype} from {images.min()} to "
            f"{images.max()}: normalize them with the value_range that they have."
        )
    return arrays.rgb(images).astype(np.float32)


def _parse(tensors, layers, flax_name):
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
