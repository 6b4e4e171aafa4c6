import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.value_range import normalize
from cyclegan_tf.evaluation.metrics.hidden_information import hidden_information

STORED = np.random.default_rng(0).integers(1, 255, (3, 64, 64, 3)).astype(np.uint8)
IMAGES = normalize(STORED, (0, 255))


def identity(images):
    return images


def test_the_identity_hides_nothing():
    middle = IMAGES / 2  # where noise is not clipped
    errors = hidden_information(identity, identity, middle)
    assert {name: error.shape for name, error in errors.items()} == {
        "as_is": (3,),
        "rounded": (3,),
        "noisy": (3,),
    }
    np.testing.assert_array_equal(errors["as_is"], 0)
    # The mean of |N(0, s)| is s * sqrt(2 / pi); rounding errs by a quarter of a level.
    np.testing.assert_allclose(errors["noisy"], 2 / 255 * np.sqrt(2 / np.pi), rtol=0.03)
    np.testing.assert_allclose(errors["rounded"], 0.25 / 255, rtol=0.03)


def test_eight_bit_images_are_not_rounded_any_further():
    np.testing.assert_array_equal(hidden_information(identity, identity, IMAGES)["rounded"], 0)


def test_noise_is_a_share_of_the_range_and_clipped():
    middle = np.zeros_like(IMAGES)
    errors = hidden_information(identity, identity, middle, noise=0.05)
    np.testing.assert_allclose(errors["noisy"], 0.05 * np.sqrt(2 / np.pi), rtol=0.03)
    # Of noise around black, the lower half is lost.
    errors = hidden_information(identity, identity, middle - 1, noise=0.05)
    assert errors["noisy"].mean() == pytest.approx(0.025 * np.sqrt(2 / np.pi), rel=0.03)


def test_a_faint_copy_is_found():
    errors = hidden_information(
        lambda images: 0.001 * images, lambda images: np.clip(1000 * images, -1, 1), IMAGES
    )
    np.testing.assert_allclose(errors["as_is"], 0, atol=1e-6)
    # Rounding leaves the sign alone, so that -1 or 1 comes back.
    wanted = np.mean(1 - np.abs(IMAGES), axis=(1, 2, 3)) / 2
    np.testing.assert_allclose(errors["rounded"], wanted, rtol=1e-5)
    assert errors["rounded"].min() > 0.2 and errors["noisy"].min() > 0.4


def test_an_honest_loss_of_colour_is_the_same_in_all_three():
    def to_gray(images):
        return images.mean(axis=-1, keepdims=True)

    def to_colour(images):
        return np.repeat(images, 3, axis=-1)

    errors = hidden_information(to_gray, to_colour, IMAGES)
    lost = np.mean(np.abs(IMAGES - to_colour(to_gray(IMAGES))), axis=(1, 2, 3)) / 2
    for error in errors.values():
        np.testing.assert_allclose(error, lost, rtol=0.01)


def test_the_seed_decides_the_noise():
    first, again = (hidden_information(identity, identity, IMAGES, seed=4) for _ in range(2))
    other = hidden_information(identity, identity, IMAGES, seed=5)
    np.testing.assert_array_equal(first["noisy"], again["noisy"])
    assert (first["noisy"] != other["noisy"]).all()


def test_generators_see_float32_and_the_input_stays():
    seen = []

    def spy(images):
        seen.append((images.dtype, images.shape))
        return images

    before = IMAGES.copy()
    hidden_information(spy, spy, IMAGES.astype(np.float64))
    assert seen == [(np.float32, IMAGES.shape)] * 4
    np.testing.assert_array_equal(IMAGES, before)


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (STORED, {}, r"images must be floats in \[-1, 1\], received uint8 from 1 to 254"),
        (IMAGES * 255, {}, r"images must be floats in \[-1, 1\]"),
        (IMAGES[0], {}, "images must be images"),
        (IMAGES[:0], {}, "images must be images"),
        (np.full_like(IMAGES, np.nan), {}, "images holds NaN"),
        (IMAGES, {"noise": 0.0}, "noise must be a share of the value range"),
        (IMAGES, {"noise": 2}, "noise must be a share of the value range"),
        (IMAGES, {"noise": float("nan")}, "noise must be a share of the value range"),
    ],
)
def test_bad_input_is_refused(images, options, message):
    with pytest.raises(InputError, match=message):
        hidden_information(identity, identity, images, **options)


def test_bad_generators_are_refused():
    with pytest.raises(InputError, match="What gen_there returns holds NaN"):
        hidden_information(lambda images: images * np.nan, identity, IMAGES)
    with pytest.raises(InputError, match="What gen_back returns holds NaN"):
        hidden_information(identity, lambda images: images * np.inf, IMAGES)
    with pytest.raises(InputError, match="What gen_back returns must have the shape of images"):
        hidden_information(identity, lambda images: images[..., :1], IMAGES)
