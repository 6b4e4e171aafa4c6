"""The fast convolution gives what the plain one gives, forwards and backwards."""

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.networks.layers import winograd


def plain(images, kernel, padding):
    if padding:
        images = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT")
    return tf.nn.conv2d(images, kernel, 1, "VALID")


def noise(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), tf.float32)


def with_gradients(convolve, images, kernel, upstream):
    with tf.GradientTape() as tape:
        tape.watch([images, kernel])
        outputs = convolve(images, kernel)
    return [outputs, *tape.gradient(outputs, [images, kernel], tf.cast(upstream, outputs.dtype))]


def fast(padding):
    return lambda images, kernel: winograd.convolve(images, winograd.Kernel(kernel), padding)


def distance(tensor, truth):
    truth = truth.numpy()
    return np.linalg.norm(tensor.numpy() - truth) / np.linalg.norm(truth)


def test_a_constant_image_gives_the_sum_of_the_kernel():
    kernel = tf.reshape(tf.range(1.0, 10.0), [3, 3, 1, 1])
    outputs = winograd.convolve(tf.fill([1, 6, 6, 1], 2.0), winograd.Kernel(kernel))
    np.testing.assert_allclose(outputs, np.full((1, 4, 4, 1), 90.0), rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "padding"),
    [
        ((2, 16, 16, 8), 1),  # one strip
        ((1, 32, 48, 8), 1),  # several strips
        ((1, 7, 10, 8), 1),  # no multiple of the tile
        ((2, 18, 11, 8), 0),  # mirrored elsewhere
        ((1, 2, 3, 8), 1),  # smaller than a tile
        ((1, 100, 20, 4), 1),  # halved
        ((1, 20, 170, 4), 0),  # halved twice
        ((1, 48, 48, 3), 1),  # more tiles than channels: they are made again for the gradient
    ],
)
def test_outputs_and_both_gradients_are_those_of_the_plain_convolution(shape, padding):
    images, kernel = noise(*shape), noise(3, 3, shape[-1], 6, seed=1)
    upstream = noise(*plain(images, kernel, padding).shape, seed=2)
    exact = with_gradients(
        lambda x, k: plain(x, k, padding),
        *(tf.cast(t, "float64") for t in (images, kernel)),
        upstream,
    )
    for got, truth in zip(
        with_gradients(fast(padding), images, kernel, upstream), exact, strict=True
    ):
        assert got.shape == truth.shape
        assert distance(got, truth) < 3e-6


def test_rounding_stays_within_three_times_that_of_the_plain_convolution():
    images, kernel = tf.nn.relu(noise(1, 16, 16, 64)), 0.02 * noise(3, 3, 64, 64, seed=1)
    upstream = noise(1, 16, 16, 64, seed=2)

    def conv(x, k):
        return plain(x, k, 1)

    exact = with_gradients(conv, *(tf.cast(t, "float64") for t in (images, kernel)), upstream)
    ours = with_gradients(fast(1), images, kernel, upstream)
    theirs = with_gradients(conv, images, kernel, upstream)
    for i in range(2):  # output, gradient of the images
        assert distance(ours[i], exact[i]) < 3 * distance(theirs[i], exact[i])
    assert distance(ours[2], exact[2]) < 2e-6


def test_two_uses_of_one_kernel_add_their_gradients():
    kernel, x, y = noise(3, 3, 4, 6), noise(1, 8, 8, 4, seed=1), noise(2, 32, 32, 4, seed=2)

    def loss(convolve):
        return tf.reduce_sum(convolve(x) ** 2) + tf.reduce_sum(convolve(y) ** 2)

    with tf.GradientTape() as tape:
        tape.watch(kernel)
        shared = winograd.Kernel(kernel)
        total = loss(lambda images: winograd.convolve(images, shared, 1))
    got = tape.gradient(total, kernel)
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        total = loss(lambda images: plain(images, kernel, 1))
    np.testing.assert_allclose(got, tape.gradient(total, kernel), rtol=1e-3, atol=1e-2)


def test_it_compiles_to_the_same_numbers():
    images, kernel = noise(1, 16, 16, 8), noise(3, 3, 8, 8, seed=1)
    upstream = noise(1, 16, 16, 8, seed=2)
    eager = with_gradients(fast(1), images, kernel, upstream)
    step = tf.function(lambda: with_gradients(fast(1), images, kernel, upstream), autograph=False)
    compiled = step()
    for one, other in zip(eager, compiled, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
