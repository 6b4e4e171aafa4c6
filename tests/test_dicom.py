"""DICOM series: order, geometry, real values, what is refused and what is written."""

import shutil
import sys
import warnings

import numpy as np
import pytest

from cyclegan_tf.errors import InputError
from cyclegan_tf.volumes import dicom, dicom_series, volume

pydicom = pytest.importorskip("pydicom", reason="DICOM is read by pydicom")
nibabel = pytest.importorskip("nibabel", reason="NIfTI is read by nibabel")
dicomwrappers = pytest.importorskip("nibabel.nicom.dicomwrappers")

import dicom_files as files  # noqa: E402 (needs pydicom)

# Rows and columns turned about two axes: unit vectors at right angles, worked out by hand.
OBLIQUE = (0.8, 0.6, 0.0, -0.36, 0.48, 0.8)
SHUFFLED = ["c.dcm", "IM7", "a.dcm", "10.dcm", "b.dcm"]


def noise(shape=(5, 6, 7), low=-1024, high=3000, seed=0):
    """Stored values (slices, rows, columns)."""
    return np.random.default_rng(seed).integers(low, high, shape)


def make(folder, array=None, names=None, **options):
    return files.save(folder, files.series(noise() if array is None else array, **options), names)


def check_private(text):
    for value in files.PATIENT.values():
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


def test_order_is_by_position(tmp_path):
    array = noise()
    headers = files.series(array, origin=(-10, -20, 30))
    for number, each in zip([9, 2, 2, 1, 5], headers, strict=True):
        each.InstanceNumber = number
    read = volume.read(files.save(tmp_path / "s", headers, SHUFFLED))
    assert read.shape == (7, 6, 5)
    assert read.modality == "CT"
    assert read.voxels.dtype == np.int16
    assert np.array_equal(read.voxels[...], array.transpose(2, 1, 0))
    # Columns lead to the left, rows to the back: RAS counts both the other way.
    expected = np.diag([-1.0, -1.0, 5.0, 1.0])
    expected[:3, 3] = [10, 20, 30]
    assert np.array_equal(read.affine, expected)
    assert read.orientation == "LPS"
    # Counted from the feet, whichever way the positions run in the files.
    reverse = files.series(array, origin=(-10, -20, 50), step=(0, 0, -5))
    read = volume.read(files.save(tmp_path / "r", reverse, SHUFFLED))
    assert np.array_equal(read.affine, expected)
    assert np.array_equal(read.voxels[...], array[::-1].transpose(2, 1, 0))


@pytest.mark.parametrize("orientation", [files.AXIAL, OBLIQUE, (0, 1, 0, 0, 0, -1)])
def test_affine_is_that_of_nibabel(tmp_path, orientation):
    spacing = {"ImageOrientationPatient": list(orientation), "PixelSpacing": [0.5, 0.75]}
    headers = files.series(noise(), 3.0, (-12.5, 30.25, 101.0), **spacing)
    folder = files.save(tmp_path / "s", headers, SHUFFLED)
    read = volume.read(folder)
    assert np.allclose(read.spacing, (0.75, 0.5, 3.0))
    # nibabel counts (row, column), in LPS; along the slices it knows one of them only.
    theirs = dicomwrappers.wrapper_from_data(headers[0]).affine
    ours = dicom.LPS_TO_RAS @ read.affine
    assert np.allclose(ours[:, [1, 0, 3]], theirs[:, [0, 1, 3]])
    # By hand: voxel (2, 3, 4) is column 2, row 3 of the fifth slice.
    row, column = np.array(orientation[:3], float), np.array(orientation[3:], float)
    place = np.array([-12.5, 30.25, 101.0]) + 2 * 0.75 * row + 3 * 0.5 * column
    place += 4 * 3.0 * np.cross(row, column)
    assert np.allclose(read.affine @ [2, 3, 4, 1], [-place[0], -place[1], place[2], 1])


def test_slices_are_those_of_the_array(tmp_path):
    array = noise()
    read = volume.read(make(tmp_path / "s", array))
    expected = array.transpose(2, 1, 0)
    for index in [
        np.s_[:, :, 3],
        np.s_[:, :, -1],
        np.s_[2],
        np.s_[2, ..., 1:],
        np.s_[:, 4:, 1],
        np.s_[1:3, 2, ::-1],
        np.s_[..., 2],
        np.s_[:, :, [4, 0]],
        np.s_[3, 2, 1],
    ]:
        assert np.array_equal(read.voxels[index], expected[index])
    with pytest.raises(IndexError):
        read.voxels[:, :, 5]
    assert np.array_equal(np.asarray(read.voxels), expected)


