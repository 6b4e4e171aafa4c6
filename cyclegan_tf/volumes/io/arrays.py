"""NumPy files as volumes: one array of three axes, without a place in the patient."""

import numpy as np

from cyclegan_tf.common.atomic_files import replacing
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io.arrays import load_array
from cyclegan_tf.volumes.io.scaling import ScaledArray, to_stored


def read(path, series=None):
    """Opens a file; a `.npy` is mapped, an `.npz` read into memory.

    Args:
        path: `.npy`, or `.npz` with one array.
        series: There is one alone.

    Returns:
        `(voxels, affine, modality, origin)`: a `ScaledArray`, the identity, "" and None.

    Raises:
        InputError: If it is damaged, or holds anything but numbers along three axes.
    """
    array = load_array(path, "r")
    if array.ndim != 3 or 0 in array.shape:
        raise InputError(
            f"{path} must hold numbers along three axes, received shape {array.shape}."
        )
    return ScaledArray(array, name=path), np.eye(4), "", None


def write(path, voxels, dtype):
    """Writes a `.npy` slice by slice, whole or not at all.

    Args:
        path: The file.
        voxels: Array-like `(i, j, k)` of real values.
        dtype: NumPy dtype.

    Raises:
        InputError: If a value does not fit, or the file cannot be written.
    """
    with replacing(path) as temporary:
        target = np.lib.format.open_memmap(temporary, "w+", dtype, tuple(voxels.shape))
        for k in range(voxels.shape[2]):
            target[:, :, k] = to_stored(voxels[:, :, k], dtype, path)
        target.flush()
