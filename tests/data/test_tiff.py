"""TIFFs of every kind that tifffile writes, against what was meant."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io import formats, image_file, tiff

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (12, 20, 3), dtype=np.uint8)


def written(array, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, array, metadata=None, **options)
    return file.getvalue()


def planar(array):
    return np.moveaxis(array, -1, 0)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64", "int16", "float16"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_colour_planar_or_not_is_read_to_the_number(dtype, compression, tile):
    stored = RGB.astype(dtype)
    kept = dtype if dtype in ("uint8", "uint16") else "float32"
    options = {"photometric": "rgb", "compression": compression, "tile": tile}
    separate = written(planar(stored), planarconfig="separate", **options)
    for data in (written(stored, **options), separate):
        read = formats.decode(data)
        assert read.dtype == kept and read.alpha is False
        np.testing.assert_array_equal(read, stored.astype(kept))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_where_white_is_zero_it_is_turned(dtype):
    stored = RGB[..., 0].astype(dtype)
    read = formats.decode(written(stored, photometric="miniswhite"))
    np.testing.assert_array_equal(read[..., 0], np.iinfo(dtype).max - stored)
    with pytest.raises(InputError, match="WhiteIsZero of float32"):
        formats.decode(written(stored.astype("float32"), photometric="miniswhite"))


@pytest.mark.parametrize("count", [2, 3, 4, 5, 7])
def test_bands_are_kept_and_are_no_transparency(count):
    bands = RNG.integers(0, 256, (9, 11, count), dtype=np.uint8)
    read = formats.decode(written(bands, photometric="minisblack", planarconfig="contig"))
    np.testing.assert_array_equal(read, bands)
    assert read.alpha is False
    if count != 3:
        with pytest.raises(InputError, match=rf"has {count} channels .* do not become 3"):
            image_file.to_channels(read, 3)
    np.testing.assert_array_equal(image_file.to_channels(read, count), bands)


def test_the_fourth_band_is_what_the_file_says():
    four = RNG.integers(1, 256, (9, 11, 4), dtype=np.uint8)
    bands = formats.decode(written(four, photometric="rgb", extrasamples=["unspecified"]))
    np.testing.assert_array_equal(bands, four)
    straight = formats.decode(written(four, photometric="rgb", extrasamples=["unassalpha"]))
    np.testing.assert_array_equal(straight, four)
    assert (bands.alpha, straight.alpha) == (False, True)
    multiplied = four.copy()
    multiplied[..., :3] = np.rint(four[..., :3] * (four[..., 3:] / 255.0))
    read = formats.decode(written(multiplied, photometric="rgb", extrasamples=["assocalpha"]))
    again = np.rint(read[..., :3] * (read[..., 3:] / 255.0))
    np.testing.assert_array_equal(again, multiplied[..., :3])
    assert read.alpha


def test_fewer_bits_and_palettes_become_8():
    shapes = [("1", 1), ("L", 1), ("P", 3), ("CMYK", 3), ("LA", 2), ("RGBA", 4)]
    for mode, channels in shapes:
        file = io.BytesIO()
        image = Image.fromarray(RGB).convert(mode)
        image.save(file, "TIFF")
        to = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
        expected = np.array(image.convert(to)).reshape(12, 20, channels).astype(int)
        read = formats.decode(file.getvalue())
        assert read.dtype == np.uint8 and np.abs(read - expected).max() <= (mode == "CMYK")
    twelve = formats.decode(written(np.array([[0, 2048, 4095]], np.uint16), bitspersample=12))
    assert twelve.ravel().tolist() == [0, 32776, 65535]


def test_pages_are_counted_without_thumbnails_and_read_one_by_one():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(RGB, metadata=None)
        writer.write(RGB[::4, ::4], subfiletype=1, metadata=None)
        writer.write(255 - RGB, metadata=None)
    with formats.opened(file.getvalue()) as frames:
        assert (len(frames), frames.size, frames.kind) == (2, (20, 12), "TIFF")
        np.testing.assert_array_equal(frames[1], 255 - RGB)


def test_nodata_of_gdal_is_no_value_and_is_written_back():
    heights = RNG.random((8, 8)).astype(np.float32) * 800
    heights[:3, :3] = -9999
    tag = [(42113, "s", 0, "-9999", True)]
    read = formats.decode(written(heights, extratags=tag))
    assert read.nodata == -9999 and np.isnan(read[:3, :3]).all()
    assert np.nanmin(read) >= 0 and np.isfinite(read[3:]).all()
    data = formats.encode(read, ".tif")
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(data)), heights)
    np.testing.assert_array_equal(formats.decode(data), read)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert float(file.pages[0].tags[42113].value) == -9999
    whole = np.full((4, 4), 500, np.uint16)
    whole[0] = 65535
    read = formats.decode(written(whole, extratags=[(42113, "s", 0, "65535", True)]))
    assert (
        read.dtype == np.uint16
        and read.alpha
        and read[..., 1].tolist() == ([[0] * 4] + [[65535] * 4] * 3)
    )
    again = formats.encode(read, ".tif")
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(again)), whole)
    # What holds no data becomes the lowest value, not the highest.
    assert image_file.to_channels(read, 1)[:, 0, 0].tolist() == [0, 500, 500, 500]


def test_what_no_reader_knows_is_said():
    for data, reason in (
        (written(np.ones((4, 4), np.complex64)), "of a kind that is not known"),
        (written(planar(RGB), photometric="cielab", planarconfig="separate"), "CIELAB values"),
        (written(RGB)[:300], "cannot be read"),
    ):
        with pytest.raises(InputError, match=reason) as error:
            formats.decode(data, "x.tif")
        assert "x.tif" in str(error.value) and "\n" not in str(error.value)


def test_what_is_written_is_what_other_programs_read():
    for channels, dtype in ((1, "uint8"), (3, "uint8"), (4, "uint8"), (2, "uint8"), (1, "uint16")):
        image = RNG.integers(0, 256, (5, 6, channels)).astype(dtype)
        with Image.open(io.BytesIO(tiff.encode([image, image]))) as opened:
            assert opened.n_frames == 2
            np.testing.assert_array_equal(np.array(opened).reshape(image.shape), image)
