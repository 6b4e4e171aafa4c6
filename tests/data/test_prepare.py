import dataclasses

import cv2
import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import npz, prepare
from cyclegan_tf.data.io import image_file, listing
from cyclegan_tf.data.synthetic.sketch import sketch
from support.datasets import fill

QUIET = {"progress": False}


def values(images):
    """The plain images' values."""
    return [int(image[0, 0, 0]) for image in images]


@pytest.fixture
def four_folders(tmp_path):
    root = tmp_path / "set"
    for name, start, count in (
        ("trainA", 0, 5), ("trainB", 50, 4), ("testA", 100, 2), ("testB", 150, 3)
    ):  # fmt: skip
        fill(root / name, range(start, start + count))
    return root


# --- folders -------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [prepare.from_folders, prepare.stream])
def test_four_folders(four_folders, make):
    dataset = make(four_folders, size=(6, 4), channels=(1, 3), **QUIET)
    everything = np.arange(5)
    assert values(dataset.train_a[everything]) == [0, 1, 2, 3, 4]
    assert values(dataset.train_b[everything[:4]]) == [50, 51, 52, 53]
    assert values(dataset.test_a[everything[:2]]) == [100, 101]
    assert values(dataset.test_b[everything[:3]]) == [150, 151, 152]
    assert (dataset.image_shape_a, dataset.image_shape_b) == ((6, 4, 1), (6, 4, 3))
    assert dataset.train_a.dtype == np.uint8
    assert dataset.paired == {"train": False, "test": False}
    assert dataset.names == ("A", "B")
    assert dataset.sources == [str(four_folders)]
    assert dataset.skipped == []


@pytest.mark.parametrize("make", [prepare.from_folders, prepare.stream])
def test_two_folders_are_divided(two_folders, make):
    dataset = make(*two_folders, size=4, test_fraction=0.25, seed=3, **QUIET)
    assert (len(dataset.train_a), len(dataset.test_a)) == (15, 5)
    assert (len(dataset.train_b), len(dataset.test_b)) == (9, 3)
    train, test = (values(part[np.arange(len(part))]) for part in (dataset.train_a, dataset.test_a))
    assert sorted(train + test) == list(range(20))
    assert train == sorted(train)  # the files' order stays
    assert test != list(range(5))  # and it is not simply the first that are held back
    assert dataset.names == ("photo", "drawing")


def test_the_seed_decides_what_is_held_back(two_folders):
    def test_values(seed):
        return values(prepare.from_folders(*two_folders, size=4, seed=seed, **QUIET).test_a)

    assert test_values(1) == test_values(1)
    assert len({tuple(test_values(seed)) for seed in range(5)}) > 1


@pytest.mark.parametrize(
    ("count", "fraction", "held"),
    [(10, 0.1, 1), (10, 0, 0), (2, 0.01, 1), (1, 0.5, 0), (3, 0.99, 2)],
)
def test_how_many_are_held_back(tmp_path, count, fraction, held):
    folders = [fill(tmp_path / name, range(count)) for name in "ab"]
    dataset = prepare.from_folders(*folders, size=2, test_fraction=fraction, **QUIET)
    assert len(dataset.test_a) == len(dataset.test_b) == held
    assert len(dataset.train_a) == count - held


def test_train_folders_without_test_folders_are_divided(four_folders):
    for path in (four_folders / "testA").iterdir():
        path.unlink()
    (four_folders / "testA").rmdir()
    dataset = prepare.from_folders(four_folders, size=4, test_fraction=0.4, **QUIET)
    assert (len(dataset.train_a), len(dataset.test_a)) == (3, 2)
    assert (len(dataset.train_b), len(dataset.test_b)) == (4, 3)


def test_limit_names_and_ways(four_folders):
    dataset = prepare.from_folders(four_folders, size=4, limit=2, names=["x", "y"], **QUIET)
    assert values(dataset.train_a) == [0, 1]
    assert values(dataset.test_b) == [150, 151]
    assert dataset.names == ("x", "y")


