"""Rescaling of stored numbers to real values, `real = stored * slope + intercept`, and back."""

import mmap

import numpy as np

from cyclegan_tf.common.errors import InputError


def dtype_of(stored, scales=((1.0, 0.0),), bounds=None):
    """The type that holds the real values of a file.

    Args:
        stored: The dtype of the file's numbers.
        scales: Pairs `(slope, intercept)`, all that occur in the file.
        bounds: The smallest and the largest number that the file can hold; by default those of
            `stored`.

    Returns:
        int16 or int32 where all values are whole numbers (of 32 and 64 bits it is assumed that
        they fit into int32, and `to_real` checks it), else float32; float64 where the file is.
    """
    stored = np.dtype(stored)
    if stored.kind == "f":
        return np.dtype(np.float64 if stored.itemsize >= 8 else np.float32)
    if not all(float(value).is_integer() for scale in scales for value in scale):
        return np.dtype(np.float32)
    if bounds is None:
        bounds = (0, 1) if stored.kind == "b" else (np.iinfo(stored).min, np.iinfo(stored).max)
    ends = [bound * slope + intercept for bound in bounds for slope, intercept in scales]
    for dtype in (np.int16, np.int32):
        if np.iinfo(dtype).min <= min(ends) and max(ends) <= np.iinfo(dtype).max:
            return np.dtype(dtype)
    return np.dtype(np.int32 if stored.itemsize >= 4 else np.float32)


def to_real(stored, slope, intercept, dtype, name):
    """Real values of stored ones.

    Args:
        stored: Array.
        slope: Number.
        intercept: Number.
        dtype: As from `dtype_of`.
        name: What an error message calls the file.

    Returns:
        Array in memory, of type `dtype`.

    Raises:
        InputError: If a whole number does not fit into `dtype`.
    """
    # In double precision, since float32 has no 2049 * 2.2086 + 0.1 and no whole number of 32 bits.
    scaled = (slope, intercept) != (1.0, 0.0)
    values = stored * np.float64(slope) + intercept if scaled else stored
    if dtype.kind == "i":
        _check_fits(values, dtype, name)
    return np.array(values, dtype)


def to_stored(values, dtype, name):
    """Brings real values to the type in which they are to be written.

    Args:
        values: Array of real values; for a whole type they are rounded.
        dtype: NumPy dtype.
        name: What an error message calls the file.

    Returns:
        Array of type `dtype`.

    Raises:
        InputError: If a value is not finite or does not fit.
    """
    values = np.asarray(values)
    if values.dtype.kind == "f":
        if wrong := values.size - int(np.isfinite(values).sum()):
            raise InputError(
                f"{name} cannot be written: {wrong} voxels of a slice are NaN or infinite; "
                "replace them first."
            )
        if dtype.kind == "i":
            values = np.rint(values)
    if dtype.kind == "i":
        _check_fits(values, dtype, name)
    return values.astype(dtype)


def _check_fits(values, dtype, name):
    limits = np.iinfo(dtype)
    if values.size and (values.min() < limits.min or values.max() > limits.max):
        raise InputError(
            f"{name} has values from {values.min():g} to {values.max():g}, which {dtype} does not "
            "hold: use float32 there."
        )


def release_pages(stored):
    """Lets go of the pages of a memory map: what was read counts as memory until then.

    Args:
        stored: Array, of which nothing but copies are in use; one that is no map stays as it is.
    """
    mapped = getattr(stored, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


class ScaledArray:
    """A stored array that gives real values where it is sliced.

    Args:
        stored: Array-like with `shape`, `dtype` and slicing, such as a memory map.
        slope: Number.
        intercept: Number.
        name: What an error message calls the file.
    """

    def __init__(self, stored, slope=1.0, intercept=0.0, name="The volume"):
        self._stored, self._scale, self._name = stored, (float(slope), float(intercept)), name
        self.shape = tuple(int(n) for n in stored.shape)
        self.ndim = len(self.shape)
        self.dtype = dtype_of(stored.dtype, [self._scale])

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, index):
        values = to_real(np.asarray(self._stored[index]), *self._scale, self.dtype, self._name)
        release_pages(self._stored)
        return values

    def __array__(self, dtype=None, copy=None):
        return self[...].astype(dtype or self.dtype, copy=False)
