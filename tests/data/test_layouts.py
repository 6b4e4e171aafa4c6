"""Layouts: where in folders the images of both domains are found, and what is asked."""

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import prepare
from support.datasets import fill

QUIET = {"progress": False}


def values(images):
    """The plain images' values."""
    return [int(image[0, 0, 0]) for image in images]


@pytest.mark.parametrize("make", [prepare.from_folders, prepare.stream])
@pytest.mark.parametrize(
    "names",
    [
        ("trainA", "trainB", "testA", "testB"),
        ("train_A", "train_B", "test_A", "test_B"),
        ("train/A", "train/B", "val/A", "val/B"),
        ("A/train", "B/train", "A/test", "B/test"),
        ("a/train", "b/train", "a/val", "b/val"),
        ("trainA", "trainB", "valA", "valB"),
    ],
)
def test_folders_in_a_folder(tmp_path, make, names):
    for name, start in zip(names, (0, 50, 100, 150), strict=True):
        fill(tmp_path / name, [start, start + 1])
    dataset = make(tmp_path, size=4, **QUIET)
    everything = np.arange(2)
    assert [
        values(getattr(dataset, f"{split}_{domain}")[everything])
        for split in ("train", "test")
        for domain in "ab"
    ] == [[0, 1], [50, 51], [100, 101], [150, 151]]
    assert dataset.names == ("A", "B")
    a, b, *tests = (f"{name}/" for name in names)
    assert dataset.notes == [f"A from {a} and B from {b}, for testing {' and '.join(tests)}"]


def test_folders_a_and_b_are_divided(tmp_path):
    fill(tmp_path / "A", range(10))
    fill(tmp_path / "B", range(100, 106))
    dataset = prepare.from_folders(tmp_path, size=4, test_fraction=0.5, **QUIET)
    assert (len(dataset.train_a), len(dataset.test_b)) == (5, 3)
    assert dataset.notes == ["A from A/ and B from B/"]


def test_two_folders_with_train_and_test_in_each(tmp_path):
    for name, start in (("photo", 0), ("drawing", 50)):
        fill(tmp_path / name / "train", range(start, start + 3))
        fill(tmp_path / name / "test", [start + 9])
    dataset = prepare.from_folders(tmp_path / "photo", tmp_path / "drawing", size=4, **QUIET)
    assert (values(dataset.train_a), values(dataset.test_b)) == ([0, 1, 2], [59])
    assert dataset.names == ("photo", "drawing")


def test_val_beside_test_and_other_folders_are_named(tmp_path):
    for name in ("trainA", "trainB", "testA", "testB"):
        fill(tmp_path / name, [1, 2])
    for name in ("valA", "valB", "extra"):
        fill(tmp_path / name, [1])
    (tmp_path / "empty").mkdir()
    fill(tmp_path, [7, 8])
    with pytest.warns(UserWarning, match="^Not used") as caught:
        dataset = prepare.from_folders(tmp_path, size=4, **QUIET)
    assert [str(warning.message) for warning in caught] == [
        f"Not used of what is there: extra/, valA/, valB/, the images in {tmp_path} itself."
    ]
    assert len(dataset.test_a) == 2


@pytest.mark.parametrize("make", [prepare.from_folders, prepare.stream])
def test_images_are_in_one_domain_and_in_one_split_alone(tmp_path, make, monkeypatch):
    x = fill(tmp_path / "x", range(4))
    fill(x / "B", range(4))
    fill(tmp_path / "y/trainA", [1, 2])
    fill(tmp_path / "y/trainB", [1, 2])
    (tmp_path / "y/testA").symlink_to(tmp_path / "y/trainA")
    (tmp_path / "link").symlink_to(x)
    monkeypatch.chdir(tmp_path)
    for folders in ([x, x / "B"], [x, x], [x, "x"], [x, tmp_path / "link"], [x, "x/../x/B"], ["y"]):
        with pytest.raises(InputError, match=r"The images in .*/(x|B|trainA) would be taken twice"):
            make(*folders, size=4, **QUIET)


def test_a_folder_that_is_divided_and_holds_images_is_asked_about(tmp_path):
    a, b = fill(tmp_path / "a", [1, 2]), fill(tmp_path / "b", [1, 2])
    fill(a / "train", [3])
    fill(a / "test", [3])
    with pytest.raises(InputError, match="a holds images and the folder train, too: which are"):
        prepare.from_folders(a, b, size=4, **QUIET)


def test_folders_whose_names_differ_in_case_alone_are_asked_for(tmp_path):
    for name in ("A", "a", "B"):
        fill(tmp_path / name, [1])
    with pytest.raises(InputError, match="the folders A and a: which is meant"):
        prepare.from_folders(tmp_path, size=4, **QUIET)
