"""NIfTI files: read where they lie, written as a stream.

A volume keeps the header of the file that it was read from. What is written for it has the
same orientation (sform and qform with their codes, to the bit), spacing and units; extensions
are left out, since they speak of the other file and may hold a patient's DICOM header.
"""

import contextlib
import gzip
import tempfile
import zlib
from pathlib import Path

import numpy as np

from cyclegan_tf.common.atomic_files import replacing
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.volumes.io.scaling import ScaledArray, to_stored

_NOTE = "derived by cyclegan_tf, research only"


def load_nibabel():
    """Returns the module nibabel; raises InputError where it is not installed."""
    try:
        import nibabel
    except ImportError:
        raise InputError("NIfTI files need nibabel: pip install 'cyclegan_tf[medical]'.") from None
    return nibabel


def read(path, series=None):
    """Opens a NIfTI file; voxels are read where they are sliced.

    A `.nii.gz` is unpacked into a temporary file without a name (in the folder that `TMPDIR`
    says), so that slices along every axis are cheap and take no memory; it goes with the volume.

    Where the file says nothing about its orientation (the codes of sform and qform are both 0),
    nibabel's fallback holds: spacing by `pixdim`, the first axis from right to left, the origin in
    the centre.

    Args:
        path: `.nii` or `.nii.gz` file of NIfTI 1 or 2.
        series: There is one alone.

    Returns:
        `(voxels, affine, modality, origin)`: a `ScaledArray`, the `(4, 4)` float64 affine, "" and
        nibabel's header.

    Raises:
        InputError: If it cannot be read, or is no volume of one number per voxel.
    """
    nibabel, path = load_nibabel(), Path(path)
    try:
        image = nibabel.load(path)
        header, proxy, affine = image.header, image.dataobj, image.affine
        _check(path, header.get_data_shape(), proxy.dtype)
        stored = _mapped(path, proxy)
    except InputError:
        raise
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "it is damaged or was cut short"
        raise InputError(f"{path} cannot be read as NIfTI: {reason}.") from error
    # Of a damaged header nibabel raises whatever the damage leads to.
    except Exception as error:
        raise InputError(
            f"{path} is no NIfTI file, or its beginning is damaged: get it again."
        ) from error
    shape = stored.shape[:3]
    voxels = ScaledArray(stored.reshape(shape, order="F"), proxy.slope, proxy.inter, path)
    return voxels, np.array(affine, np.float64), "", header


def write(path, voxels, affine, header, dtype, same_unit=True):
    """Writes a NIfTI file slice by slice, whole or not at all.

    Args:
        path: `.nii` or `.nii.gz`.
        voxels: Array-like `(i, j, k)` of real values; one slice `[:, :, k]` is read at a time.
        affine: `(4, 4)`, voxel to mm in RAS+; it counts where `header` is None.
        header: nibabel header to go by, or None.
        dtype: NumPy dtype: int16, int32, float32 or float64.
        same_unit: Whether the values mean what those of `header` meant; if not, its range of
            display is forgotten.

    Raises:
        InputError: If a value does not fit, or the file cannot be written.
    """
    path, shape = Path(path), tuple(voxels.shape)
    header = _new_header(affine, shape) if header is None else header.copy()
    header.extensions.clear()
    if "db_name" in header:  # a patient's name in older files
        header["db_name"] = b""
    header["vox_offset"] = 0  # nibabel puts the smallest
    pixdim = header["pixdim"].copy()
    header.set_data_shape(shape)
    header["pixdim"] = pixdim  # of axes that are not there, nibabel would set it to 1
    header.set_data_dtype(dtype)
    header.set_slope_inter(1.0, 0.0)
    if not same_unit:
        header["cal_min"] = header["cal_max"] = 0
    said = bytes(header["descrip"]).rstrip(b"\0").decode("latin-1")
    if _NOTE not in said:
        said = f"{said[: 77 - len(_NOTE)]}; {_NOTE}" if said else _NOTE
        header["descrip"] = said.encode("latin-1")
    with replacing(path) as temporary, temporary.open("wb") as file:
        packed = path.suffix.lower() == ".gz"
        # Neither name nor time, so that equal volumes give equal files.
        stream = gzip.GzipFile("", "wb", 1, file, 0) if packed else contextlib.nullcontext(file)
        with stream as target:
            header.write_to(target)
            for k in range(shape[2]):
                plane = to_stored(voxels[:, :, k], dtype, path)
                target.write(plane.astype(header.get_data_dtype()).tobytes("F"))


def _check(path, shape, dtype):
    if len(shape) < 3 or any(side > 1 for side in shape[3:]):
        parts = "one of its parts (its last axes)" if len(shape) > 3 else "a stack of its slices"
        raise InputError(
            f"{path} has the shape {'x'.join(map(str, shape))}, not three axes: save {parts} as "
            "a volume of its own."
        )
    if 0 in shape:
        raise InputError(f"{path} has the shape {'x'.join(map(str, shape))}: it has no voxels.")
    if dtype.kind not in "iuf":
        kind = "complex numbers" if dtype.kind == "c" else "colours"
        raise InputError(
            f"{path} holds {kind}, not one number per voxel: save one part of them (magnitude, or "
            "one colour) as a volume of its own."
        )


def _mapped(path, proxy):
    """The file's numbers as a memory map, unpacked first if need be."""
    size = proxy.offset + proxy.dtype.itemsize * int(np.prod(proxy.shape, dtype=np.int64))
    if path.suffix.lower() != ".gz":
        if path.stat().st_size < size:
            raise EOFError
        return _memory_map(path, proxy)
    # The open mapping keeps the file alive after its name is gone.
    with tempfile.TemporaryFile() as file:
        with gzip.open(path) as packed:
            left = size
            while left:
                block = packed.read(min(left, 1 << 18))
                if not block:
                    raise EOFError
                _put(file, block, size)
                left -= len(block)
            packed.read(1)  # at the end the checksum is compared
        file.flush()
        return _memory_map(file, proxy)


def _put(file, block, size):
    try:
        file.write(block)
    except OSError as error:
        raise InputError(
            f"{tempfile.gettempdir()} lacks the {size >> 20} MiB for an unpacked volume: make room "
            "or set TMPDIR to another folder."
        ) from error


def _memory_map(file, proxy):
    return np.memmap(file, proxy.dtype, "r", proxy.offset, proxy.shape, "F")


def _new_header(affine, shape):
    header = load_nibabel().Nifti1Header()
    header.set_data_shape(shape)
    header.set_xyzt_units("mm", "sec")
    header.set_sform(affine, code="scanner")
    # A qform has no shear (of a tilted gantry): then the sform speaks alone.
    header.set_qform(affine, code="scanner")
    if not np.allclose(header.get_qform(), affine, atol=1e-3):
        header.set_qform(None, code="unknown")
        header.set_zooms(np.sqrt((affine[:3, :3] ** 2).sum(0)))
    return header
