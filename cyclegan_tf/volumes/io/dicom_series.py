"""DICOM series: the files of a folder, and what is read of their headers.

Of a header only the entries named here are read. No message says what an entry about the patient
holds, so what pydicom says about a bad value is not passed on.
"""

import contextlib
import dataclasses
import warnings
from pathlib import Path
from typing import Any

from cyclegan_tf.common.errors import InputError

#: Suffixes, in lower case, of files that must be DICOM; others are if they have its mark.
SUFFIXES = (".dcm", ".dicom", ".ima")

# fmt: off
#: What a derived series shares with its source: patient, study and frame of reference.
KEPT = (
    "SpecificCharacterSet", "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate",
    "PatientSex", "PatientAge", "PatientIdentityRemoved", "DeidentificationMethod",
    "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "StudyDescription", "AccessionNumber",
    "ReferringPhysicianName", "FrameOfReferenceUID", "PositionReferenceIndicator",
    "PatientPosition", "BodyPartExamined",
)

#: What says where a slice lies.
GEOMETRY = ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing")
#: What says how its pixels are stored.
PIXELS = ("Rows", "Columns", "BitsAllocated", "BitsStored", "PixelRepresentation")
_READ = (
    *KEPT, *GEOMETRY, *PIXELS, "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber",
    "Modality", "ImageType", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation",
    "RescaleSlope", "RescaleIntercept", "RescaleType", "Units", "Manufacturer",
    "ModalityLUTSequence", "SliceThickness", "SpacingBetweenSlices",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
)
# fmt: on
_NO_IMAGES = ("SEG", "RTDOSE")  # have pixels and positions, and are no scan


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Series:
    """The files of one SeriesInstanceUID.

    Attributes:
        uid: The SeriesInstanceUID.
        paths: The files.
        headers: pydicom data sets, without pixels, one per file.
    """

    uid: str
    paths: list[Path]
    headers: list[Any]

    @property
    def slices(self):
        """Number of slices, counting the frames of a file."""
        return sum(int(header.get("NumberOfFrames") or 1) for header in self.headers)

    @property
    def modality(self):
        """Such as "CT"; "" if the files do not say."""
        return str(self.headers[0].get("Modality") or "")

    @property
    def patient(self):
        """The PatientID, to tell patients apart and never to be shown; "" if there is none."""
        return str(self.headers[0].get("PatientID") or "").strip()

    @property
    def is_scan(self):
        """Whether any of its slices has a place in the patient and is no localizer."""
        return self.modality not in _NO_IMAGES and any(map(_has_place, self.headers))


def load_pydicom():
    """Returns the module pydicom; raises InputError where it is not installed."""
    try:
        import pydicom
    except ImportError:
        raise InputError("DICOM files need pydicom: pip install 'cyclegan_tf[medical]'.") from None
    return pydicom


@contextlib.contextmanager
def without_warnings():
    """Keeps pydicom's warnings back, since they quote values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def is_dicom(path):
    """Whether a file has the mark of DICOM, and is not the directory of a medium."""
    try:
        with Path(path).open("rb") as file:
            return file.read(132)[128:] == b"DICM" and Path(path).name.upper() != "DICOMDIR"
    except OSError:
        return False


def looks_like_dicom(path):
    """Whether a file is meant to be DICOM: by its mark or its name."""
    path = Path(path)
    return path.suffix.lower() in SUFFIXES or path.name.upper() == "DICOMDIR" or is_dicom(path)


def read_header(path):
    """Reads the header of a file, up to its pixels.

    Args:
        path: The file.

    Returns:
        pydicom data set with the entries that this package uses.

    Raises:
        InputError: If it is no DICOM file, damaged, or shorter than its header says.
    """
    pydicom, path = load_pydicom(), Path(path)
    if path.name.upper() == "DICOMDIR":
        raise InputError(
            f"{path} is the directory of a DICOM medium: give the folder of one series instead."
        )
    if not is_dicom(path):
        raise InputError(
            f'{path} is no DICOM file (it lacks the mark "DICM"): remove it or give another.'
        )
    try:
        with without_warnings(), path.open("rb") as file:
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(_READ))
            left = path.stat().st_size - file.tell()
            list(header)  # values are understood when they are looked at
            complete = left >= _bytes(header) and header.SeriesInstanceUID
    except Exception:
        raise InputError(
            f"{path} has a damaged or incomplete DICOM header: get the file again."
        ) from None
    if not complete:
        raise InputError(f"{path} was cut short: get the file again.")
    return header


def find_series(folder):
    """Sorts the DICOM files of a folder (not of its subfolders) by series.

    Args:
        folder: The folder.

    Returns:
        List of `Series` by number. Localizers and files without a place in the patient (secondary
        captures, reports, segmentations) are left out if any other series is there.

    Raises:
        InputError: If it holds no DICOM file, or one that cannot be read.
    """
    folder, by_uid = Path(folder), {}
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        if path.suffix.lower() in SUFFIXES or is_dicom(path):
            header = read_header(path)
            by_uid.setdefault(str(header.SeriesInstanceUID), []).append((path, header))
    if not by_uid:
        below = any(is_dicom(path) for path in folder.rglob("*") if path.is_file())
        hint = "its subfolders do: give one of them" if below else "give a folder of one series"
        raise InputError(f"{folder} holds no DICOM file; {hint}.")
    series = [Series(uid, *map(list, zip(*files, strict=True))) for uid, files in by_uid.items()]
    with without_warnings():
        series.sort(key=lambda each: (_number(each.headers[0]), each.uid))
        return [each for each in series if each.is_scan] or series


def choose_series(folder, series=None):
    """Takes one series of a folder.

    Args:
        folder: The folder.
        series: Its number, from 1, among those that `find_series` gives, or the end of its
            SeriesInstanceUID; None if there is only one.

    Returns:
        `Series`.

    Raises:
        InputError: If there is none, or it is not clear which.
    """
    found = find_series(folder)
    if series is None and len(found) == 1:
        return found[0]
    chosen = []
    if series is not None:
        word = str(series)
        if word.isdigit() and 1 <= int(word) <= len(found):
            return found[int(word) - 1]
        chosen = [each for each in found if word and each.uid.endswith(word)]
    if len(chosen) == 1:
        return chosen[0]
    with without_warnings():
        described = "; ".join(
            f"{i}: {each.slices} slice{'s' * (each.slices > 1)} of "
            f"{each.modality or 'unknown modality'}"
            for i, each in enumerate(found, 1)
        )
    received = "" if series is None else f", and series={series!r} is none or several of them"
    raise InputError(
        f"{folder} holds {len(found)} series ({described}){received}: choose one with "
        f"series=1 to {len(found)}, or with the end of its SeriesInstanceUID."
    )


def _bytes(header):
    """How many bytes the pixels and their tag take at least."""
    syntax = header.file_meta.TransferSyntaxUID
    if syntax.is_deflated:
        return 0
    if "Rows" not in header or syntax.is_compressed:
        return 8 if "Image Storage" in header.SOPClassUID.name else 0
    frames = int(header.get("NumberOfFrames") or 1)
    samples = int(header.get("SamplesPerPixel") or 1)
    bits = header.Rows * header.Columns * samples * frames * header.BitsAllocated
    return bits // 8 + (8 if syntax.is_implicit_VR else 12)


def _has_place(header):
    if "LOCALIZER" in list(header.get("ImageType") or []):
        return False
    own = all(header.get(name) for name in GEOMETRY)
    return "Rows" in header and (own or "PerFrameFunctionalGroupsSequence" in header)


def _number(header):
    try:
        return int(header.SeriesNumber)
    except Exception:
        return 1 << 31