@pytest.mark.parametrize("how", ["crop", "pad", "stretch"])
def test_images_are_fitted_as_asked(tmp_path, how):
    rng = np.random.default_rng(0)
    for name in "ab":
        (tmp_path / name).mkdir()
        noise = rng.integers(0, 256, (9, 20, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / name / "x.png")
    dataset = prepare.from_folders(
        tmp_path / "a", tmp_path / "b", size=(6, 7), how=how, channels=(3, 1), **QUIET
    )
    expected = image_file.fit(image_file.read(tmp_path / "a" / "x.png"), (6, 7), how)
    np.testing.assert_array_equal(dataset.train_a[0], expected)
    gray = image_file.to_channels(image_file.read(tmp_path / "b" / "x.png"), 1)
    np.testing.assert_array_equal(dataset.train_b[0], image_file.fit(gray, (6, 7), how))


@pytest.mark.parametrize("make", [prepare.from_folders, prepare.stream])
def test_one_16_bit_image_makes_the_domain_16_bit(two_folders, make):
    a, b = two_folders
    cv2.imwrite(str(a / "20.png"), np.full((8, 8, 3), 5000, np.uint16))
    dataset = make(a, b, size=4, test_fraction=0, **QUIET)
    assert dataset.train_a.dtype == dataset.test_a.dtype == np.uint16
    assert values(dataset.train_a[np.arange(21)]) == [257 * i for i in range(20)] + [5000]
    assert dataset.train_b.dtype == np.uint8
    assert dataset.ranges == ((0, 65535), (0, 255))


# --- unreadable files ----------------------------------------------------------------------


def damage(folder):
    """Adds three files that cannot be read."""
    (folder / "text.png").write_text("words")
    (folder / "empty.jpg").touch()
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "cut.jpg")
    data = (folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(data[: len(data) // 2])
    return {"text.png", "empty.jpg", "cut.jpg"}


@pytest.mark.parametrize("make", [prepare.from_folders, prepare.stream])
def test_unreadable_files_are_left_out_and_named_in_one_warning(two_folders, make):
    names = damage(two_folders[0])
    with pytest.warns(UserWarning, match="^3 unreadable images were left out: ") as caught:
        dataset = make(*two_folders, size=4, **QUIET)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert all(name in str(caught[0].message) for name in names)
    assert len(dataset.skipped) == 3
    assert {name for name in names for sentence in dataset.skipped if name in sentence} == names
    assert len(dataset.train_a) + len(dataset.test_a) == 20
    assert "  left out: 3" in str(dataset)


@pytest.mark.parametrize("make", [prepare.from_folders, prepare.stream])
def test_strict_stops_at_the_first(two_folders, make):
    damage(two_folders[0])
    with pytest.raises(InputError, match=r"cut\.jpg .* truncated"):
        make(*two_folders, size=4, strict=True, **QUIET)


@pytest.mark.parametrize("make", [prepare.from_folders, prepare.stream])
def test_a_domain_without_a_readable_image(tmp_path, two_folders, make):
    (tmp_path / "bad").mkdir()
    damage(tmp_path / "bad")
    with pytest.raises(InputError, match="No image of .*bad can be used for training: .*cut.jpg"):
        make(two_folders[0], tmp_path / "bad", size=4, **QUIET)


def test_a_long_list_is_cut_in_the_warning_alone(two_folders):
    for i in range(25):
        (two_folders[0] / f"bad{i}.png").touch()
    with pytest.warns(UserWarning, match=r"^25 unreadable .* \(and 15 more\)") as caught:
        dataset = prepare.from_folders(*two_folders, size=4, **QUIET)
    assert str(caught[0].message).count("bad") == 10
    assert len(dataset.skipped) == 25


# --- arguments -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"size": 0}, "size must be"),
        ({"size": (4, 4, 3)}, "size must be"),
        ({"channels": 0}, "channels must be"),
        ({"channels": (1, 2.5)}, "channels must be"),
        ({"channels": 5}, "0.png has 3 channels"),
        ({"ranges": 5}, "ranges must be"),
        ({"ranges": ((0, 1), (0, 1, 2))}, "ranges must be"),
        ({"ranges": (1, 0)}, "ranges must be"),
        ({"ranges": ((0, 1), (0, 1), (0, 1))}, "ranges must be"),
        ({"ranges": (0, float("nan"))}, "ranges must be"),
        ({"channels": (1, 3, 3)}, "channels must be"),
        ({"how": "squash"}, "how must be"),
        ({"test_fraction": 1}, "test_fraction must be"),
        ({"test_fraction": -0.1}, "test_fraction must be"),
        ({"limit": 0}, "limit must be"),
        ({"limit": 2.5}, "limit must be"),
        ({"seed": -1}, "seed must be"),
        ({"names": ["x"]}, "names must be"),
        ({"names": "xy"}, "names must be"),
    ],
)
@pytest.mark.parametrize("make", [prepare.from_folders, prepare.stream])
def test_arguments_that_cannot_be(two_folders, make, options, reason):
    with pytest.raises(InputError, match=reason):
        make(*two_folders, **{"size": 4, **options}, **QUIET)


@pytest.mark.parametrize("make", [prepare.from_folders, prepare.stream])
def test_folders_that_cannot_be(tmp_path, two_folders, make):
    with pytest.raises(InputError, match="must hold the folders trainA and trainB"):
        make(two_folders[0], **QUIET)
    with pytest.raises(InputError, match="none does not exist"):
        make(two_folders[0], tmp_path / "none", **QUIET)
    (tmp_path / "hollow").mkdir()
    with pytest.raises(InputError, match="hollow holds no image"):
        make(tmp_path / "hollow", two_folders[1], **QUIET)


# --- frames --------------------------------------------------------------------------------


def animation(path, numbers):
    frames = [Image.new("L", (8, 8), n) for n in numbers]
    frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)


