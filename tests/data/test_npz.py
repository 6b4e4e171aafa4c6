import dataclasses
import json
import re
import zipfile

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import npz
from support.datasets import make_dataset


@pytest.fixture
def saved(tmp_path, dataset):
    path = tmp_path / "data.npz"
    npz.save(path, dataset)
    return path


def arrays_of(path):
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def rewrite(path, change):
    """Writes a file anew after `change` has altered its arrays and metadata."""
    stored = arrays_of(path)
    metadata = json.loads(str(stored.pop("metadata")))
    change(stored, metadata)
    np.savez_compressed(path, metadata=np.array(json.dumps(metadata)), **stored)


def refused(path, reason):
    with pytest.raises(InputError, match=reason) as error:
        npz.load(path)
    sentence = str(error.value)
    assert str(path) in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_save_and_load_return_the_same(tmp_path, dtype):
    dataset = dataclasses.replace(
        make_dataset(dtype=dtype), sources=["a", "b"], skipped=["x.png is empty."]
    )
    npz.save(tmp_path / "x.npz", dataset)
    loaded = npz.load(tmp_path / "x.npz")
    dataset = dataclasses.replace(dataset, origin={"data": str(tmp_path / "x.npz")})
    for field in dataclasses.fields(npz.Dataset):
        before, after = getattr(dataset, field.name), getattr(loaded, field.name)
        if isinstance(before, np.ndarray):
            assert before.dtype == after.dtype
            np.testing.assert_array_equal(before, after)
        else:
            assert before == after, field.name


def test_the_file_holds_no_pickle_and_names_its_format(saved):
    stored = arrays_of(saved)
    assert set(stored) == {"trainA", "trainB", "testA", "testB", "metadata"}
    metadata = json.loads(str(stored["metadata"]))
    assert metadata["format"] == npz.FORMAT == 1
    assert metadata["names"] == ["sketch", "cartoon"]
    assert metadata["ranges"] == [[0.0, 255.0]] * 2
    assert metadata["paired"] == {"train": False, "test": True}


def test_a_dataset_without_test_images(tmp_path, dataset):
    bare = npz.Dataset(dataset.train_a, dataset.train_b)
    assert bare.test_a.shape == (0, *bare.image_shape_a)
    npz.save(tmp_path / "x.npz", bare)
    loaded = npz.load(tmp_path / "x.npz")
    assert (len(loaded.test_a), len(loaded.test_b)) == (0, 0)
    assert loaded.hash == bare.hash


def test_what_is_known_about_it(dataset):
    assert dataset.image_shape_a == (16, 16, 1)
    assert dataset.image_shape_b == (16, 16, 3)
    assert re.fullmatch("[0-9a-f]{64}", dataset.hash)
    assert str(dataset).splitlines() == [
        f"sketch and cartoon, train unpaired, test paired, hash {dataset.hash[:12]}",
        "  A sketch: 7 train, 3 test, 16x16x1 uint8 in [0, 255]",
        "  B cartoon: 5 train, 3 test, 16x16x3 uint8 in [0, 255]",
    ]


def test_the_hash_tells_datasets_apart(dataset):
    assert make_dataset().hash == dataset.hash
    changed = dataset.train_b.copy()
    changed[2, 3, 4, 1] ^= 1
    others = [
        {"train_b": changed},
        {"names": ("cartoon", "sketch")},
        {"ranges": ((0, 255), (0, 200))},
        {"paired": {"train": False, "test": False}},
        {"test_a": dataset.test_a[:0], "paired": {"train": False, "test": False}},
        {"train_a": dataset.train_a.astype("uint16"), "test_a": dataset.test_a.astype("uint16")},
    ]
    hashes = {dataclasses.replace(dataset, **other, hash="").hash for other in others}
    assert len(hashes | {dataset.hash}) == len(others) + 1
    # Where the images come from does not change what they are.
    assert dataclasses.replace(dataset, sources=["elsewhere"], hash="").hash == dataset.hash


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, (0, 1)), (0.2, 0.7, (0, 1)), (-0.5, 1.0, (-1, 1)),
        (-1000, 3000, (-1000, 3000)), (0.5, 31.5, (0.5, 31.5)), (0, 31, (0, 255)),
        (31, 62, (0, 255)), (-1, 30, (-1, 30)), (250, 281, (250, 281)),
    ],
)  # fmt: skip
def test_the_range_of_floats(low, high, expected, recwarn):
    values = np.linspace(low, high, 2 * 4 * 4, dtype=np.float32).reshape(2, 4, 4, 1)
    dataset = npz.Dataset(values, values[:1], values[:1])
    assert dataset.ranges[0] == expected
    said = [str(warning.message) for warning in recwarn.list]
    assert len(said) == (expected not in ((0, 1), (-1, 1)))
    assert all(f"{low:g} to {high:g}" in sentence for sentence in said)


