"""Pairs, by name from folders, side by side, or in the order of arrays."""

import warnings

import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import npz, pairs, prepare
from support.datasets import fill

QUIET = {"size": 4, "progress": False}


def values(images):
    """The plain images' values."""
    return [int(image[0, 0, 0]) for image in images]


def fill_pairs(folder, numbers, size=(16, 8)):
    """Writes pairs whose left half has the number and whose right half 100 more."""
    folder.mkdir(parents=True, exist_ok=True)
    for n in numbers:
        image = np.full((size[1], size[0], 3), n, np.uint8)
        image[:, size[0] // 2 :] += 100
        Image.fromarray(image).save(folder / f"{n}.png")
    return folder


# --- side by side --------------------------------------------------------------------------


@pytest.mark.parametrize("test_name", ["val", "test"])
def test_pairs_with_train_and_test(tmp_path, test_name):
    fill_pairs(tmp_path / "train", [1, 2, 3])
    fill_pairs(tmp_path / test_name, [7, 8])
    dataset = prepare.from_pairs(tmp_path, channels=(3, 1), **QUIET)
    assert values(dataset.train_a) == [1, 2, 3]
    assert values(dataset.train_b) == [101, 102, 103]
    assert (values(dataset.test_a), values(dataset.test_b)) == ([7, 8], [107, 108])
    assert dataset.train_b.shape == (3, 4, 4, 1)
    assert dataset.paired == {"train": True, "test": True}
    # Split down the very middle: no half has a pixel of the other.
    assert (dataset.train_a == dataset.train_a[:, :1, :1]).all()
    assert (dataset.train_b == dataset.train_b[:, :1, :1]).all()
    assert dataset.notes == [
        f"3 images of train/ (for testing 2 of {test_name}/), each cut down its middle: "
        "A left, B right"
    ]


@pytest.mark.parametrize("direction", ["ab", "ba"])
def test_a_flat_folder_of_pairs(tmp_path, direction):
    fill_pairs(tmp_path, range(10))
    dataset = prepare.from_pairs(
        tmp_path, test_fraction=0.3, direction=direction, names=("l", "r"), channels=(3, 1), **QUIET
    )
    step = 100 if direction == "ab" else -100
    for a, b, count in (
        (dataset.train_a, dataset.train_b, 7),
        (dataset.test_a, dataset.test_b, 3),
    ):
        assert len(a) == count
        assert values(b) == [value + step for value in values(a)]
    assert dataset.names == ("l", "r")
    assert (dataset.image_shape_a, dataset.image_shape_b) == ((4, 4, 3), (4, 4, 1))
    sides = "A left, B right" if direction == "ab" else "B left, A right"
    assert dataset.notes == [f"10 images of {tmp_path}/, each cut down its middle: {sides}"]


def test_an_odd_width_cannot_be_halved(tmp_path):
    fill_pairs(tmp_path, [1, 2])
    Image.new("RGB", (15, 8)).save(tmp_path / "odd.png")
    with pytest.warns(UserWarning, match=r"1 unreadable .*odd\.png is 15 pixels wide"):
        dataset = prepare.from_pairs(tmp_path, test_fraction=0, **QUIET)
    assert len(dataset.train_a) == len(dataset.train_b) == 2


@pytest.mark.parametrize("size", [(16, 16), (24, 16), (8, 16)])  # 3:2 is that of photos
def test_images_that_are_not_wide_are_not_cut_unless_that_is_said(tmp_path, size):
    fill_pairs(tmp_path, [1, 2, 3], size)
    with pytest.raises(
        InputError, match=rf"such as {size[1]}x{size[0]} pixels\): say layout='side"
    ):
        prepare.from_pairs(tmp_path, **QUIET)
    dataset = prepare.from_pairs(tmp_path, layout="side-by-side", test_fraction=0, **QUIET)
    assert (values(dataset.train_a), values(dataset.train_b)) == ([1, 2, 3], [101, 102, 103])


def test_one_narrow_image_among_wide_ones_is_named(tmp_path):
    fill_pairs(tmp_path, [1, 2, 3])
    fill_pairs(tmp_path, [9], size=(10, 8))
    with pytest.warns(UserWarning, match=r"9\.png has 8x10 pixels: not two side by side"):
        dataset = prepare.from_pairs(tmp_path, test_fraction=0, **QUIET)
    assert values(dataset.train_a) == [1, 2, 3] and len(dataset.skipped) == 1


# --- by name -------------------------------------------------------------------------------

LAYOUTS = {
    "A B": ({"A": (0, 6), "B": (0, 6)}, "6 pairs by name from A/ and B/"),
    "a b": ({"a": (0, 6), "b": (0, 6)}, "6 pairs by name from a/ and b/"),
    "train/A": (
        {"train/A": (0, 4), "train/B": (0, 4), "test/A": (4, 6), "test/B": (4, 6)},
        "4 pairs by name from train/A/ and train/B/ (for testing 2 of test/A/ and test/B/)",
    ),
    "A/train": (
        {"A/train": (0, 4), "B/train": (0, 4), "A/val": (4, 6), "B/val": (4, 6)},
        "4 pairs by name from A/train/ and B/train/ (for testing 2 of A/val/ and B/val/)",
    ),
    "trainA": (
        {"trainA": (0, 4), "trainB": (0, 4), "testA": (4, 6), "testB": (4, 6)},
        "4 pairs by name from trainA/ and trainB/ (for testing 2 of testA/ and testB/)",
    ),
    "TRAIN_a": (
        {"TRAIN_a": (0, 4), "TRAIN_b": (0, 4), "val_a": (4, 6), "val_b": (4, 6)},
        "4 pairs by name from TRAIN_a/ and TRAIN_b/ (for testing 2 of val_a/ and val_b/)",
    ),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_layouts_are_recognized_and_said(tmp_path, case):
    folders, said = LAYOUTS[case]
    for name, numbers in folders.items():
        in_b = name.lower().replace("train", "").replace("val", "").strip("_/").endswith("b")
        # The images of a pair differ in size and format.
        options = {"suffix": ".bmp", "size": (12, 12)} if in_b else {}
        fill(
            tmp_path / name, [n + 100 * in_b for n in range(*numbers)], first=numbers[0], **options
        )
    dataset = prepare.from_pairs(tmp_path, test_fraction=0.3, **QUIET)
    assert dataset.notes == [said]
    assert dataset.paired == {"train": True, "test": True} and dataset.names == ("A", "B")
    assert (len(dataset.train_a), len(dataset.test_a)) == (4, 2)
    for split in ("train", "test"):
        a, b = (values(getattr(dataset, f"{split}_{domain}")) for domain in "ab")
        assert b == [n + 100 for n in a]
    if "test" in said:
        assert values(dataset.test_a) == [4, 5]


def test_two_folders_give_pairs_and_names(tmp_path):
    fill(tmp_path / "photo/more", range(3))
    fill(tmp_path / "drawing/more", range(100, 103), suffix=".jpg")
    dataset = prepare.from_pairs(tmp_path / "photo", tmp_path / "drawing", test_fraction=0, **QUIET)
    assert values(dataset.train_b) == [n + 100 for n in values(dataset.train_a)] == [100, 101, 102]
    assert dataset.names == ("photo", "drawing")
    assert dataset.sources == [str(tmp_path / "photo"), str(tmp_path / "drawing")]


def test_what_has_no_partner_is_named_in_one_warning(tmp_path):
    fill(tmp_path / "A", range(5))
    fill(tmp_path / "B", range(102, 107), first=2)
    with pytest.warns(UserWarning, match="^4 images without a partner were left out: ") as caught:
        dataset = prepare.from_pairs(tmp_path, test_fraction=0, **QUIET)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert dataset.skipped == [
        f"{tmp_path / one} has no partner in {tmp_path / other}."
        for one, other in (("A/0.png", "B"), ("A/1.png", "B"), ("B/5.png", "A"), ("B/6.png", "A"))
    ]
    assert (values(dataset.train_a), values(dataset.train_b)) == ([2, 3, 4], [102, 103, 104])
    assert dataset.notes == ["3 pairs by name from A/ and B/"]
    assert "left out: 4" in str(dataset)


def test_an_unreadable_image_takes_its_partner_with_it(tmp_path):
    fill(tmp_path / "A", range(4))
    fill(tmp_path / "B", range(100, 104))
    (tmp_path / "B/2.png").write_text("words")
    with pytest.warns(UserWarning, match=r"^1 unreadable images were left out: .*B/2\.png"):
        dataset = prepare.from_pairs(tmp_path, test_fraction=0, limit=3, **QUIET)
    assert (values(dataset.train_a), values(dataset.train_b)) == ([0, 1], [100, 101])


def test_names_that_have_nothing_in_common_are_refused(tmp_path):
    fill(tmp_path / "A", [1])
    fill(tmp_path / "B", [1], first=7)
    with pytest.raises(InputError, match=r"No image in .*A has a partner .*0\.png \.\.\., 7\.png"):
        prepare.from_pairs(tmp_path, **QUIET)


def test_two_files_of_one_name_are_refused(tmp_path):
    for name in "AB":
        fill(tmp_path / name, [1])
    fill(tmp_path / "B", [2], suffix=".jpg")
    with pytest.raises(InputError, match=r"0\.jpg and .*0\.png have one name"):
        prepare.from_pairs(tmp_path, **QUIET)


def test_test_images_of_one_domain_alone_are_refused(tmp_path):
    for name in ("trainA", "trainB", "testB"):
        fill(tmp_path / name, [1, 2])
    with pytest.raises(InputError, match="test images of B and none of A"):
        prepare.from_pairs(tmp_path, **QUIET)


# --- doubt ---------------------------------------------------------------------------------


def test_what_could_be_either_is_asked(tmp_path):
    for name in "AB":
        fill(tmp_path / name, [1, 2])
    fill_pairs(tmp_path, [5, 6])
    question = "which are meant. Say layout='folders' or layout='side-by-side'"
    with pytest.raises(InputError, match=question):
        prepare.from_pairs(tmp_path, **QUIET)
    with pytest.warns(UserWarning, match=f"Not used .* the images in {tmp_path} itself"):
        of_folders = prepare.from_pairs(tmp_path, layout="folders", test_fraction=0, **QUIET)
    assert values(of_folders.train_a) == values(of_folders.train_b) == [1, 2]
    both = prepare.from_pairs(tmp_path, layout="side-by-side", test_fraction=0, **QUIET)
    assert len(both.train_a) == 6 and values(both.train_b)[:2] == [105, 106]


def test_two_layouts_of_folders_are_asked_for(tmp_path):
    for name in ("A", "B", "trainA", "trainB"):
        fill(tmp_path / name, [1, 2])
    for make in (prepare.from_pairs, prepare.from_folders):
        with pytest.raises(InputError, match="two layouts, trainA/, trainB/ and A/, B/: which are"):
            make(tmp_path, **QUIET)


def test_folders_of_other_names_with_the_same_files_are_asked_for(tmp_path):
    for name in ("left", "right"):
        fill(tmp_path / name, [1, 2], size=(20, 10))
    with pytest.raises(InputError, match="same names in left and right: are those A and B"):
        prepare.from_pairs(tmp_path, **QUIET)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"direction": "AtoB"}, "direction must be"),
        ({"direction": "ab"}, "direction belongs to images side by side"),
        ({"layout": "stacked"}, "layout must be folders or side-by-side"),
        ({"layout": "side-by-side", "folder_b": "x"}, "needs one folder"),
    ],
)
def test_arguments_that_do_not_fit(tmp_path, options, reason):
    for name in "AB":
        fill(tmp_path / name, [1, 2])
    with pytest.raises(InputError, match=reason):
        prepare.from_pairs(tmp_path, **options, **QUIET)


