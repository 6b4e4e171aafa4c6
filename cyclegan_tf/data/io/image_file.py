"""Image files: found, read, and brought to the wanted channels and size."""

import re
from pathlib import Path

import cv2
import numpy as np

from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io import formats

_LUMA = (0.299, 0.587, 0.114)


def read(path):
    """Reads an image file.

    Gray, RGB, palette, CMYK and 1-bit images are understood, with and without transparency,
    at 8 and 16 bits, turned upright as their EXIF orientation says; TIFFs also with floating-point
    values, and with whole numbers that have a sign or 32 bits.

    Args:
        path: PNG, JPEG, TIFF, WebP or BMP file, of several frames the first counts; or `.npy`, or
            `.npz` with one array, `(height, width)` or `(height, width, channels)`: the last axis
            is always that of the channels.

    Returns:
        Array `(height, width, channels)`: uint8 (0..255), uint16 (0..65535), or float32 in its own
        values for every other type. Of an image 1 channel is gray, 2 gray and alpha, 3 RGB, 4 RGB
        and alpha; of an array any number is what it is.

    Raises:
        InputError: If the file is missing, damaged or no such image, or holds NaN or infinity.
    """
    return formats.of(path).read(path)


def check(path):
    """Checks an image file, faster than by reading it where the format allows that.

    Args:
        path: As for `read`.

    Returns:
        The dtype that `read` would give.

    Raises:
        InputError: If the file cannot be read as an image.
    """
    row = formats.of(path)
    return row.read(path).dtype if row.check is None else row.check(path)


def to_channels(image, channels, name="image"):
    """Brings an image to a number of channels.

    One that has that many stays as it is. Otherwise images of 1 to 4 channels become gray, RGB or
    RGBA: gray is ITU-R 601 luma; alpha that is not asked for is laid over white (the largest value
    of an integer type; 1.0 for floats).

    Args:
        image: Array `(height, width, c)`, as from `read`.
        channels: At least 1.
        name: What an error message calls the image.

    Returns:
        Array `(height, width, channels)` of the same dtype.

    Raises:
        InputError: If `image` is no such array, or cannot have as many channels.
    """
    check_whole("channels", channels, 1)
    if image.ndim != 3 or 0 in image.shape:
        raise InputError(f"{name} must be (height, width, channels), received {image.shape}.")
    if image.shape[2] == channels:
        return image
    if channels not in (1, 3, 4) or image.shape[2] > 4:
        raise InputError(
            f"{name} has {image.shape[2]} channels (its last axis), which do not become "
            f"{channels}: only gray, RGB and RGBA become each other."
        )
    colour, alpha = image, None
    if image.shape[2] in (2, 4):
        colour, alpha = image[..., :-1], image[..., -1:]
    white = 1.0 if image.dtype.kind == "f" else np.iinfo(image.dtype).max
    if channels == 4:
        if alpha is None:
            alpha = np.full_like(colour[..., :1], white)
        return np.concatenate([np.broadcast_to(colour, (*image.shape[:2], 3)), alpha], -1)
    if alpha is not None:
        opacity = alpha / white
        colour = _as(colour * opacity + white * (1.0 - opacity), image.dtype)
    if colour.shape[2] == channels:
        return colour
    if channels == 3:
        return np.repeat(colour, 3, axis=-1)
    return _as((colour @ np.array(_LUMA))[..., None], image.dtype)


def checked(image):
    """Returns an image in memory as `(height, width, channels)`, or raises InputError."""
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or 0 in image.shape:
        raise InputError(
            "image must be (height, width), (height, width, channels) or (n, height, width, "
            f"channels), received shape {image.shape}."
        )
    if image.dtype not in (np.uint8, np.uint16) and image.dtype.kind != "f":
        raise InputError(
            f"image must hold uint8, uint16 or floating-point values, received {image.dtype}: "
            "convert it with astype."
        )
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise InputError("image holds NaN or infinite values: replace them first.")
    return image


def without_alpha(image, channels):
    """Divides an image for a network that knows no transparency.

    Args:
        image: Array `(height, width, c)`; of 2 or 4 channels the last may be transparency.
        channels: How many the network takes: of as many, and of 4, it takes all.

    Returns:
        `(image, alpha)`; `alpha` is None where nothing was put aside.
    """
    if image.shape[-1] in (2, 4) and channels not in (4, image.shape[-1]):
        return image[..., :-1], image[..., -1:]
    return image, None


