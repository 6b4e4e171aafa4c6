"""Images of high bit depth, from and to files: 16 bits, signed integers, floats, arrays."""

import io
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.value_range import FULL_RANGE, denormalize, normalize

# What NumPy raises at damaged files.
_UNREADABLE = (OSError, ValueError, AttributeError, EOFError, NotImplementedError, MemoryError)
_UNREADABLE += (KeyError, SyntaxError)
_SAMPLE_FORMAT = 339  # of TIFF: 1 unsigned, 2 signed, 3 floating point


def read_array(path):
    """Reads an image that NumPy has written.

    Args:
        path: `.npy`, or `.npz` with one array: `(height, width)`, or `(height, width, channels)`
            with the channels last. Pickles are never loaded.

    Returns:
        Array `(height, width, channels)` as from `image_file.read`.

    Raises:
        InputError: If the file is missing, damaged, or holds anything else.
    """
    array = load_array(path)
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise InputError(
            f"{path} must hold an array (height, width) or (height, width, channels), received "
            f"shape {array.shape}."
        )
    array = array if array.ndim == 3 else array[..., None]
    return check_finite(np.ascontiguousarray(in_own_values(array)), path)


def load_array(path, mmap_mode=None):
    """Loads the numbers of a NumPy file; pickles are never loaded.

    Args:
        path: `.npy`, or `.npz` with one array.
        mmap_mode: As in `numpy.load`; it applies to `.npy`.

    Returns:
        Array.

    Raises:
        InputError: If the file is missing, damaged, or holds anything else.
    """
    if not Path(path).is_file():
        problem = "is a folder" if Path(path).is_dir() else "does not exist"
        raise InputError(f"The array file {path} {problem}: check its name.")
    try:
        array = np.load(path, mmap_mode, allow_pickle=False)
        if isinstance(array, np.lib.npyio.NpzFile):
            with array as archive:
                names = archive.files
                if len(names) != 1:
                    raise InputError(
                        f"{path} holds {len(names)} arrays ({', '.join(names[:5])}), and one alone "
                        "is wanted: save each in a file of its own."
                    )
                array = archive[names[0]]
    except InputError:
        raise
    except (zipfile.BadZipFile, zlib.error, *_UNREADABLE) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise InputError(
            f"{path} cannot be read as an array, is damaged or was cut short: {reason}."
        ) from error
    if getattr(array, "dtype", np.dtype("O")).kind not in "biuf":
        found = getattr(array, "dtype", "something else")
        raise InputError(f"{path} must hold numbers, received {found}: convert it.")
    return array


def in_own_values(array):
    """uint8 and uint16 as they are, in native byte order; every other type as float32."""
    kept = array.dtype.kind == "u" and array.dtype.itemsize <= 2
    return array.astype(array.dtype.newbyteorder("=") if kept else np.float32, copy=False)


def check_finite(array, name):
    """Returns the array, or raises InputError where a value is NaN or infinite."""
    bad = 0 if array.dtype.kind != "f" else array.size - np.count_nonzero(np.isfinite(array))
    if bad:
        raise InputError(
            f"{name} holds {bad:,} values that are NaN or infinite: replace them first."
        )
    return array


def has_16_bits(image, data):
    """Whether a file's header promises more than 8 bits per channel.

    Args:
        image: The file, opened with Pillow.
        data: Its bytes.
    """
    if image.format == "PNG":
        return data[24] == 16  # the bit depth in IHDR
    if image.format == "TIFF":
        bits = image.tag_v2.get(258, 1)
        return max(bits if isinstance(bits, tuple) else (bits,)) > 8
    return False


def decode_colour(image, data):
    """Decodes 16-bit colour with OpenCV, since Pillow has it at 8 bits only.

    Args:
        image: The file, opened with Pillow.
        data: Its bytes.

    Returns:
        uint16 array `(height, width, 2 to 4 channels)`, upright.

    Raises:
        ValueError: If OpenCV does not know it either.
    """
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


def is_tiff(data):
    """Whether bytes begin as a TIFF does."""
    return data[:4] in (b"II*\0", b"MM\0*")


def decode_float_tiff(data):
    """Decodes with OpenCV the floating-point TIFFs that Pillow does not know: colour, 64 bits.

    Args:
        data: Bytes of the file.

    Returns:
        float32 array `(height, width, channels)`; None if it is no such file.
    """
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if pixels is None or pixels.dtype.kind != "f":
        return None
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[pixels.shape[2]]
    return np.ascontiguousarray(pixels[..., order].astype(np.float32, copy=False))


def is_signed(image):
    """Whether a file, opened with Pillow, is a TIFF of signed whole numbers."""
    return image.format == "TIFF" and 2 in image.tag_v2.get(_SAMPLE_FORMAT, ())


def decode_gray(image, signed, in_tiff):
    """The numbers of a gray image that Pillow does not have as 8 bits.

    Args:
        image: `PIL.Image` of the modes F and I, of the 16-bit ones, or L where it is `signed`.
        signed: As `is_signed` said of its file.
        in_tiff: Whether it comes from a TIFF, which says how many bits it has.

    Returns:
        Array `(height, width, 1)`: uint16 of 16 bits without sign, else float32.

    Raises:
        ValueError: If it comes from no file and holds whole numbers outside of 0 to 65535.
    """
    values = np.asarray(image)[..., None]
    if image.mode == "L":
        values = values.view(np.int8)
    elif image.mode == "I" and in_tiff and not signed:
        values = values.astype(np.uint32)  # where Pillow sees a sign
    elif image.mode.startswith("I") and not in_tiff:
        # A mode of 32 bits that is also Pillow's for 16: its values decide.
        if values.min() < 0 or values.max() > 65535:
            raise ValueError("its whole numbers are not within 0 to 65535; save it with 16 bits")
        values = values.astype(np.uint16)
    return in_own_values(values)


def is_gray_16(image):
    """Whether an image is such as Pillow has at 16 bits."""
    return image.dtype == np.uint16 and image.shape[-1] == 1


def to_pil(image, value_range, with_alpha=False):
    """Makes an 8-bit `PIL.Image` of an image of another type.

    Args:
        image: Array `(height, width, 1 to 4 channels)`.
        value_range: `(low, high)`: what becomes 0 and 255.
        with_alpha: Whether the last channel is transparency, whose range is that of its type.
    """
    colours = image[..., : image.shape[-1] - with_alpha]
    parts = [normalize(colours, value_range)]
    if with_alpha:
        parts.append(normalize(image[..., -1:], FULL_RANGE.get(str(image.dtype), (0, 1))))
    image = denormalize(np.concatenate(parts, -1), (0, 255), np.uint8)
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def encode(image, suffix):
    """Bytes of a PNG of 16 bits, or of a TIFF of 16 bits or floats.

    Args:
        image: uint16 or float32 array `(height, width, 1, 3 or 4 channels)`.
        suffix: ".png", ".tif" or ".tiff".
    """
    if image.shape[-1] == 1:  # Pillow's are smaller
        file = io.BytesIO()
        Image.fromarray(image[..., 0]).save(file, "PNG" if suffix == ".png" else "TIFF")
        return file.getvalue()
    return cv2.imencode(suffix, image[..., [2, 1, 0, 3][: image.shape[-1]]])[1].tobytes()


def encode_array(image, suffix=".npy"):
    """Bytes of a `.npy` with any array."""
    file = io.BytesIO()
    np.save(file, image, allow_pickle=False)
    return file.getvalue()


def _upright(pixels, orientation):
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels[::-1] if orientation in (3, 4, 7, 8) else pixels