def test_folders_that_cannot_be(tmp_path):
    with pytest.raises(InputError, match="none does not exist"):
        prepare.from_pairs(tmp_path / "none", **QUIET)
    with pytest.raises(InputError, match="must hold the folders A and B"):
        prepare.from_pairs(fill_pairs(tmp_path / "x", [1]), layout="folders", **QUIET)


# --- frames --------------------------------------------------------------------------------


def animation(path, numbers):
    path.parent.mkdir(exist_ok=True)
    frames = [Image.new("RGB", (8, 8), (n, n, n)) for n in numbers]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    return path


def test_frames_of_two_files_are_pairs(tmp_path):
    animation(tmp_path / "A/x.png", [1, 2, 3])
    animation(tmp_path / "B/x.tif", [101, 102, 103])
    animation(tmp_path / "A/y.png", [4, 5])
    animation(tmp_path / "B/y.png", [104, 105, 106])
    with pytest.warns(UserWarning, match=r"y\.png holds 2 frames and .*y\.png 3: pairs need"):
        dataset = prepare.from_pairs(tmp_path, test_fraction=0, **QUIET)
    assert (values(dataset.train_a), values(dataset.train_b)) == ([1, 2, 3], [101, 102, 103])
    assert dataset.notes[1] == "1 file holds 3 frames, of which each is an image of both"


