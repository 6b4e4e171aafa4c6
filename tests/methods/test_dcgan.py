"""DCGAN's losses on toy networks whose answers are known by hand, and its networks by count."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf import recipes
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.methods import dcgan, losses
from cyclegan_tf.methods.dcgan import DCGAN, DCGANOptions


def line(shape_in, shape_out, slope):
    """The network x -> slope * x from one number to one number."""
    x = keras.Input(shape_in)
    layer = keras.layers.Dense(1, use_bias=False)
    model = keras.Model(x, keras.layers.Reshape(shape_out)(layer(x)))
    layer.kernel.assign([[slope]])
    return model


def toy(gen=1.0, disc=1.0, rate=0.0, **options):
    networks = {"gen_zb": line((1,), (1, 1, 1), gen), "disc_b": line((1, 1, 1), (1,), disc)}
    model = DCGAN(DCGANOptions(**options), (None, (1, 1, 1)), networks=networks)
    model.compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(rate))
    return model


def batch(b, z):
    """Nothing of A, one image of B, one noise."""
    return tf.zeros((1, 1, 1, 1)), tf.fill((1, 1, 1, 1), float(b)), tf.fill((1, 1), float(z))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_losses_by_hand():
    # The fake is 2 * 0.5 = 1, judged 3; the real image 0.4 is judged 1.2.
    model = toy(2.0, 3.0)
    gen, fake = model.generator_losses(batch(0.4, 0.5))
    disc = model.discriminator_losses(batch(0.4, 0.5), fake)
    assert float(fake[0, 0, 0, 0]) == pytest.approx(1.0)
    assert float(gen["adv_b"]) == pytest.approx(-np.log(sigmoid(3.0)), rel=1e-5)
    expected = -np.log(sigmoid(1.2)) - np.log(1 - sigmoid(3.0))
    assert float(disc["disc_b"]) == pytest.approx(expected, rel=1e-5)
    gen, _ = toy(2.0, 3.0, generator_loss="minimax").generator_losses(batch(0.4, 0.5))
    assert float(gen["adv_b"]) == pytest.approx(np.log(1 - sigmoid(3.0)), rel=1e-5)


@pytest.mark.parametrize("logit", [-10.0, -1.0, 0.0, 2.0])
def test_minimax_has_no_slope_where_the_discriminator_is_sure(logit):
    # d/dw of the loss of logit v w z, at w = v = 1 and z = logit: its slope in the logit times z.
    slopes = {
        "minimax": -sigmoid(logit),
        "non_saturating": sigmoid(logit) - 1,
    }
    for loss, slope in slopes.items():
        _, (gradient,), _ = toy(generator_loss=loss)._generator_gradients(batch(0.0, logit))
        assert float(gradient[0, 0]) == pytest.approx(slope * logit, rel=1e-4, abs=1e-7)
    if logit == -10:
        assert abs(slopes["minimax"]) < 1e-4 < 0.9 < abs(slopes["non_saturating"])


def test_both_losses_want_the_same():
    logits = tf.constant([[-1.0], [3.0]])
    for loss in (losses.minimax, losses.non_saturating):
        assert float(loss(logits + 1)) < float(loss(logits))
    assert float(losses.minimax(tf.zeros((2, 1)))) == pytest.approx(-np.log(2))
    assert float(losses.non_saturating(tf.zeros((2, 1)))) == pytest.approx(np.log(2))


def test_no_gradient_of_the_discriminator_reaches_the_generator():
    model = toy(2.0, 3.0)
    _, _, fake = model._generator_gradients(batch(0.4, 0.5))
    _, (gradient,) = model._discriminator_gradients(batch(0.4, 0.5), fake)
    # d/dv of -log s(0.4 v) - log(1 - s(f v)) at v = 3, f = 1 held fixed.
    expected = (sigmoid(1.2) - 1) * 0.4 + sigmoid(3.0)
    assert float(gradient[0, 0]) == pytest.approx(expected, rel=1e-5)


def test_both_sides_step_on_the_same_fakes():
    model = toy(2.0, 3.0, rate=0.1)
    model.noise = lambda count, seed: (tf.fill((count, 1), 0.5),)
    logs = model._update(batch(0.4, 0.5)[:2])
    expected = -np.log(sigmoid(1.2)) - np.log(1 - sigmoid(3.0))
    assert float(logs[1]) == pytest.approx(expected, rel=1e-5)
    assert float(model.gen_zb.weights[0][0, 0]) == pytest.approx(
        2.0 - 0.1 * (sigmoid(3.0) - 1) * 3 * 0.5, rel=1e-5
    )


def test_real_and_generated_images_are_normalized_apart():
    rng = np.random.default_rng(0)
    model = recipes.dcgan((16, 16, 1), noise_size=3, filters=2)
    disc = model.disc_b
    real, fake = (rng.uniform(-1, high, (4, 16, 16, 1)).astype("float32") for high in (1, 0))
    loss = float(model.discriminator_losses((None, real), fake)["disc_b"])
    apart = [disc(x, training=True) for x in (real, fake)]
    joined = tf.split(disc(tf.concat([real, fake], 0), training=True), 2)

    def total(logits):
        return float(
            losses.binary_crossentropy(logits[0], 1.0) + losses.binary_crossentropy(logits[1], 0.0)
        )

    assert loss == pytest.approx(total(apart), rel=1e-6)
    assert abs(loss - total(joined)) > 1e-4


def test_noise_is_a_function_of_seed():
    model = recipes.dcgan((8, 8, 1), filters=1)
    (one,), (again,) = model.noise(50, tf.constant([0, 3])), model.noise(50, tf.constant([0, 3]))
    (other,) = model.noise(50, tf.constant([0, 4]))
    assert one.shape == (50, 100)
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).mean() > 0.5
    assert float(tf.reduce_mean(one)) == pytest.approx(0, abs=0.05)
    assert float(tf.math.reduce_std(one)) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("shape", "filters", "start", "counts"),
    [
        ((64, 64, 3), 128, (4, 4, 1024), (18_858_883, 17_236_481)),  # figure 1
        ((28, 28, 1), 64, (7, 7, 128), (834_369, 213_249)),
        ((32, 48, 1), 4, (4, 6, 16), None),
    ],
)
def test_networks_are_the_papers(shape, filters, start, counts):
    gen, disc = dcgan.generator(shape, filters=filters), dcgan.discriminator(shape, filters=filters)
    assert gen.input_shape == (None, 100) and gen.output_shape[1:] == shape
    assert disc.input_shape[1:] == shape and disc.output_shape == (None, 1)
    first = next(layer for layer in gen.layers if isinstance(layer, keras.layers.Reshape))
    assert first.target_shape == start
    if counts:
        assert (gen.count_params(), disc.count_params()) == counts


def test_networks_begin_as_the_seed_says():
    one, again, other = (dcgan.generator((8, 8, 1), 10, 2, seed=seed) for seed in (0, 0, 1))
    for x, y in zip(one.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(x, y)
    assert np.abs(one.get_weights()[0] - other.get_weights()[0]).max() > 0
    assert one.get_weights()[0].std() == pytest.approx(0.02, rel=0.2)


@pytest.mark.parametrize("sides", [(6, 6), (9, 8), (4, 16)])
def test_images_that_cannot_be_halved(sides):
    with pytest.raises(InputError, match="must be even, at least 8"):
        dcgan.generator((*sides, 1))


def test_columns_are_the_same_noise_each_time():
    model = recipes.dcgan((8, 8, 1), noise_size=5, filters=1)
    b = np.zeros((3, 8, 8, 1), np.float32)
    one, again = model.columns(None, b, ("A", "digits")), model.columns(None, b, ("A", "digits"))
    assert one[0][0] == "digits" and all(images.shape == b.shape for _, images in one)
    np.testing.assert_array_equal(one[1][1], again[1][1])
    assert np.abs(one[0][1] - one[1][1]).max() > 0


def test_recipes_have_the_papers_defaults():
    model = recipes.dcgan((64, 64, 3))
    assert model.gen_zb.count_params() == 18_858_883
    assert model.gen_zb.input_shape == (None, 100)
    for optimizer in (model.gen_optimizer, model.disc_optimizer):
        assert float(optimizer.learning_rate) == pytest.approx(2e-4)
        assert optimizer.beta_1 == 0.5
    assert model.method == "dcgan" and model.arguments["filters"] == 128
    # A constant rate makes a run of any length the same run.
    assert recipes.dcgan((8, 8, 1), filters=2, total_steps=7).arguments["total_steps"] is None
    falling = recipes.dcgan((8, 8, 1), filters=2, total_steps=7, decay_from=0.5)
    assert falling.arguments["total_steps"] == 7
    published = recipes.cgan((1, 1, 10), (28, 28, 1), network="maxout")
    assert published.gen_ab.count_params() == 2_413_984
