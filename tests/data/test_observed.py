"""Values that are found, and what is said of them."""

import numpy as np
import pytest
import tifffile

from cyclegan_tf.data import npz, prepare
from cyclegan_tf.data.io.pixels import Pixels
from cyclegan_tf.data.observed import Values, dark, no_data

QUIET = {"size": 8, "channels": 1, "test_fraction": 0, "progress": False}


def test_values_of_several_arrays_are_those_of_all_together():
    rng = np.random.default_rng(0)
    images = (rng.random((5, 6, 6, 1)) * 100).astype("float32")
    images[2, :2], images[4, 0, 0] = -9999, 3.4028235e38
    whole = Values.of(images)
    parts = Values.together([*(Values.of(image) for image in images), None])
    assert whole == parts
    assert whole.counts == {-9999: 12, np.float32(3.4028235e38): 1} and whole.total == 180
    normal = images[np.abs(images) < 200]
    assert whole.inner == (normal.min(), normal.max())
    assert Values.together([None]) is None and Values.of(np.full((2, 2, 1), np.nan)) is None


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([0, 400, 800, -9999], "float32", -9999),
        ([0, 400, 800, -3.4028235e38], "float32", float(np.float32(-3.4028235e38))),
        ([0.1, 0.2, 1e20], "float64", 1e20),
        ([0, 0, -32768], "float32", -32768),
        ([0, 400, 800, np.nan], "float32", None),  # said to be no data already
        ([-32768, -20000, 32000], "float32", None),  # the others are as far from each other
        ([-12000, -9999, 800], "float32", None),  # not at an end
        ([3000, 4000, 65535], "uint16", 65535),
        ([0, 30000, 31000], "uint16", 0),
        ([0, 1, 4000], "uint16", None),
        ([0, 65535], "uint16", None),  # a mask
        ([0, 1000], "uint16", None),
        ([0, 100, 255], "uint8", None),
    ],
)
def test_numbers_that_may_stand_for_no_data(values, dtype, expected):
    images = np.array(values, dtype).reshape(1, 1, -1, 1)
    found = Values.of(images)
    assert found.no_data(images.dtype) == expected
    assert bool(no_data("x", images.dtype, found)) == (expected is not None)


def test_transparency_is_no_value():
    opaque = np.full((4, 4, 2), 65535, np.uint16)
    opaque[..., 0] = np.arange(16).reshape(4, 4) + 100
    assert Values.of(Pixels(opaque, alpha=True)).no_data(opaque.dtype) is None
    assert Values.of(Pixels(opaque, alpha=False)).no_data(opaque.dtype) == 65535


@pytest.mark.parametrize(
    ("high", "dtype", "said"),
    [
        (1, "uint8", "ranges=(0, 1)"), (2, "uint8", ""), (1000, "uint16", "ranges=(0, 1023)"),
        (4095, "uint16", "ranges=(0, 4095)"), (16383, "uint16", "ranges=(0, 16383)"),
        (16384, "uint16", ""), (1, "float32", ""),
    ],
)  # fmt: skip
def test_few_bits(high, dtype, said):
    images = np.array([0, high], dtype).reshape(1, 1, 2, 1)
    sentence = dark("x", images.dtype, Values.of(images))
    assert said in sentence and bool(sentence) == bool(said)


@pytest.fixture
def elevation(tmp_path):
    """Metres, 100 to 800, with a corner of -9999; and a folder to go with it."""
    for name, corner in (("land", -9999), ("sea", 300)):
        (tmp_path / name).mkdir()
        for i in range(4):
            image = np.linspace(100, 800, 256, dtype="float32").reshape(16, 16)
            image[:4, :4] = corner
            tifffile.imwrite(tmp_path / name / f"{i}.tif", image)
    return tmp_path / "land", tmp_path / "sea"


@pytest.mark.parametrize("make", [prepare.from_folders, prepare.stream, prepare.from_pairs])
def test_no_data_is_told_of_the_files_own_values(elevation, make):
    # At half the size, the number itself is nowhere but in the middle of the corner.
    with pytest.warns(UserWarning) as caught:
        dataset = make(*elevation, **QUIET)
    said = [str(warning.message) for warning in caught]
    assert said[0] == (
        "6.2 % of the values of land are -9999, far from the others, which are 110.98 to 800: if "
        "it stands for no data, say nodata=-9999."
    )
    assert said[1].startswith("The floats of land go from -9999 to ") and len(said) == 2
    assert "which become black and white, and those of sea go from " in said[1]
    assert all(warning.filename == __file__ for warning in caught)
    assert dataset.ranges[0][0] == -9999
    assert dataset.ranges[1] == (dataset.train_b[:].min(), dataset.train_b[:].max())


@pytest.mark.parametrize("make", [prepare.from_folders, prepare.stream])
def test_floats_that_are_8_bit_values_have_their_range(tmp_path, make):
    for name, high in (("a", 86), ("b", 256)):
        (tmp_path / name).mkdir()
        for i in range(2):
            image = np.random.default_rng(i).integers(0, high, (20, 20)).astype("float32")
            np.save(tmp_path / name / f"{i}.npy", image)  # no whole numbers at another size
    with pytest.warns(UserWarning, match="The floats of a are whole numbers from 0 to 85 and"):
        dataset = make(tmp_path / "a", tmp_path / "b", **QUIET)
    assert dataset.ranges == ((0, 255), (0, 255))


@pytest.mark.parametrize("make", [prepare.from_folders, prepare.stream, prepare.from_pairs])
def test_masks_of_0_and_1_are_told(tmp_path, make):
    from PIL import Image

    for name, high in (("mask", 1), ("photo", 200)):
        (tmp_path / name).mkdir()
        for i in range(3):
            image = np.random.default_rng(i).integers(0, high + 1, (8, 8)).astype("uint8")
            Image.fromarray(image).save(tmp_path / name / f"{i}.png")
    with pytest.warns(UserWarning) as caught:
        make(tmp_path / "mask", tmp_path / "photo", **QUIET)
    assert [str(warning.message) for warning in caught] == [
        "The largest value of mask is 1 of 255, so that most of its contrast is lost: say "
        "ranges=(0, 1)."
    ]


def test_arrays_in_memory_are_told_of_too():
    images = np.linspace(3000, 4000, 128).astype("uint16").reshape(2, 8, 8, 1)
    images[0, 0, 0] = 65535
    with pytest.warns(UserWarning, match="0.78 % of the values of A are 65535, .* 3007 to 4000"):
        npz.Dataset(images, np.full((1, 8, 8, 1), 200, np.uint8))
