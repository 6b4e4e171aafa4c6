"""How like the training images an image is."""

import dataclasses
import json

import numpy as np
import pytest

from cyclegan_tf.common.generator_metadata import Translation
from cyclegan_tf.common.value_range import normalize
from cyclegan_tf.data import statistics
from cyclegan_tf.data.synthetic import cartoons
from cyclegan_tf.data.synthetic.sketch import sketch
from cyclegan_tf.inference.translator import Translator
from cyclegan_tf.networks import generator_file, generators
from support.datasets import make_dataset


def test_the_numbers_of_a_image_known_by_hand():
    image = np.zeros((8, 8, 3), np.float32)
    image[:, :4] = (1.0, 0.5, 0.0)
    numbers = statistics.image_statistics(image)
    np.testing.assert_allclose(numbers[:3], [0.5, 0.25, 0])
    np.testing.assert_allclose(numbers[3:6], [0.5, 0.25, 0])
    # Half of the pixels are (0.5, 0, -0.5) from their gray; of 112 steps 8 are 0.5 high.
    known = [1 / 6, 8 * 0.5 / 112, np.sqrt(8 * 0.25 / 112)]
    np.testing.assert_allclose(np.exp(numbers[6:9]), known, rtol=1e-6)
    np.testing.assert_allclose(numbers[9:].reshape(4, 4), [[0.5, 0.5, 0, 0]] * 4, atol=1e-6)


@pytest.fixture(scope="module")
def faces():
    return cartoons.cartoons(220, 32, seed=3)


def test_one_in_a_hundred_is_beyond_the_alarm_level_and_strangers_are(faces):
    known = statistics.training_statistics(faces[:160], (0, 255))
    assert json.loads(json.dumps(known)) == known and known["pictures"] == 160

    def distances(images):
        return np.array([statistics.drift(normalize(x, (0, 255)), known) for x in images])

    held_out = distances(faces[160:])
    assert 0.6 < np.median(held_out) < 1.4
    assert (held_out > known["alarm"]).mean() <= 0.1
    strangers = {
        "negatives": 255 - faces[160:],
        "sketches": np.repeat(sketch(faces[160:]), 3, -1),
        "noise": np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3)).astype("uint8"),
        "black": np.zeros((1, 32, 32, 3), "uint8"),
    }
    for name, images in strangers.items():
        assert (distances(images) > known["alarm"]).mean() > 0.9, name


def test_the_mean_square_of_the_distance_over_the_training_images_is_known():
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (300, 8, 8, 1)) * rng.uniform(0.2, 1, (300, 1, 1, 1))
    images = images.astype("float32")
    known = statistics.training_statistics(images, (-1, 1))
    squares = [statistics.drift(image, known) ** 2 for image in images]
    # Of a gray image's 21 numbers one is constant, and one follows from the coarse pixels.
    assert np.mean(squares) == pytest.approx(19 / 21 * 299 / 300, rel=1e-3)


@pytest.mark.parametrize("shape", [(19, 32, 32, 3), (100, 4, 4, 3)])
def test_few_or_tiny_images_say_nothing(shape):
    assert statistics.training_statistics(np.zeros(shape, "uint8"), (0, 255)) is None


def test_alike_images_do_not_divide_by_zero():
    known = statistics.training_statistics(np.full((30, 8, 8, 3), 9, "uint8"), (0, 255))
    assert statistics.drift(np.zeros((8, 8, 3), np.float32), known) > known["alarm"]


def test_generators_keep_what_their_training_images_are_like(tmp_path):
    dataset = make_dataset(count_a=40, count_b=5)
    of_a, of_b = (generator_file.translation(dataset, way) for way in ("ab", "ba"))
    assert of_a.likeness == dataset.statistics[0] and of_a.likeness["pictures"] == 40
    assert of_b.likeness is None  # five images are too few
    network = generators.resnet_generator((None, None, 1), 2, 1, output_channels=3)
    generator_file.save(tmp_path / "g.keras", network, of_a)
    loaded, again = generator_file.load(tmp_path / "g.keras")
    assert again == of_a
    translator = Translator(loaded, again)
    alarm = again.likeness["alarm"]
    assert translator.drift(dataset.test_a[0]) < 2 * alarm
    assert translator.drift(np.full((64, 48, 3), 200, "uint8")) > 2 * alarm
    assert Translator(loaded, Translation()).drift(dataset.test_a[0]) is None


def test_the_gap_of_mean_images_by_hand():
    # A is 0 or 100, B 100 or 200 grey levels, each half of the time: means 100 apart, variance 50².
    a = np.zeros((4, 4, 4, 3), "uint8")
    a[::2] = 100
    images = {"train_a": a, "train_b": a + 100, "test_a": a[:0], "test_b": a[:0]}
    dataset = dataclasses.replace(make_dataset(channels=(3, 3)), **images, hash="")
    assert statistics.domain_gap(dataset) == pytest.approx(4, rel=1e-4)
    assert not statistics.suits_residual_output(dataset)
    assert statistics.domain_gap(dataclasses.replace(dataset, train_b=a, hash="")) == 0
    assert statistics.suits_residual_output(dataclasses.replace(dataset, train_b=a, hash=""))


def test_domains_of_different_channels_are_not_alike():
    assert statistics.domain_gap(make_dataset()) is None and not statistics.suits_residual_output(
        make_dataset()
    )
