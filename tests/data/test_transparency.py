"""Transparency and gaps: one rule in training and in use, at any size."""

import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.data import prepare
from cyclegan_tf.data.io import image_file
from cyclegan_tf.data.io.pixels import Pixels, has_alpha


def half_red(dtype="uint8"):
    """Opaque red on the right, fully transparent blue, which nobody is to see, on the left."""
    top = np.iinfo(dtype).max
    image = np.zeros((16, 16, 4), dtype)
    image[:, 8:] = top, 0, 0, top
    image[:, :8] = 0, 0, top, 0
    return Pixels(image, alpha=True)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("size", [5, 7, 16, 31])
@pytest.mark.parametrize("how", ["crop", "pad", "stretch"])
def test_what_is_not_seen_colours_nothing(dtype, size, how):
    top = np.iinfo(dtype).max
    fitted = image_file.fit(half_red(dtype), (size, size), how)
    seen = fitted[..., 3] > top // 50
    assert fitted.alpha and fitted.dtype == dtype
    assert np.abs(fitted[seen][:, :3] / top - [1, 0, 0]).max() < 0.02
    hidden = fitted[fitted[..., 3] == 0]
    assert hidden.size and (hidden[:, :3] == top).all()


@pytest.mark.parametrize("size", [5, 16, 31])
def test_three_channels_are_on_white(size):
    on_white = image_file.to_channels(half_red(), 3)
    assert on_white.alpha is False
    fitted = np.asarray(image_file.fit(on_white, size), int)
    assert (fitted[..., 0] == 255).all() and (fitted[..., 1] == fitted[..., 2]).all()
    assert fitted[:, 0].min() == 255 and fitted[0, -1].tolist() == [255, 0, 0]


def test_pixels_without_data_count_for_nothing():
    image = np.full((12, 12, 1), 100, np.float32)
    image[:, :5] = np.nan
    for size in (4, 7, 12, 30):
        fitted = image_file.fit(Pixels(image, False, -9999), size)
        known = fitted[np.isfinite(fitted)]
        np.testing.assert_allclose(known, 100, rtol=1e-4)
        assert fitted.nodata == -9999 and abs(np.isnan(fitted).mean() - 5 / 12) < 0.1


def test_what_is_prepared_hides_nothing(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        for i in range(3):
            Image.fromarray(np.asarray(half_red())).save(tmp_path / name / f"{i}.png")
    quiet = {"progress": False, "test_fraction": 0, "size": 8}
    colours = prepare.from_folders(tmp_path / "a", tmp_path / "b", **quiet).train_a[0]
    assert (colours[:, :4] == 255).all() and (colours[:, 4:] == [255, 0, 0]).all()
    four = prepare.from_folders(tmp_path / "a", tmp_path / "b", channels=4, **quiet).train_a[0]
    assert (four[:, :4] == [255, 255, 255, 0]).all() and (four[:, 4:] == [255, 0, 0, 255]).all()
    assert has_alpha(four)
