"""DICOM series that are written: derived, complete, and back as they were."""

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.volumes import volume

pydicom = pytest.importorskip("pydicom", reason="DICOM is read by pydicom")
nibabel = pytest.importorskip("nibabel", reason="NIfTI is read by nibabel")

from support import dicom_files as files  # noqa: E402 (needs pydicom)
from support.dicom_files import OBLIQUE, SHUFFLED, make, noise, refusal  # noqa: E402


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
