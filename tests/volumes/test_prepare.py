"""From folders of volumes to a data set: who is where, and what the command says."""

import json

import numpy as np
import pytest

from cyclegan_tf.cli.main import main
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import npz
from cyclegan_tf.volumes import prepare
from cyclegan_tf.volumes.phantom import head

pytest.importorskip("nibabel")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Four small heads, of each MR, CT and a label map."""
    folder = tmp_path_factory.mktemp("heads")
    head.write(folder, 4, 0, size=32, paired=True)
    return folder


def make(folders, **options):
    options = {"size": 32, "test_fraction": 0.25, "progress": False} | options
    return prepare.from_volumes(folders / "mr", folders / "ct", **options)


def everybody(dataset, split):
    return {*dataset.slices.patients[f"{split}_a"], *dataset.slices.patients[f"{split}_b"]}


@pytest.mark.parametrize("paired", prepare.PAIRED)
def test_patients_are_on_one_side_in_both_domains(folders, paired):
    dataset = make(folders, paired=paired, test_fraction=0.5)
    train, test = everybody(dataset, "train"), everybody(dataset, "test")
    assert len(train) == len(test) == 2 and not train & test
    assert dataset.paired == {"train": paired is True, "test": bool(paired)}
    assert set(dataset.slices.patients["test_a"]) == set(dataset.slices.patients["test_b"])
    assert dataset.names == dataset.slices.modalities == ("MR", "CT")
    others = [everybody(make(folders, test_fraction=0.5, seed=seed), "test") for seed in range(6)]
    assert any(other != test for other in others)


def test_pairs_show_the_same(folders):
    dataset = make(folders, paired=True, masks=(folders / "labels", folders / "labels"))
    masks = dataset.slices.masks
    np.testing.assert_array_equal(masks["test_a"], masks["test_b"])
    assert dataset.slices.labels["3"] == "skull"
    inside = masks["test_a"] > 0
    assert dataset.test_a[inside].mean() > 5 * dataset.test_a[~inside].mean()
    assert dataset.test_b[inside].mean() > dataset.test_b[~inside].mean() + 800


def test_the_command(folders, tmp_path, capsys):
    command = [
        "prepare",
        str(tmp_path / "x.npz"),
        "--volumes",
        *(str(folders / n) for n in ("mr", "ct")),
    ]
    options = ["--size", "32", "--axis", "sagittal", "--neighbours", "1,0", "--paired-test"]
    assert main([*command, *options, "--intensities", "z-score:3", "window:-500,1500"]) == 0
    printed = capsys.readouterr().out
    assert "sagittal slices of 3 train, 1 test patients" in printed
    assert "MR: z-score [-3.0, 3.0], with 1 neighbours on either side" in printed
    assert "CT: window [-500.0, 1500.0] HU" in printed
    dataset = npz.load(tmp_path / "x.npz")
    assert dataset.image_shape_a == (32, 32, 3) and dataset.image_shape_b == (32, 32, 1)
    assert dataset.ranges == ((-3, 3), (-500, 1500))
    assert dataset.paired == {"train": False, "test": True}


def test_no_name_is_kept(folders, tmp_path):
    dataset = make(folders)
    npz.save(tmp_path / "x.npz", dataset)
    with np.load(tmp_path / "x.npz") as file:
        metadata = str(file["metadata"])
    assert "sub-" not in metadata and str(folders) not in metadata
    assert json.loads(metadata)["sources"] == ["4 volumes", "4 volumes", "unpaired"]


def test_an_expression_finds_patients(folders):
    same = make(folders, patient=r"sub-0*\d", test_fraction=0.5)
    assert len(everybody(same, "train")) == 2
    # Everyone is one patient: nobody can be held back.
    one = make(folders, patient=r"(sub)-")
    assert len(everybody(one, "train")) == 1 and not len(one.test_a)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"axis": "oblique"}, "axis must be one of"),
        ({"spacing": 0}, "spacing must be above 0"),
        ({"min_body": 1}, "min_body must be"),
        ({"neighbours": -1}, "neighbours must be a whole number"),
        ({"paired": "perhaps"}, "paired must be"),
        ({"patient": "("}, "must be a regular expression"),
        ({"patient": "case"}, "does not match the path of every volume"),
        ({"modalities": ("PET", "CT")}, "modalities must be CT or MR"),
        ({"modalities": ("CT", "MR")}, "as CT in HU has and MR has not"),
        ({"intensities": ("window:1", None)}, "must be like window"),
        ({"min_body": 0.9}, "No slice of train_a holds 90% of body"),
        ({"test_fraction": 1}, "test_fraction"),
    ],
)
def test_what_cannot_be_used(folders, options, sentence):
    with pytest.raises(InputError, match=sentence):
        make(folders, **options)


def test_pairs_need_both_scans_of_everybody(folders, tmp_path):
    for name in ("mr", "ct"):
        (tmp_path / name).mkdir()
        for path in sorted((folders / name).iterdir())[: 4 if name == "mr" else 3]:
            (tmp_path / name / path.name).write_bytes(path.read_bytes())
    with pytest.raises(InputError, match="Pairs need one volume of each patient"):
        make(tmp_path, paired=True)


def test_options_of_volumes_belong_to_volumes(folders, tmp_path, capsys):
    target = str(tmp_path / "x.npz")
    assert main(["prepare", target, "--generated", "1", "1", "--axis", "axial"]) == 2
    assert "--axis has no use with --generated" in capsys.readouterr().err
    assert main(["prepare", target, "--heads", "1", "1", "--spacing", "2"]) == 2
    assert "--spacing has no use with --heads" in capsys.readouterr().err
