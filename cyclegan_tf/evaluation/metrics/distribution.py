"""Fréchet and kernel distance, precision and recall, density and coverage, realism of features.

Every function takes features, an array `(n, d)` per set; no pairs are needed. With features of
`inception_features.load` the first two are FID and KID; with those of any other network they are
what their names say, and no more. With those of `efficientnet_features.load` they are registered a
second time: no training of the package has seen such features.
"""

import dataclasses
from operator import itemgetter

import numpy as np

from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.evaluation.registry import METRICS, Score, metric

#: Rows per block of a kernel or distance matrix: bounds the memory, not the result.
BLOCK = 1024

_SETS = {"group": "set", "features": "inception"}
_DISTANCE = _SETS | {"better": "lower", "takes": {"x": "real_features", "y": "fake_features"}}
_MANIFOLD = _SETS | {
    "better": "higher",
    "takes": {"real": "real_features", "fake": "fake_features"},
}
_OF_3 = _MANIFOLD | {"least_images": 6, "protocol": {"precision, recall, realism": "k = 3"}}
_OF_5 = _MANIFOLD | {"least_images": 6, "protocol": {"density, coverage": "k = 5"}}


def _with_interval(found):
    value, error = found
    return Score(value, (value - 1.96 * error, value + 1.96 * error), error)


def _median(of_images):
    """A copy of a real image is infinitely real: the median bears it, the mean does not."""
    return Score(float(np.median(of_images)), images=of_images)


@metric("fid", "FID", least_images=2, **_DISTANCE)
def frechet_distance(x, y):
    """Fréchet distance of the two normal distributions that have the sets' moments.

    d² = |μx − μy|² + Tr(Σx + Σy − 2 (Σx Σy)^½), with unbiased covariances. It falls as n grows
    at equal quality: compare scores of equal n only.

    The trace of the root is computed without a matrix root: with Σ = FᵀF, the eigenvalues of
    Σx Σy are the squared singular values of Fx Fyᵀ. That is exact also where n < d, where the
    covariances are singular and the usual root needs an offset.

    Args:
        x: Features `(n, d)` of one set, n of at least 2.
        y: Features `(m, d)` of the other, m of at least 2.

    Returns:
        The squared distance, a float.

    Raises:
        InputError: If either is no such array, or holds NaN.

    Reference:
        Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule Converge to a Local
        Nash Equilibrium", equation 6, https://arxiv.org/abs/1706.08500
    """
    x, y = _check(x, y, 2, 2)
    shift = x.mean(axis=0) - y.mean(axis=0)
    factor_x, factor_y = _covariance_factor(x), _covariance_factor(y)
    root = np.linalg.svd(factor_x @ factor_y.T, compute_uv=False).sum()
    squared = shift @ shift + (factor_x**2).sum() + (factor_y**2).sum() - 2 * root
    return max(float(squared), 0.0)


def _covariance_factor(x):
    """F with FᵀF the covariance, of at most d rows."""
    centred = (x - x.mean(axis=0)) / np.sqrt(len(x) - 1)
    return np.linalg.qr(centred, mode="r") if len(x) > x.shape[1] else centred


@metric("kid", "KID", least_images=3, scale=1000.0, pick=_with_interval, **_DISTANCE)
def kernel_distance(x, y):
    """Squared maximum mean discrepancy under the cubic kernel (x·y / d + 1)³, unbiased.

    Published KIDs average this estimator over random subsets of 1,000; here it is taken once
    over all images, which has the same expectation, less variance, and no draw. The
    standard error is the jackknife's over the images of both sets; for two sets of one
    distribution it is too large, by a factor of about 1.4.

    Args:
        x: Features `(n, d)` of one set, n of at least 3.
        y: Features `(m, d)` of the other, m of at least 3.

    Returns:
        `(value, standard_error)`, two floats. The value is around 0, and may fall below it, for
        two sets of one distribution.

    Raises:
        InputError: If either is no such array, or holds NaN.

    Reference:
        Bińkowski et al. 2018, "Demystifying MMD GANs", section 4,
        https://arxiv.org/abs/1801.01401
    """
    x, y = _check(x, y, 3, 3)
    n, m = len(x), len(y)
    within_x, _ = _kernel_sums(x, x, skip_diagonal=True)
    within_y, _ = _kernel_sums(y, y, skip_diagonal=True)
    across_x, across_y = _kernel_sums(x, y)

    def estimate(sum_x, sum_y, sum_across, n, m):
        return sum_x / (n * (n - 1)) + sum_y / (m * (m - 1)) - 2 * sum_across / (n * m)

    totals = within_x.sum(), within_y.sum(), across_x.sum()
    value = estimate(*totals, n, m)
    # Leaving image i out takes its row and its column away.
    without_x = estimate(totals[0] - 2 * within_x, totals[1], totals[2] - across_x, n - 1, m)
    without_y = estimate(totals[0], totals[1] - 2 * within_y, totals[2] - across_y, n, m - 1)
    variance = (n - 1) * without_x.var() + (m - 1) * without_y.var()
    return float(value), float(np.sqrt(variance))


def _kernel_sums(x, y, skip_diagonal=False):
    """Row sums and column sums of the kernel matrix."""
    rows, columns = np.empty(len(x)), np.zeros(len(y))
    for start in range(0, len(x), BLOCK):
        kernel = (x[start : start + BLOCK] @ y.T / x.shape[1] + 1) ** 3
        if skip_diagonal:
            here = np.arange(len(kernel))
            kernel[here, start + here] = 0
        rows[start : start + BLOCK] = kernel.sum(axis=1)
        columns += kernel.sum(axis=0)
    return rows, columns


