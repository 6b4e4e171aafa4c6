"""MUNIT's losses on toy networks whose answers are known by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf import recipes
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.methods.munit import MUNIT, MUNITOptions
from cyclegan_tf.networks import generator_file
from methods.test_unit import SHAPE, constants, scale


def style(factor):
    """The style encoder x -> factor * mean of x."""
    network = scale(factor)
    pooled = keras.layers.GlobalAveragePooling2D()(network.output)
    return keras.Model(network.input, pooled)


def decoder(factor):
    """The decoder of content c and style s to factor * c + s."""
    network, given = scale(factor), keras.Input((1,))
    everywhere = keras.layers.UpSampling2D(SHAPE[:2])(keras.layers.Reshape((1, 1, 1))(given))
    added = keras.layers.Add()([network.output, everywhere])
    return keras.Model([network.input, given], added)


def toy(**options):
    """Contents times 2 and 3, styles times 1 and 10, decoders times 5 and 7."""
    networks = {
        "content_a": scale(2),
        "content_b": scale(3),
        "style_a": style(1),
        "style_b": style(10),
        "dec_a": decoder(5),
        "dec_b": decoder(7),
        "disc_a": scale(1, 0.5),
        "disc_b": scale(1, 0.5),
    }
    model = MUNIT(MUNITOptions(**options), (SHAPE, SHAPE), networks=networks)
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    return model


# a = 0.1, b = 0.2: contents 0.2 and 0.6, styles 0.1 and 2; drawn are 0.5 and 0.3. So recon_a is
# 5 * 0.2 + 0.1 = 1.1, fake_a 5 * 0.6 + 0.5 = 3.5, fake_b 7 * 0.2 + 0.3 = 1.7, recon_b 6.2;
# contents of the fakes 3 * 1.7 = 5.1 (of a) and 2 * 3.5 = 7 (of b), styles 3.5 and 17.
BATCH = (*constants(0.1, 0.2), tf.fill((2, 1), 0.5), tf.fill((2, 1), 0.3))
BY_HAND = {
    "reconstruction_a": 10 * 1.0,
    "reconstruction_b": 10 * 6.0,
    "style_a": 3.5 - 0.5,
    "style_b": 17 - 0.3,
    "content_a": 5.1 - 0.2,
    "content_b": 7 - 0.6,
    "adv_ab": 0.7**2 + 0.15**2,
    "adv_ba": 2.5**2 + 0.75**2,
    "disc_a": 0.9**2 + 0.95**2 + 3.5**2 + 1.75**2,
    "disc_b": 0.8**2 + 0.9**2 + 1.7**2 + 0.85**2,
}
# Back in its own style: 5 * 5.1 + 0.1 and 7 * 7 + 2.
CYCLES = {"cycle_a": 10 * 25.5, "cycle_b": 10 * 50.8}


def losses_of(model):
    losses, fakes = model.generator_losses(BATCH)
    losses |= model.discriminator_losses(BATCH, model.remember(fakes, tf.constant([0, 0])))
    assert set(losses) == set(model.loss_names)
    return {name: float(value) for name, value in losses.items()}


def test_every_loss_by_hand():
    assert losses_of(toy()) == pytest.approx(BY_HAND, rel=1e-5)
    assert losses_of(toy(cycle_weight=10.0)) == pytest.approx(BY_HAND | CYCLES, rel=1e-5)


def test_each_weight_is_that_of_its_losses():
    weights = {
        "adversarial_weight": ("adv", "disc"),
        "reconstruction_weight": ("reconstruction",),
        "style_weight": ("style",),
        "content_weight": ("content",),
        "cycle_weight": ("cycle",),
    }
    for given, prefixes in weights.items():
        losses = losses_of(toy(**{name: float(name == given) for name in weights}))
        nonzero = {name for name, value in losses.items() if value}
        assert nonzero == {name for name in losses if name.startswith(prefixes)}, given


def test_a_translation_takes_its_style_from_the_second_input():
    model = toy()
    (a,) = constants(0.1)
    gen_ab, direction = model.saved["gen_ab"]
    assert direction == "ab"
    np.testing.assert_allclose(gen_ab([a, tf.fill((2, 1), 0.3)]), 7 * 2 * a + 0.3)
    assert {name: kind for name, (_, kind) in model.saved.items()} == {
        "gen_ab": "ab",
        "gen_ba": "ba",
        "style_a": "az",
        "style_b": "bz",
    }


TINY = {"filters": 2, "blocks": 1, "disc_layers": 1, "disc_scales": 2, "hidden": 4}


@pytest.fixture(scope="module")
def small():
    """A small model of gray and colour images."""
    options = {"filters": 4, "blocks": 1, "disc_layers": 2, "hidden": 8, "style_dims": 2}
    return recipes.munit((16, 16, 1), (16, 16, 3), **options, disc_scales=2)


def test_every_kernel_learns_and_is_listed_once(small):
    model = small
    a, b = (tf.random.stateless_uniform((2, 16, 16, c), (0, c), -1.0) for c in (1, 3))
    _, gradients, _ = model._generator_gradients((a, b, *model.noise(2, tf.constant([0, 1]))))
    variables = [v for network in model.generators for v in network.trainable_variables]
    assert len({id(v) for v in variables}) == len(variables) == len(gradients)
    for variable, gradient in zip(variables, gradients, strict=True):
        if variable.path.endswith("kernel"):
            assert float(tf.reduce_max(tf.abs(gradient))) > 0, variable.path


def test_styles_are_drawn_for_each_image_and_step(small):
    first, again, other = (small.noise(500, tf.constant([0, step])) for step in (1, 1, 2))
    assert [x.shape for x in first] == [(500, 2)] * 2
    assert all(np.array_equal(x, y) for x, y in zip(first, again, strict=True))
    drawn = np.stack([*first, *other])
    assert len(np.unique(drawn)) == drawn.size
    assert abs(drawn.mean()) < 0.1 and abs(drawn.std() - 1) < 0.1


def test_columns_show_three_styles_that_stay(small):
    a, b = np.zeros((2, 16, 16, 1), "float32"), np.ones((2, 16, 16, 3), "float32")
    model = small
    columns = model.columns(a, b, ("sketch", "cartoon"))
    assert [column and column[0] for column in columns][:6] == [
        "sketch",
        "as cartoon, 1",
        "as cartoon, 2",
        "as cartoon, 3",
        None,
        "cartoon",
    ]
    again = model.columns(a, b, ("sketch", "cartoon"))
    np.testing.assert_array_equal(columns[2][1], again[2][1])
    assert np.abs(columns[1][1] - columns[2][1]).max() > 0
    assert columns[1][1].shape == (2, 16, 16, 3)


def test_recipe_passes_on_what_it_is_given():
    weights = {"adversarial": 2, "reconstruction": 3, "style": 4, "content": 5, "cycle": 6}
    weights = {f"{name}_weight": value for name, value in weights.items()}
    model = recipes.munit((16, 16, 1), (16, 16, 3), **TINY, **weights, style_dims=3)
    assert {name: getattr(model.options, name) for name in weights} == weights
    assert "cycle_a" in model.loss_names and model.method == "munit"
    assert [x.shape[1:] for x in model.gen_ba.inputs] == [(None, None, 3), (3,)]
    with pytest.raises(InputError, match="style_dims must be"):
        recipes.munit((16, 16, 1), **TINY, style_dims=0)
    with pytest.raises(InputError, match="at least 16"):
        recipes.munit((8, 8, 1), **TINY)


def test_reduced_precision_saves_float32(tmp_path, eager):
    model = recipes.munit((16, 16, 1), (16, 16, 3), **TINY, precision="mixed_bfloat16")
    a, b = (tf.random.stateless_uniform((1, 16, 16, c), (0, c), -1.0) for c in (1, 3))
    losses = model.train_step((a, b))
    assert all(np.isfinite(float(value)) for value in losses.values())
    generator_file.save(tmp_path / "gen_ab.keras", model.gen_ab, generator_file.Translation())
    loaded, _ = generator_file.load(tmp_path / "gen_ab.keras")
    assert {layer.compute_dtype for layer in loaded.layers} == {"float32"}
    style = tf.ones((1, 8))
    reduced, exact = (np.asarray(network([a, style])) for network in (model.gen_ab, loaded))
    assert 0 < np.abs(reduced - exact).max() < 0.1