def test_slices_are_decoded_once_and_when_asked_for(tmp_path, monkeypatch):
    read = volume.read(make(tmp_path / "s"))
    decoded, original = [], pydicom.pixels.pixel_array
    monkeypatch.setattr(
        pydicom.pixels,
        "pixel_array",
        lambda path, **options: decoded.append(path.name) or original(path, **options),
    )
    read.voxels[:, :, 2]
    read.voxels[3, :, 1:3]
    assert decoded == ["3.dcm", "2.dcm"]
    for i in range(7):
        read.voxels[i]
    assert sorted(decoded) == [f"{n}.dcm" for n in range(1, 6)]


def test_scale_of_each_slice(tmp_path):
    array = noise(low=0, high=4000)
    headers = files.series(array, modality="MR", Modality="PT", Units="BQML")
    for k, each in enumerate(headers):
        each.RescaleSlope, each.RescaleIntercept = 0.25 * (k + 1), -3.5
    read = volume.read(files.save(tmp_path / "s", headers))
    assert read.modality == "PT"
    assert read.voxels.dtype == np.float32
    expected = array * (0.25 * np.arange(1, 6))[:, None, None] - 3.5
    assert np.allclose(read.voxels[...], expected.transpose(2, 1, 0), rtol=1e-6)


def test_bits_that_are_not_used(tmp_path):
    whole = make(tmp_path / "w", np.array([[[-32768, 32767]]]), RescaleIntercept=-1024)
    assert volume.read(whole).voxels.dtype == np.int32
    assert volume.read(whole).voxels[...].ravel().tolist() == [-33792, 31743]
    stored = np.array([[[0, 1, 2047, 2048, 4095]]])
    unsigned = {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0}
    read = volume.read(make(tmp_path / "u", stored, RescaleIntercept=-1024, **unsigned))
    assert read.voxels.dtype == np.int16
    assert read.voxels[:, 0, 0].tolist() == [-1024, -1023, 1023, 1024, 3071]
    signed = {**unsigned, "PixelRepresentation": 1}
    read = volume.read(make(tmp_path / "s", stored, **signed))
    assert read.voxels.dtype == np.int16
    # Twelve bits with sign: the upper half is negative.
    assert read.voxels[:, 0, 0].tolist() == [0, 1, 2047, -2048, -1]
    eight = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0}
    read = volume.read(make(tmp_path / "e", noise((2, 4, 4), 0, 256), **eight))
    assert np.array_equal(read.voxels[...], noise((2, 4, 4), 0, 256).transpose(2, 1, 0))


def test_run_lengths_are_decoded(tmp_path):
    array = noise()
    headers = files.series(array)
    for each in headers:
        each.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    read = volume.read(files.save(tmp_path / "s", headers))
    assert np.array_equal(read.voxels[...], array.transpose(2, 1, 0))


def test_frames_of_one_file(tmp_path):
    array = noise(low=0, high=2000)
    scales = [(1, -1024), (2, -1024), (1, 0), (3, 0), (1, -1)]
    whole = files.enhanced(array, 2.5, [3, 0, 4, 1, 2], scales)
    folder = files.save(tmp_path / "s", [whole])
    for path in (folder, folder / "1.dcm"):
        read = volume.read(path)
        assert read.spacing == (1.0, 1.0, 2.5)
        slopes, intercepts = np.array(scales).T[:, :, None, None]
        assert np.array_equal(read.voxels[...], (array * slopes + intercepts).transpose(2, 1, 0))
    volume.write(tmp_path / "t", read.voxels, read)
    third = pydicom.dcmread(tmp_path / "t" / "slice_0003.dcm")
    assert third.SourceImageSequence[0].ReferencedSOPInstanceUID == whole.SOPInstanceUID
    assert third.SourceImageSequence[0].ReferencedFrameNumber == 5
    assert np.array_equal(volume.read(tmp_path / "t").voxels[...], read.voxels[...])


