"""Image files: read, and brought to the wanted channels and size."""

import warnings

import cv2
import numpy as np
from PIL import Image

from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.value_range import denormalize, normalize
from cyclegan_tf.data.io import formats
from cyclegan_tf.data.io.arrays import check_finite
from cyclegan_tf.data.io.pixels import Pixels, has_alpha, like, masked, white

_LUMA = (0.299, 0.587, 0.114)


def read(path, frame=None, nodata=None, indices=False):
    """Reads an image file.

    Gray, RGB, palette, CMYK and 1-bit images are understood, with and without transparency,
    at 8 and 16 bits, turned upright as their orientation says and brought to sRGB as their colour
    profile says; TIFFs also with bands, floating-point values, and whole numbers that have a sign
    or 32 bits.

    Args:
        path: A file of one of `formats.FORMATS`; `.npy`, or `.npz` with one array, are
            `(height, width)` or `(height, width, channels)`: the last axis is always that of the
            channels.
        frame: Which image of a file that holds several; by default the first, and a warning says
            how many there are.
        nodata: The number that stands for "no data"; by default what GDAL's tag in a TIFF says.
        indices: Whether an image with a palette is read as the numbers of its colours.

    Returns:
        `Pixels`, an array `(height, width, channels)`: uint8 (0..255), uint16 (0..65535), or
        float32 in its own values for every other type. Of an image 1 channel is gray, 2 gray and
        alpha, 3 RGB, 4 RGB and alpha, unless `alpha` is False: then they are bands, as are more;
        of an array any number is what it is. Where there is no data, floats are NaN and whole
        numbers transparent.

    Raises:
        InputError: If the file is missing, damaged or no such image, or holds NaN or infinity.

    Example:
        >>> read("photo.jpg").shape
        (480, 640, 3)
    """
    with formats.opened(path) as frames:
        if frame is None and len(frames) > 1:
            warnings.warn(f"{path} holds {len(frames)} images: the first is taken.", stacklevel=2)
        return of_frames(frames, frame or 0, path, nodata, indices)


def of_frames(frames, index, name, nodata=None, indices=False):
    """One image of an open file, as `read` gives it."""
    image = frames.indices(index) if indices else None
    image = frames[index] if image is None else image
    if nodata is not None:
        image = masked(image, nodata)
    return check_finite(image, name)


def check(path):
    """Checks an image file, faster than by reading it where the format allows that.

    Args:
        path: As for `read`.

    Returns:
        The dtype that `read` would give of the first image.

    Raises:
        InputError: If the file cannot be read as an image.
    """
    with formats.opened(path) as frames:
        return frames.check()[0]


