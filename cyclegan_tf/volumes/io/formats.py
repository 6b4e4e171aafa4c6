"""Volume formats: a table with one row each. A new format is a row with its reader and writer."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io import formats as image_formats
from cyclegan_tf.volumes.io import arrays, dicom, dicom_series, dicom_writing, nifti


def _smallest(dtype):
    """int16 for whole numbers of up to 16 bits with sign, int32 for longer ones; else float32."""
    if dtype.kind == "f":
        return np.dtype(np.float32)
    return np.dtype(np.int16 if np.can_cast(dtype, np.int16) else np.int32)


@dataclasses.dataclass(frozen=True)
class VolumeFormat:
    """One row of the table.

    Attributes:
        name: What people call it.
        suffixes: Of its files, in lower case; empty for a folder of files.
        read: Function of a path and a series that gives `(voxels, affine, modality, origin)`, the
            fields of a `volume.Volume`.
        write: Function of a path, voxels, the volume that they are like, their modality and a
            dtype; None where nothing is written.
        dtypes: Types that may be asked of `write`.
        default: Function of the voxels' dtype that gives the one that is written where none is
            asked for.
        keeps_grid: Whether a file says where its voxels lie.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable
    write: Callable | None = None
    dtypes: tuple[str, ...] = ("int16", "int32", "float32", "float64")
    default: Callable = _smallest
    keeps_grid: bool = True

    def dtype(self, voxels, wanted=None):
        """The dtype that is written, or InputError if this format has none such.

        Args:
            voxels: The dtype of the voxels.
            wanted: Name of the one that was asked for, or None.
        """
        if wanted is None:
            return self.default(voxels)
        if wanted not in self.dtypes:
            raise InputError(
                f"dtype must be {' or '.join(self.dtypes)} for {self.name}, received {wanted!r}."
            )
        return np.dtype(wanted)


def _write_nifti(path, voxels, like, modality, dtype):
    # An origin that is a list is DICOM's slices.
    header = None if isinstance(like.origin, list) else like.origin
    nifti.write(path, voxels, like.affine, header, dtype, modality in ("", like.modality))


def _write_array(path, voxels, like, modality, dtype):
    arrays.write(path, voxels, dtype)


def _write_dicom(path, voxels, like, modality, dtype):
    slices = like.origin if isinstance(like.origin, list) else None
    dicom_writing.write(path, voxels, like.affine, slices, modality or like.modality, dtype)


#: A folder of single slices, or one file; its default type is said in `dicom_writing.write`.
DICOM = VolumeFormat(
    "a DICOM series", (), dicom.read, _write_dicom, ("int16",), default=lambda dtype: None
)
#: The formats, in the order in which messages list them.
FORMATS = (
    VolumeFormat("NIfTI", (".nii", ".nii.gz"), nifti.read, _write_nifti),
    VolumeFormat("a NumPy array", (".npy",), arrays.read, _write_array, keeps_grid=False),
    VolumeFormat("a NumPy archive", (".npz",), arrays.read, keeps_grid=False),
    DICOM,
)
#: Suffixes of files of one volume each, and of those that can be written.
READABLE = tuple(suffix for row in FORMATS for suffix in row.suffixes)
WRITABLE = tuple(suffix for row in FORMATS if row.write for suffix in row.suffixes)
# What is no folder's name, though nothing is written under it.
_OTHERS = (*dicom_series.SUFFIXES, ".gz", ".zip", ".hdr", ".img", ".mha", ".mhd", ".nrrd", ".mgz")


def by_suffix(path):
    """The row of a file by its name; None if it has no suffix of the table."""
    name = Path(path).name.lower()
    return next((row for row in FORMATS if name.endswith(row.suffixes)), None)


def of_source(path):
    """The row of what is to be read.

    Raises:
        InputError: If it is no volume.
    """
    row = by_suffix(path)
    if row is None and (Path(path).is_dir() or dicom_series.looks_like_dicom(path)):
        row = DICOM
    if row is None:
        raise InputError(
            f"{path} is no volume: give {', '.join(READABLE)}, a DICOM file, or the folder of a "
            "DICOM series."
        )
    return row


def of_target(path):
    """The row of what is to be written: a name without a suffix is that of a folder for DICOM.

    Raises:
        InputError: If nothing is written under such a name.
    """
    row, suffix = by_suffix(path), Path(path).suffix.lower()
    if row is None and suffix not in (*_OTHERS, *image_formats.IMAGES):
        row = DICOM
    if row is None or row.write is None:
        raise InputError(
            f"path must end in {', '.join(WRITABLE)}, or be the name of a folder for DICOM, "
            f"received {path}."
        )
    return row
