"""MAE, PSNR and SSIM within a mask: most of a slice may be air, which is easy to get right.

An image whose mask holds nothing has no score: NaN.
"""

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.evaluation.metrics import arrays, paired
from cyclegan_tf.evaluation.registry import metric

_BORDER = paired.WINDOW // 2
_PAIR = paired.PAIR | {"masks": "masks"}
_PAIR_IN_RANGE = paired.PAIR_IN_RANGE | {"masks": "masks"}


@metric("mae_body", "MAE in body", "pairs", "lower", _PAIR)
def mae(x, y, masks):
    """Mean absolute error within a mask; see `paired.mae`.

    Args:
        x: Array `(n, height, width, channels)`: uint8, uint16 or floating point.
        y: The same shape and kind of values; image i belongs to image i of `x`.
        masks: Label maps `(n, height, width, 1)`, whole numbers or booleans; pixels above 0 count.

    Returns:
        float64 array `(n,)` in units of the stored values; 0 is best.

    Raises:
        InputError: If the arrays are no such pairs with their masks.
    """
    return _of_pixels(paired.mae, x, y, masks)


@metric("psnr_body", "PSNR in body", "pairs", "higher", _PAIR_IN_RANGE)
def psnr(x, y, masks, value_range=None):
    """Peak signal-to-noise ratio within a mask; see `paired.psnr`.

    Args:
        x: Array as for `mae`.
        y: Array as for `mae`.
        masks: As for `mae`.
        value_range: `(low, high)`, the values of black and white, by default the full range of an
            integer type. The peak is that of the range, whatever values the mask holds.

    Returns:
        float64 array `(n,)` in decibels; more is better, and identical images have infinity.

    Raises:
        InputError: If the arrays are no such pairs with their masks, or floats come without a
            range.
    """
    return _of_pixels(lambda a, b: paired.psnr(a, b, value_range), x, y, masks)


@metric("ssim_body", "SSIM in body", "pairs", "higher", _PAIR_IN_RANGE, least_side=paired.WINDOW)
def ssim(x, y, masks, value_range=None):
    """Structural similarity, averaged over the windows whose centre is in a mask.

    At the mask's rim the windows also see what lies around it. The windows are those of
    `paired.ssim`: the 5 pixels at every border of an image are centres of none, in a mask or not.

    Args:
        x: Array as for `mae`, at least 11 pixels high and wide.
        y: Array as for `mae`.
        masks: As for `mae`.
        value_range: As for `psnr`.

    Returns:
        float64 array `(n,)` in [-1, 1]; identical images have 1.

    Raises:
        InputError: If the arrays are no such pairs with their masks, too small, or floats come
            without a range.
    """

    def score(a, b, inside):
        windows = paired.ssim_map(a[None], b[None], value_range)[0]
        return windows[inside[_BORDER:-_BORDER, _BORDER:-_BORDER]]

    return _means(score, x, y, masks)


def by_label(x, y, masks):
    """Mean absolute error within each label.

    Args:
        x: Array as for `mae`.
        y: Array as for `mae`.
        masks: Label maps as for `mae`; 0 is no label.

    Returns:
        Dictionary from each label that a map holds, in their order, to a float64 array `(n,)` in
        units of the stored values; NaN where an image has nothing of it.

    Raises:
        InputError: If the arrays are no such pairs with their masks.
    """
    x, y, masks = _checked(x, y, masks)
    size = int(masks.max(initial=0)) + 1
    sums, counts = np.empty((2, len(x), size))
    for i, (a, b, mask) in enumerate(zip(x, y, masks, strict=True)):
        errors = np.abs(a.astype(np.float64) - b).mean(axis=-1)
        sums[i] = np.bincount(mask.ravel(), errors.ravel(), size)
        counts[i] = np.bincount(mask.ravel(), minlength=size)
    means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
    return {label: means[:, label] for label in range(1, size) if counts[:, label].any()}


def _of_pixels(score, x, y, masks):
    """A score that knows no neighbourhood: the pixels of a mask are an image of one column."""
    return _means(
        lambda a, b, inside: score(a[inside][None, :, None], b[inside][None, :, None]), x, y, masks
    )


def _means(score, x, y, masks):
    pairs = zip(*_checked(x, y, masks), strict=True)
    means = []
    for a, b, mask in pairs:
        inside = mask[..., 0] > 0
        values = score(a, b, inside) if inside.any() else np.empty(0)
        means.append(values.mean() if values.size else np.nan)
    return np.array(means)


def _checked(x, y, masks):
    x, y = arrays.check_pair(x, y)
    masks = np.asarray(masks)
    if masks.shape != (*x.shape[:3], 1) or masks.dtype.kind not in "biu":
        raise InputError(
            f"masks must be whole numbers (n, height, width, 1) for images of {x.shape}, "
            f"received {masks.dtype} of {masks.shape}."
        )
    return x, y, masks
