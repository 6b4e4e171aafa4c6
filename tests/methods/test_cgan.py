"""The conditional GAN's losses on toy networks whose answers are known by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf import recipes
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.methods import cgan, dcgan
from cyclegan_tf.methods.cgan import ConditionalGAN, ConditionalGANOptions

#: Two classes, as they come in a batch.
FIRST, SECOND = [1.0, -1.0], [-1.0, 1.0]


def linear(shape, weights, shape_out):
    """The network of a class and one more number: the sum of all inputs, weighted."""
    asked, x = keras.Input((1, 1, 2)), keras.Input(shape)
    flat = keras.layers.Concatenate()([keras.layers.Flatten()(y) for y in (asked, x)])
    layer = keras.layers.Dense(1, use_bias=False)
    model = keras.Model([asked, x], keras.layers.Reshape(shape_out)(layer(flat)))
    layer.kernel.assign(np.array(weights)[:, None])
    return model


def toy(gen, disc, **options):
    networks = {"gen_ab": linear((1,), gen, (1, 1, 1)), "disc_b": linear((1, 1, 1), disc, (1,))}
    shapes = (1, 1, 2), (1, 1, 1)
    model = ConditionalGAN(ConditionalGANOptions(**options), shapes, networks=networks)
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    return model


def batch(asked, b, z):
    asked = tf.constant(asked, shape=(1, 1, 1, 2))
    return asked, tf.fill((1, 1, 1, 1), float(b)), tf.fill((1, 1), float(z))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_generator_and_discriminator_see_the_class():
    # Fake = 0.3 first + 0.1 second + 2 z; logit = 0.5 first + 0.2 second + x.
    model = toy([0.3, 0.1, 2.0], [0.5, 0.2, 1.0])
    for asked, shift, bias in ((FIRST, 0.2, 0.3), (SECOND, -0.2, -0.3)):
        gen, fake = model.generator_losses(batch(asked, 0.4, 0.25))
        assert float(fake[0, 0, 0, 0]) == pytest.approx(0.5 + shift, rel=1e-5)
        logit = 0.5 + shift + bias
        assert float(gen["adv_b"]) == pytest.approx(-np.log(sigmoid(logit)), rel=1e-5)
        disc = model.discriminator_losses(batch(asked, 0.4, 0.25), fake)
        expected = -np.log(sigmoid(0.4 + bias)) - np.log(1 - sigmoid(logit))
        assert float(disc["disc_b"]) == pytest.approx(expected, rel=1e-5)


def test_minimax():
    model = toy([0.3, 0.1, 2.0], [0.5, 0.2, 1.0], generator_loss="minimax")
    gen, _ = model.generator_losses(batch(FIRST, 0.4, 0.25))
    assert float(gen["adv_b"]) == pytest.approx(np.log(1 - sigmoid(1.0)), rel=1e-5)


def test_a_discriminator_that_looks_at_the_class_alone_teaches_the_generator_nothing():
    model = toy([0.3, 0.1, 2.0], [0.5, 0.2, 0.0])
    _, (gradient,), _ = model._generator_gradients(batch(FIRST, 0.4, 0.25))
    np.testing.assert_array_equal(gradient, np.zeros((3, 1)))


def test_the_papers_networks():
    gen, disc = cgan.generator((28, 28, 1), 10), cgan.discriminator((28, 28, 1), 10)
    assert (gen.count_params(), disc.count_params()) == (2_413_984, 1_224_351)
    assert gen.input_shape == [(None, 1, 1, 10), (None, 100)]
    assert gen.output_shape == (None, 28, 28, 1) and disc.output_shape == (None, 1)


def test_convolutional_networks():
    shape = (28, 28, 1)
    gen = dcgan.generator(shape, filters=8, classes=10)
    disc = dcgan.discriminator(shape, filters=8, classes=10)
    plain = dcgan.generator(shape, filters=8), dcgan.discriminator(shape, filters=8)
    # Ten more numbers into the projection, ten more channels into the first 5x5 convolution.
    assert gen.count_params() - plain[0].count_params() == 10 * 7 * 7 * 16
    assert disc.count_params() - plain[1].count_params() == 10 * 25 * 8


def test_maxout_takes_the_largest_of_each_units_pieces():
    disc = cgan.discriminator((1, 1, 1), 2, width=1 / 240, seed=0)
    # One unit of 5 pieces for the image, one of 5 for the class, one of 4 for both.
    dense = [layer for layer in disc.layers if isinstance(layer, keras.layers.Dense)]
    assert sorted(layer.units for layer in dense) == [1, 4, 5, 5]
    rng = np.random.default_rng(0)
    disc.set_weights([rng.normal(size=w.shape) for w in disc.get_weights()])
    weights = {layer.kernel.shape: layer.get_weights() for layer in dense}
    image, asked = np.array([0.3]), np.array([0.0, 1.0])
    hidden = []
    for x, shape in ((image, (1, 5)), (asked, (2, 5))):
        kernel, bias = weights[shape]
        hidden.append((x @ kernel + bias).max())
    kernel, bias = weights[(2, 4)]
    (top,), (bottom,) = weights[(1, 1)]
    expected = (np.array(hidden) @ kernel + bias).max() * top[0] + bottom
    given = [np.array(SECOND, np.float32)[None, None, None], np.full((1, 1, 1, 1), 0.3, np.float32)]
    assert float(disc(given)[0, 0]) == pytest.approx(expected, rel=1e-4)


def test_columns_hold_one_class_each():
    # A generator that gives the class alone: 1 where the first is asked for, else -1.
    model = toy([1.0, 0.0, 0.0], [0.0, 0.0, 1.0])
    columns = model.columns(np.zeros((3, 1, 1, 2), np.float32), None, ("digit", "handwriting"))
    assert [label for label, _ in columns] == ["0", "1"]
    np.testing.assert_array_equal(columns[0][1], np.ones((3, 1, 1, 1)))
    np.testing.assert_array_equal(columns[1][1], -np.ones((3, 1, 1, 1)))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"image_shape_a": (8, 8, 1)}, "must hold one-hot images"),
        ({"network": "maxout", "filters": 3}, "filters has no use with network='maxout'"),
        ({"network": "dense"}, "network must be 'maxout' or 'convolutional'"),
        ({"generator_loss": "least_squares"}, "generator_loss must be"),
        ({"network": "convolutional", "image_shape_b": (9, 8, 1)}, "must be even"),
        ({"noise_size": 0}, "noise_size must be"),
        ({"learning_rate": float("nan")}, "learning_rate must be"),
    ],
)
def test_recipe_refuses(arguments, reason):
    shapes = {"image_shape_a": (1, 1, 10), "image_shape_b": (8, 8, 1)}
    with pytest.raises(InputError, match=reason):
        recipes.cgan(**shapes | arguments)
