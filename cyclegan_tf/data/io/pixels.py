"""An image as an array that knows what its values mean."""

import numpy as np


class Pixels(np.ndarray):
    """An array `(height, width, channels)` with what its file said about it.

    Attributes:
        alpha: Whether the last channel is transparency; None where nobody said.
        nodata: The number that stands for "no data" in the file; None where there is none. Here
            such pixels are NaN in floats, and transparent in whole numbers.

    Example:
        >>> bands = Pixels(np.zeros((4, 4, 4), np.uint8), alpha=False)
        >>> has_alpha(bands)
        False
    """

    def __new__(cls, values, alpha=None, nodata=None):
        """Gives an array its meaning, without a copy."""
        self = np.asarray(values).view(cls)
        self.alpha, self.nodata = alpha, nodata
        return self

    def __array_finalize__(self, other):
        """Keeps the meaning through slices and conversions."""
        self.alpha, self.nodata = getattr(other, "alpha", None), getattr(other, "nodata", None)

    def __array_wrap__(self, values, context=None, return_scalar=False):
        """What is computed of an image is plain numbers."""
        return values[()] if return_scalar else np.asarray(values)


def has_alpha(image):
    """Whether the last channel is transparency: as its file said, else if there are 2 or 4."""
    said = getattr(image, "alpha", None)
    return image.shape[-1] in (2, 4) if said is None else said


def like(image, values):
    """Values with the meaning of another image, where that has one."""
    if not isinstance(image, Pixels):
        return np.asarray(values)
    return Pixels(values, image.alpha, image.nodata)


def white(dtype):
    """The value of white: the largest of an integer type, 1.0 of floats."""
    return 1.0 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max


def masked(image, nodata):
    """Marks the pixels that hold no data: NaN in floats, transparent in whole numbers.

    Args:
        image: uint8, uint16 or float32 array `(height, width, channels)`, perhaps `Pixels`.
        nodata: The number that stands for it: in any channel of floats, in all of whole numbers.
            NaN where NaN itself does.

    Returns:
        `Pixels` with `nodata`; the image unchanged where no pixel has that number.
    """
    alpha = has_alpha(image)
    colours = np.asarray(image)[..., : image.shape[-1] - alpha]
    if image.dtype.kind == "f":
        limits = np.finfo(np.float32)
        nodata = nodata if np.isnan(nodata) else float(np.clip(nodata, limits.min, limits.max))
        # Those of float64 have become infinite on their way.
        finite = np.nan_to_num(colours, nan=np.nan, posinf=limits.max, neginf=limits.min)
        there = np.isnan(colours) if np.isnan(nodata) else finite == np.float32(nodata)
        there = there.any(-1, keepdims=True)
        values = np.where(there, np.float32(np.nan), colours)
        if alpha:
            values = np.concatenate([values, image[..., -1:]], -1)
    else:
        there = (colours == nodata).all(-1, keepdims=True)
        opacity = image[..., -1:] if alpha else np.full_like(colours[..., :1], white(image.dtype))
        values = np.concatenate([colours, np.where(there, 0, opacity).astype(image.dtype)], -1)
        alpha = True
    return Pixels(values, alpha, nodata) if there.any() else image


def nearest(image, classes):
    """Brings every pixel to the nearest class.

    Args:
        image: Array `(height, width, channels)`.
        classes: Array `(classes, channels)` of the values that stand for them.

    Returns:
        Array of the same shape, of the type of the classes.
    """
    best, chosen = None, np.zeros(image.shape[:2], np.intp)
    for number, values in enumerate(classes.astype(np.float64)):
        distance = ((image - values) ** 2).sum(-1)
        closer = np.ones_like(chosen, bool) if best is None else distance < best
        chosen[closer] = number
        best = distance if best is None else np.minimum(best, distance)
    return classes[chosen]


def upright(values, orientation):
    """Turns stored rows and columns as an orientation of EXIF says that they are to be seen.

    Args:
        values: Array `(height, width, ...)`.
        orientation: 1 to 8; any other number changes nothing.

    Returns:
        View of the array.
    """
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return values[::-1] if orientation in (3, 4, 7, 8) else values
