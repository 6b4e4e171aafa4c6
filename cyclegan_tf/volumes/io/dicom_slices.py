"""The slices of a DICOM file: how their pixels are stored, and where they lie in the patient."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.volumes.io.dicom_series import GEOMETRY, PIXELS, load_pydicom, without_warnings


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Slice:
    """One slice: where its pixels are in the file, and in the patient (mm in LPS+).

    Attributes:
        path: The file.
        header: pydicom data set of the file, without pixels.
        frame: Number of the frame in a file of several, else None.
        row: Unit vector along which the columns are counted.
        column: Unit vector along which the rows are counted.
        position: Centre of the first pixel.
        pixel_spacing: Distance of the rows, and of the columns.
        thickness: Distance to the next slice, if the header says one, else 1.0.
        slope: Real value = slope * stored value + intercept.
        intercept: See `slope`.
        unit: The header's word for real values, such as "HU".
    """

    path: Path
    header: Any
    frame: int | None
    row: np.ndarray
    column: np.ndarray
    position: np.ndarray
    pixel_spacing: tuple[float, float]
    thickness: float
    slope: float
    intercept: float
    unit: str


def slices_of(path, header):
    """The slices of a file.

    Args:
        path: The file.
        header: From `read_header`.

    Returns:
        List of `Slice`, one per frame.

    Raises:
        InputError: If their pixels are no numbers that mean the same everywhere, or they have no
            place in the patient.
    """
    try:
        with without_warnings():
            _check_pixels(path, header)
            if "PerFrameFunctionalGroupsSequence" in header:
                return _frames(path, header)
            if int(header.get("NumberOfFrames") or 1) > 1:
                raise InputError(
                    f"{path} holds several frames without a place for each: export it as a series "
                    "of single slices."
                )
            return [_slice(path, header, None, header, header, header, header)]
    except InputError:
        raise
    except Exception:  # of a value that is none, pydicom raises nearly anything
        raise InputError(
            f"{path} has entries in its DICOM header that cannot be understood: mend or remove it."
        ) from None


def _check_pixels(path, header):
    needed = (*PIXELS, "SOPClassUID", "SOPInstanceUID")
    missing = [name for name in needed if header.get(name) is None]
    if missing:
        raise InputError(
            f"{path} lacks {missing[0]} in its header: remove the file, or get it again."
        )
    kind = header.get("PhotometricInterpretation")
    if kind == "MONOCHROME1":
        raise InputError(
            f"{path} is MONOCHROME1 (small values are meant to be bright), which would look "
            "inverted among other scans: convert it to MONOCHROME2 first."
        )
    if kind != "MONOCHROME2" or header.get("SamplesPerPixel", 1) != 1:
        raise InputError(f"{path} is in colour: give slices of one gray value per pixel.")
    if header.BitsAllocated not in (8, 16, 32):
        raise InputError(
            f"{path} has {header.BitsAllocated} bits per pixel: give slices of 8, 16 or 32."
        )
    if header.get("ModalityLUTSequence"):
        raise InputError(
            f"{path} gives real values by a table (ModalityLUTSequence), which is not understood: "
            "export it with RescaleSlope and RescaleIntercept."
        )


def _frames(path, header):
    per_frame = header.PerFrameFunctionalGroupsSequence
    shared = header.get("SharedFunctionalGroupsSequence") or [load_pydicom().Dataset()]
    empty = load_pydicom().Dataset()
    names = ("PlaneOrientation", "PlanePosition", "PixelMeasures", "PixelValueTransformation")
    slices = []
    for frame, groups in enumerate(per_frame):
        parts = [
            (groups.get(f"{name}Sequence") or shared[0].get(f"{name}Sequence") or [empty])[0]
            for name in names
        ]
        slices.append(_slice(path, header, frame, *parts))
    # They are many, and what they say is in the slices.
    del header.PerFrameFunctionalGroupsSequence
    header.pop("SharedFunctionalGroupsSequence", None)
    return slices


def _slice(path, header, frame, orientation, position, measures, transformation):
    sources = dict(zip(GEOMETRY, (orientation, position, measures), strict=True))
    missing = [name for name, part in sources.items() if not part.get(name)]
    if missing:
        raise InputError(
            f"{path} lacks {missing[0]}, so its place in the patient is unknown: give the "
            "scanner's own series, or convert it to NIfTI."
        )
    directions = np.array([float(n) for n in orientation.ImageOrientationPatient]).reshape(2, 3)
    spacing = tuple(float(n) for n in measures.PixelSpacing)
    right_angle = np.allclose(directions @ directions.T, np.eye(2), atol=1e-3)
    if not right_angle or len(spacing) != 2 or not min(spacing) > 0:
        raise InputError(
            f"{path} has rows and columns that are not at right angles, or a PixelSpacing that is "
            "not above 0: mend its header."
        )
    apart = [float(measures.get(n) or 0) for n in ("SpacingBetweenSlices", "SliceThickness")]
    position = np.array([float(n) for n in position.ImagePositionPatient]).reshape(3)
    slope, intercept = (
        float(fallback if transformation.get(name) is None else transformation[name].value)
        for name, fallback in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))
    )
    if slope == 0 or not np.isfinite([*position, slope, intercept]).all():
        raise InputError(
            f"{path} has a RescaleSlope of 0, or numbers that are not finite: mend its header."
        )
    return Slice(
        path=path,
        header=header,
        frame=frame,
        row=directions[0],
        column=directions[1],
        position=position,
        pixel_spacing=spacing,
        thickness=next((n for n in apart if n > 0), 1.0),
        slope=slope,
        intercept=intercept,
        unit=str(transformation.get("RescaleType") or header.get("Units") or ""),
    )
