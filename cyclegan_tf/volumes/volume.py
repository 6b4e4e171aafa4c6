"""A volume: voxels of one number each, and where they lie in the patient.

Read from NIfTI, a DICOM series or a NumPy array, and written as one of these.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from cyclegan_tf.atomic import replacing
from cyclegan_tf.errors import InputError
from cyclegan_tf.volumes import nifti
from cyclegan_tf.volumes.scaling import Scaled, fitting

_ARRAYS = (".npy", ".npz")
_DTYPES = ("int16", "int32", "float32", "float64")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Volume:
    """Voxels `(i, j, k)` and the affine that says where they lie.

    Attributes:
        voxels: Array-like with `shape`, `dtype` and slicing, `voxels[:, :, k]`, that gives NumPy
            arrays of real values (HU for CT), read when they are sliced. int16 or int32 where all
            values are whole numbers, else float32 (float64 if the file is).
        affine: float64 `(4, 4)`, voxel index to mm in RAS+ (to the right, front and head).
        modality: "CT", "MR" or another word of DICOM; "" where the file does not say.
        origin: What `write` takes from the file that the volume was read from, or None. It may
            hold the patient's name.
    """

    voxels: Any
    affine: np.ndarray
    modality: str = ""
    origin: Any = None

    @property
    def shape(self):
        """Number of voxels along i, j and k."""
        return tuple(int(n) for n in self.voxels.shape)

    @property
    def spacing(self):
        """Distance of neighbouring voxels along i, j and k, in mm."""
        return tuple(float(n) for n in np.sqrt((self.affine[:3, :3] ** 2).sum(0)))

    @property
    def orientation(self):
        """Where i, j and k lead: "RAS" is to the right, to the front, to the head."""
        from nibabel import aff2axcodes

        return "".join(aff2axcodes(self.affine))

    def __repr__(self):
        """Says what it is, and nothing about the patient."""
        shape = "x".join(map(str, self.shape))
        spacing = " x ".join(f"{n:.3g}" for n in self.spacing)
        return f"Volume({shape} {self.voxels.dtype}, {spacing} mm, {self.modality or 'unknown'})"


def read(path):
    """Opens a volume. Voxels are read from the file when they are sliced.

    Args:
        path: `.nii` or `.nii.gz`; or `.npy` or `.npz` with one array of three axes, which gets the
            identity as affine (of an `.npz` the whole array is held in memory).

    Returns:
        `Volume`.

    Raises:
        InputError: If it cannot be read, or is no volume.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"There is no file or folder {path}: check its name.")
    if path.name.lower().endswith(nifti.SUFFIXES):
        voxels, affine, header = nifti.read(path)
        volume = Volume(voxels, affine, "", header)
    elif path.suffix.lower() in _ARRAYS:
        volume = Volume(Scaled(_array(path), name=path), np.eye(4))
    else:
        raise InputError(f"{path} is no volume: give .nii, .nii.gz, .npy or .npz.")
    if not np.isfinite(volume.affine).all() or abs(np.linalg.det(volume.affine)) < 1e-9:
        raise InputError(
            f"{path} has an affine that squeezes the volume flat (a spacing of 0 or NaN): mend its "
            "header."
        )
    return volume


def write(path, voxels, like, modality="", dtype=None, overwrite=False):
    """Writes voxels as a volume like another one, whole or not at all.

    Args:
        path: `.nii`, `.nii.gz` or `.npy`.
        voxels: Array-like `(i, j, k)` of real values in the shape of `like`; one slice `[:, :, k]`
            is read at a time.
        like: `Volume` that says where the voxels lie.
        modality: What the values are: "CT" or "MR"; "" if what those of `like` are.
        dtype: "int16", "int32", "float32" or "float64". By default int16 for whole numbers of up
            to 16 bits with sign, int32 for longer ones, float32 for floats.
        overwrite: Whether to replace a file that exists.

    Raises:
        InputError: If an argument is another, a value does not fit or is not finite, or `path`
            exists or cannot be written.
    """
    path = Path(path)
    if tuple(voxels.shape) != like.shape:
        raise InputError(
            f"voxels must have the shape of like, {like.shape}, received {tuple(voxels.shape)}."
        )
    if dtype is not None and str(np.dtype(dtype)) not in _DTYPES:
        raise InputError(f"dtype must be one of {', '.join(_DTYPES)}, received {dtype!r}.")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists: give another name, or allow it with overwrite.")
    same_unit = modality in ("", like.modality)
    dtype = _written_dtype(voxels.dtype) if dtype is None else np.dtype(dtype)
    if path.name.lower().endswith(nifti.SUFFIXES):
        header = like.origin if hasattr(like.origin, "get_xyzt_units") else None
        nifti.write(path, voxels, like.affine, header, dtype, same_unit)
    elif path.suffix.lower() == ".npy":
        _write_array(path, voxels, dtype)
    else:
        raise InputError(f"path must end in .nii, .nii.gz or .npy, received {path}.")


def check_finite(volume):
    """Looks through all voxels, slice by slice.

    Args:
        volume: `Volume`.

    Returns:
        `(low, high)`: the smallest and the largest value, as floats.

    Raises:
        InputError: If voxels are NaN or infinite.
    """
    low, high, wrong = np.inf, -np.inf, 0
    for k in range(volume.shape[2]):
        plane = volume.voxels[:, :, k]
        finite = plane if plane.dtype.kind != "f" else plane[np.isfinite(plane)]
        wrong += plane.size - finite.size
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if wrong:
        total = int(np.prod(volume.shape))
        raise InputError(
            f"The volume has {wrong} of {total} voxels that are NaN or infinite: replace them "
            "(with the value of air, say) first."
        )
    return low, high


def _written_dtype(dtype):
    if dtype.kind == "f":
        return np.dtype(np.float32)
    return np.dtype(np.int16 if np.can_cast(dtype, np.int16) else np.int32)


def _array(path):
    try:
        if path.suffix.lower() == ".npy":
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        else:
            with np.load(path, allow_pickle=False) as file:
                if len(file.files) != 1:
                    raise InputError(
                        f"{path} holds {len(file.files)} arrays: give an .npz with one volume."
                    )
                array = file[file.files[0]]
    except InputError:
        raise
    except Exception as error:  # zip, zlib, header and pickle errors alike
        raise InputError(f"{path} cannot be read as a NumPy array: it is damaged.") from error
    if array.ndim != 3 or 0 in array.shape or array.dtype.kind not in "biuf":
        raise InputError(
            f"{path} must hold numbers along three axes, received shape {array.shape} of "
            f"{array.dtype}."
        )
    return array


def _write_array(path, voxels, dtype):
    with replacing(path) as temporary:
        target = np.lib.format.open_memmap(temporary, "w+", dtype, tuple(voxels.shape))
        for k in range(voxels.shape[2]):
            target[:, :, k] = fitting(voxels[:, :, k], dtype, path)
        target.flush()
