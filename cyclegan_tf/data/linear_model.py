"""Linear models: what known numbers tell of an image, and codes of what they do not tell.

An image y of which the numbers p are known is taken as `y = mean + W p + L c + noise`: a ridge
regression, and the principal components of what it leaves. The code c, standard normal numbers,
can be read off an image, or drawn.

Reference: Tipping and Bishop 1999, "Probabilistic Principal Component Analysis",
https://doi.org/10.1111/1467-9868.00196
"""

import numpy as np


def ridge(x, y, penalty):
    """Ridge regression of y on x.

    Args:
        x: Array `(n, k)`.
        y: Array `(n, d)`.
        penalty: In mean variances of x; the larger, the less follows from few images.

    Returns:
        `(weights, bias)`, arrays `(k, d)` and `(d,)`: y is about `x @ weights + bias`.
    """
    middle, mean = x.mean(0), y.mean(0)
    x = x - middle
    square = x.T @ x + (penalty * (x**2).mean() + 1e-9) * np.eye(x.shape[1])
    weights = np.linalg.solve(square, x.T @ (y - mean))
    return weights, mean - middle @ weights


def whitening(rest, size):
    """Principal components, scaled so that codes have the variance 1.

    Args:
        rest: Array `(n, d)` of mean 0.
        size: How many components; where there are fewer, the others are 0.

    Returns:
        Array `(d, size)`: codes are `rest @ whitening`.

    Example:
        >>> weights, bias = ridge(p, y, 100.0)
        >>> rest = y - (p @ weights + bias)
        >>> codes = rest @ whitening(rest, 32)
    """
    if len(rest) < rest.shape[1]:  # few images: from them, which is faster
        _, lengths, transposed = np.linalg.svd(rest, full_matrices=False)
        values, vectors = lengths**2 / len(rest), transposed.T
    else:
        values, vectors = (x[..., ::-1] for x in np.linalg.eigh(rest.T @ rest / len(rest)))
    values, vectors = values[:size], vectors[:, :size]
    # Of both signs the one with which the largest entry is positive, whatever computes them.
    vectors = vectors * np.sign(np.take_along_axis(vectors, np.abs(vectors).argmax(0)[None], 0))
    there = values > 1e-6 * values[0] + 1e-12
    scale = np.where(there, 1 / np.sqrt(np.where(there, values, 1)), 0)
    return np.pad(vectors * scale, ((0, 0), (0, size - len(values))))
