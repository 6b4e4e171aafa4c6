"""UNIT's losses on toy networks whose answers are known by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf import recipes
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.methods.unit import UNIT, UNITOptions, kl_to_normal

SHAPE = (4, 4, 1)


def scale(*factors):
    """The network x -> factor * x; of several factors, a list of outputs."""
    image = keras.Input(SHAPE)
    layers = [keras.layers.Conv2D(1, 1, use_bias=False) for _ in factors]
    outputs = [layer(image) for layer in layers]
    for layer, factor in zip(layers, factors, strict=True):
        layer.kernel.assign(np.full((1, 1, 1, 1), factor))
    return keras.Model(image, outputs if len(outputs) > 1 else outputs[0])


def toy(scales=(1, 0.5), **options):
    """Encoders times 2 and 3, decoders times 5 and 7, discriminators of two scales, x and x / 2."""
    networks = {
        "enc_a": scale(2),
        "enc_b": scale(3),
        "enc_shared": scale(1),
        "dec_shared": scale(1),
        "dec_a": scale(5),
        "dec_b": scale(7),
        "disc_a": scale(*scales),
        "disc_b": scale(*scales),
    }
    model = UNIT(UNITOptions(**options), (SHAPE, SHAPE), networks=networks)
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    return model


def constants(*values):
    return tuple(tf.fill((2, *SHAPE), float(value)) for value in values)


# a = 0.1, b = 0.2: codes 0.2 and 0.6, with noise 0.3 and 0.8. So recon_a 1.5, fake_a 4,
# fake_b 2.1, recon_b 5.6; codes of the fakes 3 * 2.1 = 6.3 and 2 * 4 = 8, with noise 6.6 and 8.4.
BATCH = constants(0.1, 0.2, 0.1, 0.2, 0.3, 0.4)


def test_every_loss_by_hand():
    model = toy()
    losses, fakes = model.generator_losses(BATCH)
    losses |= model.discriminator_losses(BATCH, model.remember(fakes, tf.constant([0, 0])))
    assert {name: float(value) for name, value in losses.items()} == {
        "reconstruction_a": pytest.approx(10 * 1.4, rel=1e-5),
        "reconstruction_b": pytest.approx(10 * 5.4, rel=1e-5),
        "kl_a": pytest.approx(0.01 * 0.2**2, rel=1e-5),
        "kl_b": pytest.approx(0.01 * 0.6**2, rel=1e-5),
        "cycle_a": pytest.approx(10 * (5 * 6.6 - 0.1), rel=1e-5),
        "cycle_b": pytest.approx(10 * (7 * 8.4 - 0.2), rel=1e-5),
        "cycle_kl_a": pytest.approx(0.01 * 6.3**2, rel=1e-5),
        "cycle_kl_b": pytest.approx(0.01 * 8**2, rel=1e-5),
        "adv_ab": pytest.approx(1.1**2 + 0.05**2, rel=1e-5),
        "adv_ba": pytest.approx(3**2 + 1**2, rel=1e-5),
        "disc_a": pytest.approx(0.9**2 + 0.95**2 + 4**2 + 2**2, rel=1e-5),
        "disc_b": pytest.approx(0.8**2 + 0.9**2 + 2.1**2 + 1.05**2, rel=1e-5),
    }
    assert set(losses) == set(model.loss_names)


def test_discriminators_of_one_scale():
    model = toy(scales=(1,))
    losses, fakes = model.generator_losses(BATCH)
    losses |= model.discriminator_losses(BATCH, fakes)
    assert float(losses["adv_ab"]) == pytest.approx(1.1**2, rel=1e-5)
    assert float(losses["disc_a"]) == pytest.approx(0.9**2 + 4**2, rel=1e-5)


def test_each_weight_is_that_of_its_losses():
    weights = {
        "adversarial_weight": ("adv", "disc"),
        "reconstruction_weight": ("reconstruction",),
        "kl_weight": ("kl",),
        "cycle_weight": ("cycle_a", "cycle_b"),
        "cycle_kl_weight": ("cycle_kl",),
    }
    for given, prefixes in weights.items():
        model = toy(**{name: float(name == given) for name in weights})
        losses, fakes = model.generator_losses(BATCH)
        losses |= model.discriminator_losses(BATCH, fakes)
        nonzero = {name for name, value in losses.items() if float(value)}
        assert nonzero == {name for name in losses if name.startswith(prefixes)}, given


def test_saved_translations_decode_the_mean():
    model = toy()
    (a,) = constants(0.1)
    (gen_ab, ab), (gen_ba, ba) = model.saved["gen_ab"], model.saved["gen_ba"]
    assert (ab, ba) == ("ab", "ba")
    np.testing.assert_allclose(gen_ab(a), 7 * 2 * a, rtol=1e-6)
    np.testing.assert_allclose(gen_ba(a), 5 * 3 * a, rtol=1e-6)


def test_divergence_by_hand():
    # Per number of N(m, 1) from N(0, 1): m^2 / 2; the authors leave the half to the weight.
    mean = np.array([0.0, 1.0, -3.0])
    x = np.linspace(-12, 12, 24001)[:, None]
    density = np.exp(-((x - mean) ** 2) / 2) / np.sqrt(2 * np.pi)
    divergence = (density * ((x**2 - (x - mean) ** 2) / 2)).sum(0) * (x[1, 0] - x[0, 0])
    assert float(kl_to_normal(tf.constant(mean))) == pytest.approx(2 * divergence.mean(), rel=1e-6)


TINY = {"filters": 2, "blocks": 1, "disc_layers": 1, "disc_scales": 1}


@pytest.fixture(scope="module")
def small():
    """A small model of gray and colour images, of which two blocks are shared."""
    options = {"filters": 4, "blocks": 2, "disc_layers": 2, "disc_scales": 2}
    return recipes.unit((16, 16, 1), (16, 16, 3), **options)


def test_every_kernel_learns_and_is_listed_once(small):
    model = small
    a, b = (tf.random.stateless_uniform((2, 16, 16, c), (0, c), -1.0) for c in (1, 3))
    batch = (a, b, *model.noise(2, tf.constant([0, 1])))
    _, of_generators, fakes = model._generator_gradients(batch)
    _, of_discriminators = model._discriminator_gradients(batch, fakes)
    for gradients, side in (
        (of_generators, model.generators),
        (of_discriminators, model.discriminators),
    ):
        variables = [v for network in side for v in network.trainable_variables]
        assert len({id(v) for v in variables}) == len(variables) == len(gradients)
        for variable, gradient in zip(variables, gradients, strict=True):
            if variable.path.endswith("kernel"):
                assert float(tf.reduce_max(tf.abs(gradient))) > 0, variable.path


def test_both_translations_go_through_the_shared_layers(small):
    model = small
    shared = {id(w) for w in (*model.enc_shared.weights, *model.dec_shared.weights)}
    of_ab, of_ba = ({id(w) for w in network.weights} for network in (model.gen_ab, model.gen_ba))
    assert len(shared) == 2 * 4 and of_ab & of_ba == shared


def test_noise_has_the_shape_of_the_codes_and_depends_on_the_step(small):
    first, again, other = (small.noise(3, tf.constant([0, step])) for step in (1, 1, 2))
    assert [x.shape for x in first] == [(3, 4, 4, 16)] * 4
    assert all(np.array_equal(x, y) for x, y in zip(first, again, strict=True))
    drawn = [np.asarray(x) for x in (*first, *other)]
    assert len({x.tobytes() for x in drawn}) == 8
    assert abs(np.mean(drawn)) < 0.05 and abs(np.std(drawn) - 1) < 0.05


def test_columns_show_both_ways(small):
    a, b = np.zeros((2, 16, 16, 1), "float32"), np.ones((2, 16, 16, 3), "float32")
    model = small
    columns = model.columns(a, b, ("sketch", "cartoon"))
    labels = [column and column[0] for column in columns]
    assert labels[:4] == ["sketch", "as cartoon", "and back", None]
    np.testing.assert_array_equal(columns[1][1], model.gen_ab(a))
    np.testing.assert_array_equal(columns[6][1], model.gen_ab(model.gen_ba(b)))


def test_recipe_passes_on_what_it_is_given():
    weights = {"adversarial": 2, "reconstruction": 3, "kl": 4, "cycle": 5, "cycle_kl": 6}
    weights = {f"{name}_weight": value for name, value in weights.items()}
    model = recipes.unit((8, 8, 1), (8, 8, 3), **TINY, **weights, l2_weight=7, beta_1=0.25)
    assert {name: getattr(model.options, name) for name in weights} == weights
    assert model.image_shapes == ((8, 8, 1), (8, 8, 3))
    assert model.method == "unit" and model.arguments["kl_weight"] == 4
    for optimizer in (model.gen_optimizer, model.disc_optimizer):
        assert (optimizer.l2, optimizer.beta_1, optimizer.epsilon) == (7, 0.25, 1e-8)
    assert not recipes.unit((8, 8, 1), **TINY, shared_blocks=0).enc_shared.weights


@pytest.mark.parametrize(
    ("options", "step", "rate"),
    [
        ({}, 99_999, 1e-4),
        ({}, 100_000, 5e-5),
        ({"total_steps": 1_000_000}, 399_999, 1.25e-5),  # published: 100,000 is less than a quarter
        ({"total_steps": 4000}, 999, 1e-4),
        ({"total_steps": 4000}, 3000, 1.25e-5),
        ({"total_steps": 4000, "halve_every": 2000}, 3000, 5e-5),
    ],
)
def test_rate_is_halved_as_published_or_four_times_in_a_short_run(options, step, rate):
    optimizer = UNITOptions(**options).resolve(SHAPE, SHAPE).optimizer()
    assert float(optimizer._learning_rate(step)) == pytest.approx(rate)


@pytest.mark.parametrize("recipe", [recipes.unit, recipes.munit])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_shape_a": (16, 16)}, "image_shape_a must be"),
        ({"image_shape_a": (18, 16, 1)}, "multiples of 4"),
        ({"image_shape_b": (32, 16, 1)}, "one height and width"),
        ({"disc_layers": 4}, "disc_layers=4 with disc_scales=2 needs images of at least 32"),
        ({"filters": 0}, "filters must be a whole number of at least 1, received 0"),
        ({"l2_weight": -1}, "l2_weight must be a number of at least 0"),
        ({"halve_every": 0}, "halve_every must be"),
        ({"precision": "float8"}, "precision must be"),
    ],
)
def test_bad_arguments_are_named(recipe, options, message):
    given = {"image_shape_a": (16, 16, 1), "disc_scales": 2, "disc_layers": 1} | options
    with pytest.raises(InputError, match=message):
        recipe(**given)


def test_no_more_blocks_are_shared_than_there_are():
    with pytest.raises(InputError, match="shared_blocks must be at most blocks, 1, received 2"):
        recipes.unit((8, 8, 1), **TINY, shared_blocks=2)
