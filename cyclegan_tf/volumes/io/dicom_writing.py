"""Writing of DICOM: a series that says that it is derived.

It keeps of its source the patient, study, frame of reference and geometry, and nothing of how the
source was acquired, which is not true of it.
"""

import datetime
from pathlib import Path

import numpy as np

from cyclegan_tf.common.atomic_files import replacing_folder
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.volumes.io.dicom import LPS_TO_RAS
from cyclegan_tf.volumes.io.dicom_series import KEPT, load_pydicom, read_header, without_warnings
from cyclegan_tf.volumes.io.scaling import to_stored

#: What every slice says of itself.
NOTE = "derived by cyclegan_tf, research only, not for diagnosis"

_MAKER = "cyclegan_tf"
_INT16 = np.dtype(np.int16)
_STORAGE = {"CT": "CTImageStorage", "MR": "MRImageStorage"}
# Required by the standard and unknown here, so present and empty.
# fmt: off
_EMPTY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
    "StudyID", "AccessionNumber", "ReferringPhysicianName", "PositionReferenceIndicator",
    "PatientPosition", "AcquisitionNumber",
)
# fmt: on
_OF_MODALITY = {
    "CT": {"KVP": None, "RescaleType": "HU"},
    "MR": {
        "ScanningSequence": "RM",  # "research mode": what else there is would be a claim
        "SequenceVariant": "NONE",
        "ScanOptions": None,
        "MRAcquisitionType": None,
        "EchoTime": None,
        "EchoTrainLength": None,
        "RescaleType": "US",
    },
}


def write(path, voxels, affine, slices, modality, dtype=None):
    """Writes a series of single slices, complete or not at all.

    Values are stored with 16 bits. Whole numbers keep their values, with a RescaleSlope of 1 and a
    RescaleIntercept of 0 (or, if they lie beyond -32768..32767, of the middle). Floats are
    stored in 65536 steps from the smallest to the largest of the volume, so none is off by more
    than a half of 1/65535 of that range.

    DICOM knows no direction of counting slices: one who reads them counts along the normal. Of
    a volume whose axes make a left-handed system (LAS, say), slices come back in reverse, at
    the same places.

    Args:
        path: The folder; what is there must have been written by this function.
        voxels: Array-like `(i, j, k)` of real values; all slices are read twice.
        affine: `(4, 4)`, voxel to mm in RAS+.
        slices: List of `dicom_slices.Slice`, as many as there are voxels along k, from which
            patient and study are taken; or None: nobody, and a new study.
        modality: "CT" or "MR".
        dtype: int16 to round floats to whole numbers, or None.

    Raises:
        InputError: If an argument is another, rows and columns are not at right angles, a value is
            not finite or has no room in 16 bits, or the folder cannot be written.
    """
    path = Path(path)
    if modality not in _STORAGE:
        raise InputError(
            f'modality must be "CT" or "MR" for a DICOM series, received {modality!r}: say what '
            "the values are, or write NIfTI."
        )
    _check_replaceable(path)
    scale = _scale(path, voxels, whole=dtype is not None or voxels.dtype.kind != "f")
    with without_warnings():
        common = _common(slices[0].header if slices else None, modality, scale)
        _add_geometry(common, path, affine)
    with replacing_folder(path) as folder:
        for k in range(voxels.shape[2]):
            stored = _stored(voxels[:, :, k], scale, path)
            source = slices[k] if slices else None
            name = folder / f"slice_{k + 1:04d}.dcm"
            with without_warnings():
                _write_slice(name, stored, common, affine, k, source)


def _check_replaceable(path):
    """Raises InputError if there is something that `write` did not make."""
    if not path.exists():
        return
    own = path.is_dir()
    for file in path.iterdir() if own else ():
        try:
            own = read_header(file).get("Manufacturer") == _MAKER
        except InputError:
            own = False
        if not own:
            break
    if not own:
        raise InputError(
            f"{path} exists and is no series that was written here, so it stays: give another name."
        )


def _scale(path, voxels, whole):
    """The RescaleSlope and RescaleIntercept for all slices."""
    low, high = np.inf, -np.inf
    for k in range(voxels.shape[2]):
        plane = to_stored(voxels[:, :, k], np.dtype(np.float64), path)
        low, high = min(low, plane.min()), max(high, plane.max())
    if whole:
        low, high = np.rint(low), np.rint(high)
        if low >= -32768 and high <= 32767:
            return 1.0, 0.0
        if high - low <= 65535:
            return 1.0, float(low + 32768)
        raise InputError(
            f"{path} would have whole numbers from {low:g} to {high:g}, which 16 bits do not hold: "
            "give floats, which are stored in 65536 steps."
        )
    if low == high:
        return 1.0, _as_written(low)
    slope = _as_written((high - low) / 65535)
    return slope, _as_written(low + 32768 * slope)


