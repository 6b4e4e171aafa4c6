"""DICOM that is refused: in one sentence, which says nothing about the patient."""

import shutil
import sys
import warnings

import numpy as np
import pytest

from cyclegan_tf.volumes import volume
from cyclegan_tf.volumes.io import dicom_series

pydicom = pytest.importorskip("pydicom", reason="DICOM is read by pydicom")
nibabel = pytest.importorskip("nibabel", reason="NIfTI is read by nibabel")

from support import dicom_files as files  # noqa: E402 (needs pydicom)
from support.dicom_files import check_private, make, noise, refusal  # noqa: E402


def test_several_series(tmp_path):
    folder = make(tmp_path / "s", noise((3, 6, 7)))
    other = files.series(noise(), modality="MR", SeriesInstanceUID="1.2.3.77", SeriesNumber=2)
    files.save(folder, other, [f"mr{k}" for k in range(5)])
    message = refusal(volume.read, folder)
    assert "holds 2 series (1: 5 slices of MR; 2: 3 slices of CT)" in message
    assert "series=1 to 2" in message
    for series, modality in [(1, "MR"), ("2", "CT"), ("77", "MR"), ("1.2.3.2", "CT")]:
        assert volume.read(folder, series).modality == modality
    for series in (3, 0, "3.9", "", "x"):
        assert "is none or several" in refusal(volume.read, folder, series)
    found = volume.find(tmp_path)
    assert [(each.path, each.series) for each in found] == [(folder, 1), (folder, 2)]
    assert volume.read(found[0].path, found[0].series).modality == "MR"


def test_missing_slices_are_named(tmp_path):
    headers = files.series(noise((16, 4, 4)), origin=(0, 0, -50))
    some = files.save(tmp_path / "some", headers[:11] + headers[13:])
    message = refusal(volume.read, some)
    assert "after slice 11 (at 0.0 mm) a gap of 15.0 mm where 5.0 mm is usual" in message
    assert "2 slices are missing;" in message
    more = files.save(tmp_path / "more", headers[:2] + headers[3:8] + headers[10:])
    assert "1 slice is missing, and 2 further on;" in refusal(volume.read, more)


def test_positions_that_make_no_grid(tmp_path):
    headers = files.series(noise())
    twice = files.save(tmp_path / "twice", headers + files.series(noise((2, 6, 7))))
    assert "holds 7 slices at 5 positions" in refusal(volume.read, twice)
    headers[2].ImagePositionPatient = [0, 0, 12.0]
    uneven = files.save(tmp_path / "uneven", headers)
    assert "3.00 to 7.00 mm apart, up to 2.00 mm off" in refusal(volume.read, uneven)
    headers[2].ImagePositionPatient = [4.0, 0, 10.0]
    aside = files.save(tmp_path / "aside", headers)
    assert "up to 4.00 mm off" in refusal(volume.read, aside)
    headers[2].ImagePositionPatient = [0, 0, 10.04]  # as rounding makes them
    assert volume.read(files.save(tmp_path / "rounded", headers)).spacing[2] == 5.0


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"ImageOrientationPatient": [0, 1, 0, -1, 0, 0]}, "more than one orientation"),
        ({"PixelSpacing": [1.0, 1.01]}, r"more than one PixelSpacing (1 1, 1 1.01)"),
        ({"RescaleType": "US"}, "more than one unit (no unit, US)"),
        ({"Modality": "MR"}, "more than one modality (CT, MR)"),
        ({"FrameOfReferenceUID": "1.2.9"}, "more than one frame of reference:"),
    ],
)
def test_unlike_slices_are_refused(tmp_path, entries, words):
    headers = files.series(noise())
    for name, value in entries.items():
        setattr(headers[3], name, value)
    assert words in refusal(volume.read, files.save(tmp_path / "s", headers))


