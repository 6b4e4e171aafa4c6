import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.synthetic.cartoons import cartoons
from cyclegan_tf.data.synthetic.sketch import default_blur, sketch


@pytest.mark.parametrize("value", [1, 77, 128, 254, 255])
def test_a_flat_image_is_white_paper(value):
    assert (sketch(np.full((20, 30), value, np.uint8)) == 255).all()


def test_black_stays_black():
    # 0 divided by 0: OpenCV defines it as 0.
    assert (sketch(np.zeros((12, 12, 1), np.uint8)) == 0).all()


def test_dodge_by_hand():
    # With a kernel of 3, OpenCV's weights at sigma 0 are (1, 2, 1) / 4.
    row = np.array([200, 200, 200, 100, 100, 100], np.uint8)
    image = np.tile(row, (5, 1))
    # Blurred: 200, 200, 175, 125, 100, 100; so gray * 256 / blurred, at most 255:
    expected = [255, 255, 255, round(100 * 256 / 125), 255, 255]
    np.testing.assert_array_equal(sketch(image, blur=3), np.tile(expected, (5, 1)))


def test_dodge_formula_on_noise():
    noise = np.random.default_rng(0).integers(1, 256, (9, 11), np.uint8)
    weights = np.outer([1, 2, 1], [1, 2, 1]) / 16
    around = np.pad(255 - noise.astype(float), 1, mode="reflect")
    blurred = sum(weights[i, j] * around[i : i + 9, j : j + 11] for i in range(3) for j in range(3))
    expected = np.minimum(noise * 256.0 / (255 - blurred), 255)
    # The blurred negative is rounded to whole grays, which shifts dark pixels by a few.
    error = np.abs(sketch(noise, blur=3) - expected)
    assert (error <= 1 + expected * 0.6 / np.maximum(255 - blurred, 1)).all()


def test_an_edge_becomes_a_line_on_its_dark_side():
    image = np.full((32, 32, 3), 220, np.uint8)
    image[:, 16:] = 90
    drawn = sketch(image)[16, :, 0]
    assert drawn[16] < 180
    assert (drawn[:16] == 255).all()
    assert drawn[31] == 255
    assert (np.diff(drawn[16:].astype(int)) >= 0).all()


def test_colour_is_read_as_rgb():
    image = np.zeros((16, 16, 3), np.uint8)
    image[..., 0] = 200  # red counts 0.299, blue 0.114
    image[:, 8:] = (0, 0, 200)
    drawn = sketch(image)[8, :, 0]
    assert drawn[8] < 200  # blue is the darker side
    assert drawn[7] == 255


def test_shapes():
    rng = np.random.default_rng(1)
    gray, colour = rng.integers(0, 256, (13, 17), np.uint8), cartoons(3, (15, 18))
    assert sketch(gray).shape == (13, 17)
    assert sketch(gray[..., None]).shape == (13, 17, 1)
    assert sketch(colour[0]).shape == (15, 18, 1)
    batch = sketch(colour)
    assert batch.shape == (3, 15, 18, 1)
    assert batch.dtype == np.uint8
    for drawn, image in zip(batch, colour, strict=True):
        np.testing.assert_array_equal(drawn, sketch(image))
    np.testing.assert_array_equal(sketch(gray[..., None])[..., 0], sketch(gray))
    assert sketch(colour[:0]).shape == (0, 15, 18, 1)


def test_views_and_single_pixels():
    image = cartoons(1, 24)[0]
    kept = image.copy()
    turned = image.transpose(1, 0, 2)[::2]
    np.testing.assert_array_equal(sketch(turned), sketch(turned.copy()))
    np.testing.assert_array_equal(image, kept)
    assert sketch(np.full((1, 1, 3), 9, np.uint8)).item() == 255


def test_blur_grows_with_the_image():
    assert [default_blur(side, side + 10) for side in (1, 8, 64, 128, 256)] == [3, 3, 9, 19, 37]
    image = cartoons(1, 64)[0]
    assert sketch(image, blur=21).mean() < sketch(image, blur=3).mean()
    np.testing.assert_array_equal(sketch(image), sketch(image, blur=9))


def test_cartoons_become_lines_on_white_paper():
    for size in (64, 256):
        drawn = sketch(cartoons(6, size, seed=2))
        assert np.median(drawn) > 200
        assert 0.03 < (drawn < 150).mean() < 0.25, size


@pytest.mark.parametrize(
    "image, named",
    [
        (np.zeros((8, 8, 3), np.float32), "float32"),
        (np.zeros((8, 8, 4), np.uint8), r"\(8, 8, 4\)"),
        (np.zeros(8, np.uint8), r"\(8,\)"),
        (np.zeros((1, 1, 8, 8, 3), np.uint8), r"\(1, 1, 8, 8, 3\)"),
        (np.zeros((0, 8, 3), np.uint8), r"\(0, 8, 3\)"),
    ],
)
def test_bad_images(image, named):
    with pytest.raises(InputError, match=named):
        sketch(image)


@pytest.mark.parametrize("blur", [0, 1, 4, -3, 5.0, "5"])
def test_bad_blur(blur):
    with pytest.raises(InputError, match="blur"):
        sketch(np.zeros((8, 8), np.uint8), blur=blur)