def to_dtype(image, dtype):
    """Widens 8 bits to 16 where `dtype` asks for it: 255 becomes 65535."""
    if image.dtype == np.uint8 and dtype == np.uint16:
        return image.astype(np.uint16) * 257
    return image


def fit(image, size, how="crop"):
    """Brings an image to a size, without aliasing.

    Args:
        image: uint8, uint16 or float array `(height, width, channels)`.
        size: `(height, width)` in pixels, or one number for both.
        how: "crop" keeps the centre and the aspect; "pad" keeps all and the aspect, and extends
            the edges' colours; "stretch" keeps all and not the aspect.

    Returns:
        Array `(*size, channels)` of the same dtype.

    Raises:
        InputError: If `size` or `how` is none of these.
    """
    target = height, width = height_width(size)
    check_how(how)
    rows, columns = image.shape[:2]
    if how == "crop":
        scale = max(height / rows, width / columns)
        keep_rows, keep_columns = _sides(target, 1.0 / scale)
        top, left = (rows - keep_rows) // 2, (columns - keep_columns) // 2
        image = image[top : top + keep_rows, left : left + keep_columns]
    if how != "pad":
        return _resize(image, target)
    inner = _sides((rows, columns), min(height / rows, width / columns))
    image = _resize(image, inner)
    spare = [total - part for total, part in zip(target, inner, strict=True)]
    return np.pad(image, [(n // 2, n - n // 2) for n in spare] + [(0, 0)], mode="edge")


def height_width(size):
    """Returns `size` as `(height, width)`; raises InputError unless both are 1 to 16384."""
    sides = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    whole = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in sides)
    if len(sides) != 2 or not whole or min(sides) < 1 or max(sides) > 16384:
        raise InputError(
            "size must be one whole number or (height, width) in pixels, each from 1 to 16384, "
            f"received {size!r}."
        )
    return int(sides[0]), int(sides[1])


def check_how(how):
    """Raises InputError unless `how` is one of `fit`'s ways."""
    if how not in ("crop", "pad", "stretch"):
        raise InputError(f'how must be "crop", "pad" or "stretch", received {how!r}.')


def images(folder):
    """Lists the images of a folder and its subfolders, hidden ones left out.

    Args:
        folder: The folder.

    Returns:
        List of paths in natural order (9.png before 10.png).

    Raises:
        InputError: If there is no such folder or no image in it.
    """
    found = [path for path in files(folder, "images") if path.suffix.lower() in formats.READABLE]
    if not found:
        raise InputError(f"The folder {folder} holds no image ({', '.join(formats.READABLE)}).")
    return found


def files(folder, kind):
    """Lists the files of a folder and its subfolders in natural order, hidden ones left out.

    Args:
        folder: The folder.
        kind: What it is to hold, for the message of the InputError if there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        problem = "is a file, not a folder" if folder.exists() else "does not exist"
        raise InputError(f"The folder {folder} {problem}: give a folder of {kind}.")
    found = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    visible = [name for name in found if not any(part[0] == "." for part in name.parts)]
    return [found[name] for name in sorted(visible, key=_natural)]


def _natural(name):
    parts = re.split(r"(\d+)", name.as_posix().lower())
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name.as_posix()


def _as(values, dtype):
    return values.astype(dtype) if dtype.kind == "f" else np.rint(values).astype(dtype)


def _sides(shape, scale):
    return tuple(max(1, round(side * scale)) for side in shape)


def _resize(image, target):
    """Averages areas along what shrinks, then interpolates along what grows."""
    shape, channels = image.shape[:2], image.shape[2]
    if channels > 4 and shape != target:  # OpenCV averages no more than four at a time
        parts = [_resize(image[..., i : i + 4], target) for i in range(0, channels, 4)]
        return np.concatenate(parts, axis=-1)
    smaller = tuple(min(pair) for pair in zip(shape, target, strict=True))
    for size, method in ((smaller, cv2.INTER_AREA), (target, cv2.INTER_CUBIC)):
        if image.shape[:2] != size:
            image = cv2.resize(np.ascontiguousarray(image), size[::-1], interpolation=method)
    return np.ascontiguousarray(image).reshape(*target, channels)
