"""What voxels mean, stored and restored."""

import json

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.volumes import intensity


def volume(dtype="int16", seed=0):
    return np.random.default_rng(seed).integers(-1024, 3000, (9, 10, 11)).astype(dtype)


@pytest.mark.parametrize("percent", [0.5, 25, 50, 99.5, 100])
def test_percentiles_are_exact_for_whole_numbers(percent):
    voxels = volume()
    histogram = intensity.Histogram.of(voxels)
    assert histogram.percentile(percent) == np.percentile(voxels, percent, method="inverted_cdf")
    exact = np.percentile(voxels * 0.1, percent, method="inverted_cdf")
    found = intensity.Histogram.of(voxels * 0.1).percentile(percent)
    assert abs(found - exact) <= (voxels.max() - voxels.min()) * 0.1 / intensity.BINS


def test_the_foreground_is_above_the_mean():
    voxels = volume()
    above = voxels[voxels > voxels.mean()]
    found = intensity.Histogram.of(voxels).foreground()
    np.testing.assert_allclose(found, (above.mean(), above.std()))


@pytest.mark.parametrize(
    "rule",
    [intensity.Window(), intensity.Percentiles(1, 99), intensity.ZScore()],
    ids=lambda rule: rule.kind,
)
def test_the_way_back_is_exact(rule):
    voxels = volume()
    scale = rule.scale(voxels)
    restored = scale.restore(scale.store(voxels))
    np.testing.assert_allclose(restored, voxels, atol=2e-4)
    np.testing.assert_array_equal(np.rint(restored), voxels)
    assert scale.lowest == voxels.min()
    assert rule.value_range[0] < rule.body_level < rule.value_range[1]


def test_what_each_rule_stores():
    voxels = np.arange(0, 1000, dtype=np.int16).reshape(10, 10, 10)
    assert intensity.Window().scale(voxels).store(voxels).max() == 999  # HU stay HU
    stored = intensity.Percentiles(10, 90).scale(voxels).store(voxels)
    assert (stored[0, 9, 9], stored[8, 9, 9]) == (0, 1)  # 99 and 899 are the percentiles
    scores = intensity.ZScore().scale(voxels).store(voxels)
    foreground = scores[voxels > voxels.mean()]
    np.testing.assert_allclose([foreground.mean(), foreground.std()], [0, 1], atol=1e-6)


def test_a_translation_is_given_the_scale_of_a_typical_volume():
    rule = intensity.Percentiles()
    scales = [intensity.Scale(gain, offset) for gain, offset in ((100, 0), (300, 10), (900, 20))]
    learned = rule.learned(scales)
    assert learned.typical_values == (10, 310)
    np.testing.assert_array_equal(learned.typical().restore([0, 1]), [10, 310])
    z_score = intensity.ZScore().learned(scales)
    np.testing.assert_array_equal(z_score.typical().restore([0, 1]), [10, 310])
    assert [rule.typical().lowest for rule in (learned, z_score)] == [10, 0]
    assert intensity.Window().typical().lowest == -1000
    assert intensity.Window().learned(scales) == intensity.Window()


@pytest.mark.parametrize(
    "rule",
    [
        intensity.Window(-160, 240, body=-100),
        intensity.Percentiles(1, 99).learned([intensity.Scale(5, 1)]),
        intensity.ZScore(3),
    ],
    ids=lambda rule: rule.kind,
)
def test_a_rule_survives_json(rule):
    assert intensity.from_json(json.loads(json.dumps(intensity.to_json(rule)))) == rule


def test_words_of_the_command_line():
    assert intensity.from_words("window:-160,240") == intensity.Window(-160, 240)
    assert intensity.from_words("window") == intensity.default_rule("CT")
    assert intensity.from_words("percentiles:1,99") == intensity.Percentiles(1, 99)
    assert intensity.from_words("z-score:3") == intensity.ZScore(3)
    for wrong in ("window:1", "hounsfield", "z-score:1,2", "percentiles:a,b"):
        with pytest.raises(InputError, match="must be like window"):
            intensity.from_words(wrong)


def test_what_cannot_be_used():
    voxels = volume("float32")
    voxels[0, 0, :3] = np.nan, np.inf, -np.inf
    for rule in (intensity.Window(), intensity.Percentiles(), intensity.ZScore()):
        with pytest.raises(InputError, match="holds 3 voxels that are NaN or infinite"):
            rule.scale(voxels)
    with pytest.raises(InputError, match="Every voxel of the volume is 7"):
        intensity.Window().scale(np.full((2, 2, 2), 7))
    flat = np.zeros((10, 10, 10))
    flat[0, 0, 0] = 1
    with pytest.raises(InputError, match="further apart"):
        intensity.Percentiles().scale(flat)
    for make in (
        lambda: intensity.Window(3, 3),
        lambda: intensity.Percentiles(60, 40),
        lambda: intensity.ZScore(0),
        lambda: intensity.from_json({"kind": "gamma"}),
    ):
        with pytest.raises(InputError, match="must be"):
            make()
