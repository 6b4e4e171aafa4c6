"""Matched: its losses, its linear model and its codes by hand, and many answers."""

import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf import recipes
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import linear_model, matching, npz
from cyclegan_tf.inference import load
from cyclegan_tf.methods.losses import feature_distance, l1, palette_distance
from cyclegan_tf.methods.train import train
from cyclegan_tf.networks import generators
from cyclegan_tf.networks.layers.linear_prediction import LinearPrediction
from cyclegan_tf.networks.pretrained import weights
from cyclegan_tf.training import time_budget
from support.classifiers import drawn
from support.datasets import make_dataset

SHAPE = (32, 32, 3)
SMALL = {"filters": 2, "blocks": 1, "disc_layers": 1, "patches": 9, "code": 3}


@pytest.fixture(autouse=True)
def drawn_weights(monkeypatch):
    """A classifier with weights that were drawn, in place of the published ones."""
    monkeypatch.setattr(weights, "load", lambda name, path=None: (drawn(name), "drawn"))


def made(**options):
    model = recipes.matched(SHAPE, **(SMALL | options))
    dataset = make_dataset(6, 4, size=SHAPE[0], channels=(3, 3))
    draw = np.random.default_rng(0)
    a, b = (tf.constant(draw.uniform(-1, 1, (2, *SHAPE)), tf.float32) for _ in "ab")
    return model, dataset, (a, b, *model.noise(2, tf.constant([0, 1])))


def test_the_distance_of_palettes_by_hand():
    # Four parts of 2x4 pixels: within a part only the mean counts.
    one = np.zeros((1, 4, 8, 1), np.float32)
    other = np.zeros_like(one)
    other[0, :2, :2] = 0.5  # half of a part
    other[0, 0, 4:6], other[0, 1, 4:6] = 1, -1
    assert float(palette_distance(one, other, 2)) == pytest.approx(0.25 / 4)
    assert float(palette_distance(one, one + 0.5, 4)) == pytest.approx(0.5)


def test_the_distance_of_features_by_hand():
    x = [tf.constant([[[[2.0, 0.0], [0.0, 1.0]]]]), tf.constant([[[[1.0, 1.0]]]])]
    y = [tf.constant([[[[0.0, 3.0], [0.0, 5.0]]]]), tf.constant([[[[-1.0, -1.0]]]])]
    # Directions alone: at right angles 2, alike 0, opposite 4.
    assert float(feature_distance(x, y)) == pytest.approx(((2 + 0) / 2 + 4) / 2)


def test_the_ridge_finds_a_line_and_whitened_codes_are_what_it_misses():
    draw = np.random.default_rng(0)
    known, own = draw.normal(size=(300, 4)), draw.normal(size=(300, 2)) * [3.0, 1.0]
    images = np.concatenate([known, own], 1) @ draw.normal(size=(6, 7)) + 5
    weights, bias = linear_model.ridge(known, images, 1e-6)
    rest = images - (known @ weights + bias)
    assert np.abs(rest.T @ known).max() / len(known) < 1e-6
    codes = rest @ linear_model.whitening(rest, 4)
    np.testing.assert_allclose(codes.T @ codes / len(codes), np.diag([1, 1, 0, 0]), atol=1e-6)
    # Both own numbers are recovered from the code.
    left = (
        own
        - np.concatenate([codes, known, np.ones((300, 1))], 1)
        @ np.linalg.lstsq(np.concatenate([codes, known, np.ones((300, 1))], 1), own, rcond=None)[0]
    )
    assert np.abs(left).max() < 1e-6


