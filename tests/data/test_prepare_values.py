"""Folders of images that are not 8-bit: their own values and their ends."""

import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import prepare

QUIET = {"progress": False}


def arrays(folder, count, make):
    """A folder of .npy files; returns what is in them."""
    folder.mkdir(parents=True)
    images = [make(i) for i in range(count)]
    for i, image in enumerate(images):
        np.save(folder / f"{i}.npy", image)
    return images


@pytest.fixture
def float_folders(tmp_path):
    """Hounsfield units, of one channel, and five channels of reflectance."""
    rng = np.random.default_rng(0)
    ct = arrays(tmp_path / "ct", 5, lambda i: rng.integers(-1000, 2001, (8, 8)).astype("int16"))
    bands = arrays(tmp_path / "bands", 4, lambda i: rng.random((8, 8, 5)))
    return tmp_path / "ct", tmp_path / "bands", np.stack(ct), np.stack(bands)


@pytest.mark.parametrize("make", [prepare.from_folders, prepare.stream])
def test_floats_stay_in_their_own_values(float_folders, make):
    ct, bands, values_a, values_b = float_folders
    dataset = make(ct, bands, size=8, channels=(1, 5), test_fraction=0, **QUIET)
    assert dataset.train_a.dtype == dataset.train_b.dtype == np.float32
    np.testing.assert_array_equal(dataset.train_a[np.arange(5)][..., 0], values_a)
    np.testing.assert_array_equal(dataset.train_b[np.arange(4)], values_b.astype("float32"))
    assert dataset.ranges == ((values_a.min(), values_a.max()), (0, 1))


@pytest.mark.parametrize("make", [prepare.from_folders, prepare.stream])
def test_ranges_are_the_ends_of_the_values(float_folders, make):
    ct, bands, values_a, _ = float_folders
    window = ((-160, 240), (0, 2))
    dataset = make(ct, bands, size=8, channels=(1, 5), ranges=window, test_fraction=0, **QUIET)
    assert dataset.ranges == window
    stored = dataset.train_a[np.arange(5)][..., 0]
    np.testing.assert_array_equal(stored, np.clip(values_a, -160, 240))
    one_for_both = make(ct, bands, size=8, channels=(1, 5), ranges=(0, 1), **QUIET)
    assert one_for_both.ranges == ((0, 1), (0, 1)) and one_for_both.hash != dataset.hash


def test_twelve_bits_in_sixteen_and_pairs(tmp_path):
    twelve = np.linspace(0, 4095, 128).reshape(8, 16).astype("uint16")
    (tmp_path / "pairs").mkdir()
    for i in range(3):
        Image.fromarray(twelve).save(tmp_path / f"pairs/{i}.png")
    dataset = prepare.from_pairs(
        tmp_path / "pairs", size=8, channels=1, ranges=((0, 4095), (0, 2000)), **QUIET
    )
    with pytest.warns(UserWarning, match=r"value of A is 3837 of 65535, .* ranges=\(0, 4095\)"):
        prepare.from_pairs(tmp_path / "pairs", size=8, channels=1, **QUIET)
    assert dataset.ranges == ((0, 4095), (0, 2000)) and dataset.train_b.dtype == np.uint16
    np.testing.assert_array_equal(dataset.train_a[0, ..., 0], twelve[:, :8])
    np.testing.assert_array_equal(dataset.train_b[0, ..., 0], np.minimum(twelve[:, 8:], 2000))


@pytest.mark.parametrize("make", [prepare.from_folders, prepare.stream])
def test_types_that_have_nothing_in_common_are_refused(float_folders, make):
    ct, bands, *_ = float_folders
    Image.new("L", (8, 8)).save(ct / "x.png")
    np.save(ct / "y.npy", np.zeros((8, 8), "uint16"))
    with pytest.raises(InputError, match="of ct must be .* 5 of float32 and 1 of uint16 and 1 of"):
        make(ct, bands, size=8, channels=(1, 5), test_fraction=0, **QUIET)
    for i in range(5):
        (ct / f"{i}.npy").unlink()
    assert make(ct, bands, size=8, channels=(1, 5), **QUIET).train_a.dtype == np.uint16
    with pytest.raises(InputError, match="one type, since ranges are given, received 1 of uint16"):
        make(ct, bands, size=8, channels=(1, 5), ranges=(0, 4095), **QUIET)
