"""One picture: read from a file, brought to the wanted channels and size."""

import contextlib
import io
import os
import re
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from cyclegan_tf.errors import InputError

#: Suffixes, in lower case, by which a folder's pictures are known.
SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp")

# Named, because Pillow would also hand PostScript to an interpreter.
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP")
_LUMA = (0.299, 0.587, 0.114)


def read(path):
    """Reads a picture file.

    Gray, RGB, palette, CMYK and 1-bit pictures are understood, with and without transparency,
    at 8 and 16 bits, turned upright as their EXIF orientation says.

    Args:
        path: PNG, JPEG, TIFF, WebP or BMP file; of several frames the first counts.

    Returns:
        Array `(height, width, channels)`, uint8 (0..255) or uint16 (0..65535); 1 channel is
        gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha.

    Raises:
        InputError: If the file is missing, damaged or no such picture.
    """
    return decode(_bytes(path), path)


def decode(data, name="The picture"):
    """Reads a picture from the bytes of a file, as `read` does.

    Args:
        data: Bytes of the file.
        name: What an error message calls it.

    Returns:
        Array as from `read`.

    Raises:
        InputError: If the bytes are no such picture.
    """
    with _opened(data, name) as image:
        # Also where OpenCV decodes: it would take half a file without a word.
        image.load()
        if _is_wide(image, data) and image.mode in ("RGB", "RGBA"):
            return _wide_colour(image, data)
        return _pixels(image)


def check(path):
    """Checks a picture file faster than by reading it.

    Files cut short are found: of PNGs the checksums are compared, JPEGs are decoded at an eighth
    of their size, and other formats as a whole.

    Args:
        path: As for `read`.

    Returns:
        The dtype that `read` would give.

    Raises:
        InputError: If the file cannot be read as a picture.
    """
    data = _bytes(path)
    with _opened(data, path) as image:
        wide = _is_wide(image, data)
        if image.mode in ("F", "I"):  # 32 bits: their values decide
            return _pixels(image).dtype
        if image.format == "PNG":
            image.verify()
        else:
            image.draft(None, (1, 1))  # heeded by JPEG alone
            image.load()
    return np.dtype(np.uint16 if wide else np.uint8)


def from_pil(image):
    """Converts an open Pillow image.

    Args:
        image: `PIL.Image.Image` of any 8-bit mode, or of 16-bit gray.

    Returns:
        Array as from `read`.

    Raises:
        InputError: If its mode has no 8- or 16-bit meaning (such as floating point).
    """
    try:
        return _pixels(image)
    except (ValueError, OSError) as error:
        raise InputError(f"image cannot be used as a picture: {error}.") from error


def to_channels(image, channels):
    """Brings a picture to gray, RGB or RGBA.

    Gray is ITU-R 601 luma. Alpha that is not asked for is laid over white (the largest value of
    an integer type; 1.0 for floats).

    Args:
        image: Array `(height, width, c)` with c from 1 to 4, as from `read`.
        channels: 1, 3 or 4.

    Returns:
        Array `(height, width, channels)` of the same dtype.

    Raises:
        InputError: If `channels` or the shape of `image` is another.
    """
    if channels not in (1, 3, 4):
        raise InputError(f"channels must be 1 (gray), 3 (RGB) or 4 (RGBA), received {channels!r}.")
    if image.ndim != 3 or not 1 <= image.shape[2] <= 4:
        raise InputError(
            f"image must be (height, width, 1 to 4 channels), received shape {image.shape}."
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


def to_dtype(image, dtype):
    """Widens 8 bits to 16 where `dtype` asks for it: 255 becomes 65535."""
    if image.dtype == np.uint8 and dtype == np.uint16:
        return image.astype(np.uint16) * 257
    return image


def fit(image, size, how="crop"):
    """Brings a picture to a size, without aliasing.

    Args:
        image: uint8, uint16 or float array `(height, width, 1 to 4 channels)`.
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


def pictures(folder):
    """Lists the pictures of a folder and its subfolders, hidden ones left out.

    Args:
        folder: The folder.

    Returns:
        List of paths in natural order (9.png before 10.png).

    Raises:
        InputError: If there is no such folder or no picture in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        problem = "is a file, not a folder" if folder.exists() else "does not exist"
        raise InputError(f"The folder {folder} {problem}: give a folder of pictures.")
    found = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file()
    }
    visible = [name for name in found if not any(part[0] == "." for part in name.split("/"))]
    if not visible:
        raise InputError(f"The folder {folder} holds no picture ({', '.join(SUFFIXES)}).")
    return [found[name] for name in sorted(visible, key=_natural)]


