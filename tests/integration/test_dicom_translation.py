"""DICOM through the command line: in as a series, out as a derived one, and what is refused."""

import numpy as np
import pydicom
import pytest

from cyclegan_tf.cli.main import main
from cyclegan_tf.data import npz
from cyclegan_tf.inference.volumes import translate_file
from cyclegan_tf.networks import generator_file
from cyclegan_tf.volumes import volume
from inference.test_volumes import CT, MR, make
from support import dicom_files

rng = np.random.default_rng(0)


@pytest.fixture
def run(tmp_path):
    """A generator that takes CT for CT and leaves it as it is."""
    translator = make(size=(16, 16))
    path = tmp_path / "gen_ab.keras"
    generator_file.save(path, translator.generator, translator.translation)
    return path


@pytest.fixture
def series(tmp_path):
    """A CT series of 5 slices of 16x16, in files of shuffled names."""
    values = rng.integers(-1000, 2000, (5, 16, 16)).astype(np.int16)
    headers = dicom_files.series(values)
    names = [f"{n}.dcm" for n in (3, 1, 4, 0, 2)]
    return dicom_files.save(tmp_path / "series", headers, names)


def test_a_series_comes_out_as_a_derived_one(run, series, tmp_path, capsys):
    assert main(["translate", str(run), str(series), str(tmp_path / "out")]) == 0
    before, after = volume.read(series), volume.read(tmp_path / "out")
    np.testing.assert_array_equal(after.voxels[:, :, :], before.voxels[:, :, :])
    np.testing.assert_allclose(after.affine, before.affine)
    old = [pydicom.dcmread(path) for path in series.iterdir()]
    new = [pydicom.dcmread(path) for path in (tmp_path / "out").iterdir()]
    assert {each.SeriesInstanceUID for each in old}.isdisjoint(e.SeriesInstanceUID for e in new)
    assert {each.SOPInstanceUID for each in old}.isdisjoint(e.SOPInstanceUID for e in new)
    assert {e.FrameOfReferenceUID for e in new} == {e.FrameOfReferenceUID for e in old}
    assert new[0].ImageType[:2] == ["DERIVED", "SECONDARY"]
    assert "not for diagnosis" in f"{new[0].DerivationDescription} {new[0].SeriesDescription}"
    printed = capsys.readouterr()
    for word in dicom_files.PATIENT.values():
        assert word not in printed.out + printed.err


def test_mr_becomes_a_series_without_asking_for_a_type(series, tmp_path):
    to_mr = make(CT, MR, ("CT", "MR"), size=(16, 16))
    translate_file(to_mr, series, tmp_path / "mr", progress=False)
    assert volume.read(tmp_path / "mr").modality == "MR"


def test_patients_are_numbers_in_a_data_set(tmp_path, capsys):
    for domain, modality in (("a", "MR"), ("b", "CT")):
        for number in range(3):
            values = rng.integers(0, 1500, (4, 16, 16)).astype(np.int16)
            values[:, :3] = 0
            who = {"PatientID": f"SECRET-{number}", "PatientName": f"Telltale^{number}"}
            headers = dicom_files.series(values, modality=modality, **who)
            dicom_files.save(tmp_path / domain / f"case{number}", headers)
    folders = [str(tmp_path / domain) for domain in "ab"]
    command = ["prepare", str(tmp_path / "x.npz"), "--volumes", *folders, "--size", "16"]
    assert main([*command, "--test-fraction", "0.3"]) == 0
    dataset = npz.load(tmp_path / "x.npz")
    assert dataset.slices.modalities == ("MR", "CT")
    train, test = (
        {n for d in "ab" for n in dataset.slices.patients[f"{split}_{d}"]}
        for split in ("train", "test")
    )
    # Two folders, the same three people: who is held back is so in both.
    assert len(train) == 2 and len(test) == 1 and not train & test
    printed = capsys.readouterr()
    for text in (printed.out, printed.err, str(np.load(tmp_path / "x.npz")["metadata"])):
        assert "SECRET" not in text and "Telltale" not in text
    exchanged = ["prepare", str(tmp_path / "y.npz"), "--volumes", *folders[::-1], "--size", "16"]
    assert main(exchanged) == 0  # DICOM says what it is
    assert npz.load(tmp_path / "y.npz").names == ("CT", "MR")
    assert main([*exchanged, "--overwrite", "--modalities", "MR", "CT"]) == 2
    assert "must be of one modality, received CT where MR" in capsys.readouterr().err


def spoil_missing(folder):
    (folder / "4.dcm").unlink()  # the middle one


def spoil_mixed(folder):
    other = dicom_files.series(np.zeros((3, 16, 16), np.int16))
    for each in other:
        each.SeriesInstanceUID = "1.2.3.99"
    dicom_files.save(folder, other, [f"b{n}.dcm" for n in range(3)])


def spoil_truncated(folder):
    path = folder / "2.dcm"
    path.write_bytes(path.read_bytes()[:700])


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [(spoil_missing, "missing"), (spoil_mixed, "2 series"), (spoil_truncated, "2.dcm")],
)
def test_spoilt_series_leave_nothing_behind(run, series, tmp_path, capsys, spoil, sentence):
    spoil(series)
    assert main(["translate", str(run), str(series), str(tmp_path / "out")]) == 2
    printed = capsys.readouterr().err
    assert sentence in printed and "Traceback" not in printed
    assert not any(word in printed for word in dicom_files.PATIENT.values())
    assert not (tmp_path / "out").exists()


def test_the_wrong_modality(series, tmp_path, capsys):
    translator = make(MR, CT, ("MR", "CT"))
    generator_file.save(tmp_path / "gen.keras", translator.generator, translator.translation)
    command = ["translate", str(tmp_path / "gen.keras"), str(series), str(tmp_path / "out")]
    assert main(command) == 2
    assert "The volume is CT, and MR is wanted here" in capsys.readouterr().err
