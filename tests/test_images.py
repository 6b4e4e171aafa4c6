import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.data import images
from cyclegan_tf.errors import InputError

# Four different corners, so that every turn and mirror image is another picture.
RGB = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[10, 20, 30], [0, 0, 0], [200, 100, 50]]])
RGB = RGB.astype(np.uint8)


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


def write_png(path, width, height, bits, colour_type, rows):
    """A PNG by hand, for kinds that no library here writes."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".webp"])
def test_rgb_is_read_to_the_number(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    Image.fromarray(RGB).save(path, **({"lossless": True} if suffix == ".webp" else {}))
    np.testing.assert_array_equal(images.read(path), RGB)
    assert images.check(path) == np.uint8


def test_jpeg_is_close(tmp_path):
    smooth = np.tile(np.arange(0, 240, 5, dtype=np.uint8)[None, :, None], (32, 1, 3))
    Image.fromarray(smooth).save(tmp_path / "x.jpg", quality=95)
    read = images.read(tmp_path / "x.jpg")
    assert read.dtype == np.uint8
    assert np.abs(read.astype(int) - smooth).max() <= 6


@pytest.mark.parametrize(
    ("mode", "channels"), [("1", 1), ("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4)]
)
def test_modes_keep_their_channels(tmp_path, mode, channels):
    image = Image.fromarray(RGB).convert(mode)
    image.save(tmp_path / "x.png")
    expected = np.array(image.convert("L") if mode == "1" else image).reshape(2, 3, channels)
    np.testing.assert_array_equal(images.read(tmp_path / "x.png"), expected)
    np.testing.assert_array_equal(images.from_pil(image), expected)


def test_palette_without_transparency_is_rgb(tmp_path):
    Image.fromarray(RGB).quantize(6).save(tmp_path / "x.png")
    np.testing.assert_array_equal(images.read(tmp_path / "x.png"), RGB)


def test_palette_with_transparency_is_rgba(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "x.png", transparency=0)
    expected = [[[10, 20, 30, 0], [200, 100, 50, 255]]]
    np.testing.assert_array_equal(images.read(tmp_path / "x.png"), expected)


def test_gray_with_a_transparent_value_has_alpha(tmp_path):
    Image.fromarray(np.array([[7, 9]], np.uint8)).save(tmp_path / "x.png", transparency=7)
    np.testing.assert_array_equal(images.read(tmp_path / "x.png"), [[[7, 0], [9, 255]]])


def test_cmyk_tiff_and_jpeg_become_rgb(tmp_path):
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # no cyan: red
    cmyk.save(tmp_path / "x.tif")
    cmyk.save(tmp_path / "x.jpg", quality=95)
    for name in ("x.tif", "x.jpg"):
        read = images.read(tmp_path / name).astype(int)
        assert read.shape == (16, 16, 3)
        assert np.abs(read - [255, 0, 0]).max() <= 3


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_are_kept(tmp_path, suffix, channels):
    stored = np.arange(4 * 5 * channels).reshape(4, 5, channels) * 800 + 7
    stored = stored.astype(np.uint16)
    to_bgr = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    path = tmp_path / f"x{suffix}"
    cv2.imwrite(str(path), stored[..., to_bgr])
    read = images.read(path)
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, stored)
    assert images.check(path) == np.uint16


def test_sixteen_bit_gray_and_alpha(tmp_path):
    row = struct.pack(">4H", 1000, 65535, 2000, 0)
    write_png(tmp_path / "x.png", 2, 1, 16, 4, [row])
    read = images.read(tmp_path / "x.png")
    np.testing.assert_array_equal(read, np.array([[[1000, 65535], [2000, 0]]], np.uint16))


def test_whole_numbers_of_32_bits_only_where_they_fit_16():
    fits = Image.fromarray(np.array([[0, 65535]], np.int32))
    np.testing.assert_array_equal(images.from_pil(fits), [[[0], [65535]]])
    with pytest.raises(InputError, match="0 to 65535"):
        images.from_pil(Image.fromarray(np.array([[-1, 5]], np.int32)))


# What a viewer shows for each EXIF orientation, from the definition of the tag.
TURNS = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: np.rot90(x, 2),
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(x, 2).swapaxes(0, 1),
    8: lambda x: np.rot90(x, 1),
}


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_exif_orientation_is_applied(tmp_path, orientation, suffix):
    image = Image.fromarray(RGB)
    exif = image.getexif()
    exif[0x112] = orientation
    path = tmp_path / f"x{suffix}"
    image.save(path, exif=exif, **({"lossless": True} if suffix == ".webp" else {}))
    np.testing.assert_array_equal(images.read(path), TURNS[orientation](RGB))


def test_exif_orientation_of_a_jpeg(tmp_path, noise):
    image = Image.fromarray(noise)
    exif = image.getexif()
    image.save(tmp_path / "plain.jpg")
    exif[0x112] = 6
    image.save(tmp_path / "turned.jpg", exif=exif)
    expected = np.rot90(images.read(tmp_path / "plain.jpg"), -1)
    np.testing.assert_array_equal(images.read(tmp_path / "turned.jpg"), expected)


def test_of_several_frames_the_first_counts(tmp_path, noise):
    first, second = Image.fromarray(noise), Image.fromarray(255 - noise)
    first.save(tmp_path / "one.jpg")
    first.save(tmp_path / "two.jpg", "MPO", save_all=True, append_images=[second])
    turned = Image.fromarray(noise[::-1])
    Image.fromarray(noise).save(tmp_path / "two.tif", save_all=True, append_images=[turned])
    one = images.read(tmp_path / "one.jpg")
    np.testing.assert_array_equal(images.read(tmp_path / "two.jpg"), one)
    np.testing.assert_array_equal(images.read(tmp_path / "two.tif"), noise)
    assert images.check(tmp_path / "two.jpg") == images.check(tmp_path / "two.tif") == np.uint8


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_exif_orientation_of_16_bit_colour(tmp_path, orientation, suffix):
    """OpenCV decodes these: written by it, then marked with the orientation by hand."""
    wide = RGB.astype(np.uint16) * 200
    path = tmp_path / f"x{suffix}"
    cv2.imwrite(str(path), wide[..., ::-1])
    data = path.read_bytes()
    if suffix == ".png":
        exif = Image.Exif()
        exif[0x112] = orientation
        body = exif.tobytes().removeprefix(b"Exif\0\0")
        chunk = b"eXIf" + body
        chunk = struct.pack(">I", len(body)) + chunk + struct.pack(">I", zlib.crc32(chunk))
        path.write_bytes(data[:33] + chunk + data[33:])  # after the signature and IHDR
    else:
        path.write_bytes(with_tiff_orientation(data, orientation))
    read = images.read(path)
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, TURNS[orientation](wide))


def with_tiff_orientation(data, orientation):
    """Appends a copy of the directory that has the orientation, and points the header to it."""
    assert data[:2] == b"II"
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    entries = [data[at + 2 + 12 * i : at + 14 + 12 * i] for i in range(count)]
    entries = [entry for entry in entries if struct.unpack_from("<H", entry)[0] != 0x112]
    entries.append(struct.pack("<HHIHH", 0x112, 3, 1, orientation, 0))
    entries.sort(key=lambda entry: struct.unpack_from("<H", entry)[0])
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", 0)
    data += b"\0" * (len(data) % 2)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + directory


def unusable(folder, noise):
    """One file of each unusable kind, and a part of the sentence about it."""
    image, wide = Image.fromarray(noise), noise.astype(np.uint16) * 257
    image.save(folder / "whole.jpg")
    image.save(folder / "whole.png")
    cv2.imwrite(str(folder / "whole16.png"), wide)
    for name, source in (("cut.jpg", "whole.jpg"), ("cut.png", "whole.png")):
        data = (folder / source).read_bytes()
        (folder / name).write_bytes(data[: len(data) // 2])
    data = (folder / "whole16.png").read_bytes()
    (folder / "cut16.png").write_bytes(data[: len(data) // 2])
    (folder / "text.png").write_text("no picture at all")
    (folder / "empty.png").touch()
    not_a_number = noise[..., 0].astype(np.float32)
    not_a_number[3, :2] = np.nan, np.inf
    Image.fromarray(not_a_number).save(folder / "float.tif")
    (folder / "folder.png").mkdir()
    return {
        "missing.png": "no file",
        "empty.png": "empty",
        "text.png": "is no PNG",
        "cut.jpg": "truncated",
        "cut.png": "cannot be read as a picture",
        "cut16.png": "cannot be read as a picture",
        "float.tif": "holds 2 values that are NaN",
        "folder.png": "directory",
    }


def test_unusable_files_are_named_with_the_reason(tmp_path, noise):
    for name, reason in unusable(tmp_path, noise).items():
        for function in (images.read, images.check):
            with pytest.raises(InputError) as error:
                function(tmp_path / name)
            sentence = str(error.value)
            assert name in sentence, (name, function)
            assert reason.lower() in sentence.lower(), sentence
            assert "\n" not in sentence


def test_a_decompression_bomb_is_refused(tmp_path):
    write_png(tmp_path / "bomb.png", 60000, 60000, 1, 0, [b"\0" * 7500])
    with pytest.raises(InputError, match=r"bomb\.png has more than [\d,]+ pixels"):
        images.read(tmp_path / "bomb.png")


def test_other_formats_are_not_opened(tmp_path):
    """PostScript, above all, would be run by an interpreter."""
    (tmp_path / "x.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(InputError, match="is no PNG"):
        images.read(tmp_path / "x.png")


def test_decode_takes_bytes():
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "PNG")
    np.testing.assert_array_equal(images.decode(file.getvalue()), RGB)
    with pytest.raises(InputError, match="^upload is no PNG"):
        images.decode(b"nothing", "upload")


# --- channels ------------------------------------------------------------------------------


def test_luma_by_hand():
    # 0.299 x 255 = 76.2, 0.587 x 255 = 149.7, 0.114 x 255 = 29.07
    gray = images.to_channels(RGB[:1], 1)
    assert gray.dtype == np.uint8
    np.testing.assert_array_equal(gray[..., 0], [[76, 150, 29]])
    wide = images.to_channels(RGB[:1].astype(np.uint16) * 257, 1)
    # of 65535: 19594.97, 38469.05, 7470.99
    assert wide.dtype == np.uint16
    np.testing.assert_array_equal(wide[..., 0], [[19595, 38469, 7471]])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_gray_to_colour_and_back_is_the_same(dtype):
    gray = np.array([[[0], [1], [200]]], dtype)
    colour = images.to_channels(gray, 3)
    assert colour.shape == (1, 3, 3)
    back = images.to_channels(colour, 1)
    assert back.dtype == dtype
    np.testing.assert_allclose(back, gray, rtol=1e-6)


def test_alpha_is_laid_over_white():
    rgba = np.array([[[100, 0, 50, 255], [100, 0, 50, 0], [100, 0, 50, 51]]], np.uint8)
    # a fifth of the colour and four fifths of white: 20 + 204, 204, 10 + 204
    expected = [[[100, 0, 50], [255, 255, 255], [224, 204, 214]]]
    np.testing.assert_array_equal(images.to_channels(rgba, 3), expected)
    gray_alpha = np.array([[[100, 0], [100, 255]]], np.uint8)
    np.testing.assert_array_equal(images.to_channels(gray_alpha, 1), [[[255], [100]]])
    wide = np.array([[[0, 0, 0, 0]]], np.uint16)
    np.testing.assert_array_equal(images.to_channels(wide, 3), [[[65535] * 3]])


def test_four_channels_keep_or_add_alpha():
    np.testing.assert_array_equal(
        images.to_channels(np.array([[[9, 4]]], np.uint8), 4), [[[9, 9, 9, 4]]]
    )
    np.testing.assert_array_equal(
        images.to_channels(np.array([[[1, 2, 3]]], np.uint8), 4), [[[1, 2, 3, 255]]]
    )


@pytest.mark.parametrize("channels", [0, None, "3", True])
def test_what_is_no_number_of_channels_is_refused(channels):
    with pytest.raises(InputError, match="channels must be"):
        images.to_channels(RGB, channels)


@pytest.mark.parametrize(("there", "wanted"), [(3, 2), (3, 5), (5, 3), (5, 1), (1, 7), (4, 2)])
def test_only_gray_rgb_and_rgba_become_each_other(there, wanted):
    image = np.zeros((2, 2, there), np.float32)
    with pytest.raises(InputError, match=f"^x.npy has {there} channels .* become {wanted}: only"):
        images.to_channels(image, wanted, "x.npy")
    assert images.to_channels(image, there) is image


# --- size ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 40])
@pytest.mark.parametrize("how", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("size", [(8, 8), (5, 31), (64, 3), (20, 30)])
def test_every_picture_fits_every_size(dtype, channels, how, size):
    image = np.full((20, 30, channels), 77, dtype)
    fitted = images.fit(image, size, how)
    assert fitted.dtype == dtype
    np.testing.assert_allclose(fitted, np.full((*size, channels), 77), rtol=1e-6)


@pytest.mark.parametrize("size", [(8, 8), (5, 31), (64, 41)])
def test_many_channels_are_resized_each_by_itself(size):
    image = np.random.default_rng(0).random((20, 30, 40), np.float32)
    together = images.fit(image, size)
    alone = [images.fit(image[..., i : i + 1], size) for i in range(40)]
    np.testing.assert_allclose(together, np.concatenate(alone, -1), atol=1e-6)


def test_the_same_size_changes_nothing(noise):
    for how in ("crop", "pad", "stretch"):
        np.testing.assert_array_equal(images.fit(noise, (40, 50), how), noise)


def test_halving_averages_four_pixels():
    image = np.arange(16, dtype=np.uint16).reshape(4, 4, 1) * 100
    # the mean of 0, 100, 400 and 500, and so on
    expected = [[250, 450], [1050, 1250]]
    np.testing.assert_array_equal(images.fit(image, 2)[..., 0], expected)


def test_a_fine_checkerboard_becomes_gray_along_each_shrunken_side():
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)[..., None]
    for size in ((16, 16), (16, 128), (128, 16)):
        fitted = images.fit(board, size, "stretch").astype(int)
        assert np.abs(fitted - 127.5).max() <= 1, size


def test_crop_keeps_the_centre():
    image = np.zeros((4, 8, 1), np.uint8)
    image[:, 2:6] = 200
    np.testing.assert_array_equal(images.fit(image, 4, "crop"), np.full((4, 4, 1), 200))
    np.testing.assert_array_equal(
        images.fit(image.swapaxes(0, 1), 4, "crop"), np.full((4, 4, 1), 200)
    )


def test_pad_extends_the_edges():
    image = np.zeros((2, 4, 1), np.uint8)
    image[0], image[1] = 10, 20
    fitted = images.fit(image, 4, "pad")[..., 0]
    np.testing.assert_array_equal(fitted, np.repeat([[10], [10], [20], [20]], 4, axis=1))


def test_stretch_keeps_all():
    image = np.repeat(np.array([0, 100, 200, 250], np.uint8), 2)[None, :, None]
    fitted = images.fit(image, (3, 4), "stretch")
    np.testing.assert_array_equal(fitted[..., 0], [[0, 100, 200, 250]] * 3)


@pytest.mark.parametrize("size", [0, (4, -1), (4, 4, 4), 3.5, "8", True, (8,), None])
def test_other_sizes_are_refused(size):
    with pytest.raises(InputError, match="size must be"):
        images.fit(RGB, size)


def test_other_ways_are_refused():
    with pytest.raises(InputError, match=r"how must be .* received .squash"):
        images.fit(RGB, 4, "squash")


def test_eight_bits_widen_to_the_whole_of_sixteen():
    wide = images.to_dtype(np.array([0, 1, 255], np.uint8), np.uint16)
    np.testing.assert_array_equal(wide, np.array([0, 257, 65535], np.uint16))
    assert images.to_dtype(wide, np.uint16) is wide


# --- folders -------------------------------------------------------------------------------


def test_pictures_in_natural_order_without_hidden_ones(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / ".thumbnails").mkdir()
    for name in (
        "10.png", "9.PNG", "a2.JPeG", "a10.jpg", "sub/1.webp", "notes.txt", "._9.png",
        ".thumbnails/1.png",
    ):  # fmt: skip
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in images.pictures(tmp_path)]
    assert found == ["9.PNG", "10.png", "a2.JPeG", "a10.jpg", "sub/1.webp"]


def test_folders_without_pictures_are_refused(tmp_path):
    (tmp_path / "x.txt").touch()
    for folder, reason in (
        (tmp_path / "none", "does not exist"),
        (tmp_path / "x.txt", "not a folder"),
        (tmp_path, "holds no picture"),
    ):
        with pytest.raises(InputError, match=reason):
            images.pictures(folder)
