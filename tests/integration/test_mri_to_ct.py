"""The losses that MR and CT add to CycleGAN, and its recipe."""

import inspect

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf import recipes
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.methods.losses import gradient_difference
from cyclegan_tf.training.run import train
from support.datasets import make_dataset, make_model


def test_gradient_difference_by_hand():
    x = tf.constant([[0.0, 2.0], [1.0, 1.0]])[None, ..., None]
    y = tf.constant([[0.0, -1.0], [5.0, 5.0]])[None, ..., None]
    # Down: |1| - |5| and |-1| - |6|; across: |2| - |-1| and 0 - 0.
    assert float(gradient_difference(x, y)) == (4 + 5) / 2 + (1 + 0) / 2
    assert float(gradient_difference(x, -x)) == 0  # the sign of an edge does not count


def losses_of(model, a, b):
    return {name: float(value) for name, value in model.generator_losses((a, b))[0].items()}


def test_the_losses_are_what_they_say_and_off_by_default():
    dataset = make_dataset(channels=(1, 1))
    rng = np.random.default_rng(0)
    a, b = (tf.constant(rng.uniform(-1, 1, (2, 16, 16, 1)), tf.float32) for _ in range(2))
    plain, model = (make_model(dataset, **w) for w in ({}, {"paired_weight": 3.0}))
    before, losses = losses_of(plain, a, b), losses_of(model, a, b)
    assert not [name for name in plain.loss_names if name.startswith(("paired", "gradient"))]
    assert set(losses) - set(before) == {"paired_ab", "paired_ba"}
    fake_b, fake_a = (np.asarray(x) for x in model((a, b)))
    np.testing.assert_allclose(losses["paired_ab"], 3 * np.abs(fake_b - b).mean(), rtol=1e-5)
    np.testing.assert_allclose(losses["paired_ba"], 3 * np.abs(fake_a - a).mean(), rtol=1e-5)
    assert model.needs_pairs and not plain.needs_pairs
    both = make_model(dataset, paired_weight=3.0, gradient_weight=2.0)
    alone = make_model(dataset, gradient_weight=2.0)
    cycled = alone.gen_ba(fake_b)
    np.testing.assert_allclose(
        losses_of(alone, a, b)["gradient_a"], 2 * gradient_difference(cycled, a), rtol=1e-5
    )
    more = losses_of(both, a, b)["gradient_a"] - losses_of(alone, a, b)["gradient_a"]
    np.testing.assert_allclose(more, 2 * gradient_difference(fake_a, a), rtol=1e-4)


def test_pairs_are_asked_for_and_trained_on(eager, tmp_path):
    unpaired = make_dataset(4, 4, channels=(1, 1))
    model = make_model(unpaired, paired_weight=1.0, gradient_weight=1.0)
    with pytest.raises(InputError, match="learns from pairs"):
        train(model, unpaired, tmp_path / "run", 1, verbose=0)
    paired = make_dataset(4, 4, channels=(1, 1), paired=True)
    history = train(model, paired, tmp_path / "run", 1, steps_per_epoch=2, verbose=0)
    assert {"paired_ab", "paired_ba", "gradient_a", "gradient_b"} <= set(history[0])


def test_the_recipe_is_cyclegan_with_other_defaults():
    shape = (16, 16, 1)
    options = {"filters": 2, "blocks": 1, "disc_layers": 1, "seed": 3}
    model = recipes.mri_to_ct(shape, **options)
    twin = recipes.cyclegan(shape, **options, identity_weight=0.0, upsampling="resize")
    assert (model.method, model.arguments) == (twin.method, twin.arguments)
    for one, other in zip(model.gen_ab.weights, twin.gen_ab.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert recipes.mri_to_ct(shape, **options, identity_weight=1.0).options.identity_weight == 1.0
    defaults = inspect.signature(recipes.mri_to_ct).parameters
    assert (defaults["identity_weight"].default, defaults["filters"].default) == (0.0, 64)
    older = recipes.cyclegan(shape, **options)
    assert not {"paired_weight", "gradient_weight"} & set(older.arguments)
