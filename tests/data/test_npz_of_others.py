"""Files of arrays that `prepare` has not written."""

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import npz
from support.datasets import make_dataset


def refused(path, reason):
    with pytest.raises(InputError, match=reason) as error:
        npz.load(path)
    assert str(path) in str(error.value)


def test_unnamed_arrays(tmp_path, dataset):
    np.savez_compressed(tmp_path / "x.npz", dataset.train_a, dataset.train_b)
    loaded = npz.load(tmp_path / "x.npz")
    np.testing.assert_array_equal(loaded.train_a, dataset.train_a)
    np.testing.assert_array_equal(loaded.train_b, dataset.train_b)
    assert loaded.names == ("A", "B")
    assert loaded.ranges == ((0, 255), (0, 255))
    assert loaded.paired == {"train": False, "test": False}
    assert (len(loaded.test_a), len(loaded.test_b)) == (0, 0)


def test_named_arrays_without_metadata(tmp_path, dataset):
    np.savez(
        tmp_path / "x.npz", trainA=dataset.train_a, trainB=dataset.train_b, testB=dataset.test_b
    )
    loaded = npz.load(tmp_path / "x.npz")
    assert [len(getattr(loaded, n)) for n in ("train_a", "train_b", "test_a", "test_b")] == [
        7, 5, 0, 3
    ]  # fmt: skip


@pytest.mark.parametrize("dtype", ["int16", "int32", "uint32", "float16", "bool"])
def test_numbers_of_other_types_become_float32_in_their_own_values(tmp_path, dtype):
    a = np.arange(2 * 4 * 4 * 5).reshape(2, 4, 4, 5).astype(dtype)
    np.savez(tmp_path / "x.npz", trainA=a, trainB=np.zeros((1, 4, 4, 1), "uint8"))
    dataset = npz.load(tmp_path / "x.npz")
    assert dataset.train_a.dtype == np.float32 and dataset.image_shape_a == (4, 4, 5)
    np.testing.assert_array_equal(dataset.train_a, a.astype("float32"))


def test_ranges_of_files_without_their_own(tmp_path, dataset):
    a = np.arange(-50, 78, dtype="float32").reshape(2, 8, 8, 1)
    np.savez(tmp_path / "x.npz", a, a[:1])
    loaded = npz.load(tmp_path / "x.npz", ((0, 40), (-20, 100)))
    assert loaded.ranges == ((0, 40), (-20, 100))
    np.testing.assert_array_equal(loaded.train_a, np.clip(a, 0, 40))
    np.testing.assert_array_equal(loaded.train_b, np.clip(a[:1], -20, 100))
    assert npz.load(tmp_path / "x.npz", (0, 1)).ranges == ((0, 1), (0, 1))
    with pytest.warns(UserWarning, match="The floats of A go from -50 to 77") as caught:
        assert npz.load(tmp_path / "x.npz").ranges == ((-50, 77), (-50, 13))
    assert len(caught) == 1 and caught[0].filename == __file__
    npz.save(tmp_path / "y.npz", dataset)
    with pytest.raises(InputError, match="was prepared and cannot be read with ranges"):
        npz.load(tmp_path / "y.npz", (0, 1))


def test_what_prepare_wrote_is_loaded_without_a_word(tmp_path, recwarn):
    values = np.arange(128, dtype="float32").reshape(2, 8, 8, 1)
    npz.save(tmp_path / "x.npz", npz.Dataset(values, values, ranges=((0, 127), (0, 200))))
    assert npz.load(tmp_path / "x.npz").ranges == ((0, 127), (0, 200)) and not recwarn.list


@pytest.mark.parametrize("count", [3, 4, 5])
def test_more_unnamed_arrays_are_refused(tmp_path, dataset, count):
    np.savez(tmp_path / "x.npz", *[dataset.train_a] * count)
    refused(tmp_path / "x.npz", rf"{count} arrays without names, whose order is not known.*trainA=")


@pytest.mark.parametrize("shape", [(2, 3, 32, 32), (2, 1, 28, 28), (2, 4, 9, 7)])
def test_channels_that_come_first_are_refused(tmp_path, shape):
    np.savez(tmp_path / "x.npz", trainA=np.zeros(shape, "uint8"), trainB=np.zeros(shape, "uint8"))
    refused(tmp_path / "x.npz", r"trainA has the shape .* np\.moveaxis\(array, 1, -1\)")


@pytest.mark.parametrize("shape", [(2, 3, 32, 3), (2, 32, 32, 4), (2, 1, 1, 10), (2, 8, 8, 12)])
def test_channels_that_come_last_are_not(tmp_path, shape):
    np.savez(tmp_path / "x.npz", np.full(shape, 9, "uint8"), np.full(shape, 9, "uint8"))
    assert npz.load(tmp_path / "x.npz").image_shape_a == shape[1:]


@pytest.mark.parametrize("empty", [np.zeros(0), np.zeros((0, 16, 16, 1), "uint8"), []])
def test_an_empty_array_of_test_images_is_none(tmp_path, dataset, empty):
    np.savez(
        tmp_path / "x.npz", trainA=dataset.train_a, trainB=dataset.train_b, testA=empty,
        testB=dataset.test_b,
    )  # fmt: skip
    loaded = npz.load(tmp_path / "x.npz")
    assert loaded.test_a.shape == (0, 16, 16, 1) and loaded.test_a.dtype == np.uint8
    assert len(loaded.test_b) == 3


def test_arrays_that_are_not_used_are_named(tmp_path, dataset):
    np.savez(
        tmp_path / "x.npz", trainA=dataset.train_a, trainB=dataset.train_b, valA=dataset.test_a,
        labels=np.zeros(3),
    )  # fmt: skip
    with pytest.warns(UserWarning, match="holds labels, valA, too, which no name says how to use"):
        npz.load(tmp_path / "x.npz")


def test_other_byte_orders(tmp_path, dataset):
    stored = make_dataset(dtype="uint16")
    np.savez(tmp_path / "x.npz", stored.train_a.astype(">u2"), stored.train_b)
    loaded = npz.load(tmp_path / "x.npz")
    assert loaded.train_a.dtype == np.uint16
    np.testing.assert_array_equal(loaded.train_a, stored.train_a)