def test_one_slice(tmp_path):
    folder = make(tmp_path / "s", noise((1, 4, 4)), SliceThickness=2.5)
    for path in (folder, folder / "1.dcm"):
        read = volume.read(path)
        assert read.shape == (4, 4, 1)
        assert read.spacing == (1.0, 1.0, 2.5)


def test_tilted_gantry_keeps_its_affine(tmp_path):
    read = volume.read(make(tmp_path / "s", step=(0, 1.5, 4.0), PixelSpacing=[0.5, 0.5]))
    assert np.allclose(read.affine[:3, 2], [0, -1.5, 4.0])
    volume.write(tmp_path / "t", read.voxels, read)
    again = volume.read(tmp_path / "t")
    assert np.allclose(again.affine, read.affine)
    assert pydicom.dcmread(tmp_path / "t" / "slice_0001.dcm").SliceThickness == 4.0


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


def test_localizers_and_captures_are_left_out_beside_a_scan(tmp_path):
    scout = files.series(noise((1, 9, 9)), SeriesInstanceUID="1.5", SeriesNumber=1)
    scout[0].ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    capture = files.series(noise((1, 9, 9)), SeriesInstanceUID="1.6", SeriesNumber=2)
    del capture[0].ImagePositionPatient
    report = files.header(SeriesInstanceUID="1.7", Modality="SR")
    report.SOPClassUID = pydicom.uid.BasicTextSRStorage
    del report.ImageType, report.SamplesPerPixel, report.ImageOrientationPatient
    folder = make(tmp_path / "s")
    files.save(folder, [*scout, *capture, report], ["scout.dcm", "capture.dcm", "report.dcm"])
    assert volume.read(folder).shape == (7, 6, 5)
    # One slice that lost its place makes no capture of a series.
    headers = files.series(noise(), SeriesInstanceUID="1.8")
    del headers[2].ImagePositionPatient
    files.save(folder, headers, [f"lost{k}" for k in range(5)])
    assert "holds 2 series" in refusal(volume.read, folder)
    assert "lost2 lacks ImagePositionPatient" in refusal(volume.read, folder, "1.8")
    alone = files.save(tmp_path / "capture", capture)
    assert "lacks ImagePositionPatient" in refusal(volume.read, alone)
    assert "lacks Rows" in refusal(volume.read, files.save(tmp_path / "report", [report]))
    assert volume.read(files.save(tmp_path / "scout", scout)).shape == (9, 9, 1)


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


def test_what_is_a_volume(tmp_path):
    folder = make(tmp_path / "s", names=SHUFFLED)
    for path in (folder, folder / "IM7", "a.nii", "b.NII.gz", "c.npy", "d.npz", "e.dcm"):
        assert volume.is_volume(path)
    assert not volume.is_volume(tmp_path)
    assert not volume.is_volume("a.png")
    (folder / "picture.png").write_bytes(b"")
    assert not volume.is_volume(folder)


