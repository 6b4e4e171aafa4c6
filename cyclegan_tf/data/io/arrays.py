"""Arrays that NumPy has written, and the types of numbers that images have here."""

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io.pixels import Pixels

# What NumPy raises at damaged files.
_UNREADABLE = (OSError, ValueError, AttributeError, EOFError, NotImplementedError, MemoryError)
_UNREADABLE += (KeyError, SyntaxError)


class ArrayFrames:
    """The one image of a `.npy`, or of an `.npz` with one array; pickles are never loaded.

    Args:
        path: The file: an array `(height, width)`, or `(height, width, channels)`.
    """

    kind, durations = "NumPy", None

    def __init__(self, path):
        self._name, array = path, load_array(path)
        if array.ndim not in (2, 3) or 0 in array.shape:
            raise InputError(
                f"{path} must hold an array (height, width) or (height, width, channels), received "
                f"shape {array.shape}."
            )
        array = array if array.ndim == 3 else array[..., None]
        self._image = Pixels(np.ascontiguousarray(in_own_values(array)))

    def __len__(self):
        return 1

    @property
    def size(self):
        """`(width, height)`."""
        return self._image.shape[1::-1]

    def __getitem__(self, index):
        """The image, as `Pixels`."""
        return [self._image][index]

    def indices(self, index=0):
        """None: an array has no palette."""

    def check(self):
        """Its type, in a list."""
        check_finite(self._image, self._name)
        return [self._image.dtype]


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
    with np.errstate(over="ignore"):  # `check_finite` tells of what has become infinite
        return array.astype(array.dtype.newbyteorder("=") if kept else np.float32, copy=False)


def check_finite(image, name):
    """Returns the image, or raises InputError where NaN or infinity has no meaning."""
    if image.dtype.kind == "f":
        nodata = getattr(image, "nodata", None)
        bad = np.isinf(image) if nodata is not None else ~np.isfinite(image)
        if count := np.count_nonzero(bad):
            raise InputError(
                f"{name} holds {count:,} values that are NaN or infinite: replace them first, or "
                "say with nodata what stands for no data."
            )
    return image


def encode(image):
    """Bytes of a `.npy` with any array; where floats hold no data, their number for that."""
    values, nodata = np.asarray(image), getattr(image, "nodata", None)
    if nodata is not None and values.dtype.kind == "f":
        values = np.where(np.isnan(values), values.dtype.type(nodata), values)
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()
