"""Images of more than 8 bits, to the number: arrays, floats, signed whole numbers."""

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io import formats, image_file

RNG = np.random.default_rng(0)


def tiff(array, sample_format):
    """An uncompressed gray TIFF by hand, of a type that no library here writes."""
    data, (height, width) = array.tobytes(), array.shape
    entries = [
        (256, 3, width), (257, 3, height), (258, 3, 8 * array.itemsize), (259, 3, 1), (262, 3, 1),
        (273, 4, 8), (277, 3, 1), (278, 3, height), (279, 4, len(data)), (339, 3, sample_format),
    ]  # fmt: skip
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    end = struct.pack("<H", len(entries)) + directory + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + end


@pytest.mark.parametrize(
    ("dtype", "read_as"),
    [
        ("uint8", "uint8"), ("uint16", "uint16"), (">u2", "uint16"), ("int16", "float32"),
        ("int32", "float32"), ("uint32", "float32"), ("int64", "float32"), ("bool", "float32"),
        ("float16", "float32"), ("float32", "float32"), ("float64", "float32"), ("int8", "float32"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 1), (3, 4, 5)])
def test_arrays_are_read_in_their_own_values(tmp_path, dtype, read_as, shape):
    stored = (RNG.random(shape) * 100 - 50 * (np.dtype(dtype).kind in "if")).astype(dtype)
    np.save(tmp_path / "x.npy", np.asfortranarray(stored))
    np.savez_compressed(tmp_path / "x.npz", stored)
    for name in ("x.npy", "x.npz"):
        read = image_file.read(tmp_path / name)
        assert read.dtype == image_file.check(tmp_path / name) == read_as and read.dtype.isnative
        np.testing.assert_array_equal(read, stored.reshape(3, 4, -1).astype(read_as))


def test_arrays_that_are_no_images_are_named_with_the_reason(tmp_path):
    def save(name, array):
        np.save(tmp_path / name, array, allow_pickle=True)

    save("pickle.npy", np.array([{"a": 1}], object))
    save("words.npy", np.array([["a"]]))
    save("complex.npy", np.ones((2, 2), complex))
    save("line.npy", np.ones(5))
    save("volumes.npy", np.ones((2, 2, 2, 2)))
    save("nothing.npy", np.ones((0, 3)))
    save("nan.npy", np.array([[1, np.nan], [np.inf, 2]]))
    save("whole.npy", np.ones((30, 40)))
    np.savez(tmp_path / "two.npz", a=np.ones((2, 2)), b=np.ones((2, 2)))
    np.savez(tmp_path / "whole.npz", np.ones((30, 40)))
    for name in ("whole.npy", "whole.npz"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / name.replace("whole", "cut")).write_bytes(data[: len(data) // 2])
    (tmp_path / "empty.npy").touch()
    (tmp_path / "text.npy").write_text("no array")
    huge = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        huge, {"descr": "<f8", "fortran_order": False, "shape": (10**7, 10**7)}
    )
    (tmp_path / "huge.npy").write_bytes(huge.getvalue())
    reasons = {
        "pickle.npy": "cannot be read as an array", "words.npy": "must hold numbers",
        "complex.npy": "must hold numbers", "line.npy": r"received shape \(5,\)",
        "volumes.npy": r"received shape \(2, 2, 2, 2\)", "nothing.npy": r"received shape \(0, 3\)",
        "nan.npy": "holds 2 values that are NaN", "two.npz": r"holds 2 arrays \(a, b\)",
        "cut.npy": "was cut short", "cut.npz": "was cut short", "empty.npy": "was cut short",
        "text.npy": "cannot be read as an array", "missing.npy": "does not exist",
        "huge.npy": "was cut short",
    }  # fmt: skip
    for name, reason in reasons.items():
        for function in (image_file.read, image_file.check):
            with pytest.raises(InputError, match=reason) as error:
                function(tmp_path / name)
            assert name in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("dtype", "sample_format", "read_as"),
    [
        ("int16", 2, "float32"), ("int32", 2, "float32"), ("uint32", 1, "float32"),
        ("float64", 3, "float32"), ("float32", 3, "float32"), ("int8", 2, "float32"),
        ("uint16", 1, "uint16"), ("uint8", 1, "uint8"),
    ],
)  # fmt: skip
def test_tiffs_are_read_by_their_type_and_not_by_their_values(
    tmp_path, dtype, sample_format, read_as
):
    for first in (-5, 3):
        stored = np.array([[first, 3, 4], [100, 7, 9]]).astype(dtype)
        (tmp_path / "x.tif").write_bytes(tiff(stored, sample_format))
        read = image_file.read(tmp_path / "x.tif")
        assert read.dtype == image_file.check(tmp_path / "x.tif") == read_as
        np.testing.assert_array_equal(read[..., 0], stored.astype(read_as))


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_what_is_encoded_comes_back_to_the_bit(tmp_path, channels, dtype):
    image = (RNG.random((5, 6, channels)) * 250 - 100 * (dtype == "float32")).astype(dtype)
    for suffix in formats.WRITABLE:
        data = formats.encode(image, suffix)
        exact = suffix in (".npy", ".tif", ".tiff")
        exact = exact or ((suffix, dtype) == (".png", "uint16") and channels in (1, 3, 4))
        assert (data is not None) == exact
        if data:
            (tmp_path / f"x{suffix}").write_bytes(data)
            read = image_file.read(tmp_path / f"x{suffix}")
            assert read.dtype == dtype
            np.testing.assert_array_equal(read, image)


def test_what_no_file_can_hold_is_not_encoded():
    for channels, dtype, suffix in (
        (5, "uint16", ".png"), (2, "uint16", ".png"), (3, "uint8", ".png"), (1, "uint16", ".jpg"),
    ):  # fmt: skip
        assert formats.encode(np.zeros((4, 4, channels), dtype), suffix) is None
    assert formats.encode(np.zeros((4, 4, 5), "float64"), ".npy")


def test_a_turned_float_tiff_is_upright(tmp_path):
    stored = np.array([[-1.5, 2, 3], [4, 5, 6e6]], np.float32)
    image = Image.fromarray(stored)
    exif = image.getexif()
    exif[0x112] = 6
    image.save(tmp_path / "x.tif", exif=exif)
    np.testing.assert_array_equal(image_file.read(tmp_path / "x.tif")[..., 0], np.rot90(stored, -1))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_float_tiff_in_colour_that_was_cut_short_is_said(tmp_path):
    data = cv2.imencode(".tif", RNG.random((40, 50, 3)).astype(np.float32))[1].tobytes()
    (tmp_path / "x.tif").write_bytes(data[: len(data) // 2])
    for function in (image_file.read, image_file.check):
        with pytest.raises(InputError, match=r"x\.tif"):
            function(tmp_path / "x.tif")


def test_floats_of_pillow_are_taken_and_odd_whole_numbers_refused():
    floats = np.array([[-1.5, 7e5]], np.float32)
    np.testing.assert_array_equal(formats.from_pil(Image.fromarray(floats))[..., 0], floats)
    with pytest.raises(InputError, match="not within 0 to 65535"):
        formats.from_pil(Image.fromarray(np.array([[-1, 5]], np.int32)))