def test_find_knows_patients(tmp_path):
    make(tmp_path / "scan10", names=SHUFFLED)
    make(tmp_path / "scan9", PatientID="")
    make(tmp_path / "broken")
    (tmp_path / "broken" / "2.dcm").write_bytes(b"")
    names = ["sub-01/anat/sub-01_T1w.nii.gz", "sub-01_ct.nii", "case 2/t1.nii", "case 2/x/ct.npy"]
    for name in [*names, "alone.v2.nii.gz", ".hidden/a.nii", "notes.txt"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    found = volume.find(tmp_path)
    assert [(each.path.relative_to(tmp_path).as_posix(), each.patient) for each in found] == [
        ("alone.v2.nii.gz", "alone"),
        ("broken", "broken"),
        ("case 2/t1.nii", "case 2"),
        ("case 2/x/ct.npy", "case 2"),
        ("scan9", "scan9"),
        ("scan10", "SECRET-4711"),
        ("sub-01/anat/sub-01_T1w.nii.gz", "sub-01"),
        ("sub-01_ct.nii", "sub-01"),
    ]
    check_private(repr(found))
    assert "2.dcm" in refusal(volume.read, found[1].path)
    assert "does not exist" in refusal(volume.find, tmp_path / "none")
    (tmp_path / "empty").mkdir()
    assert "holds no volume" in refusal(volume.find, tmp_path / "empty")


def test_nothing_shown_says_who_it_is(tmp_path):
    read = volume.read(make(tmp_path / "s"))
    assert repr(read) == "Volume(7x6x5 int16, 1 x 1 x 5 mm, CT)"
    check_private(f"{read} {read!r} {read.origin} {read.voxels!r}")
    (each,) = dicom_series.find_series(tmp_path / "s")
    check_private(repr(each))


def test_a_derived_series_says_so(tmp_path):
    headers = files.series(noise(), EchoTime="80", ProtocolName="T2", modality="MR")
    source = files.save(tmp_path / "mr", headers, SHUFFLED)
    read = volume.read(source)
    values = noise((7, 6, 5), -1000, 2000, seed=1).astype(np.int16)
    volume.write(tmp_path / "ct", values, read, modality="CT")
    paths = sorted((tmp_path / "ct").iterdir())
    assert [path.name for path in paths] == [f"slice_000{k}.dcm" for k in range(1, 6)]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    written = [pydicom.dcmread(path) for path in paths]
    for k, each in enumerate(written):
        for name, value in files.PATIENT.items():
            assert str(each[name].value) == value
        for name in ("StudyInstanceUID", "FrameOfReferenceUID", "StudyDate", "PatientPosition"):
            assert each[name].value == headers[0][name].value
        assert each.SOPClassUID == each.file_meta.MediaStorageSOPClassUID == files.CT
        assert each.Modality == "CT"
        assert list(each.ImageType)[:2] == ["DERIVED", "SECONDARY"]
        for name in ("SeriesDescription", "DerivationDescription"):
            assert each[name].value == "derived by cyclegan_tf, research only, not for diagnosis"
        (reference,) = each.SourceImageSequence
        assert reference.ReferencedSOPInstanceUID == headers[k].SOPInstanceUID
        assert (each.RescaleSlope, each.RescaleIntercept, each.RescaleType) == (1, 0, "HU")
        assert "EchoTime" not in each
        assert "ProtocolName" not in each
        assert each.KVP is None
        assert np.array_equal(each.pixel_array.T, values[:, :, k])
    assert len({each.SOPInstanceUID for each in written}) == 5
    assert {each.SeriesInstanceUID for each in written}.isdisjoint({"1.2.3.2"})
    assert len({each.SeriesInstanceUID for each in written}) == 1
    again = volume.read(tmp_path / "ct")
    assert np.allclose(again.affine, read.affine)
    volume.write(tmp_path / "mr2", values, again, modality="MR")
    back = pydicom.dcmread(tmp_path / "mr2" / "slice_0001.dcm")
    assert back.SOPClassUID == files.MR
    assert "KVP" not in back
    volume.write(tmp_path / "ct.nii", values, read, modality="CT")
    for value in ("Telltale", "4711", "Gossip"):
        assert value.encode() not in (tmp_path / "ct.nii").read_bytes()


@pytest.mark.parametrize("orientation", [files.AXIAL, OBLIQUE])
def test_dicom_to_nifti_to_dicom(tmp_path, orientation):
    place = {"ImageOrientationPatient": list(orientation), "PixelSpacing": [0.7, 0.45]}
    source = files.series(noise(), 1.3, (-101.123456, 55.5, 9.87), **place)
    read = volume.read(files.save(tmp_path / "a", source, SHUFFLED))
    volume.write(tmp_path / "b.nii.gz", read.voxels, read)
    middle = volume.read(tmp_path / "b.nii.gz")
    assert np.allclose(middle.affine, read.affine, atol=1e-5)
    assert middle.orientation == read.orientation
    volume.write(tmp_path / "c", middle.voxels, middle, modality="CT")
    again = volume.read(tmp_path / "c")
    assert np.allclose(again.affine, read.affine, atol=1e-5)
    assert np.allclose(again.spacing, (0.45, 0.7, 1.3), atol=1e-6)
    assert np.array_equal(again.voxels[...], read.voxels[...])
    first = pydicom.dcmread(tmp_path / "c" / "slice_0001.dcm")
    assert not first.PatientName
    assert not first.PatientID
    assert first.StudyInstanceUID != source[0].StudyInstanceUID


@pytest.mark.parametrize("flip", [1, -1])
def test_nifti_to_dicom_to_nifti(tmp_path, flip):
    array = noise((5, 6, 7)).astype(np.int16)
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]]) @ np.diag([1.5, 0.5, 3.0])
    affine[:3, 0] *= flip
    affine[:3, 3] = [12.5, -30.25, 101.0]
    nibabel.save(nibabel.Nifti1Image(array, affine), tmp_path / "a.nii")
    read = volume.read(tmp_path / "a.nii")
    volume.write(tmp_path / "b", read.voxels, read, modality="MR")
    middle = volume.read(tmp_path / "b")
    volume.write(tmp_path / "c.nii", middle.voxels, middle)
    again = nibabel.load(tmp_path / "c.nii")
    found, place = np.asarray(again.dataobj), again.affine
    if flip < 0:  # a left-handed system: DICOM counts the slices the other way
        found = found[:, :, ::-1]
        place = place @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, 6], [0, 0, 0, 1]])
    assert np.array_equal(found, array)
    assert np.allclose(place, affine, atol=1e-5)


