"""MAE, MSE, PSNR, SSIM and MS-SSIM of images and their true partners: a number per pair."""

from functools import partial

import cv2
import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.value_range import FULL_RANGE
from cyclegan_tf.evaluation.metrics import arrays
from cyclegan_tf.evaluation.registry import metric

#: What metrics of pairs take.
PAIR = {"x": "true", "y": "translated"}
PAIR_IN_RANGE = PAIR | {"value_range": "target_range"}

#: Side of SSIM's window in pixels; a smaller image has no SSIM.
WINDOW = 11

#: Exponents of MS-SSIM's scales, from full size downwards.
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)

_C1, _C2 = 0.01**2, 0.03**2


@metric("mae", "MAE", "pairs", "lower", PAIR)
def mae(x, y):
    """Mean absolute error.

    Args:
        x: Array `(n, height, width, channels)`: uint8, uint16 or floating point.
        y: The same shape and kind of values; image i belongs to image i of `x`.

    Returns:
        float64 array `(n,)`: mean of |x - y| over pixels and channels, in units of the stored
        values; 0 is best.

    Raises:
        InputError: If the arrays are no such pairs.
    """
    return _scores(lambda a, b: np.mean(np.abs(a - b)), *_pair(x, y), _float64)


@metric("mse", "MSE", "pairs", "lower", PAIR)
def mse(x, y):
    """Mean squared error.

    Args:
        x: Array as for `mae`.
        y: Array as for `mae`.

    Returns:
        float64 array `(n,)`: mean of (x - y)² over pixels and channels, in squared units of the
        stored values; 0 is best.

    Raises:
        InputError: If the arrays are no such pairs.
    """
    return _scores(_mean_square, *_pair(x, y), _float64)


@metric("psnr", "PSNR", "pairs", "higher", PAIR_IN_RANGE)
def psnr(x, y, value_range=None):
    """Peak signal-to-noise ratio.

    Args:
        x: Array as for `mae`.
        y: Array as for `mae`.
        value_range: `(low, high)`, the values of black and white, by default the full range of
            an integer type; values outside count as its ends.

    Returns:
        float64 array `(n,)`: 10 log10((high - low)² / mse) in decibels; more is better, and
        identical images have infinity.

    Raises:
        InputError: If the arrays are no such pairs, or floats come without a range.
    """
    errors = _scores(_mean_square, *_pair(x, y), partial(arrays.unit, given=value_range))
    with np.errstate(divide="ignore"):
        return -10.0 * np.log10(errors)


@metric("ssim", "SSIM", "pairs", "higher", PAIR_IN_RANGE, least_side=WINDOW)
def ssim(x, y, value_range=None):
    """Structural similarity, Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861.

    Equation 13 with their constants: Gaussian window of 11x11 pixels and standard deviation 1.5,
    K1 = 0.01, K2 = 0.03, and variances weighted by the window (without a sample's correction).
    Only windows that lie wholly inside count, so 5 pixels at every border are centres of none.
    The average over windows is taken per channel, then over channels. Black is 0 and white 1,
    so that scores do not depend on how images are stored.

    Args:
        x: Array as for `mae`, at least 11 pixels high and wide.
        y: Array as for `mae`.
        value_range: As for `psnr`.

    Returns:
        float64 array `(n,)` in [-1, 1]; identical images have 1.

    Raises:
        InputError: If the arrays are no such pairs, too small, or floats come without a range.
    """
    x, y = _pair(x, y)
    _check_window(x)

    def score(a, b):
        return np.mean([np.mean(_terms(p, q)[0]) for p, q in _planes(a, b)])

    return _scores(score, x, y, partial(arrays.unit, given=value_range))


def ssim_map(x, y, value_range=None):
    """Structural similarity at each place: `ssim` is the mean of it.

    Args:
        x: Array as for `ssim`.
        y: Array as for `ssim`.
        value_range: As for `psnr`.

    Returns:
        float64 array `(n, height - 10, width - 10, channels)`: one value per window, at its centre.

    Raises:
        InputError: As `ssim`.
    """
    x, y = _pair(x, y)
    _check_window(x)

    def score(a, b):
        return np.stack([_terms(p, q)[0] for p, q in _planes(a, b)], axis=-1)

    return _scores(score, x, y, partial(arrays.unit, given=value_range))


