"""A volume: voxels of one number each, and where they lie in the patient.

Read from NIfTI, a DICOM series or a NumPy array, and written as one of these.
"""

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io import formats as image_formats
from cyclegan_tf.data.io import listing
from cyclegan_tf.volumes.io import dicom_series, formats
from cyclegan_tf.volumes.io.nifti import load_nibabel


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
        return "".join(load_nibabel().aff2axcodes(self.affine))

    def __repr__(self):
        """Says what it is, and nothing about the patient."""
        shape = "x".join(map(str, self.shape))
        spacing = " x ".join(f"{n:.3g}" for n in self.spacing)
        return f"Volume({shape} {self.voxels.dtype}, {spacing} mm, {self.modality or 'unknown'})"


@dataclasses.dataclass(frozen=True)
class FoundVolume:
    """A volume that `find` came upon.

    Attributes:
        path: What to `read`.
        series: Which series of it; None if it holds one.
        patient: Tells patients apart, so that each is on one side of a split; never to be shown.
        modality: "CT", "MR" or another word of DICOM; "" where the file does not say.
    """

    path: Path
    series: int | None
    patient: str = dataclasses.field(repr=False)
    modality: str = ""


def check_same_grid(volume, other, name):
    """Raises InputError, which calls the other `name`, unless two volumes lie on one grid."""
    same = tuple(volume.voxels.shape) == tuple(other.voxels.shape)
    if not same or not np.allclose(volume.affine, other.affine, atol=1e-2):
        shape, expected = ("x".join(map(str, v.voxels.shape)) for v in (other, volume))
        raise InputError(
            f"{name} lies on another grid ({shape} voxels; {expected} were expected, at the same "
            "place): resample it first."
        )


def is_volume(path):
    """Whether `read` is meant for a path: by its suffix, or a folder of DICOM without images."""
    path = Path(path)
    if not path.is_dir():
        return formats.by_suffix(path) is not None or dicom_series.looks_like_dicom(path)
    files = [each for each in path.iterdir() if each.is_file()]
    images = any(each.suffix.lower() in image_formats.IMAGES for each in files)
    return not images and any(map(dicom_series.is_dicom, files))


def find(folder):
    """Lists the volumes of a folder and its subfolders, hidden ones left out.

    A patient is known by the PatientID of DICOM; else by the part `sub-...` of a name (BIDS); else
    by the subfolder of `folder`; else by the file's name without suffixes.

    Args:
        folder: The folder.

    Returns:
        List of `FoundVolume` in natural order (case 9 before case 10).

    Raises:
        InputError: If there is no such folder or no volume in it.
    """
    found, seen = [], set()
    for path in listing.files(folder, "volumes"):
        name = path.relative_to(folder)
        if formats.by_suffix(path) is not None:
            found.append(FoundVolume(path, None, _patient(name)))
        elif path.parent not in seen and dicom_series.is_dicom(path):
            seen.add(path.parent)
            found += _found_series(path.parent, _patient(name))
    if not found:
        raise InputError(
            f"The folder {folder} holds no volume ({', '.join(formats.READABLE)} or DICOM)."
        )
    return found


def read(path, series=None):
    """Opens a volume. Voxels are read from the file when they are sliced.

    Args:
        path: `.nii` or `.nii.gz`; a folder of a DICOM series, or one DICOM file; or `.npy` or
            `.npz` with one array of three axes, which gets the identity as affine (of an `.npz`
            the whole array is held in memory).
        series: Where a folder holds several series: the number of one, from 1, or the end of its
            SeriesInstanceUID.

    Returns:
        `Volume`.

    Raises:
        InputError: If it cannot be read, or is no volume.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"There is no file or folder {path}: check its name.")
    volume = Volume(*formats.of_source(path).read(path, series))
    if not np.isfinite(volume.affine).all() or abs(np.linalg.det(volume.affine)) < 1e-9:
        raise InputError(
            f"{path} has an affine that squeezes the volume flat (a spacing of 0 or NaN): mend its "
            "header."
        )
    return volume


def write(path, voxels, like, modality="", dtype=None, overwrite=False):
    """Writes voxels as a volume like another one, whole or not at all.

    Args:
        path: `.nii`, `.nii.gz` or `.npy`; any other name is that of a folder for a DICOM series.
        voxels: Array-like `(i, j, k)` of real values in the shape of `like`; one slice `[:, :, k]`
            is read at a time (for DICOM all slices twice).
        like: `Volume` that says where the voxels lie, and to which study they belong.
        modality: What the values are: "CT" (in HU) or "MR"; "" if what those of `like` are.
        dtype: "int16", "int32", "float32" or "float64"; floats are rounded to whole numbers if need
            be. By default int16 for whole numbers of up to 16 bits with sign, int32 for longer
            ones, float32 for floats. DICOM has "int16" alone; for what it does by default see
            `dicom_writing.write`. `io.formats` has the types of each format.
        overwrite: Whether to replace a file that exists, or a folder that was written so.

    Raises:
        InputError: If an argument is another, a value does not fit or is not finite, or `path`
            exists or cannot be written.
    """
    path = Path(path)
    if tuple(voxels.shape) != like.shape:
        raise InputError(
            f"voxels must have the shape of like, {like.shape}, received {tuple(voxels.shape)}."
        )
    row = formats.of_target(path)
    dtype = row.dtype(voxels.dtype, dtype)
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists: give another name, or say overwrite=True.")
    row.write(path, voxels, like, modality, dtype)


def _patient(name):
    """Who a file is of, by its path below the folder."""
    if bids := re.search(r"(?:^|[/_])(sub-[A-Za-z0-9]+)", name.as_posix()):
        return bids[1]
    return name.parts[0] if len(name.parts) > 1 else name.name.partition(".")[0]


def _found_series(folder, patient):
    try:
        series = dicom_series.find_series(folder)
    except InputError:  # `read` says it
        return [FoundVolume(folder, None, patient)]
    several = len(series) > 1
    return [
        FoundVolume(folder, i if several else None, each.patient or patient, each.modality)
        for i, each in enumerate(series, 1)
    ]