def test_a_mask_of_floats_is_no_8_bit_image():
    mask = np.arange(32, dtype=np.float32).reshape(2, 4, 4, 1) % 2
    assert npz.Dataset(mask, mask).ranges == ((0, 1), (0, 1))


def test_integers_have_their_full_range():
    values = np.ones((1, 4, 4, 1))
    dataset = npz.Dataset(values.astype(np.uint8), values.astype(np.uint16))
    assert dataset.ranges == ((0, 255), (0, 65535))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_return_to_the_bit(tmp_path, dtype):
    values = np.random.default_rng(0).normal(size=(3, 4, 4, 2)).astype(dtype) * 1000
    npz.save(tmp_path / "x.npz", npz.Dataset(values, values))
    loaded = npz.load(tmp_path / "x.npz")
    assert loaded.train_a.dtype == dtype
    np.testing.assert_array_equal(loaded.train_a, values)
    assert loaded.ranges[0] == (values.min(), values.max())


# --- what is refused -----------------------------------------------------------------------

GOOD = np.zeros((2, 4, 4, 3), np.uint8)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"train_a": GOOD[0]}, r"train_a must have the shape .* \(4, 4, 3\).*None\]"),
        ({"train_b": GOOD[:, :0]}, "train_b must have the shape"),
        ({"train_a": GOOD.astype(np.int64)}, "train_a must be uint8.* received int64"),
        ({"train_b": GOOD[:0]}, "train_b holds no image"),
        ({"test_a": GOOD[..., :1]}, "train_a and test_a must have one shape"),
        ({"test_a": GOOD.astype(np.uint16)}, "train_a and test_a must have one shape and type"),
        ({"train_a": np.full((1, 4, 4, 1), np.nan)}, "train_a holds NaN"),
        ({"train_b": np.full((1, 4, 4, 1), np.inf)}, "train_b holds NaN or infinite"),
        ({"train_b": np.full((1, 4, 4, 1), 7.0)}, "Every value of B is 7"),
        ({"names": ("one",)}, "names must be two"),
        ({"names": ("one", "")}, "names must be two"),
        ({"ranges": ((0, 1), (1, 1))}, "ranges must be"),
        ({"ranges": (0, 255)}, "ranges must be"),
        ({"ranges": ((0, 1), (0, float("inf")))}, "ranges must be"),
        ({"paired": True}, "paired must be"),
        ({"paired": {"train": True, "test": False}, "train_a": GOOD[:1]}, "as many images"),
    ],
)
def test_datasets_that_cannot_be(change, reason):
    with pytest.raises(InputError, match=reason):
        npz.Dataset(**({"train_a": GOOD, "train_b": GOOD} | change))


def test_what_is_no_dataset(tmp_path):
    refused(tmp_path / "none.npz", "does not exist")
    refused(tmp_path, "is a folder")
    (tmp_path / "text.npz").write_text("words")
    refused(tmp_path / "text.npz", r"no \.npz file")
    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    refused(tmp_path / "other.npz", "lacks the array trainA and holds weights")
    np.savez(tmp_path / "empty.npz")
    refused(tmp_path / "empty.npz", "lacks the array trainA")
    np.savez(tmp_path / "bad.npz", GOOD[0], GOOD)
    refused(tmp_path / "bad.npz", "cannot be used: trainA must have the shape")


