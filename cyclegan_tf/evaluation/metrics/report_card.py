"""Content preservation, a report card: how well a translation keeps what its input shows.

Every mark lies in [0, 1], and 1 is best; only `perceptual_loss` is a distance. None needs a true
partner, and none alone says that a translation is good: an untouched input has full marks
throughout. Brightness is the luma of RGB, of other images the mean of their channels; values
outside the range count as its ends. Where 8 bits are said, values are rounded to 0..255, so that
floating-point noise decides nothing.
"""

import cv2
import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.evaluation.metrics import arrays, paired
from cyclegan_tf.evaluation.registry import metric

_TRANSLATION = {
    "x": "inputs",
    "y": "translated",
    "range_x": "input_range",
    "range_y": "target_range",
}

# Pixels around a pixel, in circular order from the upper left, as (row, column) from there.
_AROUND = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))

# From the 256 codes of eight comparisons to the ten patterns.
_BITS = np.arange(256)[:, None] >> np.arange(8) & 1
_CHANGES = np.abs(np.diff(_BITS, axis=1, append=_BITS[:, :1])).sum(axis=1)
_PATTERNS = np.where(_CHANGES <= 2, _BITS.sum(axis=1), 9)


@metric("edge_preservation", "edges", "input", "higher", _TRANSLATION)
def edge_preservation(x, y, range_x=None, range_y=None):
    """F-measure of edges, matched with a tolerance of one pixel.

    Edges are Canny's (https://doi.org/10.1109/TPAMI.1986.4767851) of 8-bit brightness: 3x3 Sobel
    gradients without smoothing, Euclidean norm, hysteresis thresholds 50 and 150. Precision is
    the share of the edge pixels of `y` that have an edge pixel of `x` among themselves and their
    eight neighbours; recall is the reverse; the mark is their harmonic mean, as for boundaries
    in Martin et al. 2004 (https://doi.org/10.1109/TPAMI.2004.1273918), but without their
    one-to-one matching. Two images without edges have 1, one with and one without 0.

    Chance agrees where edges lie densely: independent noise scores about 0.99.

    Args:
        x: Inputs `(n, height, width, channels)`: uint8, uint16 or floating point.
        y: Their translations, of the same height and width and any number of channels.
        range_x: `(low, high)`, the values of black and white in `x`, by default the full range
            of an integer type.
        range_y: The same of `y`.

    Returns:
        float64 array `(n,)`.

    Raises:
        InputError: If the arrays are no such pairs, or floats come without a range.
    """
    pairs = _pairs(x, y, range_x, range_y)
    return np.array([_f_measure(_edges(a), _edges(b)) for a, b in pairs])


@metric("colour_consistency", "colours", "input", "higher", _TRANSLATION)
def colour_consistency(x, y, range_x=None, range_y=None):
    """Intersection of colour histograms, wherever in the image the colours lie.

    Swain and Ballard 1991, https://doi.org/10.1007/BF00130487: the sum over bins of the smaller
    share of pixels. Bins are 8x8x8, equally wide, of 8-bit red, green and blue. Unless both
    images have three channels, they are 8 of 8-bit brightness.

    Args:
        x: Inputs as for `edge_preservation`.
        y: Their translations.
        range_x: As for `edge_preservation`.
        range_y: As for `edge_preservation`.

    Returns:
        float64 array `(n,)`.

    Raises:
        InputError: If the arrays are no such pairs, or floats come without a range.
    """

    def bins(image):
        if not in_colour:
            return _bright_bytes(image) >> 5
        return (_bytes(image) >> 5) @ np.array([64, 8, 1])

    pairs = _pairs(x, y, range_x, range_y)
    in_colour = np.shape(x)[-1:] == np.shape(y)[-1:] == (3,)
    return np.array([_intersection(bins(a), bins(b), 8**3) for a, b in pairs])


@metric(
    "structural_similarity",
    "structure",
    "input",
    "higher",
    _TRANSLATION,
    least_side=paired.WINDOW,
)
def structural_similarity(x, y, range_x=None, range_y=None):
    """SSIM of brightness, negative values counted as 0; see `paired.ssim`.

    Args:
        x: Inputs as for `edge_preservation`, at least 11 pixels high and wide.
        y: Their translations.
        range_x: As for `edge_preservation`.
        range_y: As for `edge_preservation`.

    Returns:
        float64 array `(n,)`.

    Raises:
        InputError: If the arrays are no such pairs, too small, or floats come without a range.
    """

    def ssim(a, b):
        a, b = (arrays.gray(image)[None, ..., None] for image in (a, b))
        return max(paired.ssim(a, b, (0, 1))[0], 0.0)

    return np.array([ssim(a, b) for a, b in _pairs(x, y, range_x, range_y)])


