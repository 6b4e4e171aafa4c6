"""Scores of palettes on images whose answers are known."""

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.evaluation.metrics import follow, palette, variation


def images(count, size=16, channels=3, seed=0, spread=60):
    """Images of 4x4 uniform parts, 8 bits."""
    draw = np.random.default_rng(seed).integers(-spread, spread + 1, (count, 4, 4, channels))
    return (128 + draw).repeat(size // 4, 1).repeat(size // 4, 2).astype(np.uint8)


def test_palettes_are_the_means_of_equal_parts():
    x = np.arange(2 * 8 * 12 * 3, dtype=np.uint16).reshape(2, 8, 12, 3)
    expected = x.reshape(2, 4, 2, 4, 3, 3).mean((2, 4)).transpose(0, 3, 1, 2).reshape(2, -1)
    np.testing.assert_allclose(palette.palettes(x), expected / 65535, rtol=1e-12)


def test_pixels_on_a_border_count_by_their_share():
    row = np.array([0.0, 1, 2, 3, 4, 5]).reshape(1, 1, 6, 1).repeat(6, 1)
    found = palette.palettes(row, (0, 5)).reshape(4, 4)
    # Parts of 1.5 pixels: 0 and half of 1, half of 1 and 2, and so on.
    expected = np.array([0.5 / 1.5, 2.5 / 1.5, 5 - 2.5 / 1.5, 5 - 0.5 / 1.5]) / 5
    np.testing.assert_allclose(found, np.tile(expected, (4, 1)))


@pytest.mark.parametrize("channels", [1, 3])
def test_any_linear_change_of_colours_follows_and_chance_does_not(channels):
    x, other = images(400, channels=channels), images(400, channels=channels, seed=1)
    assert follow(x, 255 - x) == pytest.approx(follow(x, x)) and follow(x, x) > 0.9
    assert -0.3 < follow(x, other) < 0.02
    half = (0.5 * x + 0.5 * other).astype(np.uint8)
    assert follow(x, half) == pytest.approx(0.5, abs=0.1)


def test_gray_translations_follow_colours():
    x = images(200)
    gray = x.mean(-1, keepdims=True)
    assert follow(x, gray, range_y=(0, 255)) > 0.85
    # However pale: no number of the prediction is one of the value range.
    assert follow(gray / 10, x, range_x=(0, 255)) == pytest.approx(
        follow(gray, x, range_x=(0, 255)), abs=1e-6
    )


def test_one_answer_to_every_input_follows_none():
    assert follow(images(40), images(1).repeat(40, 0)) == 0.0
    assert -0.5 < follow(images(1).repeat(40, 0), images(40)) < 0


def test_variation_is_relative_to_real_images():
    real = images(50)
    assert variation(real, real) == 1
    half = (real.astype(float) + 128) / 2
    assert variation(real / 1.0, half, (0, 255)) == pytest.approx(0.5)
    assert variation(real, real[:1].repeat(20, 0)) == pytest.approx(0, abs=1e-12)
    assert np.isnan(variation(real[:1].repeat(20, 0), real))
    assert variation(images(30, channels=1), images(30, channels=1, size=20)) == pytest.approx(1)


def test_what_does_not_fit_is_told():
    with pytest.raises(InputError, match="follow needs at least 30 images, received 29"):
        follow(images(29), images(29))
    with pytest.raises(InputError, match="pairs of images of one shape"):
        follow(images(40), images(40, size=20))
    with pytest.raises(InputError, match="equal channels, received 3 and 1"):
        variation(images(10), images(10, channels=1))
    with pytest.raises(InputError, match="value_range must be"):
        follow(images(40).astype(float), images(40))
