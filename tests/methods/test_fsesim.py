"""FSeSim: its loss by hand, what leaves it as it is and what does not, and its recipes."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf import recipes
from cyclegan_tf.cli import main
from cyclegan_tf.cli import train as train_command
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import npz
from cyclegan_tf.evaluation.metrics import perceptual
from cyclegan_tf.methods.fsesim import FSeSim, FSeSimOptions
from cyclegan_tf.methods.losses import self_similarity, spatially_correlative
from cyclegan_tf.networks import generators, precision, projected_discriminator
from cyclegan_tf.networks.pretrained import weights
from cyclegan_tf.training import time_budget
from support.classifiers import drawn
from support.datasets import make_dataset

SHAPE = (32, 32, 3)
SMALL = {"filters": 2, "blocks": 1, "disc_layers": 1}


@pytest.fixture(autouse=True)
def drawn_weights(monkeypatch):
    """Both networks with weights that were drawn, in place of the published ones."""
    monkeypatch.setattr(weights, "load", lambda name, path=None: (drawn(name), "drawn"))


def make_images(count=2, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, *SHAPE)).astype("float32")


def test_self_similarity_by_hand():
    # Three places of one row: along the first axis, along both, nothing at all.
    features = tf.constant([[[[2.0, 0.0], [3.0, 4.0], [0.0, 0.0]]]])
    found = self_similarity(features, tf.constant([[1, 0]]))
    np.testing.assert_allclose(found, [[[0.6, 1.0, 0.0], [1.0, 0.6, 0.0]]], atol=1e-6)


def test_the_difference_of_layouts_by_hand():
    ours = tf.constant([[[1.0, 0.0, 0.5], [1.0, 0.0, 0.5]]])
    theirs = tf.constant([[[0.9, 0.5, 0.7], [0.0, 1.0, 0.5]]])
    first = np.corrcoef([1, 0, 0.5], [0.9, 0.5, 0.7])[0, 1]  # and the second is -1
    expected = 1 - (first - 1) / 2
    assert float(spatially_correlative(ours, theirs)) == pytest.approx(expected, rel=1e-5)
    assert float(spatially_correlative(ours, 0.3 * ours + 0.1)) == pytest.approx(0, abs=1e-6)


def test_images_do_not_mix():
    features = tf.constant(np.random.default_rng(0).normal(size=(2, 3, 3, 4)), tf.float32)
    places = tf.constant([[0, 8], [4, 1]])
    found = self_similarity(features, places).numpy()
    for i in range(2):
        flat = features[i].numpy().reshape(9, 4)
        flat /= np.linalg.norm(flat, axis=-1, keepdims=True)
        np.testing.assert_allclose(found[i], flat[places[i]] @ flat.T, rtol=1e-4, atol=1e-6)


def test_flat_images_have_a_gradient_that_is_finite():
    flat = tf.zeros((1, 2, 2, 3))
    with tf.GradientTape() as tape:
        tape.watch(flat)
        similarities = self_similarity(flat, tf.constant([[0, 3]]))
        loss = spatially_correlative(similarities, tf.ones((1, 2, 4)))
    assert float(loss) == 1 and np.isfinite(tape.gradient(loss, flat)).all()


def made(**options):
    model = recipes.fsesim(SHAPE, **(SMALL | options))
    return model, (make_images(), make_images(seed=1), *model.noise(2, tf.constant([0, 1])))


def test_the_losses_are_the_equations():
    model, (a, b, *orders) = made(spatial_weight=2.0, patches=10)
    a, b = tf.constant(a), tf.constant(b)
    losses, shown = model.generator_losses((a, b, *orders))
    fake = shown[0]
    np.testing.assert_allclose(fake, model.gen_ab(a), atol=1e-5)
    features = keras.Model(model.disc_b.input, projected_discriminator.levels(model.disc_b))
    differences = []
    for order, x, y in zip(orders, features(a), features(fake), strict=True):
        for i in range(2):
            places = np.argsort(-order[i].numpy())[:10]
            maps = []
            for m in (x[i].numpy(), y[i].numpy()):
                flat = m.reshape(-1, m.shape[-1])
                flat = flat / np.linalg.norm(flat, axis=-1, keepdims=True)
                maps.append(flat[places] @ flat.T)
            pairs = zip(*maps, strict=True)
            differences.append([1 - np.corrcoef(one, other)[0, 1] for one, other in pairs])
    lengths = {len(x) for x in differences}
    assert lengths == {10, 9}  # the deepest levels have 3 x 3 places
    by_level = [np.mean(differences[2 * i : 2 * i + 2]) for i in range(5)]
    assert float(losses["spatial_a"]) == pytest.approx(2 * np.mean(by_level), rel=1e-3)
    logits = model.disc_b(fake)
    assert float(losses["adv_ab"]) == pytest.approx(-float(tf.reduce_mean(logits)), rel=1e-3)
    disc = model.discriminator_losses((a, b), shown)["disc_b"]
    real = np.maximum(0, 1 - model.disc_b(b).numpy()).mean()
    by_hand = (real + np.maximum(0, 1 + logits.numpy()).mean()) / 2
    assert float(disc) == pytest.approx(by_hand, rel=1e-3)


def test_a_negative_keeps_its_layout_and_another_image_does_not():
    # Published weights are not at hand here: pixels of one kind against those of another do.
    left = np.full((1, *SHAPE), -0.5, "float32")
    left[:, :, 16:] = 0.5
    left += 0.02 * make_images(1)
    top = left.transpose(0, 2, 1, 3)
    discriminator = projected_discriminator.projected_discriminator(
        SHAPE, filters=2, layers=1, doublings=1
    )
    features = keras.Model(discriminator.input, projected_discriminator.levels(discriminator))

    def difference(x, y):
        maps = [self_similarity(features(m)[0], tf.range(225)[None]) for m in (x, y)]
        return float(spatially_correlative(*maps))

    assert difference(left, left) == pytest.approx(0, abs=1e-5)
    assert 0 < difference(left, -left) < 0.5 * difference(left, top)


def test_the_trained_network_sees_small_images_doubled():
    small, large = (recipes.fsesim((side, side, 3), **SMALL) for side in (32, 68))
    sizes = [[x.shape[1] for x in model._features.outputs] for model in (small, large)]
    assert sizes == [[15, 7, 3, 3, 3], [16, 7, 3, 3, 3]]
    doubled = tf.image.resize(make_images(), (64, 64))
    plain = projected_discriminator.projected_discriminator((64, 64, 3), filters=2, layers=1)
    expected = keras.Model(plain.input, projected_discriminator.levels(plain))(doubled)
    for one, other in zip(small._features(make_images()), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)
    shapes = (
        projected_discriminator.projected_discriminator(
            (h, 16, 3), filters=2, layers=1, doublings=1
        )
        for h in (16, 20)
    )
    assert [x.output_shape[-1] for x in shapes] == [6, 6]


def test_reduced_precision_compares_in_float32():
    full, (a, b, *orders) = made()
    reduced, _ = made(precision="mixed_bfloat16")
    assert precision.compute_type(reduced.gen_ab) == "bfloat16"
    one, other = (m.generator_losses((a, b, *orders))[0]["spatial_a"] for m in (full, reduced))
    assert other.dtype == tf.float32 and float(other) == pytest.approx(float(one), rel=0.05)


@pytest.mark.parametrize("channels", [(1, 3), (3, 1), (5, 3)])
def test_domains_of_different_channels_are_compared_by_the_mean(channels):
    shapes = [(32, 32, n) for n in channels]
    model = recipes.fsesim(*shapes, **SMALL, spatial_weight=1.0)
    assert model.image_shapes == tuple(shapes)
    a, b = (np.random.default_rng(0).uniform(-1, 1, (1, *s)).astype("float32") for s in shapes)
    orders = model.noise(1, tf.constant([0, 1]))
    _, (fake, *_) = model.generator_losses((tf.constant(a), tf.constant(b), *orders))
    assert fake.shape == b.shape
    # A translation that is the mean of its input has the layout that is asked for.
    mean = tf.constant(np.repeat(a.mean(-1, keepdims=True), channels[1], -1))
    model.gen_ab = keras.layers.Lambda(lambda x: mean)
    losses, _ = model.generator_losses((tf.constant(a), tf.constant(b), *orders))
    assert float(losses["spatial_a"]) == pytest.approx(0, abs=1e-4)


def test_recipes_say_what_they_are():
    model = recipes.fsesim(SHAPE, **SMALL)
    assert (model.method, model.options.spatial_weight, model.options.patches) == (
        "fsesim",
        10.0,
        256,
    )
    assert model.arguments["disc_features"] == "alex"
    fast = recipes.fsesim_fast(SHAPE, disc_layers=1)
    assert (fast.method, fast.options.spatial_weight) == ("fsesim", 3.0)
    assert fast.arguments["filters"] == 16 and fast.average is not None


@pytest.mark.parametrize(
    ("shapes", "options", "sentence"),
    [
        ((SHAPE, (32, 36, 3)), {}, "Both domains must have one height and width"),
        (((32, 32, 4),), {}, "needs images of 1 or 3 channels"),
        (((12, 12, 3),), {}, "at least 16 pixels, received 12x12"),
        ((SHAPE,), {"disc_features": None}, "disc_features must be 'alex' or 'vgg', received None"),
        ((SHAPE,), {"patches": 1}, "patches must be a whole number of at least 2"),
        ((SHAPE,), {"spatial_weight": -1.0}, "spatial_weight must be a number of at least 0"),
        (
            (SHAPE,),
            {"disc_layers": 0},
            "disc_layers must be .* at least 1, received 0",
        ),
        ((SHAPE,), {"disc_layers": 4}, "disc_layers=4 needs images of at least 48 pixels"),
    ],
)
def test_bad_arguments_are_refused_with_a_sentence(shapes, options, sentence):
    with pytest.raises(InputError, match=sentence):
        recipes.fsesim(*shapes, **(SMALL | options))


def test_a_generator_of_other_channels_is_refused():
    generator = generators.resnet_generator(SHAPE, filters=2, blocks=1, output_channels=1)
    with pytest.raises(ValueError, match="gen_ab must take 3 channels and give 3, received 3 and"):
        FSeSim(FSeSimOptions(), (SHAPE, SHAPE), networks={"gen_ab": generator})


@pytest.mark.slow
def test_the_command_trains_it_for_minutes_in_either_direction(tmp_path, monkeypatch):
    monkeypatch.setattr(train_command, "_set_up_tensorflow", lambda deterministic: None)
    trial = time_budget.Trial(9.0, 20.0)
    monkeypatch.setattr(time_budget, "trial", lambda model, batch_size=1: trial)
    data, run = tmp_path / "data.npz", tmp_path / "run"
    npz.save(data, make_dataset(size=32, channels=(3, 3)))
    words = [
        "train",
        str(data),
        str(run),
        "--method",
        "fsesim_fast",
        "--minutes",
        "1",
        "--epochs",
        "2",
    ]
    words += ["--filters", "2", "--blocks", "1", "--disc-layers", "1", "--spatial-weight", "5"]
    assert main.main([*words, "--direction", "ba"]) == 0
    described = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert described["method"] == "fsesim"
    assert described["arguments"]["total_steps"] == 2
    assert described["arguments"]["spatial_weight"] == 5
    assert (run / "gen_ab.keras").exists() and (run / "epochs/epoch_002.png").exists()


@pytest.mark.slow
def test_xla_computes_the_same_gradients():
    model, (a, b, *orders) = made(patches=20)
    a, b = tf.constant(a), tf.constant(b)
    # Biases in front of an InstanceNorm have no part in the losses.
    variables = [v.value for v in model.gen_ab.trainable_variables if len(v.shape) > 1]

    def gradients(a, b, *orders):
        with tf.GradientTape() as tape:
            loss = tf.add_n(list(model.generator_losses((a, b, *orders))[0].values()))
        return tape.gradient(loss, variables)

    expected = gradients(a, b, *orders)
    compiled = tf.function(gradients, jit_compile=True)(a, b, *orders)
    for one, other in zip(compiled, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-2, atol=1e-3 * np.abs(other).max() + 1e-6)


def test_the_published_weights_are_asked_for_before_a_run_begins(monkeypatch):
    def missing(name, path=None):
        raise InputError("no weights")

    monkeypatch.setattr(perceptual.weight_source, "load", missing)
    with pytest.raises(InputError, match="no weights"):
        recipes.fsesim(SHAPE, **SMALL)
