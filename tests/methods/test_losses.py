import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.methods import losses

LOGITS = tf.constant([[0.0, 2.0], [-1.0, 3.0]])


def test_least_squares_by_hand():
    assert float(losses.least_squares(LOGITS, 1.0)) == (1 + 1 + 4 + 4) / 4
    assert float(losses.least_squares(LOGITS, 0.0)) == (0 + 4 + 1 + 9) / 4


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_binary_crossentropy_equals_the_formula(target):
    p = 1 / (1 + np.exp(-LOGITS.numpy().astype("float64")))
    expected = -np.mean(target * np.log(p) + (1 - target) * np.log(1 - p))
    assert float(losses.binary_crossentropy(LOGITS, target)) == pytest.approx(expected, rel=1e-6)


def test_binary_crossentropy_survives_large_logits():
    assert float(losses.binary_crossentropy(tf.constant([1e4]), 0.0)) == 1e4


def test_l1_by_hand():
    assert float(losses.l1(tf.constant([1.0, -2.0]), tf.constant([0.0, 2.0]))) == 2.5


def test_scales_are_summed_in_float32():
    logits = [tf.constant([0.0, 2.0], tf.float16), tf.constant([3.0], tf.float16)]
    total = losses.over_scales(losses.least_squares, logits, 1.0)
    assert total.dtype == tf.float32 and float(total) == (1 + 1) / 2 + 4