def test_floats_are_stored_in_65536_steps(tmp_path):
    values = np.random.default_rng(0).uniform(-0.3, 1234.5, (7, 6, 5)).astype(np.float32)
    read = volume.read(make(tmp_path / "s"))
    volume.write(tmp_path / "t", values, read)
    again = volume.read(tmp_path / "t")
    step = (values.max() - values.min()) / 65535
    assert np.abs(again.voxels[...] - values).max() <= 0.51 * step
    volume.write(tmp_path / "r", values, read, dtype="int16")
    assert np.array_equal(volume.read(tmp_path / "r").voxels[...], np.rint(values))
    volume.write(tmp_path / "f", np.full((7, 6, 5), 0.125), read)
    assert (volume.read(tmp_path / "f").voxels[...] == 0.125).all()
    large = noise((7, 6, 5), 0, 65536)
    volume.write(tmp_path / "l", large, read)
    assert np.array_equal(volume.read(tmp_path / "l").voxels[...], large)


def test_writing_refuses_and_leaves_nothing(tmp_path):
    read = volume.read(make(tmp_path / "s"))
    target = tmp_path / "t"
    array = volume.Volume(np.zeros((2, 2, 2)), np.eye(4))
    assert "modality must be" in refusal(volume.write, target, array.voxels, array)
    assert "'PT'" in refusal(volume.write, target, read.voxels, read, modality="PT")
    assert "dtype" in refusal(volume.write, target, read.voxels, read, dtype="float32")
    bad = np.zeros(read.shape, np.float32)
    bad[1, 2, 3] = np.nan
    assert "NaN" in refusal(volume.write, target, bad, read)
    bad = np.zeros(read.shape, np.int32)
    bad[0, 0, 0] = 70000
    assert "70000" in refusal(volume.write, target, bad, read)
    sheared = np.eye(4)
    sheared[0, 1] = 0.5
    array = volume.Volume(array.voxels, sheared)
    assert "right angles" in refusal(volume.write, target, array.voxels, array, modality="CT")
    assert "received" in refusal(volume.write, tmp_path / "t.dcm", read.voxels, read)
    assert "exists" in refusal(volume.write, tmp_path / "s", read.voxels, read)
    below = tmp_path / "s" / "1.dcm" / "t"
    assert "cannot be written" in refusal(volume.write, below, read.voxels, read)
    stays = refusal(volume.write, tmp_path / "s", read.voxels, read, overwrite=True)
    assert "it stays" in stays
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_failure_between_slices_leaves_what_was_there(tmp_path):
    read = volume.read(make(tmp_path / "s"))
    volume.write(tmp_path / "t", read.voxels, read)

    class Failing:
        shape, dtype, count = read.shape, np.dtype(np.int16), 0

        def __getitem__(self, index):
            self.count += 1
            if self.count > 8:  # in the second pass
                raise InputError("no more.")
            return np.zeros(read.shape, np.int16)[index]

    assert refusal(volume.write, tmp_path / "t", Failing(), read, overwrite=True) == "no more."
    assert np.array_equal(volume.read(tmp_path / "t").voxels[...], read.voxels[...])
    volume.write(tmp_path / "t", np.ones(read.shape, np.int16), read, overwrite=True)
    assert (volume.read(tmp_path / "t").voxels[...] == 1).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s", "t"]


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