def _as_written(value):
    """The number that is read back: DICOM writes numbers with 16 characters at most."""
    from pydicom.valuerep import format_number_as_ds

    return float(format_number_as_ds(float(value)))


def _stored(plane, scale, path):
    slope, intercept = scale
    plane = to_stored(plane, np.dtype(np.float64), path)
    # The ends may be off by the rounding of the slope.
    return np.clip(np.rint((plane - intercept) / slope), -32768, 32767).astype(_INT16)


def _common(header, modality, scale):
    """What all slices say."""
    pydicom = load_pydicom()
    from pydicom.uid import generate_uid

    common = pydicom.Dataset()
    common.SpecificCharacterSet = "ISO_IR 192"
    for name in KEPT if header else ():
        if name in header:
            common[name] = header[name]
    for name in _EMPTY:
        if name not in common:
            setattr(common, name, None)
    for name in ("StudyInstanceUID", "FrameOfReferenceUID"):
        if not common.get(name):
            setattr(common, name, generate_uid(None))
    now = datetime.datetime.now()
    common.SeriesInstanceUID = generate_uid(None)
    common.SeriesNumber = 9000 + _number(header)
    common.SeriesDescription = common.DerivationDescription = NOTE
    common.SeriesDate = common.ContentDate = now.strftime("%Y%m%d")
    common.SeriesTime = common.ContentTime = now.strftime("%H%M%S")
    common.Manufacturer = _MAKER
    common.Modality = modality
    common.SOPClassUID = getattr(pydicom.uid, _STORAGE[modality])
    common.ImageType = ["DERIVED", "SECONDARY", "AXIAL" if modality == "CT" else "OTHER"]
    common.BurnedInAnnotation = "NO"
    common.SamplesPerPixel = 1
    common.PhotometricInterpretation = "MONOCHROME2"
    common.BitsAllocated = common.BitsStored = 16
    common.HighBit = 15
    common.PixelRepresentation = 1
    common.RescaleSlope, common.RescaleIntercept = (_decimal(value) for value in scale)
    for name, value in _OF_MODALITY[modality].items():
        setattr(common, name, value)
    return common


def _number(header):
    number = header.get("SeriesNumber") if header else None
    return int(number) if number is not None and 0 <= number < 1000 else 0


def _add_geometry(common, path, affine):
    axes = (LPS_TO_RAS @ affine)[:3, :3]
    spacing = np.linalg.norm(axes, axis=0)
    row, column = axes[:, 0] / spacing[0], axes[:, 1] / spacing[1]
    if abs(row @ column) > 1e-3:
        raise InputError(
            f"{path} cannot be written, since rows and columns are not at right angles: resample "
            "the volume or write NIfTI."
        )
    common.ImageOrientationPatient = [_decimal(n) for n in (*row, *column)]
    common.PixelSpacing = [_decimal(spacing[1]), _decimal(spacing[0])]
    common.SliceThickness = _decimal(abs(axes[:, 2] @ np.cross(row, column)))
    common.SpacingBetweenSlices = common.SliceThickness


def _decimal(value):
    from pydicom.valuerep import DSfloat

    return DSfloat(float(value), auto_format=True)


def _write_slice(path, stored, common, affine, k, source):
    pydicom = load_pydicom()
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    single = pydicom.Dataset(common)
    single.SOPInstanceUID = generate_uid(None)
    single.InstanceNumber = k + 1
    position = (LPS_TO_RAS @ affine @ [0, 0, k, 1])[:3]
    single.ImagePositionPatient = [_decimal(n) for n in position]
    single.Columns, single.Rows = stored.shape
    if source is not None:
        reference = pydicom.Dataset()
        reference.ReferencedSOPClassUID = source.header.SOPClassUID
        reference.ReferencedSOPInstanceUID = source.header.SOPInstanceUID
        if source.frame is not None:
            reference.ReferencedFrameNumber = source.frame + 1
        single.SourceImageSequence = [reference]
    single.PixelData = stored.T.astype("<i2").tobytes()
    single["PixelData"].VR = "OW"
    single.file_meta = pydicom.dataset.FileMetaDataset()
    single.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    single.file_meta.MediaStorageSOPClassUID = single.SOPClassUID
    single.file_meta.MediaStorageSOPInstanceUID = single.SOPInstanceUID
    single.save_as(path, enforce_file_format=True)
