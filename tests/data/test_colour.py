"""Colour profiles: what was made from sRGB values and tagged reads as those values."""

import io

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from cyclegan_tf.data.io import formats

COLOURS = np.array([[[200, 30, 30], [30, 200, 30], [60, 60, 200], [220, 220, 40], [90, 90, 90]]])
COLOURS = COLOURS.astype(np.uint8).repeat(8, 0).repeat(8, 1)
ADOBE = imagecodecs.cms_profile("adobergb")
# Of wide primaries and another curve, as a scanner's.
WIDE = imagecodecs.cms_profile(
    "rgb", whitepoint=(0.3457, 0.3585, 1.0), gamma=1.8,
    primaries=(0.7347, 0.2653, 1.0, 0.1596, 0.8404, 1.0, 0.0366, 0.0001, 1.0),
)  # fmt: skip


def tagged(profile, dtype="uint8"):
    top = np.iinfo(dtype).max
    return imagecodecs.cms_transform(
        (COLOURS / 255 * top).round().astype(dtype), imagecodecs.cms_profile("srgb"), profile,
        colorspace="rgb", outcolorspace="rgb", intent=0,
    )  # fmt: skip


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("profile", [ADOBE, WIDE], ids=["adobe", "wide"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "WEBP", "AVIF"])
def test_a_profile_is_heeded_in_every_format(profile, kind):
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}
    options |= {"AVIF": {"quality": 100, "subsampling": "4:4:4"}}
    image = Image.fromarray(tagged(profile))
    assert np.abs(np.array(image).astype(int) - COLOURS).max() > 12  # it matters
    options = options.get(kind, {})
    read = formats.decode(saved(image, kind, icc_profile=profile, **options))
    untold = formats.decode(saved(image, kind, **options))
    assert np.abs(untold.astype(int) - np.array(image)).max() <= 2
    # What a lossy format changes by 2, a wide profile makes more of where colours are dark.
    near = np.abs(read.astype(int) - COLOURS) <= (30 if kind in ("JPEG", "AVIF") else 3)
    assert near.all() and np.abs(read.astype(int) - COLOURS).mean() <= 4
    rgba = image.copy()
    rgba.putalpha(100)
    if kind in ("PNG", "TIFF", "WEBP"):
        read = formats.decode(saved(rgba, kind, icc_profile=profile, **options))
        assert np.abs(read[..., :3].astype(int) - COLOURS).max() <= 3
        assert (read[..., 3] == 100).all()


@pytest.mark.parametrize("profile", [ADOBE, WIDE], ids=["adobe", "wide"])
def test_at_16_bits_to_a_quarter_of_a_grey_level(profile):
    wide, file = tagged(profile, "uint16"), io.BytesIO()
    tifffile.imwrite(file, wide, photometric="rgb", iccprofile=profile)
    png = cv2.imencode(".png", wide[..., ::-1])[1].tobytes()
    plain = saved(Image.fromarray(COLOURS), "PNG", icc_profile=profile)
    start, end = plain.index(b"iCCP") - 4, plain.index(b"IDAT") - 4
    for data in (file.getvalue(), png[:33] + plain[start:end] + png[33:]):
        read = formats.decode(data)
        assert read.dtype == np.uint16 and np.abs(read / 257 - COLOURS).max() < 0.25


def test_srgb_changes_nothing_to_the_bit():
    everything = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for kind in ("PNG", "TIFF"):
        read = formats.decode(saved(Image.fromarray(everything), kind, icc_profile=profile))
        np.testing.assert_array_equal(read, everything)


def test_gray_under_a_profile_for_colours_and_cameras_that_name_one_in_exif():
    gray = Image.fromarray(tagged(ADOBE)).convert("L")
    as_colour = formats.decode(saved(gray.convert("RGB"), "PNG", icc_profile=ADOBE))
    np.testing.assert_array_equal(
        formats.decode(saved(gray, "PNG", icc_profile=ADOBE)), as_colour[..., 1:2]
    )
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 65535
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    data = saved(Image.fromarray(tagged(ADOBE)), "JPEG", quality=100, subsampling=0, exif=exif)
    assert np.abs(formats.decode(data).astype(int) - COLOURS).max() <= 6


def test_a_profile_that_does_not_fit_or_is_damaged_is_told():
    gray = Image.fromarray(COLOURS[..., 0])
    cmyk = ADOBE[:16] + b"CMYK" + ADOBE[20:]
    for image, profile in ((Image.fromarray(COLOURS), cmyk), (gray, cmyk)):
        with pytest.warns(UserWarning, match="colour profile for other numbers"):
            formats.decode(saved(image, "PNG", icc_profile=profile), "x.png")
    with pytest.warns(UserWarning, match=r"x\.png has a colour profile that cannot be read"):
        read = formats.decode(
            saved(Image.fromarray(COLOURS), "PNG", icc_profile=ADOBE[:200]), "x.png"
        )
    np.testing.assert_array_equal(read, COLOURS)
