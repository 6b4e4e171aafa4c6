"""Whatever a writer makes of an array, what is read is what was meant, or one sentence says no."""

import io

import cv2
import numpy as np
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io import formats

# What a viewer shows for each EXIF orientation, from the definition of the tag.
TURNS = {
    1: lambda x: x, 2: lambda x: x[:, ::-1], 3: lambda x: x[::-1, ::-1], 4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1), 6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1), 8: lambda x: np.rot90(x, 1),
}  # fmt: skip
MORE = ["unspecified", "unassalpha"]
quickly = settings(max_examples=150, deadline=None, derandomize=True, database=None)


@st.composite
def arrays(draw, channels, dtypes):
    shape = draw(st.integers(1, 20)), draw(st.integers(1, 20)), draw(channels)
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    values = np.random.default_rng(draw(st.integers(0, 2**16))).integers(0, 2**31, shape)
    low = -(2**15) if dtype.kind in "if" else 0
    high = {"u": 2 ** min(8 * dtype.itemsize, 24), "i": 2**7}.get(dtype.kind, 2**15)
    return (values % (high - low) + low).astype(dtype) if dtype.kind != "i" else (
        values % 256 - 128
    ).astype(dtype)  # fmt: skip


def read_or_refused(data):
    """What is read, or None where one sentence refuses it."""
    try:
        return formats.decode(data, "x")
    except InputError as error:
        assert str(error).startswith("x ") and "\n" not in str(error) and len(str(error)) < 300
        return None


@quickly
@given(
    arrays(st.integers(1, 6), ["u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4", "f8"]),
    st.sampled_from(["minisblack", "miniswhite", "rgb"]), st.sampled_from(MORE), st.booleans(),
    st.sampled_from([None, "zlib", "lzw", "lzma", "zstd"]), st.booleans(),
    st.sampled_from("<>"), st.sampled_from(list(TURNS)),
)  # fmt: skip
def test_tiff(image, photometric, more, planar, compression, tiled, order, orientation):
    channels = image.shape[-1]
    if photometric == "rgb" and channels < 3:
        photometric = "minisblack"
    extra = channels - (3 if photometric == "rgb" else 1)
    means = [more] + ["unspecified"] * (extra - 1) if extra else None
    stored = np.moveaxis(image, -1, 0) if planar and channels > 1 else image
    file = io.BytesIO()
    tifffile.imwrite(
        file,
        stored if channels > 1 else image[..., 0],
        photometric=photometric,
        planarconfig=None if channels == 1 else "separate" if planar else "contig",
        extrasamples=means,
        compression=compression,
        tile=(16, 16) if tiled else None,
        byteorder=order,
        metadata=None,
        extratags=[(274, "H", 1, orientation, True)],
    )
    read = read_or_refused(file.getvalue())
    if read is None:
        assert photometric == "miniswhite" and image.dtype.kind != "u"
        return
    alpha = extra == 1 and more == "unassalpha"
    expected = image.copy()
    if photometric == "miniswhite":
        inverted = np.iinfo(image.dtype).max - image
        expected[..., : channels - alpha] = inverted[..., : channels - alpha]
    kept = image.dtype if image.dtype in (np.uint8, np.uint16) else np.float32
    assert read.dtype == kept and read.alpha == alpha
    np.testing.assert_array_equal(read, TURNS[orientation](expected).astype(kept))


@quickly
@given(
    arrays(st.sampled_from([1, 2, 3, 4]), ["u1"]),
    st.sampled_from(["PNG", "TIFF", "WEBP", "BMP"]),
    st.sampled_from(list(TURNS)),
)
def test_8_bits_by_pillow(image, kind, orientation):
    channels = image.shape[-1]
    if kind == "BMP":  # has no transparency and no EXIF
        image, orientation = image[..., : channels - (channels in (2, 4))], 1
    pil = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    exif = Image.Exif()
    exif[0x112] = orientation
    options = {"WEBP": {"lossless": True, "exact": True}}.get(kind, {})
    file = io.BytesIO()
    pil.save(file, kind, **options, **({} if kind == "BMP" else {"exif": exif}))
    read = read_or_refused(file.getvalue())
    expected = TURNS[orientation](image)
    if kind == "WEBP" and channels < 3:  # has colours alone
        expected = np.concatenate([expected[..., :1].repeat(3, -1), expected[..., 1:]], -1)
    if kind == "WEBP" and channels in (2, 4) and (image[..., -1] == 255).all():
        expected = expected[..., :-1]
    np.testing.assert_array_equal(read, expected)


@quickly
@given(arrays(st.sampled_from([1, 3, 4]), ["u1", "u2"]), st.integers(0, 9))
def test_png_by_opencv(image, effort):
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[image.shape[-1]]
    data = cv2.imencode(".png", image[..., order], [cv2.IMWRITE_PNG_COMPRESSION, effort])[1]
    np.testing.assert_array_equal(read_or_refused(data.tobytes()), image)


@quickly
@given(
    arrays(st.just(3), ["u1"]), st.sampled_from(["PNG", "TIFF", "JPEG", "GIF", "BMP"]), st.data()
)
def test_damage_is_refused_in_one_sentence(image, kind, data):
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    whole = file.getvalue()
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    flipped = bytearray(whole)
    flipped[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    for bad in (cut, bytes(flipped)):
        read = read_or_refused(bad)
        assert read is None or read.ndim == 3