@pytest.mark.parametrize("suffix", [".gif", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("make", [prepare.from_folders, prepare.stream])
def test_each_frame_is_an_image_and_files_are_not_divided(two_folders, make, suffix):
    a, b = two_folders
    for path in a.iterdir():
        path.unlink()
    for i in range(6):
        animation(a / f"{i}{suffix}", [10 * i + 1, 10 * i + 2, 10 * i + 3])
    dataset = make(a, b, size=4, test_fraction=0.3, **QUIET)
    train, test = (
        values(images[np.arange(len(images))]) for images in (dataset.train_a, dataset.test_a)
    )
    assert (len(train), len(test)) == (12, 6)
    assert train == [10 * i + k for i in sorted({n // 10 for n in train}) for k in (1, 2, 3)]
    assert not {n // 10 for n in train} & {n // 10 for n in test}
    assert dataset.notes == ["6 files hold 18 frames, of which each is an image of photo"]
    few = make(a, b, size=4, limit=4, test_fraction=0, **QUIET)
    assert values(few.train_a[np.arange(4)]) == [1, 2, 3, 11] and len(few.train_a) == 4


# --- odd images ----------------------------------------------------------------------------


@pytest.mark.parametrize("make", [prepare.from_folders, prepare.stream])
def test_one_odd_image_among_many_is_named(two_folders, make):
    a, _ = two_folders
    Image.new("L", (10, 8), 3).save(a / "3.png")
    with pytest.warns(UserWarning, match="unlike") as caught:
        make(*two_folders, size=4, **QUIET)
    assert [str(warning.message) for warning in caught] == [
        f"1 of the 20 images of photo is unlike the others: {a / '3.png'} has 1 channel."
    ]
    Image.new("RGB", (100, 80)).save(a / "3.png")
    cv2.imwrite(str(a / "5.png"), np.full((8, 10, 3), 5000, np.uint16))
    with pytest.warns(
        UserWarning, match=r"2 of .* are unlike .*3\.png has 80x100 pixels, .*uint16"
    ):
        make(*two_folders, size=4, **QUIET)


def test_images_of_which_none_is_usual_are_left_alone(two_folders, recwarn):
    for i in range(0, 20, 2):
        Image.new("L", (10, 8), i).save(two_folders[0] / f"{i}.png")
    prepare.from_folders(*two_folders, size=4, **QUIET)
    assert not recwarn.list


def test_domains_of_hardly_any_images_are_told(tmp_path, two_folders):
    one = fill(tmp_path / "one", [1])
    with pytest.warns(UserWarning, match="one has 1 image for training and none for testing"):
        prepare.from_folders(one, two_folders[1], size=4, **QUIET)
    with pytest.warns(UserWarning, match="^photo has 1 image for training and 1 for testing"):
        prepare.from_folders(*two_folders, size=4, limit=2, **QUIET)


# --- drawn faces ---------------------------------------------------------------------------


def test_generated_faces():
    dataset = prepare.generated(6, 3, size=(16, 24), seed=5, **QUIET)
    assert dataset.names == ("sketch", "cartoon")
    assert dataset.paired == {"train": False, "test": True}
    assert dataset.train_a.shape == (6, 16, 24, 1)
    assert dataset.train_b.shape == (6, 16, 24, 3)
    np.testing.assert_array_equal(dataset.test_a, sketch(dataset.test_b))
    # No face is drawn twice, neither in both domains nor for training and testing.
    of_b = sketch(np.concatenate([dataset.train_b, dataset.test_b]))
    faces = {image.tobytes() for image in np.concatenate([dataset.train_a, of_b])}
    assert len(faces) == 6 + 6 + 3


def test_generated_faces_are_fixed_by_the_seed():
    few, many, other = (
        prepare.generated(train, 2, size=16, seed=seed, **QUIET)
        for train, seed in ((2, 0), (5, 0), (2, 1))
    )
    assert prepare.generated(2, 2, size=16, **QUIET).hash == few.hash != other.hash
    np.testing.assert_array_equal(few.test_b, many.test_b)


def test_generated_without_test_faces():
    dataset = prepare.generated(1, 0, size=16, **QUIET)
    assert dataset.test_a.shape == (0, 16, 16, 1)
    assert dataset.test_b.shape == (0, 16, 16, 3)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [((0, 1), "train must be"), ((1, -1), "test must be"), ((1.5, 1), "train must be")],
)
def test_generated_refuses(arguments, reason):
    with pytest.raises(InputError, match=reason):
        prepare.generated(*arguments, **QUIET)


def test_prepared_data_survive_the_file(tmp_path, two_folders):
    damage(two_folders[1])
    with pytest.warns(UserWarning, match="unreadable"):
        dataset = prepare.from_folders(*two_folders, size=4, **QUIET)
    npz.save(tmp_path / "x.npz", dataset)
    loaded = npz.load(tmp_path / "x.npz")
    assert str(loaded) == str(dataset)
    assert loaded.skipped == dataset.skipped
    np.testing.assert_array_equal(loaded.train_b, dataset.train_b)


# --- progress ------------------------------------------------------------------------------


def test_progress_is_shown_or_not(two_folders, capsys):
    prepare.from_folders(*two_folders, size=4)
    assert "20/20" in capsys.readouterr().err
    prepare.from_folders(*two_folders, size=4, progress=False)
    assert capsys.readouterr().err == ""


# --- real images -------------------------------------------------------------------------


def test_real_photos_and_cartoons(shared_data):
    dataset = prepare.from_folders(shared_data / "celeb_cartoon", size=64, limit=10, **QUIET)
    assert dataset.image_shape_a == dataset.image_shape_b == (64, 64, 3)
    assert [len(getattr(dataset, f"{s}_{d}")) for s in ("train", "test") for d in "ab"] == [10] * 4
    streamed = prepare.stream(shared_data / "celeb_cartoon", size=64, limit=10, **QUIET)
    np.testing.assert_array_equal(streamed.train_b[np.arange(10)], dataset.train_b)
    assert not dataset.skipped


def test_real_pairs(shared_data):
    dataset = prepare.from_pairs(shared_data / "facades", size=64, limit=5, **QUIET)
    assert len(dataset.train_a) == len(dataset.test_b) == 5
    # Label maps have few colours in large areas, photos have not.
    flat = [
        np.mean(np.diff(x.astype(int), axis=2) == 0) for x in (dataset.train_a, dataset.train_b)
    ]
    assert flat[1] > 2 * flat[0]


def test_real_gray_scans(shared_data):
    dataset = prepare.from_folders(shared_data / "mri_ct", size=128, channels=1, limit=5, **QUIET)
    first = listing.images(shared_data / "mri_ct" / "trainA")[0]
    np.testing.assert_array_equal(dataset.train_a[0], image_file.read(first))  # its own size
    assert dataclasses.replace(dataset, hash="").hash == dataset.hash
