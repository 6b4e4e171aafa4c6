import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io import formats, image_file

# Four different corners, so that every turn and mirror image is another image.
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


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".webp", ".bmp", ".gif"])
def test_rgb_is_read_to_the_number(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    Image.fromarray(RGB).save(path, **({"lossless": True} if suffix == ".webp" else {}))
    np.testing.assert_array_equal(image_file.read(path), RGB)
    assert image_file.check(path) == np.uint8


def test_jpeg_is_close(tmp_path):
    smooth = np.tile(np.arange(0, 240, 5, dtype=np.uint8)[None, :, None], (32, 1, 3))
    Image.fromarray(smooth).save(tmp_path / "x.jpg", quality=95)
    read = image_file.read(tmp_path / "x.jpg")
    assert read.dtype == np.uint8
    assert np.abs(read.astype(int) - smooth).max() <= 6


@pytest.mark.parametrize(
    ("mode", "channels"), [("1", 1), ("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4)]
)
def test_modes_keep_their_channels(tmp_path, mode, channels):
    image = Image.fromarray(RGB).convert(mode)
    image.save(tmp_path / "x.png")
    expected = np.array(image.convert("L") if mode == "1" else image).reshape(2, 3, channels)
    np.testing.assert_array_equal(image_file.read(tmp_path / "x.png"), expected)
    np.testing.assert_array_equal(formats.from_pil(image), expected)


def test_palette_without_transparency_is_rgb(tmp_path):
    Image.fromarray(RGB).quantize(6).save(tmp_path / "x.png")
    np.testing.assert_array_equal(image_file.read(tmp_path / "x.png"), RGB)


def test_palette_with_transparency_is_rgba(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "x.png", transparency=0)
    expected = [[[10, 20, 30, 0], [200, 100, 50, 255]]]
    np.testing.assert_array_equal(image_file.read(tmp_path / "x.png"), expected)


def test_gray_with_a_transparent_value_has_alpha(tmp_path):
    Image.fromarray(np.array([[7, 9]], np.uint8)).save(tmp_path / "x.png", transparency=7)
    np.testing.assert_array_equal(image_file.read(tmp_path / "x.png"), [[[7, 0], [9, 255]]])


def test_cmyk_tiff_and_jpeg_become_rgb(tmp_path):
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # no cyan: red
    cmyk.save(tmp_path / "x.tif")
    cmyk.save(tmp_path / "x.jpg", quality=95)
    for name in ("x.tif", "x.jpg"):
        read = image_file.read(tmp_path / name).astype(int)
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
    read = image_file.read(path)
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, stored)
    assert image_file.check(path) == np.uint16


def test_sixteen_bit_gray_and_alpha(tmp_path):
    row = struct.pack(">4H", 1000, 65535, 2000, 0)
    write_png(tmp_path / "x.png", 2, 1, 16, 4, [row])
    read = image_file.read(tmp_path / "x.png")
    np.testing.assert_array_equal(read, np.array([[[1000, 65535], [2000, 0]]], np.uint16))


def test_whole_numbers_of_32_bits_only_where_they_fit_16():
    fits = Image.fromarray(np.array([[0, 65535]], np.int32))
    np.testing.assert_array_equal(formats.from_pil(fits), [[[0], [65535]]])
    with pytest.raises(InputError, match="0 to 65535"):
        formats.from_pil(Image.fromarray(np.array([[-1, 5]], np.int32)))


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
    np.testing.assert_array_equal(image_file.read(path), TURNS[orientation](RGB))


def test_exif_orientation_of_a_jpeg(tmp_path, noise):
    image = Image.fromarray(noise)
    exif = image.getexif()
    image.save(tmp_path / "plain.jpg")
    exif[0x112] = 6
    image.save(tmp_path / "turned.jpg", exif=exif)
    expected = np.rot90(image_file.read(tmp_path / "plain.jpg"), -1)
    np.testing.assert_array_equal(image_file.read(tmp_path / "turned.jpg"), expected)


def test_of_several_frames_the_first_counts(tmp_path, noise):
    first, second = Image.fromarray(noise), Image.fromarray(255 - noise)
    first.save(tmp_path / "one.jpg")
    first.save(tmp_path / "two.jpg", "MPO", save_all=True, append_images=[second])
    turned = Image.fromarray(noise[::-1])
    Image.fromarray(noise).save(tmp_path / "two.tif", save_all=True, append_images=[turned])
    one = image_file.read(tmp_path / "one.jpg")
    np.testing.assert_array_equal(image_file.read(tmp_path / "two.jpg"), one)
    with pytest.warns(UserWarning, match=r"two\.tif holds 2 images: the first is taken"):
        np.testing.assert_array_equal(image_file.read(tmp_path / "two.tif"), noise)
    np.testing.assert_array_equal(image_file.read(tmp_path / "two.tif", 1), noise[::-1])
    assert (
        image_file.check(tmp_path / "two.jpg") == image_file.check(tmp_path / "two.tif") == np.uint8
    )


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
    read = image_file.read(path)
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
    (folder / "text.png").write_text("no image at all")
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
        "cut.png": "cannot be read as an image",
        "cut16.png": "cannot be read as an image",
        "float.tif": "holds 2 values that are NaN",
        "folder.png": "directory",
    }


def test_unusable_files_are_named_with_the_reason(tmp_path, noise):
    for name, reason in unusable(tmp_path, noise).items():
        for function in (image_file.read, image_file.check):
            with pytest.raises(InputError) as error:
                function(tmp_path / name)
            sentence = str(error.value)
            assert name in sentence, (name, function)
            assert reason.lower() in sentence.lower(), sentence
            assert "\n" not in sentence


def test_a_decompression_bomb_is_refused(tmp_path):
    write_png(tmp_path / "bomb.png", 60000, 60000, 1, 0, [b"\0" * 7500])
    with pytest.raises(InputError, match=r"bomb\.png has more than [\d,]+ pixels"):
        image_file.read(tmp_path / "bomb.png")


def test_other_formats_are_not_opened(tmp_path):
    """PostScript, above all, would be run by an interpreter."""
    (tmp_path / "x.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(InputError, match="is no PNG"):
        image_file.read(tmp_path / "x.png")


def test_decode_takes_bytes():
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "PNG")
    np.testing.assert_array_equal(formats.decode(file.getvalue()), RGB)
    with pytest.raises(InputError, match="^upload is no PNG"):
        formats.decode(b"nothing", "upload")
