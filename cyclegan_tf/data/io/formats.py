"""Image formats: a table with one row each, and how Pillow's are read.

A new format is a row here; one that Pillow does not know brings a reader and, perhaps, an encoder.
"""

import contextlib
import dataclasses
import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io import high_bit_depth


def _read(path):
    return decode(_bytes(path), path)


def _check(path):
    """The dtype that `_read` gives, or its InputError.

    Files cut short are found: of PNGs the checksums are compared, JPEGs are decoded at an eighth
    of their size, and other formats as a whole.
    """
    data = _bytes(path)
    with _opened(data, path) as image:
        if isinstance(image, np.ndarray):
            return image.dtype
        if image.mode in ("F", "I") or high_bit_depth.is_signed(image):
            return high_bit_depth.check_finite(_pixels(image), path).dtype
        if image.format == "PNG":
            image.verify()
        else:
            image.draft(None, (1, 1))  # heeded by JPEG alone
            image.load()
        return np.dtype(np.uint16 if high_bit_depth.has_16_bits(image, data) else np.uint8)


@dataclasses.dataclass(frozen=True)
class ImageFormat:
    """One row of the table.

    Attributes:
        name: What Pillow calls the format; a name of ours where Pillow does not know it.
        suffixes: Of its files, in lower case.
        read: Function of a path that gives the image, as `image_file.read`. Pillow's go by what
            a file holds, whatever its suffix.
        check: Function of a path that gives the type that `read` would give, or its InputError,
            where there is a faster way; None reads the file.
        encode: Function of an image and a suffix that gives the bytes of a file with exactly its
            values; None where there is no other way than Pillow's, with 8 bits.
        exact: Types that `encode` keeps; None: all.
        channels: Numbers of channels that `encode` can write; None: any.
        alpha: Whether 8-bit images may be transparent.
        writable: Whether files are written at all.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable = _read
    check: Callable | None = _check
    encode: Callable | None = None
    exact: tuple[str, ...] | None = ()
    channels: tuple[int, ...] | None = (1, 3, 4)
    alpha: bool = True
    writable: bool = True

    def keeps(self, dtype):
        """Whether a file holds exact values of a type other than uint8."""
        return self.exact is None or dtype in self.exact

    @property
    def by_pillow(self):
        """Whether its files are images to Pillow, and to everybody else."""
        return self.read is _read


#: The formats, in the order in which messages list them.
FORMATS = (
    ImageFormat("PNG", (".png",), encode=high_bit_depth.encode, exact=("uint16",)),
    ImageFormat("JPEG", (".jpg", ".jpeg"), alpha=False),
    ImageFormat(
        "TIFF", (".tif", ".tiff"), encode=high_bit_depth.encode, exact=("uint16", "float32")
    ),
    ImageFormat("WEBP", (".webp",)),
    ImageFormat("BMP", (".bmp",), alpha=False),
    ImageFormat(
        *("NumPy array", (".npy",), high_bit_depth.read_array, None, high_bit_depth.encode_array),
        exact=None,
        channels=None,
    ),
    ImageFormat("NumPy archive", (".npz",), high_bit_depth.read_array, None, writable=False),
)
_UNKNOWN = ImageFormat("", (), writable=False)
_BY_SUFFIX = {suffix: row for row in FORMATS for suffix in row.suffixes}

#: Suffixes of what can be read; of images, not arrays; and of what can be written.
READABLE = tuple(_BY_SUFFIX)
IMAGES = tuple(suffix for suffix, row in _BY_SUFFIX.items() if row.by_pillow)
WRITABLE = tuple(suffix for suffix, row in _BY_SUFFIX.items() if row.writable)
#: Pillow's names. They are always given to it, since it would hand PostScript to an interpreter.
PILLOW = tuple(row.name for row in FORMATS if row.by_pillow)


def of(path):
    """The row of a file, by its suffix; of an unknown one, a row that reads what Pillow can."""
    return _BY_SUFFIX.get(Path(path).suffix.lower(), _UNKNOWN)


def is_array(path):
    """Whether a file holds an array, whose values are its own, and no image to look at."""
    return not of(path).by_pillow


def is_image_name(path):
    """Whether a path ends as an image's does, in a format that is known here or to Pillow."""
    suffix = Path(path).suffix.lower()
    return suffix in _BY_SUFFIX or suffix in Image.registered_extensions()


