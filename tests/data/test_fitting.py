"""An image brought to the wanted channels and size."""

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io import image_file

RGB = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[10, 20, 30], [0, 0, 0], [200, 100, 50]]])
RGB = RGB.astype(np.uint8)


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


def test_luma_by_hand():
    # 0.299 x 255 = 76.2, 0.587 x 255 = 149.7, 0.114 x 255 = 29.07
    gray = image_file.to_channels(RGB[:1], 1)
    assert gray.dtype == np.uint8
    np.testing.assert_array_equal(gray[..., 0], [[76, 150, 29]])
    wide = image_file.to_channels(RGB[:1].astype(np.uint16) * 257, 1)
    # of 65535: 19594.97, 38469.05, 7470.99
    assert wide.dtype == np.uint16
    np.testing.assert_array_equal(wide[..., 0], [[19595, 38469, 7471]])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_gray_to_colour_and_back_is_the_same(dtype):
    gray = np.array([[[0], [1], [200]]], dtype)
    colour = image_file.to_channels(gray, 3)
    assert colour.shape == (1, 3, 3)
    back = image_file.to_channels(colour, 1)
    assert back.dtype == dtype
    np.testing.assert_allclose(back, gray, rtol=1e-6)


def test_alpha_is_laid_over_white():
    rgba = np.array([[[100, 0, 50, 255], [100, 0, 50, 0], [100, 0, 50, 51]]], np.uint8)
    # a fifth of the colour and four fifths of white: 20 + 204, 204, 10 + 204
    expected = [[[100, 0, 50], [255, 255, 255], [224, 204, 214]]]
    np.testing.assert_array_equal(image_file.to_channels(rgba, 3), expected)
    gray_alpha = np.array([[[100, 0], [100, 255]]], np.uint8)
    np.testing.assert_array_equal(image_file.to_channels(gray_alpha, 1), [[[255], [100]]])
    wide = np.array([[[0, 0, 0, 0]]], np.uint16)
    np.testing.assert_array_equal(image_file.to_channels(wide, 3), [[[65535] * 3]])


def test_four_channels_keep_or_add_alpha():
    np.testing.assert_array_equal(
        image_file.to_channels(np.array([[[9, 4]]], np.uint8), 4), [[[9, 9, 9, 4]]]
    )
    np.testing.assert_array_equal(
        image_file.to_channels(np.array([[[1, 2, 3]]], np.uint8), 4), [[[1, 2, 3, 255]]]
    )


@pytest.mark.parametrize("channels", [0, None, "3", True])
def test_what_is_no_number_of_channels_is_refused(channels):
    with pytest.raises(InputError, match="channels must be"):
        image_file.to_channels(RGB, channels)


@pytest.mark.parametrize(("there", "wanted"), [(3, 2), (3, 5), (5, 3), (5, 1), (1, 7), (4, 2)])
def test_only_gray_rgb_and_rgba_become_each_other(there, wanted):
    image = np.zeros((2, 2, there), np.float32)
    with pytest.raises(InputError, match=f"^x.npy has {there} channels .* become {wanted}: only"):
        image_file.to_channels(image, wanted, "x.npy")
    assert image_file.to_channels(image, there) is image


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 40])
@pytest.mark.parametrize("how", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("size", [(8, 8), (5, 31), (64, 3), (20, 30)])
def test_every_image_fits_every_size(dtype, channels, how, size):
    image = np.full((20, 30, channels), 77, dtype)
    fitted = image_file.fit(image, size, how)
    assert fitted.dtype == dtype
    np.testing.assert_allclose(fitted, np.full((*size, channels), 77), rtol=1e-6)


@pytest.mark.parametrize("size", [(8, 8), (5, 31), (64, 41)])
def test_many_channels_are_resized_each_by_itself(size):
    image = np.random.default_rng(0).random((20, 30, 40), np.float32)
    together = image_file.fit(image, size)
    alone = [image_file.fit(image[..., i : i + 1], size) for i in range(40)]
    np.testing.assert_allclose(together, np.concatenate(alone, -1), atol=1e-6)


def test_the_same_size_changes_nothing(noise):
    for how in ("crop", "pad", "stretch"):
        np.testing.assert_array_equal(image_file.fit(noise, (40, 50), how), noise)


def test_halving_averages_four_pixels():
    image = np.arange(16, dtype=np.uint16).reshape(4, 4, 1) * 100
    # the mean of 0, 100, 400 and 500, and so on
    expected = [[250, 450], [1050, 1250]]
    np.testing.assert_array_equal(image_file.fit(image, 2)[..., 0], expected)


def test_a_fine_checkerboard_becomes_gray_along_each_shrunken_side():
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)[..., None]
    for size in ((16, 16), (16, 128), (128, 16)):
        fitted = image_file.fit(board, size, "stretch").astype(int)
        assert np.abs(fitted - 127.5).max() <= 1, size


def test_crop_keeps_the_centre():
    image = np.zeros((4, 8, 1), np.uint8)
    image[:, 2:6] = 200
    np.testing.assert_array_equal(image_file.fit(image, 4, "crop"), np.full((4, 4, 1), 200))
    np.testing.assert_array_equal(
        image_file.fit(image.swapaxes(0, 1), 4, "crop"), np.full((4, 4, 1), 200)
    )


def test_pad_extends_the_edges():
    image = np.zeros((2, 4, 1), np.uint8)
    image[0], image[1] = 10, 20
    fitted = image_file.fit(image, 4, "pad")[..., 0]
    np.testing.assert_array_equal(fitted, np.repeat([[10], [10], [20], [20]], 4, axis=1))


def test_stretch_keeps_all():
    image = np.repeat(np.array([0, 100, 200, 250], np.uint8), 2)[None, :, None]
    fitted = image_file.fit(image, (3, 4), "stretch")
    np.testing.assert_array_equal(fitted[..., 0], [[0, 100, 200, 250]] * 3)


@pytest.mark.parametrize("size", [0, (4, -1), (4, 4, 4), 3.5, "8", True, (8,), None])
def test_other_sizes_are_refused(size):
    with pytest.raises(InputError, match="size must be"):
        image_file.fit(RGB, size)


def test_other_ways_are_refused():
    with pytest.raises(InputError, match=r"how must be .* received .squash"):
        image_file.fit(RGB, 4, "squash")


def test_eight_bits_widen_to_the_whole_of_sixteen():
    wide = image_file.to_dtype(np.array([0, 1, 255], np.uint8), np.uint16)
    np.testing.assert_array_equal(wide, np.array([0, 257, 65535], np.uint16))
    assert image_file.to_dtype(wide, np.uint16) is wide