# --- arrays --------------------------------------------------------------------------------


def numbered(count, first=0):
    images = np.arange(first, first + count, dtype="uint8").reshape(-1, 1, 1, 1)
    return np.broadcast_to(images, (count, 8, 8, 3))


def test_two_unnamed_arrays_are_pairs(tmp_path):
    np.savez(tmp_path / "x.npz", numbered(10), numbered(10, 100))
    dataset = pairs.from_npz(tmp_path / "x.npz", test_fraction=0.3, names=("l", "r"))
    assert dataset.paired == {"train": True, "test": True} and dataset.names == ("l", "r")
    assert (len(dataset.train_a), len(dataset.test_a)) == (7, 3)
    for split in ("train", "test"):
        a, b = (values(getattr(dataset, f"{split}_{domain}")) for domain in "ab")
        assert b == [n + 100 for n in a]
    assert dataset.notes == ["10 pairs in the order of the arrays"]
    exchanged = pairs.from_npz(tmp_path / "x.npz", direction="ba", limit=4, test_fraction=0)
    assert values(exchanged.train_a) == [100, 101, 102, 103]


def test_named_arrays_with_tests_are_pairs(tmp_path):
    np.savez(
        tmp_path / "x.npz",
        trainA=numbered(3), trainB=numbered(3, 100), testA=numbered(2, 50), testB=numbered(2, 150),
    )  # fmt: skip
    dataset = pairs.from_npz(tmp_path / "x.npz")
    assert (values(dataset.train_a), values(dataset.test_b)) == ([0, 1, 2], [150, 151])


def test_arrays_of_other_lengths_and_prepared_ones_are_refused(tmp_path, dataset):
    np.savez(tmp_path / "x.npz", numbered(8), numbered(6))
    with pytest.raises(InputError, match="holds 8 images of A and 6 of B for training"):
        pairs.from_npz(tmp_path / "x.npz")
    npz.save(tmp_path / "y.npz", dataset)
    with pytest.raises(InputError, match="was prepared already"):
        pairs.from_npz(tmp_path / "y.npz")


def test_nothing_is_said_where_nothing_is_odd(tmp_path):
    for name in "AB":
        fill(tmp_path / name, range(10, 20))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepare.from_pairs(tmp_path, **QUIET)
