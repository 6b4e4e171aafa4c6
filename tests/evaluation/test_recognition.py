"""A classifier for generated images: what it learns, and what is refused."""

import dataclasses

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import digits
from cyclegan_tf.evaluation.metrics import frechet_distance, recognition


@pytest.fixture(scope="module")
def dataset():
    return digits.drawn(800, 200, size=12)


@pytest.fixture(scope="module")
def recognizer(dataset):
    return recognition.train(dataset, epochs=6, batch_size=40)


def test_it_recognizes_what_it_was_not_trained_on(dataset, recognizer):
    assert 0.8 < recognizer.accuracy < 1
    labels = digits.labels_of(dataset.test_a)
    right = recognizer.recognize(dataset.test_b) == labels
    assert recognizer.accuracy == pytest.approx(right.mean())
    assert recognition.accuracy(recognizer, dataset.test_b, labels) == recognizer.accuracy
    # Asked for the next digit: what was right is now wrong.
    other = recognition.accuracy(recognizer, dataset.test_b, (labels + 1) % 10)
    assert other < 1 - recognizer.accuracy + 0.01


def test_distance_is_that_of_its_features(dataset, recognizer):
    one, two = dataset.test_b[:100], dataset.test_b[100:]
    features = recognizer(one)
    assert features.shape == (100, recognition.FEATURES) and features.dtype == np.float32
    expected = frechet_distance(features, recognizer(two))
    assert recognition.distance(recognizer, one, two) == pytest.approx(expected)
    sevens = dataset.train_b[digits.labels_of(dataset.train_a) == 7][:60]
    noise = np.random.default_rng(0).integers(0, 256, one.shape).astype(np.uint8)
    assert recognition.distance(recognizer, one, sevens) > 2 * expected
    assert recognition.distance(recognizer, one, noise) > 2 * expected
    assert recognition.distance(recognizer, one, one) == pytest.approx(0, abs=1e-3)


def test_training_is_a_function_of_data_and_seed():
    dataset = digits.drawn(8, 4, size=8)
    one, again, other = (
        recognition.train(dataset, epochs=1, batch_size=4, seed=seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one(dataset.test_b), again(dataset.test_b))
    assert one.key == again.key != other.key


def test_what_cannot_be_used_is_told(dataset, recognizer):
    with pytest.raises(InputError, match="must be uint8 of"):
        recognizer(dataset.test_b[:, :8])
    with pytest.raises(InputError, match="must be uint8 of"):
        recognizer(dataset.test_b / np.float32(255))
    with pytest.raises(InputError, match="one for each of 200 images, received"):
        recognition.accuracy(recognizer, dataset.test_b, [7])
    with pytest.raises(InputError, match="must have classes in domain A"):
        recognition.train(dataset.swapped())
    with pytest.raises(InputError, match="no test images"):
        recognition.train(digits.drawn(10, 0))
    unpaired = dataclasses.replace(dataset, paired={"train": False, "test": True})
    with pytest.raises(InputError, match="must have classes in domain A"):
        recognition.train(unpaired)
