"""A generator that changes nothing: what goes in comes out, in every format that is written."""

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from cyclegan_tf.common.generator_metadata import Translation
from cyclegan_tf.data.io import formats, image_file
from cyclegan_tf.inference.files import translate_files
from cyclegan_tf.inference.translator import Translator
from support.generators import identity

# What a format does to smooth colours, in grey levels of 255; the others do nothing.
LOSSY = {"JPEG": 6, "WEBP": 10, "AVIF": 8, "GIF": 40}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A smooth image of each kind: 8 bits, transparent, 16 bits, floats."""
    folder = tmp_path_factory.mktemp("sources")
    rows, columns = np.mgrid[0:40, 0:56]
    rgb = np.stack([rows * 6, columns * 4, 255 - rows * 3 - columns * 2], -1).astype(np.uint8)
    Image.fromarray(rgb).save(folder / "rgb.png")
    alpha = (columns * 4 + 20).astype(np.uint8)[..., None]
    Image.fromarray(np.concatenate([rgb, alpha], -1)).save(folder / "rgba.png")
    cv2.imwrite(str(folder / "wide.png"), rgb[..., ::-1].astype(np.uint16) * 256 + 5)
    tifffile.imwrite(folder / "floats.tif", rgb.astype(np.float32) / 256, photometric="rgb")
    return folder


def images_written():
    return [suffix for suffix in formats.WRITABLE if suffix not in (".jpeg", ".jfif", ".jpe")]


@pytest.mark.filterwarnings("ignore:.* holds 8 bits")
@pytest.mark.parametrize("suffix", images_written())
@pytest.mark.parametrize(
    ("name", "dtype", "value_range"),
    [
        ("rgb.png", "uint8", (0, 255)),
        ("rgba.png", "uint8", (0, 255)),
        ("wide.png", "uint16", (0, 65535)),
        ("floats.tif", "float32", (0, 1)),
    ],
)
def test_what_goes_in_comes_out(sources, tmp_path, suffix, name, dtype, value_range):
    known = {"source_range": value_range, "target_range": value_range, "source_dtype": dtype}
    translator = Translator(identity(), Translation(dtype=dtype, **known))
    translate_files(translator, sources / name, tmp_path / f"x{suffix}", progress=False)
    given, came = image_file.read(sources / name), image_file.read(tmp_path / f"x{suffix}")
    assert came.shape[:2] == given.shape[:2] and came.dtype in (dtype, "uint8")
    row, scale = formats.of(f"x{suffix}"), {"uint8": 1, "uint16": 257, "float32": 1 / 255}
    seen = [
        np.asarray(image_file.to_channels(image, 3), np.float64) / scale[str(image.dtype)]
        for image in (given, came)
    ]
    exact = row.keeps(dtype) or (dtype == "uint8" and row.name not in LOSSY)
    tolerance = 1 if exact else LOSSY.get(row.name, 0) + 1
    assert np.abs(seen[0] - seen[1]).max() <= tolerance
    if name == "rgba.png" and row.alpha:
        assert np.abs(came[..., 3].astype(int) - given[..., 3]).max() <= LOSSY.get(row.name, 0)
