"""LPIPS, a perceptual distance of two images by the features of a classifier."""

import functools

import numpy as np
import tensorflow as tf

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.progress import tqdm
from cyclegan_tf.common.value_range import normalize
from cyclegan_tf.evaluation.metrics import arrays
from cyclegan_tf.evaluation.registry import metric
from cyclegan_tf.networks.pretrained import classifiers
from cyclegan_tf.networks.pretrained import weights as weight_source

#: Pairs per step: bounds the memory, not the result.
BATCH = 8


def lpips(x, y, value_range=None, *, network="alex", weights=None):
    """Learned Perceptual Image Patch Similarity, version 0.1: a distance, 0 for equal images.

    Both images pass a network trained on ImageNet. At five of its layers the features are
    divided by their length over the channels (plus 1e-10), their squared differences weighted
    per channel, summed over channels and averaged over positions; the distance is the sum over
    the layers.

    Args:
        x: Array `(n, height, width, 1 or 3)` of stored values.
        y: The same; image i belongs to image i of `x`.
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


def load(network="alex", weights=None):
    """Gives the function that measures LPIPS.

    Args:
        network: "alex" or "vgg".
        weights: One file with the network and its heads, or two, one with each; by default as
            `networks.pretrained.weights.locate` finds them.

    Returns:
        `Lpips`.

    Raises:
        InputError: If `network` is another, or the weights cannot be had, are incomplete or do
            not fit.
    """
    classifiers.check(network)
    located = weight_source.locate(network, weights)
    return _kept(network, tuple(located))


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
        self._layers, self._least, flax_name = classifiers.NETWORKS[network]
        tensors, sha256 = weight_source.load(network, weights)
        self._convolutions, self._heads = classifiers.parse(tensors, self._layers, flax_name)
        self.protocol = {"network": f"LPIPS 0.1, {network}", "weights": sha256}
        images = tf.TensorSpec((None, None, None, 3), tf.float32)
        self._distance = tf.function(self._distance, [images, images])

    @metric(
        "lpips",
        "LPIPS",
        "pairs",
        "lower",
        {"self": "lpips", "x": "normalized_true", "y": "normalized_translated"},
    )
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
            InputError: If the images are others, or too small for the network.
        """
        x, y = arrays.check_pair(x, y, any_channels=True)
        if min(x.shape[1:3]) < self._least:
            raise InputError(
                f"{self.protocol['network']} needs images of at least {self._least} pixels, "
                f"received {x.shape[1]}x{x.shape[2]}: enlarge them or leave this score out."
            )
        x, y = (_checked(name, images) for name, images in (("x", x), ("y", y)))
        distances = []
        with tqdm(total=len(x), unit="image", disable=not progress) as bar:
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
        x = (x - classifiers.SHIFT) / classifiers.SCALE
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