def to_channels(image, channels, name="image"):
    """Brings an image to a number of channels.

    One that has that many stays as it is. Otherwise images of 1 to 4 channels become gray, RGB or
    RGBA: gray is ITU-R 601 luma; alpha that is not asked for is laid over white (the largest value
    of an integer type; 1.0 for floats). Bands that are no colours stay what they are.

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
    alpha = has_alpha(image)
    if image.shape[2] == channels:
        return image
    count = image.shape[2] - alpha
    if count not in (1, 3, channels) or channels not in (1, 3, 4, count):
        raise InputError(
            f"{name} has {image.shape[2]} channels (its last axis), which do not become "
            f"{channels}: only gray, RGB and RGBA become each other."
        )
    if channels == 4 and count != 4:
        opacity = image[..., -1:] if alpha else np.full_like(image[..., :1], white(image.dtype))
        colours = np.broadcast_to(image[..., :count], (*image.shape[:2], 3))
        nodata = getattr(image, "nodata", None)
        return Pixels(np.concatenate([colours, opacity], -1), alpha=True, nodata=nodata)
    colours = laid_over(image) if alpha else image
    if count == channels:
        return colours
    if channels == 3:
        return np.repeat(colours, 3, axis=-1)
    return like(image, _as((colours @ np.array(_LUMA))[..., None], image.dtype))


def laid_over(image):
    """The colours of an image with transparency as they are seen on white; on 0 without data.

    Args:
        image: Array `(height, width, c)` whose last channel is transparency.

    Returns:
        Array `(height, width, c - 1)` of the same dtype.
    """
    top, nodata = white(image.dtype), getattr(image, "nodata", None)
    opacity = np.asarray(image)[..., -1:] / top
    under = top if nodata is None else 0
    colours = np.asarray(image)[..., :-1] * opacity + under * (1.0 - opacity)
    return Pixels(_as(colours, image.dtype), alpha=False, nodata=nodata)


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
    return check_finite(image, "image")


def to_dtype(image, dtype):
    """Widens 8 bits to 16 where `dtype` asks for it: 255 becomes 65535."""
    if image.dtype == np.uint8 and dtype == np.uint16:
        return image.astype(np.uint16) * 257
    return image


def to_pil(image, value_range, with_alpha=False):
    """Makes an 8-bit `PIL.Image` of an image of another type.

    Args:
        image: Array `(height, width, 1 to 4 channels)`; NaN becomes transparent.
        value_range: `(low, high)`: what becomes 0 and 255.
        with_alpha: Whether the last channel is transparency, whose range is that of its type.
    """
    image = np.asarray(image)
    parts = [normalize(image[..., : image.shape[-1] - with_alpha], value_range)]
    if with_alpha:
        parts.append(normalize(image[..., -1:], (0, white(image.dtype))))
    elif image.dtype.kind == "f" and (empty := np.isnan(image).any(-1, keepdims=True)).any():
        parts = [np.nan_to_num(parts[0], nan=-1.0), np.where(empty, -1.0, 1.0)]
    image = denormalize(np.concatenate(parts, -1), (0, 255), np.uint8)
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def fit(image, size, how="crop", labels=False):
    """Brings an image to a size, without aliasing.

    Colours are weighted by their opacity, and pixels without data not at all: neither colours
    the others. (Of a plain array, every channel is one as the others.)

    Args:
        image: uint8, uint16 or float array `(height, width, channels)`; `Pixels` know whether the
            last one is transparency, and NaN is no data.
        size: `(height, width)` in pixels, or one number for both.
        how: "crop" keeps the centre and the aspect; "pad" keeps all and the aspect, and extends
            the edges' colours; "stretch" keeps all and not the aspect.
        labels: Whether values are names and not amounts: then each pixel takes the nearest.

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
        return _resize(image, target, labels)
    inner = _sides((rows, columns), min(height / rows, width / columns))
    image = _resize(image, inner, labels)
    spare = [total - part for total, part in zip(target, inner, strict=True)]
    padded = np.pad(image, [(n // 2, n - n // 2) for n in spare] + [(0, 0)], mode="edge")
    return like(image, padded)


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


def _as(values, dtype):
    return values.astype(dtype) if dtype.kind == "f" else np.rint(values).astype(dtype)


def _sides(shape, scale):
    return tuple(max(1, round(side * scale)) for side in shape)


def _resize(image, target, labels=False):
    """An image at another size, with its meaning."""
    values = np.asarray(image)
    if getattr(image, "alpha", None) and not labels:
        return like(image, _resize_transparent(values, target))
    if image.shape[:2] == target:
        return like(image, np.ascontiguousarray(values))
    if labels:
        rows, columns = (
            (np.arange(new) * 2 + 1) * old // (2 * new)
            for new, old in zip(target, image.shape, strict=False)
        )
        return like(image, np.ascontiguousarray(values[rows[:, None], columns]))
    if values.dtype.kind == "f" and np.isnan(values).any():
        return like(image, _resize_with_gaps(values, target))
    return like(image, _resampled(values, target))


def _resize_transparent(values, target):
    """Colours are averaged as much as they are seen; where nothing is, they are white."""
    top = white(values.dtype)
    if values.shape[:2] == target:
        colours = np.where(values[..., -1:] > 0, values[..., :-1], values.dtype.type(top))
        return np.concatenate([colours, values[..., -1:]], -1)
    opacity = values[..., -1:].astype(np.float32) / top
    seen = _resampled(np.concatenate([values[..., :-1] * opacity, opacity], -1), target)
    opacity = np.clip(seen[..., -1:], 0, 1)
    colours = np.full(seen[..., :-1].shape, top, np.float32)
    np.divide(seen[..., :-1], opacity, out=colours, where=opacity > 1e-6)
    if values.dtype.kind != "f":
        colours = np.clip(colours, 0, top)
    return _as(np.concatenate([colours, opacity * top], -1), values.dtype)


def _resize_with_gaps(values, target):
    """Pixels without data count for nothing, and remain where they are most of a new one."""
    there = np.isfinite(values).all(-1, keepdims=True)
    known = np.where(there, values, 0)
    both = _resampled(np.concatenate([known, there], -1).astype(values.dtype), target)
    share = both[..., -1:]
    result = np.full(both[..., :-1].shape, np.nan, values.dtype)
    return np.divide(both[..., :-1], share, out=result, where=share > 0.5)


def _resampled(image, target):
    """Averages areas along what shrinks, then interpolates along what grows."""
    shape, channels = image.shape[:2], image.shape[2]
    if channels > 4 and shape != target:  # OpenCV averages no more than four at a time
        parts = [_resampled(image[..., i : i + 4], target) for i in range(0, channels, 4)]
        return np.concatenate(parts, axis=-1)
    smaller = tuple(min(pair) for pair in zip(shape, target, strict=True))
    for size, method in ((smaller, cv2.INTER_AREA), (target, cv2.INTER_CUBIC)):
        if image.shape[:2] != size:
            image = cv2.resize(np.ascontiguousarray(image), size[::-1], interpolation=method)
    return np.ascontiguousarray(image).reshape(*target, channels)
