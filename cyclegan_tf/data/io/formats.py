"""Image formats: a table with one row each.

A new format is a row here; one that Pillow does not know brings a reader and, perhaps, an encoder.
"""

import contextlib
import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io import arrays, pillow

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HEIF = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevx", b"mif1", b"msf1")


@dataclasses.dataclass(frozen=True)
class ImageFormat:
    """One row of the table.

    Attributes:
        name: What Pillow calls the format; a name of ours where Pillow does not know it.
        suffixes: Of its files, in lower case.
        array: Whether a file holds an array of any numbers, and no image to look at.
        encode: Function of an image that gives the bytes of a file with exactly its values; None
            where there is no other way than Pillow's, with 8 bits.
        exact: Types that `encode` keeps; None: all.
        channels: Numbers of channels that `encode` can write; None: any.
        alpha: Whether 8-bit images may be transparent by degrees.
        frames: Whether a file may hold several images, one after the other.
        writable: Whether files are written at all.
    """

    name: str
    suffixes: tuple[str, ...]
    array: bool = False
    encode: Callable | None = None
    exact: tuple[str, ...] | None = ()
    channels: tuple[int, ...] | None = (1, 3, 4)
    alpha: bool = True
    frames: bool = False
    writable: bool = True

    def keeps(self, dtype):
        """Whether a file holds exact values of a type other than uint8."""
        return self.exact is None or dtype in self.exact


def _encode_tiff(image):
    from cyclegan_tf.data.io import tiff

    return tiff.encode([image], getattr(image, "nodata", None))


#: The formats, in the order in which messages list them.
FORMATS = (
    ImageFormat("PNG", (".png",), encode=pillow.encode_16_bits, exact=("uint16",), frames=True),
    ImageFormat("JPEG", (".jpg", ".jpeg", ".jfif", ".jpe"), alpha=False),
    ImageFormat(
        *("TIFF", (".tif", ".tiff"), False, _encode_tiff),
        exact=("uint8", "uint16", "float32"),
        channels=None,
        frames=True,
    ),
    ImageFormat("WEBP", (".webp",), frames=True),
    ImageFormat("BMP", (".bmp",), alpha=False),
    ImageFormat("GIF", (".gif",), alpha=False, frames=True),
    ImageFormat("AVIF", (".avif",), frames=True),
    ImageFormat("HEIF", (".heic", ".heif"), writable=False),
    ImageFormat("NumPy array", (".npy",), True, arrays.encode, exact=None, channels=None),
    ImageFormat("NumPy archive", (".npz",), True, writable=False),
)
_UNKNOWN = ImageFormat("", (), writable=False)
_BY_SUFFIX = {suffix: row for row in FORMATS for suffix in row.suffixes}

#: Suffixes of what can be read; of images, not arrays; and of what can be written.
READABLE = tuple(_BY_SUFFIX)
IMAGES = tuple(suffix for suffix, row in _BY_SUFFIX.items() if not row.array)
WRITABLE = tuple(suffix for suffix, row in _BY_SUFFIX.items() if row.writable)
#: Names of the formats that are images, as Pillow calls them.
PILLOW = tuple(row.name for row in FORMATS if not row.array)


def of(path):
    """The row of a file, by its suffix; of an unknown one, a row that reads what Pillow can."""
    return _BY_SUFFIX.get(Path(path).suffix.lower(), _UNKNOWN)


def is_array(path):
    """Whether a file holds an array, whose values are its own, and no image to look at."""
    return of(path).array


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
    return row.encode(image)


@contextlib.contextmanager
def opened(source, name=None):
    """Opens a file, whose frames are decoded on access.

    Args:
        source: Path of the file, or its bytes.
        name: What messages call it; by default the path.

    Yields:
        A sequence with `len` and `[i]`, which gives `Pixels`; `kind`, the name of its format;
        `size`, `(width, height)` as stored; `durations`, how long each frame is shown, in ms, or
        None; `indices(i)`, the numbers of a frame with a palette, or None; and `check()`, the
        types of all frames, found without more work than that takes.

    Raises:
        InputError: One sentence, whatever goes wrong here or while the frames are used.
    """
    in_memory = isinstance(source, bytes)
    name = name or ("The image" if in_memory else source)
    try:
        if not in_memory and is_array(source):
            yield arrays.ArrayFrames(source)
            return
        data = source if in_memory else _bytes(source)
        if data[:4] in _TIFF:
            from cyclegan_tf.data.io import tiff

            yield tiff.TiffFrames(data, name)
            return
        if data[4:8] == b"ftyp" and data[8:12] in _HEIF:
            _register_heif(name)
        yield pillow.PillowFrames(data, name, PILLOW)
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(
            f"{name} is no {', '.join(PILLOW[:-1])} or {PILLOW[-1]} image, or its beginning is "
            "damaged."
        ) from error
    except Image.DecompressionBombError as error:
        raise pillow.TooManyPixels(
            f"{name} has more than {2 * Image.MAX_IMAGE_PIXELS:,} pixels: make it smaller first."
        ) from error
    # Decoders raise nearly anything at damaged data (SyntaxError, struct.error, IndexError ...).
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{name} cannot be read as an image: {reason[0].rstrip('.')}.") from error


def decode(data, name="The image"):
    """Reads the first image from the bytes of a file, as `image_file.read` does.

    Args:
        data: Bytes of the file.
        name: What an error message calls it.

    Returns:
        Array as from `image_file.read`.

    Raises:
        InputError: If the bytes are no such image.
    """
    with opened(data, name) as frames:
        return arrays.check_finite(frames[0], name)


def from_pil(image):
    """Converts an open Pillow image, as `pillow.from_pil` does."""
    try:
        return arrays.check_finite(pillow.from_pil(image), "image")
    except (ValueError, OSError) as error:
        raise InputError(f"image cannot be used as an image: {error}.") from error


def _register_heif(name):
    try:
        import pillow_heif
    except ImportError:
        raise InputError(
            f"{name} is a HEIC image, which needs a package: pip install 'cyclegan_tf[heic]'."
        ) from None
    pillow_heif.register_heif_opener()


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