def encode(image, suffix):
    """Makes a file of an image whose values it keeps.

    Args:
        image: Array `(height, width, channels)`; float64 counts as float32.
        suffix: Of the file, in lower case.

    Returns:
        Bytes; None where a file of this kind has 8 bits, or other channels.
    """
    row = _BY_SUFFIX.get(suffix, _UNKNOWN)
    if image.dtype.kind == "f":
        image = image.astype(np.float32, copy=False)
    fits = row.channels is None or image.shape[-1] in row.channels
    if not fits or not row.keeps(str(image.dtype)):
        return None
    return row.encode(image, suffix)


def decode(data, name="The image"):
    """Reads an image from the bytes of a file, as `image_file.read` does.

    Args:
        data: Bytes of the file.
        name: What an error message calls it.

    Returns:
        Array as from `image_file.read`.

    Raises:
        InputError: If the bytes are no such image.
    """
    with _opened(data, name) as image:
        if isinstance(image, np.ndarray):
            return image
        # Also where OpenCV decodes: it would take half a file without a word.
        image.load()
        if high_bit_depth.has_16_bits(image, data) and image.mode in ("RGB", "RGBA"):
            return high_bit_depth.decode_colour(image, data)
        return high_bit_depth.check_finite(_pixels(image), name)


def from_pil(image):
    """Converts an open Pillow image.

    Args:
        image: `PIL.Image.Image` of any 8-bit mode, of 16-bit gray or of floats.

    Returns:
        Array as from `image_file.read`.

    Raises:
        InputError: If it holds whole numbers that are not of 16 bits, and comes from no TIFF.
    """
    try:
        return _pixels(image)
    except (ValueError, OSError) as error:
        raise InputError(f"image cannot be used as an image: {error}.") from error


def _bytes(path):
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"There is no file {path}: check its name.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {os.strerror(error.errno)}.") from error
    if not data:
        raise InputError(f"{path} is empty: replace it with an image.")
    return data


@contextlib.contextmanager
def _opened(data, name):
    """Opens bytes with Pillow, or as the array of a TIFF of floats that Pillow does not know.

    Whatever goes wrong becomes one sentence about `name`.
    """
    try:
        try:
            opened = Image.open(io.BytesIO(data), formats=PILLOW)
        except UnidentifiedImageError:
            if (
                not high_bit_depth.is_tiff(data)
                or (pixels := high_bit_depth.decode_float_tiff(data)) is None
            ):
                raise
            opened = contextlib.nullcontext(high_bit_depth.check_finite(pixels, name))
        with opened as image:
            yield image
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(
            f"{name} is no {', '.join(PILLOW[:-1])} or {PILLOW[-1]} image, or its beginning is "
            "damaged."
        ) from error
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{name} has more than {2 * Image.MAX_IMAGE_PIXELS:,} pixels: make it smaller first."
        ) from error
    # Decoders raise nearly anything at damaged data (SyntaxError, struct.error, IndexError ...).
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{name} cannot be read as an image: {reason[0].rstrip('.')}.") from error


def _pixels(image):
    signed, in_tiff = high_bit_depth.is_signed(image), image.format == "TIFF"
    image = ImageOps.exif_transpose(image)
    if image.mode == "F" or image.mode.startswith("I") or signed:
        return high_bit_depth.decode_gray(image, signed, in_tiff)
    gray = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        return np.array(image.convert("LA" if gray else "RGBA"))
    values = np.array(image.convert("L" if gray else "RGB"))
    return values[..., None] if gray else values