@metric(
    "ms_ssim",
    "MS-SSIM",
    "pairs",
    "higher",
    PAIR_IN_RANGE | {"scales": "ms_ssim_scales"},
    least_side=2 * WINDOW,
)
def ms_ssim(x, y, value_range=None, *, scales=5):
    """Multi-scale structural similarity, Wang, Simoncelli and Bovik 2003.

    https://doi.org/10.1109/ACSSC.2003.1292216, equation 7: the product over scales of the mean
    contrast-and-structure term, at the coarsest scale of the mean SSIM, each to the power of its
    weight. Between scales, blocks of 2x2 pixels are averaged (an odd border is repeated). It is
    taken per channel, then averaged over channels. A negative term, whose power is not real,
    counts as 0, as in `tf.image.ssim_multiscale`, which this equals up to its 32 bits.

    Args:
        x: Array as for `mae`; its smaller side is at least 11 pixels at the coarsest scale
            (176 pixels for five scales).
        y: Array as for `mae`.
        value_range: As for `psnr`.
        scales: From 1 to 5. The paper has five; fewer take the first weights, scaled to the same
            sum, and are another measure, to be named beside the number.

    Returns:
        float64 array `(n,)` in [0, 1]; identical images have 1.

    Raises:
        InputError: If the arrays are no such pairs, too small for so many scales, or floats come
            without a range.
    """
    x, y = _pair(x, y)
    _check_window(x)
    height, width = x.shape[1:3]
    possible = ms_ssim_scales(height, width)
    if not isinstance(scales, (int, np.integer)) or not 1 <= scales <= possible:
        raise InputError(
            f"scales must be a whole number from 1 to {possible} for images of {height}x{width} "
            f"pixels, received {scales!r}: give no more, or larger images."
        )
    weights = np.array(MS_SSIM_WEIGHTS[:scales])
    weights *= np.sum(MS_SSIM_WEIGHTS) / np.sum(weights)

    def score(a, b):
        return np.mean([_product(p, q, weights) for p, q in _planes(a, b)])

    return _scores(score, x, y, partial(arrays.unit, given=value_range))


def ms_ssim_scales(height, width):
    """The most scales of MS-SSIM, up to 5, that images of a size carry; 0 if none."""
    halvings = range(len(MS_SSIM_WEIGHTS))
    return sum(min(height, width) >= WINDOW * 2**halving for halving in halvings)


def _pair(x, y):
    x, y = arrays.check_pair(x, y)
    if FULL_RANGE.get(str(x.dtype)) != FULL_RANGE.get(str(y.dtype)):
        raise InputError(
            f"x and y must be stored alike, received {x.dtype} and {y.dtype}: bring both to one "
            "dtype and range first."
        )
    return x, y


def _scores(score, x, y, convert):
    """Scores pair by pair: float64 copies of all images at once could fill the memory."""
    return np.array([score(convert(a), convert(b)) for a, b in zip(x, y, strict=True)])


def _float64(image):
    return image.astype(np.float64)


def _mean_square(a, b):
    return np.mean(np.square(a - b))


def _planes(a, b):
    return zip(np.moveaxis(a, -1, 0), np.moveaxis(b, -1, 0), strict=True)


def _check_window(images):
    height, width = images.shape[1:3]
    if min(height, width) < WINDOW:
        raise InputError(
            f"x and y must be at least {WINDOW}x{WINDOW} pixels for SSIM, received "
            f"{height}x{width}: compare larger images."
        )


def _terms(p, q):
    """SSIM and contrast-and-structure of each window of two planes `(height, width)` in [0, 1]."""
    taps = cv2.getGaussianKernel(WINDOW, 1.5, cv2.CV_64F)
    moments = cv2.sepFilter2D(np.dstack([p, q, p * p + q * q, p * q]), cv2.CV_64F, taps, taps)
    inside = slice(WINDOW // 2, -(WINDOW // 2))
    mean_p, mean_q, squares, product = np.moveaxis(moments[inside, inside], -1, 0)
    luminance_product, luminance_squares = mean_p * mean_q, mean_p**2 + mean_q**2
    contrast = (2 * (product - luminance_product) + _C2) / (squares - luminance_squares + _C2)
    luminance = (2 * luminance_product + _C1) / (luminance_squares + _C1)
    return luminance * contrast, contrast


def _product(p, q, weights):
    result = 1.0
    for weight in weights[:-1]:
        result *= max(np.mean(_terms(p, q)[1]), 0.0) ** weight
        p, q = _halved(p), _halved(q)
    return result * max(np.mean(_terms(p, q)[0]), 0.0) ** weights[-1]


def _halved(plane):
    height, width = plane.shape
    plane = np.pad(plane, ((0, height % 2), (0, width % 2)), mode="edge")
    return (plane[::2, ::2] + plane[1::2, ::2] + plane[::2, 1::2] + plane[1::2, 1::2]) / 4
