"""Diversity: the mean distance between several translations of one input."""

import itertools

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.evaluation.metrics.perceptual import lpips


def diversity(outputs, distance=lpips):
    """Mean distance between outputs of the same input, over all pairs of them.

    Zero where an input's outputs are all the same, as those of a method without noise. It says
    nothing of quality: noise is diverse, too. Beside it belongs the mean distance between real
    images of the target domain, which outputs of one input should stay below.

    Args:
        outputs: Array `(inputs, samples, height, width, channels)` of at least two samples, its
            values as `distance` takes them.
        distance: Function from two arrays `(n, height, width, channels)` to their distances
            `(n,)`; here `metrics.lpips`, whose weights are looked for. Without them another of
            the package's, such as `metrics.mae`, does as well. For floats give
            `functools.partial(metrics.lpips, value_range=(-1, 1))`.

    Returns:
        float64 array `(inputs,)`; its mean is the number that papers print.

    Raises:
        InputError: If the array has another shape, or as from `distance`.

    Reference:
        Zhu et al. 2017, "Toward Multimodal Image-to-Image Translation", section 5.2,
        https://arxiv.org/abs/1711.11586; Huang et al. 2018, section 5.2,
        https://arxiv.org/abs/1804.04732. (Both draw random pairs; here all count.)
    """
    outputs = np.asarray(outputs)
    if outputs.ndim != 5 or 0 in outputs.shape or outputs.shape[1] < 2:
        raise InputError(
            "outputs must be (inputs, samples, height, width, channels) with at least 2 samples, "
            f"received shape {outputs.shape}."
        )
    pairs = list(itertools.combinations(range(outputs.shape[1]), 2))
    distances = [distance(outputs[:, i], outputs[:, j]) for i, j in pairs]
    return np.mean(np.asarray(distances, np.float64), axis=0)
