"""Scores within a mask: by hand, beside `paired`, and beside scikit-image's map."""

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.evaluation.metrics import masked, paired

RANGE = (-1000, 2000)


def slices(count=3, size=24, channels=1):
    """Pairs of floats in HU with label maps of 0 to 2."""
    rng = np.random.default_rng(3)
    x = rng.uniform(*RANGE, (count, size, size, channels)).astype("float32")
    y = np.clip(x + rng.normal(0, 300, x.shape), *RANGE).astype("float32")
    return x, y, rng.integers(0, 3, (count, size, size, 1)).astype("uint8")


MEASURES = [
    (masked.mae, paired.mae, ()),
    (masked.psnr, paired.psnr, (RANGE,)),
    (masked.ssim, paired.ssim, (RANGE,)),
]


def test_errors_computed_by_hand():
    x = np.zeros((2, 2, 2, 1), np.float32)
    y = np.array([[[100, -30], [7, 7]], [[1, 2], [3, 4]]], np.float32)[..., None]
    masks = np.array([[[1, 2], [0, 0]], [[0, 0], [0, 0]]])[..., None]
    np.testing.assert_array_equal(masked.mae(x, y, masks), [65, np.nan])
    squares = (100**2 + 30**2) / 2
    wanted = 10 * np.log10(3000**2 / squares)
    np.testing.assert_allclose(masked.psnr(x, y, masks, RANGE), [wanted, np.nan])
    errors = masked.by_label(x, y, masks)
    assert list(errors) == [1, 2]
    np.testing.assert_array_equal(errors[1], [100, np.nan])
    np.testing.assert_array_equal(errors[2], [30, np.nan])


def test_the_mean_over_channels_counts_each_alike():
    x = np.zeros((1, 1, 2, 2), np.uint8)
    y = np.array([[[[10, 30], [99, 99]]]], np.uint8)
    masks = np.array([1, 0]).reshape(1, 1, 2, 1)
    assert masked.mae(x, y, masks) == [20]
    assert masked.by_label(x, y, masks)[1] == [20]
    assert masked.mae(y, x, masks.astype(bool)) == [20]  # and no integer overflows


@pytest.mark.parametrize(("within", "of_all", "options"), MEASURES)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_full_mask_gives_what_paired_gives(within, of_all, options, channels):
    x, y, masks = slices(channels=channels)
    found = within(x, y, masks + 1, *options)
    np.testing.assert_allclose(found, of_all(x, y, *options), rtol=1e-12)
    assert found.dtype == np.float64 and found.shape == (3,)


@pytest.mark.parametrize(("within", "_", "options"), MEASURES)
def test_only_the_image_with_an_empty_mask_has_no_score(within, _, options):
    x, y, masks = slices()
    masks[1] = 0
    np.testing.assert_array_equal(np.isnan(within(x, y, masks, *options)), [False, True, False])


@pytest.mark.parametrize(("within", "_", "options"), MEASURES[:2])
def test_what_lies_outside_of_the_mask_does_not_matter(within, _, options):
    x, y, masks = slices()
    other = np.where(masks > 0, y, np.float32(-1000))
    assert np.abs(other - y).max() > 1000
    np.testing.assert_array_equal(within(x, y, masks, *options), within(x, other, masks, *options))


def test_ssim_is_the_mean_of_scikit_images_map_over_centres_in_the_mask():
    reference = pytest.importorskip("skimage.metrics")
    x, y, _ = slices(channels=2)
    masks = np.zeros((*x.shape[:3], 1), np.uint8)
    masks[:, 2:15, 7:22] = 4  # reaches into the border, whose pixels are centres of no window
    for i, found in enumerate(masked.ssim(x, y, masks, RANGE)):
        maps = reference.structural_similarity(
            *((images[i].astype(np.float64) + 1000) / 3000 for images in (x, y)),
            data_range=1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=-1,
            full=True,
        )[1]
        assert found == pytest.approx(maps[5:15, 7:19].mean(), rel=1e-9)
    # A mask within the border has no window.
    masks[:], masks[:, :5] = 0, 1
    assert np.isnan(masked.ssim(x, y, masks, RANGE)).all()


def test_the_map_has_a_value_for_each_window():
    x, y, _ = slices(size=13, channels=2)
    maps = paired.ssim_map(x, y, RANGE)
    assert maps.shape == (3, 3, 3, 2)
    np.testing.assert_allclose(maps.mean(axis=(1, 2, 3)), paired.ssim(x, y, RANGE), rtol=1e-12)


def test_labels_average_to_the_whole():
    x, y, masks = slices()
    errors = masked.by_label(x, y, masks)
    counts = {label: (masks == label).sum(axis=(1, 2, 3)) for label in (1, 2)}
    total = sum(errors[label] * counts[label] for label in (1, 2))
    np.testing.assert_allclose(total / sum(counts.values()), masked.mae(x, y, masks), rtol=1e-12)
    assert masked.by_label(x, y, np.zeros_like(masks)) == {}


@pytest.mark.parametrize(
    "masks",
    [np.ones((3, 24, 24), int), np.ones((2, 24, 24, 1), int), np.ones((3, 24, 24, 1), float)],
)
def test_other_masks_are_told(masks):
    x, y, _ = slices()
    for score in (masked.mae, masked.psnr, masked.ssim, masked.by_label):
        with pytest.raises(
            InputError, match=r"masks must be whole numbers .* received (int|float)"
        ):
            score(x, y, masks)


def test_bad_pairs_are_told_as_paired_tells_them():
    x, y, masks = slices()
    with pytest.raises(InputError, match="pairs of images of one shape"):
        masked.mae(x, y[:, :12], masks)
    with pytest.raises(InputError, match="value_range must be"):
        masked.psnr(x, y, masks)
    with pytest.raises(InputError, match="stored alike"):
        masked.mae(x, y.clip(0, 255).astype("uint8"), masks)
    with pytest.raises(InputError, match="at least 11x11"):
        masked.ssim(x[:, :9], y[:, :9], masks[:, :9] + 1, RANGE)