@metric("recall", "recall", pick=itemgetter(1), **_OF_3)
@metric("precision", "precision", pick=itemgetter(0), **_OF_3)
def precision_recall(real, fake, k=3):
    """Improved precision and recall.

    Precision is the share of generated images inside the manifold of the real ones
    (`realism` of at least 1): are they good? Recall is the share of real images inside the
    manifold of the generated ones: are they as varied?

    Args:
        real: Features `(n, d)`, n above `k`.
        fake: Features `(m, d)`, m above `k`.
        k: Which neighbour sets the radius; 3 in the paper.

    Returns:
        `(precision, recall)`, each in [0, 1].

    Raises:
        InputError: As for `realism`.

    Reference:
        Kynkäänniemi et al. 2019, equation 2, https://arxiv.org/abs/1904.06991
    """
    real, fake = _check(real, fake, _more_than(k), _more_than(k), ("real", "fake"))
    return float((realism(real, fake, k) >= 1).mean()), float((realism(fake, real, k) >= 1).mean())


@metric("coverage", "coverage", pick=itemgetter(1), **_OF_5)
@metric("density", "density", pick=itemgetter(0), **_OF_5)
def density_coverage(real, fake, k=5):
    """Density and coverage: precision and recall that outliers sway less.

    Density counts, per generated image, the balls around real images that hold it,
    divided by k: 1 on average for two sets of one distribution. Coverage is the share of
    real images whose ball holds a generated one.

    Args:
        real: Features `(n, d)`, n above `k`.
        fake: Features `(m, d)`.
        k: Which neighbour sets the radius; 5 in the paper.

    Returns:
        `(density, coverage)`, from 0 on; coverage at most 1.

    Raises:
        InputError: As for `realism`.

    Reference:
        Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models",
        equations 3 and 4, https://arxiv.org/abs/2002.09797
    """
    real, fake = _check(real, fake, _more_than(k), 1, ("real", "fake"))
    inside = _distances(real, fake) <= _radii(real, k)[:, None]
    return float(inside.sum(axis=0).mean() / k), float(inside.any(axis=1).mean())


@metric("realism", "realism", pick=_median, **_OF_3)
def realism(real, fake, k=3):
    """How far inside the manifold of the real images each generated one lies.

    The manifold is the union of balls around the real features, each as wide as the distance
    to its k-th neighbour. The score is the largest quotient of a ball's radius and the distance
    from its centre: at least 1 inside. Unlike in section 5 of the paper no ball is left out.

    Args:
        real: Features `(n, d)`, n above `k`.
        fake: Features `(m, d)`.
        k: Which neighbour sets the radius.

    Returns:
        Array `(m,)`; infinite for a copy of a real image.

    Raises:
        InputError: If either is no such array, holds NaN, or has too few images, or `k` is no
            whole number of at least 1.

    Reference:
        Kynkäänniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative
        Models", equation 3, https://arxiv.org/abs/1904.06991
    """
    real, fake = _check(real, fake, _more_than(k), 1, ("real", "fake"))
    radii = _radii(real, k)
    with np.errstate(divide="ignore", invalid="ignore"):
        quotients = radii[:, None] / _distances(real, fake)
    return np.nan_to_num(quotients, nan=np.inf, posinf=np.inf).max(axis=0)


_ON_INCEPTION = list(METRICS.items())
#: The same quantities on features that no training here looks at.
for _name, _metric in _ON_INCEPTION:
    if _name not in ("density", "realism"):
        METRICS[f"{_name}_efficientnet"] = dataclasses.replace(
            _metric,
            title=f"{_metric.title} (EfficientNet)",
            group="unseen",
            features="efficientnet",
        )
#: The same on untrained features: never called FID or KID.
for _name, _metric in _ON_INCEPTION:
    _name, _title = {"fid": ("frechet", "Fréchet"), "kid": ("kernel", "kernel")}.get(
        _name, (_name, _metric.title)
    )
    METRICS[f"{_name}_random"] = dataclasses.replace(
        _metric, title=f"{_title} (random)", features="random", scale=1.0
    )


def _radii(x, k):
    """Distance of each image to its k-th neighbour."""
    return np.partition(_distances(x, x, to_itself=np.inf), k - 1, axis=1)[:, k - 1]


def _distances(x, y, to_itself=None):
    squares_x, squares_y = (x**2).sum(axis=1), (y**2).sum(axis=1)
    squared = squares_x[:, None] + squares_y - 2 * (x @ y.T)
    # Below what rounding leaves of equal features, two images are the same one.
    squared[squared < 1e-12 * squares_x.max(initial=0)] = 0
    if to_itself is not None:
        np.fill_diagonal(squared, to_itself)
    return np.sqrt(squared)


def _more_than(k):
    """How many images have a k-th neighbour."""
    check_whole("k", k, 1)
    return k + 1


def _check(x, y, least_x, least_y, names=("x", "y")):
    try:
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("Both sets must be arrays of numbers (n, d), received others.") from error
    for name, features, enough in zip(names, (x, y), (least_x, least_y), strict=True):
        if features.ndim != 2 or features.shape[1] != x.shape[-1] or not x.shape[-1]:
            raise InputError(
                "Both sets must be features (n, d) of one length d, received shapes "
                f"{x.shape} and {y.shape}."
            )
        if len(features) < enough:
            raise InputError(
                f"Set {name} has {len(features)} image{'s' * (len(features) != 1)} and this "
                f"score needs at least {enough}: give more."
            )
        if not np.isfinite(features).all():
            raise InputError(f"The features of set {name} hold NaN or infinite values.")
    return x, y
