import warnings

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.evaluation.metrics import paired

MEASURES = [paired.mse, paired.mae, paired.psnr, paired.ssim, paired.ms_ssim]


def waves(height, width, channels=3, count=2):
    """Smooth uint8 images, and the same with noise."""
    rng = np.random.default_rng(5)
    phase = rng.uniform(0, 6, (count, 1, 1, channels))
    row, column = np.mgrid[:height, :width][..., None]
    x = 127 + 100 * np.sin(row / 9 + phase) * np.cos(column / 13 + phase)
    y = np.clip(x + rng.normal(0, 25, x.shape), 0, 255)
    return np.rint(x).astype(np.uint8), np.rint(y).astype(np.uint8)


def test_errors_computed_by_hand():
    x = np.zeros((2, 2, 2, 1), np.uint8)
    y = x.copy()
    y[0, 0] = 10  # two of four pixels
    y[1] = 255
    np.testing.assert_array_equal(paired.mse(x, y), [50, 65025])
    np.testing.assert_array_equal(paired.mse(y, x), [50, 65025])
    np.testing.assert_array_equal(paired.mae(x, y), [5, 255])
    np.testing.assert_array_equal(paired.mae(x.astype("uint16"), y.astype("uint16")), [5, 255])
    np.testing.assert_allclose(paired.psnr(x, y), [10 * np.log10(65025 / 50), 0], atol=1e-12)


def test_identical_images():
    x, _ = waves(176, 180)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (paired.psnr(x, x) == np.inf).all()
    np.testing.assert_array_equal(paired.mse(x, x) + paired.mae(x, x), 0)
    np.testing.assert_allclose([paired.ssim(x, x), paired.ms_ssim(x, x)], 1, atol=1e-12)


def test_every_image_has_its_own_score():
    x, y = waves(176, 176, 1, count=3)
    for measure in MEASURES:
        scores = measure(x, y)
        assert scores.shape == (3,) and scores.dtype == np.float64
        np.testing.assert_array_equal(scores[1:2], measure(x[1:2], y[1:2]))


def test_the_way_images_are_stored_does_not_matter():
    x, y = waves(44, 40)
    for measure, options in (paired.psnr, {}), (paired.ssim, {}), (paired.ms_ssim, {"scales": 2}):
        wanted = measure(x, y, **options)
        wide = [image.astype(np.uint16) * 257 for image in (x, y)]
        signed = [image / 127.5 - 1 for image in (x, y)]
        np.testing.assert_allclose(measure(*wide, **options), wanted, rtol=1e-9)
        np.testing.assert_allclose(measure(*signed, (-1, 1), **options), wanted, rtol=1e-9)


def test_values_outside_the_range_count_as_its_ends():
    x, y = np.full((2, 1, 12, 12, 1), 0.5)
    x[..., :6, :], y[..., :6, :] = 1.7, 1.0
    assert paired.psnr(x, y, (0, 1)) == np.inf
    assert paired.ssim(x, y, (0, 1)) == pytest.approx(1)


def test_ssim_of_constants_is_the_luminance_term():
    x, y = np.full((1, 176, 176, 1), 0.2), np.full((1, 176, 176, 1), 0.6)
    luminance = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert paired.ssim(x, y, (0, 1)) == pytest.approx(luminance, rel=1e-9)
    assert paired.ms_ssim(x, y, (0, 1)) == pytest.approx(luminance**0.1333, rel=1e-9)


def test_ssim_of_a_single_window():
    x, y = np.random.default_rng(1).random((2, 1, 11, 11, 1))
    squares = np.square(np.mgrid[-5:6, -5:6]).sum(axis=0)
    weights = np.exp(-squares / (2 * 1.5**2))[None, ..., None]
    weights /= weights.sum()
    mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
    variances = (weights * (x - mean_x) ** 2).sum() + (weights * (y - mean_y) ** 2).sum()
    covariance = (weights * (x - mean_x) * (y - mean_y)).sum()
    wanted = (2 * mean_x * mean_y + 0.01**2) * (2 * covariance + 0.03**2)
    wanted /= (mean_x**2 + mean_y**2 + 0.01**2) * (variances + 0.03**2)
    assert paired.ssim(x, y, (0, 1)) == pytest.approx(wanted, rel=1e-9)


def test_numbers_that_scikit_image_gave():
    x, y = waves(37, 52)
    np.testing.assert_allclose(
        paired.psnr(x, y), [20.218130457139758, 20.17692642276462], rtol=1e-9
    )
    np.testing.assert_allclose(
        paired.ssim(x, y), [0.29148687306184384, 0.29448931200816814], rtol=1e-9
    )


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float64"])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_psnr_and_ssim_equal_scikit_image(dtype, channels):
    reference = pytest.importorskip("skimage.metrics")
    high = {"uint8": 255, "uint16": 65535, "float64": 1}[dtype]
    x, y = ((image * (high / 255)).astype(dtype) for image in waves(37, 52, channels))
    psnr = [
        reference.peak_signal_noise_ratio(*pair, data_range=high) for pair in zip(x, y, strict=True)
    ]
    ssim = [
        reference.structural_similarity(
            *pair,
            data_range=high,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=-1,
        )
        for pair in zip(x, y, strict=True)
    ]
    np.testing.assert_allclose(paired.psnr(x, y, (0, high)), psnr, rtol=0, atol=1e-9)
    np.testing.assert_allclose(paired.ssim(x, y, (0, high)), ssim, rtol=0, atol=1e-9)


