"""Labelled digits: IDX files made on the spot, Keras's and TFDS's loaders mocked, drawn ones."""

import gzip
import sys
import warnings

import keras
import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import digits, npz

COUNTS = {"train": 12, "t10k": 4}


def idx(array):
    """The bytes of an IDX file."""
    header = bytes([0, 0, 8, array.ndim])
    return header + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def arrays_of(count, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 5, 6)).astype(np.uint8), np.arange(count, dtype=np.uint8)


@pytest.fixture
def folder(tmp_path):
    """The four files, those for testing compressed; labels 0, 1, 2... modulo 10."""
    for name, count in COUNTS.items():
        images, labels = arrays_of(count)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels % 10)):
            file = f"{name}-{kind}-ubyte"
            if name == "train":
                (tmp_path / file).write_bytes(idx(array))
            else:
                (tmp_path / f"{file}.gz").write_bytes(gzip.compress(idx(array)))
    return tmp_path


def test_four_idx_files(folder, tmp_path):
    dataset = digits.from_idx(folder)
    assert dataset.image_shape_a == (1, 1, 10) and dataset.image_shape_b == (5, 6, 1)
    np.testing.assert_array_equal(dataset.train_b[..., 0], arrays_of(12)[0])
    np.testing.assert_array_equal(digits.labels_of(dataset.train_a), [*range(10), 0, 1])
    assert dataset.train_a[3].ravel().tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert len(dataset.test_b) == 4
    assert dataset.ranges == ((0, 1), (0, 255)) and dataset.paired == {"train": True, "test": True}
    npz.save(tmp_path / "digits.npz", dataset)
    assert npz.load(tmp_path / "digits.npz").hash == dataset.hash


def test_limit_takes_the_first_of_each_split(folder):
    dataset = digits.from_idx(folder, limit=3)
    assert len(dataset.train_a) == len(dataset.train_b) == len(dataset.test_a) == 3
    np.testing.assert_array_equal(dataset.test_b[..., 0], arrays_of(4)[0][:3])


def rewrite(folder, name, change):
    path = folder / name
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("train-images-idx3-ubyte", lambda old: old[:-1], "has 375 bytes and its header says 376"),
        ("train-images-idx3-ubyte", lambda old: old + b"x", "cut short or altered"),
        ("train-images-idx3-ubyte", lambda old: old[:9], "has 9 bytes"),
        ("train-images-idx3-ubyte", lambda old: b"", "begins with nothing"),
        ("train-images-idx3-ubyte", lambda old: b"\x00\x00\x0d" + old[3:], "with 00 00 0d 03"),
        ("train-images-idx3-ubyte", lambda old: b"\xff" * 16 + old[16:], "begins with ff ff"),
        ("train-labels-idx1-ubyte", lambda old: old[:-1] + b"\x0a", "0 to 9, received 0 to 10"),
        (
            "train-labels-idx1-ubyte",
            lambda old: idx(np.zeros(11, np.uint8)),
            "12 images and train-labels-idx1-ubyte has 11 labels",
        ),
        ("t10k-labels-idx1-ubyte.gz", lambda old: old[:-4], "cannot be read"),
        ("t10k-labels-idx1-ubyte.gz", lambda old: old[:12] + b"zz" + old[14:], "cannot be read"),
    ],
)
def test_damaged_files_are_refused(folder, name, change, reason):
    rewrite(folder, name, change)
    with pytest.raises(InputError, match=reason) as error:
        digits.from_idx(folder)
    assert str(folder) in str(error.value) and "\n" not in str(error.value)


def test_a_header_that_promises_more_than_memory_is_refused(folder):
    rewrite(folder, "train-images-idx3-ubyte", lambda old: old[:4] + b"\xff" * 12 + old[16:])
    with pytest.raises(InputError, match="its header says"):
        digits.from_idx(folder)


def test_missing_files_and_folders_are_named(folder):
    (folder / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(InputError, match="lacks t10k-images-idx3-ubyte"):
        digits.from_idx(folder)
    with pytest.raises(InputError, match="is no folder"):
        digits.from_idx(folder / "nowhere")
    with pytest.raises(InputError, match="limit must be"):
        digits.labelled(arrays_of(3), arrays_of(3), source="x", limit=0)


def test_keras_loader(monkeypatch):
    splits = arrays_of(10), arrays_of(4, seed=1)
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: splits)
    dataset = digits.from_keras(limit=7)
    np.testing.assert_array_equal(dataset.train_b[..., 0], splits[0][0][:7])
    np.testing.assert_array_equal(digits.labels_of(dataset.test_a), range(4))
    assert dataset.sources == ["MNIST from Keras"]


def test_keras_without_a_network(monkeypatch):
    def unreachable():
        raise Exception("URL fetch failure on https://host: no name\nand more")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", unreachable)
    with pytest.raises(InputError, match=r"cannot fetch MNIST \(URL .* no name\): check") as error:
        digits.from_keras()
    assert "\n" not in str(error.value)


def test_tfds_loader():
    tfds = pytest.importorskip("tensorflow_datasets")
    with warnings.catch_warnings(), tfds.testing.mock_data(num_examples=8):
        warnings.simplefilter("ignore")
        dataset = digits.from_tfds(limit=6)
        with pytest.raises(InputError, match="no labelled images"):
            digits.from_tfds("div2k/bicubic_x2", limit=1)
    assert dataset.train_b.shape == dataset.test_b.shape == (6, 28, 28, 1)
    assert dataset.train_a.sum(-1).tolist() == [[[1]]] * 6


def test_tfds_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(InputError, match=r'pip install "cyclegan_tf\[tfds\]"'):
        digits.from_tfds()


def test_drawn_digits_are_a_function_of_seed_and_number():
    few, more, other = digits.drawn(20, 10), digits.drawn(40, 10), digits.drawn(20, 10, seed=1)
    np.testing.assert_array_equal(few.test_b, more.test_b)
    np.testing.assert_array_equal(few.train_b, more.train_b[:20])
    assert few.hash == digits.drawn(20, 10).hash != other.hash
    with pytest.raises(InputError, match="size must be"):
        digits.drawn(3, 1, size=4)


def test_drawn_digits_can_be_told_apart():
    dataset = digits.drawn(1000, 200)
    labels = digits.labels_of(dataset.train_a)
    assert np.bincount(labels, minlength=10).min() > 60
    # Wholly inside of the image, white on black.
    assert dataset.train_b[:, 0].max() < 64 and dataset.train_b.max() == 255
    # The nearest training image has the same label, though no two are equal.
    train, test = (x.reshape(len(x), -1).astype(float) for x in (dataset.train_b, dataset.test_b))
    squares = (test**2).sum(1)[:, None] + (train**2).sum(1) - 2 * test @ train.T
    right = labels[squares.argmin(1)] == digits.labels_of(dataset.test_a)
    assert right.mean() > 0.75 and squares.min() > 1


def test_the_real_files(shared_data):
    folder = shared_data / "mnist"
    if not folder.is_dir():
        pytest.skip("MNIST is not there")
    dataset = digits.from_idx(folder)
    assert dataset.train_b.shape == (60000, 28, 28, 1) and len(dataset.test_b) == 10000
    # As published: the first labels, and how many there are of each digit.
    assert digits.labels_of(dataset.train_a[:5]).tolist() == [5, 0, 4, 1, 9]
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(digits.labels_of(dataset.train_a)).tolist() == counts
    assert dataset.train_b.mean() == pytest.approx(0.1307 * 255, abs=0.02)
