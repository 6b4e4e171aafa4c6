"""Matching: for each training image of A a partner in B, by optimal transport of their colours.

Unpaired images have no truth, but two sets of colours can be matched as wholes: of all ways to give
each image of A one of B, so that each of B serves about equally often, the one in which colours
change least, counted in each domain's own spread. The lightest photo of a face gets the lightest
cartoon, the darkest the darkest, and between them every cartoon is somebody's.

Reference: Kantorovich 1942, "On the Translocation of Masses"; to pair images for a translator: Gu
et al. 2023, "Optimal Transport-Guided Conditional Score-Based Diffusion Model",
https://arxiv.org/abs/2311.01226
"""

import functools

import numpy as np
from scipy.optimize import linear_sum_assignment

from cyclegan_tf.common.value_range import normalize

#: Parts of a palette along each side.
GRID = 4
#: Images that are matched at once: time grows with the cube, memory with the square.
BLOCK = 2000


def palette(image):
    """Mean colours of 4x4 equal parts of an image.

    Where 4 does not divide a side, pixels on a border count for each part by their share.

    Args:
        image: float array `(height, width, channels)`.

    Returns:
        Array `(16 * channels,)`: channels, then rows and columns of parts.
    """
    rows, columns = (shares(side) for side in image.shape[:2])
    return (rows @ np.moveaxis(image, -1, 0) @ columns.T).ravel()


@functools.lru_cache
def shares(side, parts=GRID):
    """How much each pixel of a side counts in the mean of each part: array `(parts, side)`."""
    edges = np.linspace(0, side, parts + 1)[:, None]
    covered = np.clip(edges - np.arange(side), 0, 1)
    return np.diff(covered, axis=0) * parts / side


def partners(dataset, seed=0):
    """For each training image of A the number of its partner among those of B.

    Palettes are compared by their squared distance, each number in the domain's own standard
    deviations; where the domains differ in channels, lightness alone. Many images are matched in
    parts of at most 2,000, drawn at random.

    Args:
        dataset: `npz.Dataset`.
        seed: Non-negative integer of the draw.

    Returns:
        Integer array `(n,)`. Images of B serve equally often, but for one time.

    Example:
        >>> dataset.train_b[partners(dataset)[:8]]  # beside dataset.train_a[:8]
    """
    gray = dataset.image_shape_a[-1] != dataset.image_shape_b[-1]
    domains = (dataset.train_a, dataset.train_b)
    a, b = (_described(x, r, gray) for x, r in zip(domains, dataset.ranges, strict=True))
    draw = np.random.default_rng(seed)
    # B as often as needed: each pass over A's order has every image of B once.
    passes = [draw.permutation(len(b)) for _ in range(-(-len(a) // len(b)))]
    of_a, of_b = draw.permutation(len(a)), np.concatenate(passes)[: len(a)]
    result = np.empty(len(a), np.int64)
    step = min(BLOCK, len(b))
    for start in range(0, len(a), step):
        i, j = (order[start : start + step] for order in (of_a, of_b))
        squares = (a[i] ** 2).sum(1)[:, None] + (b[j] ** 2).sum(1) - 2 * a[i] @ b[j].T
        rows, columns = linear_sum_assignment(squares)
        result[i[rows]] = j[columns]
    return result


def _described(images, value_range, gray):
    """Palettes in standard deviations; what hardly varies, such as white paper, stays small."""
    found = []
    for number in range(len(images)):
        image = normalize(np.asarray(images[[number]])[0], value_range)
        found.append(palette(image.mean(-1, keepdims=True) if gray else image))
    found = np.stack(found)
    spread = found.std(0)
    return (found - found.mean(0)) / (spread + 0.05 * spread.mean() + 1e-9)
