"""Likelihoods that are distributions, and divergences known by hand."""

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.methods.likelihoods import Likelihood, kl_divergence, log_normal


def pixel(values):
    return tf.reshape(tf.constant(values, tf.float32), (-1, 1, 1, 1))


def test_a_pixel_is_black_or_white_with_probability_one():
    outputs = [-3.0, 0.0, 0.7]
    surprise = Likelihood("bernoulli")
    black = surprise(pixel([-1.0] * 3), pixel(outputs))
    white = surprise(pixel([1.0] * 3), pixel(outputs))
    np.testing.assert_allclose(np.exp(-black) + np.exp(-white), 1, rtol=1e-6)
    assert float(white[1]) == pytest.approx(np.log(2))
    assert float(white[2]) == pytest.approx(np.log(1 + np.exp(-0.7)))


@pytest.mark.parametrize("name", ["gaussian", "laplace"])
def test_densities_integrate_to_one(name):
    x = np.linspace(-4, 4, 40001)
    density = np.exp(-Likelihood(name, 0.3)(pixel(x), pixel(np.full_like(x, 0.4))))
    assert np.trapezoid(density, x) == pytest.approx(1, rel=1e-4)
    centre = np.trapezoid(density * x, x)
    assert centre == pytest.approx(np.tanh(0.4), rel=1e-4)
    if name == "gaussian":
        assert np.trapezoid(density * (x - centre) ** 2, x) == pytest.approx(0.09, rel=1e-3)
    else:
        assert np.trapezoid(density * abs(x - centre), x) == pytest.approx(0.3, rel=1e-3)


def test_surprise_is_a_sum_over_pixels_and_a_number_per_image():
    images, outputs = tf.ones((2, 3, 4, 5)), tf.zeros((2, 3, 4, 5))
    np.testing.assert_allclose(Likelihood()(images, outputs), [60 * np.log(2)] * 2, rtol=1e-6)


@pytest.mark.parametrize("name", ["bernoulli", "gaussian"])
def test_bias_and_scale_lead_to_the_brightness(name):
    likelihood = Likelihood(name)
    shown = np.tanh(likelihood.scale * likelihood.bias(0.13))
    assert (shown + 1) / 2 == pytest.approx(0.13)
    assert likelihood.bias(0.5) == 0


def test_divergence_from_the_standard_normal_by_hand():
    mean = tf.constant([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
    log_variance = tf.constant([[0.0, 0.0], [np.log(4.0), 0.0], [0.0, np.log(0.5)]], tf.float32)
    expected = [0, 0.5 * (4 + 1 - 1 - np.log(4)), 0.5 * (0.5 + 9 - 1 + np.log(2))]
    np.testing.assert_allclose(kl_divergence(mean, log_variance), expected, rtol=1e-6)


def test_divergence_between_gaussians_is_the_integral():
    (m, s), (n, t) = (0.3, 0.8), (-0.5, 1.7)
    given = [tf.constant([[v]], tf.float32) for v in (m, 2 * np.log(s), n, 2 * np.log(t))]
    x = np.linspace(-8, 8, 20001)
    p, q = (
        np.exp(-0.5 * ((x - centre) / width) ** 2) / (width * np.sqrt(2 * np.pi))
        for centre, width in ((m, s), (n, t))
    )
    integral = np.trapezoid(p * (np.log(p) - np.log(q)), x)
    assert float(kl_divergence(*given)[0]) == pytest.approx(integral, rel=1e-5)
    density = log_normal(tf.constant([[0.1]]), *given[:2])
    assert float(density[0]) == pytest.approx(np.log(np.interp(0.1, x, p)), rel=1e-4)