def test_sizes_must_agree(tmp_path):
    headers = files.series(noise())
    files.put_pixels(headers[3], np.zeros((6, 8)))
    message = refusal(volume.read, files.save(tmp_path / "s", headers))
    assert "more than one size (7x6 pixels, 8x6 pixels)" in message


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"PhotometricInterpretation": "MONOCHROME1"}, "MONOCHROME1"),
        ({"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3}, "in colour"),
        ({"BitsAllocated": 64}, "64 bits per pixel"),
        ({"ImageOrientationPatient": [1, 0, 0, 0.5, 1, 0]}, "right angles"),
        ({"PixelSpacing": [0, 1]}, "PixelSpacing that is not above 0"),
        ({"RescaleSlope": 0}, "RescaleSlope of 0"),
        ({"RescaleIntercept": "nan"}, "not finite"),
        ({"ModalityLUTSequence": [files.dataset(RescaleSlope=1)]}, "by a table"),
    ],
)
def test_pixels_that_mean_something_else(tmp_path, entries, words):
    headers = files.series(noise((2, 4, 4)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, about values that are none
        for name, value in entries.items():
            setattr(headers[1], name, value)
    headers[1].PixelData = bytes(400)
    assert words in refusal(volume.read, files.save(tmp_path / "s", headers))


def test_frames_without_places(tmp_path):
    one = files.series(noise((1, 4, 4)))[0]
    one.NumberOfFrames = 2
    one.PixelData = bytes(64)
    assert "several frames" in refusal(volume.read, files.save(tmp_path / "s", [one]))


def test_compression_without_a_decoder_is_named(tmp_path):
    headers = files.series(noise((2, 4, 4)))
    for each in headers:
        each.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLossless
        each.PixelData = pydicom.encaps.encapsulate([bytes(64)])
        each["PixelData"].VR = "OB"
    folder = files.save(tmp_path / "s", headers)
    if pydicom.pixels.get_decoder(pydicom.uid.JPEGLossless).is_available:
        pytest.skip("a decoder of lossless JPEG is installed")
    message = refusal(volume.read, folder)
    assert "compressed as JPEG Lossless, Non-Hierarchical (Process 14)" in message
    assert "pip install pylibjpeg" in message


def test_damage_is_refused(tmp_path):
    folder = make(tmp_path / "s", noise((2, 4, 4)))
    path = folder / "2.dcm"
    whole = path.read_bytes()
    # At the end, too, where no gap would tell that a slice is missing.
    for length in range(0, len(whole), 3):
        path.write_bytes(whole[:length])
        assert "2.dcm" in refusal(volume.read, folder)
        assert "2.dcm" in refusal(volume.read, path)
    path.write_bytes(whole[:-1])
    assert "cut short" in refusal(volume.read, folder)
    path.write_bytes(b"\xff\xd8\xff\xe0" + bytes(4000))
    assert "no DICOM file" in refusal(volume.read, folder)  # a renamed JPEG
    assert whole.count(b"1.0\\1.0 ") == 1
    path.write_bytes(whole.replace(b"1.0\\1.0 ", b"1.0\\Tell"))  # a number that is none
    assert "2.dcm" in refusal(volume.read, folder)
    path.write_bytes(whole)
    assert volume.read(folder).shape == (4, 4, 2)


def test_pixels_that_do_not_decode(tmp_path):
    headers = files.series(noise((2, 4, 4)))
    for each in headers:
        each.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    headers[1].PixelData = pydicom.encaps.encapsulate([b"garbage!"])
    read = volume.read(files.save(tmp_path / "s", headers))
    read.voxels[:, :, 0]
    assert "2.dcm has pixels that cannot be decoded" in refusal(lambda: read.voxels[:, :, 1])


def test_folders_without_a_series(tmp_path):
    assert "holds no DICOM file; give a folder" in refusal(volume.read, tmp_path)
    make(tmp_path / "s")
    assert "its subfolders do" in refusal(volume.read, tmp_path)
    shutil.copy(tmp_path / "s" / "1.dcm", tmp_path / "DICOMDIR")
    assert "directory of a DICOM medium" in refusal(volume.read, tmp_path / "DICOMDIR")
    (tmp_path / "s" / "notes.txt").write_text("not a slice")
    shutil.copy(tmp_path / "DICOMDIR", tmp_path / "s" / "DICOMDIR")
    assert volume.read(tmp_path / "s").shape[2] == 5
    assert "is no volume" in refusal(volume.read, tmp_path / "s" / "notes.txt")


def test_nothing_shown_says_who_it_is(tmp_path):
    read = volume.read(make(tmp_path / "s"))
    assert repr(read) == "Volume(7x6x5 int16, 1 x 1 x 5 mm, CT)"
    check_private(f"{read} {read!r} {read.origin} {read.voxels!r}")
    (each,) = dicom_series.find_series(tmp_path / "s")
    check_private(repr(each))


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    folder = make(tmp_path / "s")
    read = volume.read(folder)
    volume.write(tmp_path / "a.nii", read.voxels, read)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    monkeypatch.setitem(sys.modules, "nibabel", None)
    words = "pip install 'cyclegan_tf[medical]'"
    assert words in refusal(volume.read, folder)
    assert words in refusal(volume.read, tmp_path / "a.nii")
    array = volume.Volume(np.zeros((2, 2, 2)), np.eye(4), "CT")
    assert words in refusal(volume.write, tmp_path / "b.nii", array.voxels, array)
    assert words in refusal(volume.write, tmp_path / "b", array.voxels, array)
    assert not (tmp_path / "b").exists()


def test_odd_entries_about_the_patient_are_no_obstacle(tmp_path):
    headers = files.series(noise((2, 4, 4)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for each in headers:
            each.StudyDate = "Telltale day"
            each.PatientName = "Telltale^" + "x" * 80
        folder = files.save(tmp_path / "s", headers)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = volume.read(folder)
        volume.write(tmp_path / "t", read.voxels, read)
        assert np.array_equal(volume.read(tmp_path / "t").voxels[...], read.voxels[...])