def _natural(name):
    parts = re.split(r"(\d+)", name.lower())
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name


def _bytes(path):
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"There is no file {path}: check its name.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {os.strerror(error.errno)}.") from error
    if not data:
        raise InputError(f"{path} is empty: replace it with a picture.")
    return data


@contextlib.contextmanager
def _opened(data, name):
    """Opens bytes with Pillow; whatever goes wrong becomes one sentence about `name`."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            yield image
    except UnidentifiedImageError as error:
        raise InputError(
            f"{name} is no PNG, JPEG, TIFF, WebP or BMP picture, or its beginning is damaged."
        ) from error
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{name} has more than {2 * Image.MAX_IMAGE_PIXELS:,} pixels: make it smaller first."
        ) from error
    # Decoders raise nearly anything at damaged data (SyntaxError, struct.error, IndexError ...).
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{name} cannot be read as a picture: {reason[0].rstrip('.')}.") from error


def _is_wide(image, data):
    """Whether a file's header promises more than 8 bits per channel."""
    if image.format == "PNG":
        return data[24] == 16  # the bit depth in IHDR
    if image.format == "TIFF":
        bits = image.tag_v2.get(258, 1)
        return max(bits if isinstance(bits, tuple) else (bits,)) > 8
    return False


def _wide_colour(image, data):
    """Decodes 16-bit colour with OpenCV, since Pillow has it at 8 bits only."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        raise ValueError("its kind of 16-bit colour is not known; save it as a 16-bit RGB PNG")
    order = [2, 1, 0, 3][: pixels.shape[2]]
    if image.format == "PNG":
        if data[25] == 4:  # the colour type in IHDR: gray and alpha
            order = [0, 3]
        # Of TIFF, OpenCV has already heeded the orientation.
        pixels = _upright(pixels, image.getexif().get(ExifTags.Base.Orientation, 1))
    return np.ascontiguousarray(pixels[..., order])


def _upright(pixels, orientation):
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels[::-1] if orientation in (3, 4, 7, 8) else pixels


def _pixels(image):
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError("its whole numbers are not within 0 to 65535; save it with 16 bits")
        return values.astype(np.uint16)[..., None]
    if image.mode == "F":
        raise ValueError("it holds floating-point values; save it with 8 or 16 bits")
    gray = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        return np.array(image.convert("LA" if gray else "RGBA"))
    values = np.array(image.convert("L" if gray else "RGB"))
    return values[..., None] if gray else values


def _as(values, dtype):
    return values.astype(dtype) if dtype.kind == "f" else np.rint(values).astype(dtype)


def _sides(shape, scale):
    return tuple(max(1, round(side * scale)) for side in shape)


def _resize(image, target):
    """Averages areas along what shrinks, then interpolates along what grows."""
    shape, channels = image.shape[:2], image.shape[2]
    smaller = tuple(min(pair) for pair in zip(shape, target, strict=True))
    for size, method in ((smaller, cv2.INTER_AREA), (target, cv2.INTER_CUBIC)):
        if image.shape[:2] != size:
            image = cv2.resize(image, size[::-1], interpolation=method)
    return np.ascontiguousarray(image).reshape(*target, channels)