@pytest.mark.parametrize("size", [(176, 176), (177, 231)])
@pytest.mark.parametrize("scales", [1, 3, 5])
def test_ms_ssim_equals_tensorflow(size, scales):
    x, y = waves(*size)
    weights = np.array(paired.MS_SSIM_WEIGHTS[:scales])
    weights *= sum(paired.MS_SSIM_WEIGHTS) / weights.sum()
    wanted = tf.image.ssim_multiscale(x, y, 255, power_factors=weights).numpy()
    np.testing.assert_allclose(paired.ms_ssim(x, y, scales=scales), wanted, rtol=0, atol=3e-5)
    # Inverted images have negative terms: both count them as 0.
    wanted = tf.image.ssim_multiscale(255 - x, y, 255, power_factors=weights).numpy()
    np.testing.assert_allclose(paired.ms_ssim(255 - x, y, scales=scales), wanted, atol=1e-4)
    assert paired.ssim(255 - x, y).max() < 0


@pytest.mark.parametrize(
    ("side", "scales"), [(10, 0), (11, 1), (21, 1), (22, 2), (64, 3), (175, 4), (176, 5), (4000, 5)]
)
def test_scales_that_fit(side, scales):
    assert paired.ms_ssim_scales(side, 5000) == paired.ms_ssim_scales(5000, side) == scales


def test_too_many_scales_are_refused_with_what_fits():
    x, y = waves(64, 90)
    assert paired.ms_ssim(x, y, scales=3).shape == (2,)
    for scales in (4, 5, 0, -1, 2.0, "3", None):
        with pytest.raises(InputError, match=r"scales must be .* from 1 to 3 for .* 64x90"):
            paired.ms_ssim(x, y, scales=scales)


@pytest.mark.parametrize("measure", MEASURES)
def test_what_is_no_pair_is_refused(measure):
    x, _ = waves(176, 176, 1)
    floats = x / 255
    spoiled = floats.copy()
    spoiled[0, 0, 0, 0] = np.nan
    with pytest.raises(InputError, match="pairs of images of one shape"):
        measure(x, x[:1])
    with pytest.raises(InputError, match="pairs of images of one shape"):
        measure(x, np.repeat(x, 3, axis=-1))
    with pytest.raises(InputError, match="y holds NaN"):
        measure(floats, spoiled)
    with pytest.raises(InputError, match="x must hold uint8, uint16 or floating-point"):
        measure(x.astype(np.int64), x)
    with pytest.raises(InputError, match="stored alike, received uint8 and float64"):
        measure(x, floats)
    with pytest.raises(InputError, match="x must be images"):
        measure(x[:0], x[:0])


@pytest.mark.parametrize("measure", [paired.psnr, paired.ssim, paired.ms_ssim])
def test_floats_must_say_their_range(measure):
    x = waves(176, 176, 1)[0] / 255
    with pytest.raises(InputError, match=r"value_range must be \(low, high\) for float64"):
        measure(x, x)
    with pytest.raises(InputError, match="low < high"):
        measure(x, x, (1, 0))


@pytest.mark.parametrize("measure", [paired.ssim, paired.ms_ssim])
def test_images_smaller_than_the_window_are_refused(measure):
    x, y = waves(10, 200)
    with pytest.raises(InputError, match="at least 11x11 pixels for SSIM, received 10x200"):
        measure(x, y)


@pytest.mark.parametrize("value_range", [(0,), 255, ("a", "b"), (0, np.inf), (np.nan, 1)])
def test_what_is_no_value_range_is_refused(value_range):
    x = np.zeros((1, 16, 16, 1), np.uint8)
    with pytest.raises(InputError, match=r"value_range must be \(low, high\)"):
        paired.psnr(x, x, value_range)


def test_the_value_range_of_other_images_is_refused():
    x = np.full((1, 16, 16, 1), 200.0)
    for score in (paired.psnr, paired.ssim):
        with pytest.raises(InputError, match="received .0.0, 1.0. for images from 200.0"):
            score(x, x - 150, (0, 1))
    overshooting = x / 255 * 1.9  # as a generator may do, counts as white
    np.testing.assert_array_equal(paired.ssim(overshooting, np.ones_like(x), (0, 1)), 1)


def test_ragged_lists_are_refused():
    with pytest.raises(InputError, match="x must be images of one size"):
        paired.mse([[1, 2], [3]], np.zeros((1, 4, 4, 1)))