@metric("texture", "texture", "input", "higher", _TRANSLATION, least_side=3)
def texture(x, y, range_x=None, range_y=None):
    """Intersection of histograms of local binary patterns.

    Ojala, Pietikäinen and Mäenpää 2002 (https://doi.org/10.1109/TPAMI.2002.1017623), equation 9:
    of a pixel's eight neighbours, count those of at least its own 8-bit brightness (0 to 8) if
    around the pixel these change to darker ones and back at most once; all other pixels count
    as 9. The neighbours are the square's, not interpolated on a circle, and border pixels have
    no pattern. The mark is the sum over the ten patterns of the smaller share of pixels. A
    strictly increasing change of brightness leaves it at 1.

    Args:
        x: Inputs as for `edge_preservation`, at least 3 pixels high and wide.
        y: Their translations.
        range_x: As for `edge_preservation`.
        range_y: As for `edge_preservation`.

    Returns:
        float64 array `(n,)`.

    Raises:
        InputError: If the arrays are no such pairs, too small, or floats come without a range.
    """
    pairs = _pairs(x, y, range_x, range_y)
    if min(np.shape(x)[1:3]) < 3:
        raise InputError(
            "x and y must be at least 3x3 pixels for local binary patterns, received "
            f"{np.shape(x)[1]}x{np.shape(x)[2]}: compare larger images."
        )
    return np.array([_intersection(_patterns(a), _patterns(b), 10) for a, b in pairs])


@metric(
    "perceptual_loss",
    "perceptual loss",
    "input",
    "lower",
    {"distance": "lpips", "x": "normalized_inputs", "y": "normalized_translated"},
)
def perceptual_loss(distance, x, y):
    """LPIPS between inputs and translations; see `perceptual.lpips`.

    Args:
        distance: `perceptual.Lpips`.
        x: Inputs, float array `(n, height, width, 1 or 3)` in [-1, 1].
        y: Their translations, likewise.

    Returns:
        float64 array `(n,)`; 0 is an untouched input.
    """
    return distance(x, y)


@metric(
    "cycle_consistency",
    "cycle",
    "input",
    "higher",
    {"x": "inputs", "cycled": "cycled", "value_range": "input_range"},
)
def cycle_consistency(x, cycled, value_range=None):
    """How much of the input comes back: 1 - mean |x - cycled| / (high - low).

    The L1 cycle error of Zhu et al. 2017 (https://arxiv.org/abs/1703.10593), equation 2, as a
    share of the value range; values are taken as they are, not clipped. A high mark does not
    show that the translation carries the input visibly: see `hidden_information`.

    Args:
        x: Inputs as for `edge_preservation`.
        cycled: The same after translation there and back; same shape and kind of values.
        value_range: `(low, high)` of both, by default the full range of an integer type.

    Returns:
        float64 array `(n,)`; 0 where the error exceeds the range.

    Raises:
        InputError: If the arrays are no such pairs, or floats come without a range.
    """
    errors = paired.mae(x, cycled)
    low, high = arrays.value_range(np.asarray(x), value_range)
    return np.maximum(1.0 - errors / (high - low), 0.0)


def _pairs(x, y, range_x, range_y):
    """Pair after pair as values in [0, 1]: all of them at once could fill the memory."""
    x, y = arrays.check_pair(x, y, any_channels=True)
    return ((arrays.unit(a, range_x), arrays.unit(b, range_y)) for a, b in zip(x, y, strict=True))


def _bytes(values):
    return np.rint(255 * values).astype(np.uint8)


def _bright_bytes(image):
    return _bytes(arrays.gray(image))


def _intersection(bins_x, bins_y, count):
    smaller = np.minimum(*(np.bincount(b.ravel(), minlength=count) for b in (bins_x, bins_y)))
    return smaller.sum() / bins_x.size


def _edges(image):
    return cv2.Canny(_bright_bytes(image), 50, 150, L2gradient=True) > 0


def _f_measure(edges_x, edges_y):
    if not edges_x.any() or not edges_y.any():
        return float(edges_x.any() == edges_y.any())
    precision = _near(edges_x)[edges_y].mean()
    recall = _near(edges_y)[edges_x].mean()
    return 2 * precision * recall / (precision + recall) if precision else 0.0


def _near(edges):
    return cv2.dilate(edges.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def _patterns(image):
    bright = _bright_bytes(image)
    height, width = bright.shape[0] - 2, bright.shape[1] - 2
    centre = bright[1:-1, 1:-1]
    code = np.zeros((height, width), np.uint8)
    for bit, (row, column) in enumerate(_AROUND):
        neighbour = bright[row : row + height, column : column + width]
        code |= (neighbour >= centre).astype(np.uint8) << bit
    return _PATTERNS[code]
