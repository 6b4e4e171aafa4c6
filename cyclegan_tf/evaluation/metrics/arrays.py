"""Checks and conversions of arrays of images that all metrics share."""

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.value_range import FULL_RANGE

#: ITU-R 601 weights of red, green and blue.
LUMA = np.array([0.299, 0.587, 0.114])


def check(name, images):
    """Returns `images` as an array of images.

    Args:
        name: What an error message calls it.
        images: Array `(n, height, width, channels)`: uint8, uint16 or floating point, finite.

    Returns:
        The same as a NumPy array.

    Raises:
        InputError: If it is anything else, or holds no image.
    """
    try:
        images = np.asarray(images)
    except ValueError as error:  # of lists
        raise InputError(f"{name} must be images of one size, received others.") from error
    if images.ndim != 4 or 0 in images.shape:
        raise InputError(
            f"{name} must be images (n, height, width, channels), received shape {images.shape}."
        )
    if str(images.dtype) not in FULL_RANGE and images.dtype.kind != "f":
        raise InputError(
            f"{name} must hold uint8, uint16 or floating-point values, received {images.dtype}: "
            "convert it with astype."
        )
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        raise InputError(f"{name} holds NaN or infinite values: replace or remove them.")
    return images


def check_pair(x, y, *, any_channels=False):
    """Returns both arrays, checked, and of the same shape.

    Args:
        x: Array `(n, height, width, channels)`.
        y: The same; image i belongs to image i of `x`.
        any_channels: Whether `y` may have another number of channels.

    Raises:
        InputError: If either is no array of images, or their shapes differ.
    """
    x, y = check("x", x), check("y", y)
    compared = slice(0, 3) if any_channels else slice(None)
    if x.shape[compared] != y.shape[compared]:
        raise InputError(
            f"x and y must be pairs of images of one shape, received {x.shape} and {y.shape}: "
            "resize them first, or leave out what has no partner."
        )
    return x, y


def value_range(images, given=None):
    """The stored values `(low, high)` that stand for black and white.

    Args:
        images: Array.
        given: `(low, high)`; by default the full range of an integer type.

    Raises:
        InputError: If `images` are floats and no range is given, or it is none.
    """
    if given is None:
        given = FULL_RANGE.get(str(images.dtype))
    if given is None:
        raise InputError(
            f"value_range must be (low, high) for {images.dtype} images: give the values of "
            "black and white, such as (0, 1)."
        )
    try:
        low, high = (float(value) for value in given)
    except (TypeError, ValueError):
        low = high = np.nan
    if not -np.inf < low < high < np.inf:
        raise InputError(f"value_range must be (low, high) with low < high, received {given!r}.")
    return low, high


def unit(images, given=None):
    """Maps stored values to float64 in [0, 1]; values outside the range are clipped.

    Raises:
        InputError: As from `value_range`, or if values lie further outside than the range is wide:
            then it is that of other images, and clipping would leave black and white alone.
    """
    low, high = value_range(images, given)
    if images.min() < 2 * low - high or images.max() > 2 * high - low:
        raise InputError(
            f"value_range must be the values of black and white, received {(low, high)} for "
            f"images from {images.min()} to {images.max()}."
        )
    return np.clip((images.astype(np.float64) - low) / (high - low), 0.0, 1.0)


def gray(images):
    """Brightness `(n, height, width)` of images of any number of channels, in their units.

    The luma of RGB; of one channel itself; of any other number the mean.
    """
    if images.shape[-1] == 3:
        return images @ LUMA
    return images.mean(axis=-1)


def rgb(images):
    """Three channels `(n, height, width, 3)`: of one channel three copies.

    Raises:
        InputError: If there are other than 1 or 3 channels.
    """
    if images.shape[-1] == 1:
        return np.repeat(images, 3, axis=-1)
    if images.shape[-1] != 3:
        raise InputError(
            f"The images must have 1 or 3 channels here, received {images.shape[-1]}: choose "
            "which to look at."
        )
    return images