def test_the_prediction_and_its_codes_make_the_partner_again():
    # Images of two colours, above and below: two numbers that no input tells, and one that it does.
    model, _, _ = made(code=2, code_spread=0.5)
    draw = np.random.default_rng(1)
    told, above, below = draw.uniform(-0.4, 0.4, (3, 40, 1, 1, 1))
    a = np.tile(told, (1, *SHAPE)).astype("float32")
    half = np.concatenate([np.tile(told + x, (1, 16, 32, 3)) for x in (above, below)], 1)
    b = half.astype("float32")
    paired = {"train": True, "test": False}
    dataset = npz.Dataset(a, b, ranges=((-1, 1), (-1, 1)), paired=paired)
    assert model.partners(dataset).tolist() == list(range(40))  # pairs are partners
    prediction = next(x for x in model.gen_ab.layers if isinstance(x, LinearPrediction))
    given = tf.constant(a), tf.constant(b)
    codes = model._code(*given)
    np.testing.assert_allclose(np.std(codes, 0), 2, rtol=0.05)  # in units of half a spread
    made_again = prediction([given[0], codes]).numpy()
    apart = np.abs(made_again - b)
    assert apart[:, 2:14].mean() < 0.03 and apart[:, 18:30].mean() < 0.03
    drawn_code = prediction([given[0], tf.zeros_like(codes)]).numpy()
    assert np.abs(drawn_code - b).mean() > 0.1


def test_an_image_of_a_drawn_code_has_no_partner():
    model, dataset, batch = made(drawn_share=1.0)
    model.partners(dataset)
    losses, _ = model.generator_losses(batch)
    for name in ("palette_b", "pixel_b", "partner_b"):
        assert float(losses[name]) == 0
    assert float(losses["adv_ab"]) != 0


def test_the_partner_is_compared_by_colours_and_features():
    model, dataset, batch = made(palette_weight=10.0, partner_weight=2.0, drawn_share=0.0)
    found = model.partners(dataset)
    assert found.tolist() == matching.partners(dataset, model.seed).tolist()
    losses, (translated, *_) = model.generator_losses(batch)
    assert (*losses, "disc_b") == model.loss_names
    b = batch[1]
    expected = 10 * float(palette_distance(translated, b))
    assert float(losses["palette_b"]) == pytest.approx(expected, rel=1e-5)
    assert float(losses["pixel_b"]) == pytest.approx(10 * float(l1(translated, b)), rel=1e-5)
    levels = (model._features(x) for x in (translated, b))
    assert float(losses["partner_b"]) == pytest.approx(2 * float(feature_distance(*levels)), 1e-5)


def test_partners_must_be_known_before_training():
    model, dataset, batch = made()
    with pytest.raises(InputError, match="partners are not known: train by cyclegan_tf.train"):
        model.generator_losses(batch)
    model.partners(dataset)
    assert np.isfinite(sum(float(x) for x in model.generator_losses(batch)[0].values()))


def test_a_trial_needs_no_data(eager):
    model, _, _ = made()
    assert time_budget.trial(model, seconds=0.01).step > 0


def test_every_draw_is_another_translation_and_a_seed_repeats_it(tmp_path, eager):
    dataset = make_dataset(5, 4, size=32, channels=(3, 3))
    options = {"epochs": 1, "steps_per_epoch": 1, "verbose": 0} | SMALL
    train("matched", dataset, tmp_path / "run", **options)
    image = dataset.train_a[0]
    translator = load.load(tmp_path / "run")
    one, again, other = (translator(image, seed=seed) for seed in (0, 0, 1))
    assert one.shape == (32, 32, 3) and np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_code_needs_the_norm_of_the_layer():
    with pytest.raises(InputError, match="code=3 needs gen_norm='layer', received 'instance'"):
        recipes.matched(SHAPE, **SMALL, gen_norm="instance")
    with pytest.raises(ValueError, match="with code layer"):
        generators.resnet_generator(code=3)
    model, _, _ = made(code=0, gen_norm="instance")
    assert len(model.gen_ab.inputs) == 1


def test_of_pairs_a_code_says_little_and_pixels_count():
    pairs, none = (make_dataset(4, 4, size=32, paired=paired) for paired in (True, False))
    shapes = pairs.image_shape_a, pairs.image_shape_b
    of_pairs, usual = (
        recipes.matched_fast(*shapes, disc_layers=1, dataset=x).options for x in (pairs, none)
    )
    assert (of_pairs.code, of_pairs.pixel_weight) == (8, 60.0)
    assert (usual.code, usual.pixel_weight) == (32, 10.0)


def test_the_recipes_say_what_they_are():
    fast = recipes.matched_fast(SHAPE, disc_layers=1)
    assert (fast.method, fast.options.code, fast.options.spatial_weight) == ("matched", 32, 0.0)
    assert fast.options.gen_norm == "layer" and fast.options.adversarial_loss == "hinge"