def test_pickles_are_not_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was opened",))

    np.savez(tmp_path / "x.npz", trainA=np.array([Trap()], object), trainB=GOOD)
    refused(tmp_path / "x.npz", "cannot be read")


@pytest.mark.parametrize("part", [0.2, 0.5, 0.99])
def test_a_file_cut_short(saved, part):
    data = saved.read_bytes()
    saved.write_bytes(data[: int(len(data) * part)])
    refused(saved, "cut short")


def test_flipped_bits(saved):
    """Wherever a bit flips, loading ends in one sentence or in the very same data."""
    data, expected = saved.read_bytes(), npz.load(saved).hash
    told = 0
    for at in np.linspace(0, len(data) - 1, 150).astype(int):
        saved.write_bytes(data[:at] + bytes([data[at] ^ 16]) + data[at + 1 :])
        try:
            assert npz.load(saved).hash == expected
        except InputError as error:
            assert str(saved) in str(error)
            told += 1
    assert told > 120


def test_altered_images_or_metadata(saved):
    def brighten(stored, metadata):
        stored["trainB"][0, 0, 0, 0] ^= 1

    rewrite(saved, brighten)
    refused(saved, "was altered after it was written")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda stored, metadata: metadata.update(names=["x", "y"]), "was altered"),
        (lambda stored, metadata: metadata.update(names=5), "names must be"),
        (lambda stored, metadata: metadata.update(format=2), "has format 2 .* reads format 1"),
        (lambda stored, metadata: metadata.pop("format"), "metadata that cannot be read"),
        (lambda stored, metadata: metadata.pop("paired"), "metadata that cannot be read"),
        (lambda stored, metadata: stored.pop("testB"), "lacks the array testB"),
    ],
)
def test_altered_metadata(saved, change, reason):
    rewrite(saved, change)
    refused(saved, reason)


def test_metadata_that_is_no_json(tmp_path):
    for text in ("{", "[]", "3"):
        np.savez(tmp_path / "x.npz", trainA=GOOD, trainB=GOOD, metadata=np.array(text))
        refused(tmp_path / "x.npz", "metadata that cannot be read")


# --- writing -------------------------------------------------------------------------------


def test_a_dataset_is_replaced_and_other_files_stay(saved, dataset, tmp_path):
    npz.save(saved, npz.Dataset(dataset.train_a, dataset.train_b))
    assert len(npz.load(saved).test_a) == 0
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"precious")
    for target, reason in ((photo, "so it stays"), (tmp_path, "is a folder")):
        with pytest.raises(InputError, match=reason):
            npz.save(target, dataset)
    assert photo.read_bytes() == b"precious"


def test_a_failed_write_leaves_the_old_file(saved, dataset, monkeypatch):
    before = saved.read_bytes()

    def full(file, **_):
        file.write(b"a part")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(InputError, match="cannot be written .disk full"):
        npz.save(saved, dataset)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_any_name_and_new_folders(tmp_path, dataset):
    path = tmp_path / "new" / "faces"
    npz.save(path, dataset)
    assert [p.name for p in path.parent.iterdir()] == ["faces"]
    assert npz.load(path).hash == dataset.hash


def test_another_kind_of_archive_is_never_replaced(tmp_path):
    for name in ("model.keras", "letter.docx"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("content.xml", "dear")
        with pytest.raises(InputError, match="exists and is no data set, so it stays"):
            npz.check_target(tmp_path / name)
    with pytest.raises(InputError, match="exists and is no data set"):
        npz.check_target("/dev/null")


def test_arrays_of_no_dimension_are_named(tmp_path):
    np.savez(tmp_path / "s.npz", trainA=np.uint8(3), trainB=np.uint8(3))
    with pytest.raises(InputError, match=r"trainA must have the shape .* received \(\)"):
        npz.load(tmp_path / "s.npz")


def test_text_inside_an_archive_is_no_array(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("trainA.npy", "hello")
        archive.writestr("trainB", "hello")
    with pytest.raises(InputError, match="t.npz"):
        npz.load(tmp_path / "t.npz")
