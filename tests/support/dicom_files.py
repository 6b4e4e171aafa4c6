"""Small DICOM files, made here, of a patient whose name must not turn up anywhere."""

import warnings

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from cyclegan_tf.common.errors import InputError

#: What is in every file, and in no message.
PATIENT = {
    "PatientName": "Telltale^Patience",
    "PatientID": "SECRET-4711",
    "PatientBirthDate": "19340712",
    "ReferringPhysicianName": "Gossip^Greta",
    "AccessionNumber": "ACC8899",
    "StudyDescription": "Rumour of the knee",
}

AXIAL = (1, 0, 0, 0, 1, 0)
CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"


def header(modality="CT", **entries):
    """A data set with what a CT or MR slice has, but for its pixels and position."""
    made = pydicom.Dataset()
    made.file_meta = pydicom.dataset.FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = CT if modality == "CT" else MR
    made.SOPInstanceUID = generate_uid()
    made.Modality = modality
    made.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    made.StudyInstanceUID = "1.2.3.1"
    made.SeriesInstanceUID = "1.2.3.2"
    made.FrameOfReferenceUID = "1.2.3.3"
    made.SeriesNumber = 4
    made.StudyDate = "20200102"
    made.PatientPosition = "HFS"
    made.KVP, made.EchoTime = "120", "90"
    made.SamplesPerPixel = 1
    made.PhotometricInterpretation = "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, 16, 15
    made.PixelRepresentation = 1
    made.PixelSpacing, made.SliceThickness = [1.0, 1.0], 5.0
    made.ImageOrientationPatient = list(AXIAL)
    made.RescaleSlope, made.RescaleIntercept = 1, 0
    for name, value in {**PATIENT, **entries}.items():
        setattr(made, name, value)
    return made


def normal(orientation):
    return np.cross(orientation[:3], orientation[3:])


def series(array, spacing=5.0, origin=(0.0, 0.0, 0.0), step=None, **entries):
    """Data sets of the stored values `array` (slices, rows, columns), from first to last."""
    made = []
    for k, plane in enumerate(array):
        each = header(**entries)
        along = normal(np.array(each.ImageOrientationPatient, float)) * spacing
        place = np.array(origin) + k * (along if step is None else np.array(step))
        each.ImagePositionPatient = [round(float(n), 9) for n in place]
        each.InstanceNumber = k + 1
        put_pixels(each, plane)
        made.append(each)
    return made


def put_pixels(each, plane):
    """Stores an integer array (rows, columns), or (frames, rows, columns)."""
    each.Rows, each.Columns = plane.shape[-2:]
    kind = "i" if each.PixelRepresentation else "u"
    each.PixelData = plane.astype(f"<{kind}{each.BitsAllocated // 8}").tobytes()
    each["PixelData"].VR = "OW"


def save(folder, headers, names=None):
    """Writes data sets as files; `names` in their order, by default numbers from 1."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, each in enumerate(headers):
        each.file_meta.MediaStorageSOPClassUID = each.SOPClassUID
        each.file_meta.MediaStorageSOPInstanceUID = each.SOPInstanceUID
        name = f"{k + 1}.dcm" if names is None else names[k]
        each.save_as(folder / name, enforce_file_format=True)
    return folder


def enhanced(array, spacing=5.0, order=None, scales=None, **entries):
    """One data set of several frames, with a place (and maybe a scale) for each."""
    made = header(**entries)
    made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2.1"
    orientation, pixel_spacing = made.ImageOrientationPatient, made.PixelSpacing
    for name in (
        "ImageOrientationPatient",
        "PixelSpacing",
        "SliceThickness",
        "RescaleSlope",
        "RescaleIntercept",
    ):
        delattr(made, name)
    shared = pydicom.Dataset()
    shared.PlaneOrientationSequence = [dataset(ImageOrientationPatient=orientation)]
    shared.PixelMeasuresSequence = [dataset(PixelSpacing=pixel_spacing, SliceThickness=spacing)]
    made.SharedFunctionalGroupsSequence = [shared]
    order = range(len(array)) if order is None else order
    groups = []
    for k in order:
        group = pydicom.Dataset()
        group.PlanePositionSequence = [dataset(ImagePositionPatient=[0.0, 0.0, k * spacing])]
        slope, intercept = (1, 0) if scales is None else scales[k]
        scale = dataset(RescaleSlope=slope, RescaleIntercept=intercept, RescaleType="HU")
        group.PixelValueTransformationSequence = [scale]
        groups.append(group)
    made.PerFrameFunctionalGroupsSequence = groups
    made.NumberOfFrames = len(groups)
    put_pixels(made, array[list(order)])
    return made


def dataset(**entries):
    """A data set with these entries."""
    made = pydicom.Dataset()
    for name, value in entries.items():
        setattr(made, name, value)
    return made


# Rows and columns turned about two axes: unit vectors at right angles, worked out by hand.
OBLIQUE = (0.8, 0.6, 0.0, -0.36, 0.48, 0.8)

SHUFFLED = ["c.dcm", "IM7", "a.dcm", "10.dcm", "b.dcm"]


def noise(shape=(5, 6, 7), low=-1024, high=3000, seed=0):
    """Stored values (slices, rows, columns)."""
    return np.random.default_rng(seed).integers(low, high, shape)


def make(folder, array=None, names=None, **options):
    return save(folder, series(noise() if array is None else array, **options), names)


def check_private(text):
    for value in PATIENT.values():
        for word in str(value).split("^"):
            assert word.lower() not in text.lower(), word


def refusal(function, *arguments, **options):
    """The one sentence of a refusal, which says nothing about the patient."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError) as caught:
            function(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    check_private(message)
    error = caught.value
    while error is not None:  # nor does a traceback
        check_private(str(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return message
