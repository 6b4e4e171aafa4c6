"""DICOM series that are read: order, geometry, real values, and whose they are."""

import numpy as np
import pytest

from cyclegan_tf.volumes import volume
from cyclegan_tf.volumes.io import dicom

pydicom = pytest.importorskip("pydicom", reason="DICOM is read by pydicom")
nibabel = pytest.importorskip("nibabel", reason="NIfTI is read by nibabel")
dicomwrappers = pytest.importorskip("nibabel.nicom.dicomwrappers")

from support import dicom_files as files  # noqa: E402 (needs pydicom)
from support.dicom_files import OBLIQUE, SHUFFLED, check_private, make, noise, refusal  # noqa: E402


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


def test_what_is_a_volume(tmp_path):
    folder = make(tmp_path / "s", names=SHUFFLED)
    for path in (folder, folder / "IM7", "a.nii", "b.NII.gz", "c.npy", "d.npz", "e.dcm"):
        assert volume.is_volume(path)
    assert not volume.is_volume(tmp_path)
    assert not volume.is_volume("a.png")
    (folder / "image.png").write_bytes(b"")
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
