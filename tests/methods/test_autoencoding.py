"""The recipes of autoencoder, VAE and CVAE, from arguments to a run."""

import json

import numpy as np
import pytest

from cyclegan_tf import recipes
from cyclegan_tf.cli import main
from cyclegan_tf.cli import train as train_command
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import npz, pipeline
from cyclegan_tf.evaluation.likelihood import evidence
from cyclegan_tf.inference import load
from cyclegan_tf.training.run import train
from support.datasets import make_dataset, make_digits

OPTIONS = {"batch_size": 4, "steps_per_epoch": 3, "images": 2, "verbose": 0}


def test_defaults_are_the_published_ones():
    model = recipes.vae((28, 28, 1), total_steps=10)
    assert model.encoder.count_params() + model.decoder.count_params() == 425_284
    assert (model.latent, model.likelihood.name, model.binarize) == (50, "bernoulli", True)
    assert not model.augments and model.discriminators == []
    optimizer = model.gen_optimizer
    assert (optimizer.beta_1, optimizer.beta_2) == (0.9, 0.999)
    assert float(optimizer.learning_rate) == pytest.approx(1e-3)
    plain = recipes.autoencoder((28, 28, 1))
    assert plain.encoder.count_params() + plain.decoder.count_params() == 425_284 - 200 * 50 - 50


def test_defaults_follow_the_images():
    colour = recipes.vae((16, 16, 3), filters=2)
    assert (colour.likelihood.name, colour.binarize, colour.latent) == ("gaussian", False, 128)
    image = recipes.cvae((16, 16, 1), (16, 16, 3), filters=2)
    assert (image.likelihood.name, image.latent, image.augments) == ("laplace", 8, True)
    digits = recipes.cvae((1, 1, 10), (28, 28, 1))
    assert (digits.likelihood.name, digits.binarize, digits.latent) == ("bernoulli", True, 50)
    assert digits.augments is False and digits.prior is not None
    assert recipes.cvae((1, 1, 10), (28, 28, 1), prior="standard").prior is None
    convolutional = recipes.cvae((1, 1, 3), (8, 8, 1), network="convolutional", filters=2)
    assert convolutional.gen_ab.output_shape == (None, 8, 8, 1)


def test_the_first_images_have_the_brightness():
    model = recipes.vae((28, 28, 1), brightness=0.13)
    shown = model.sampler(np.zeros((1, 50), "float32"))
    assert (np.mean(shown) + 1) / 2 == pytest.approx(0.13, abs=1e-3)


@pytest.mark.parametrize(
    ("method", "options", "sentence"),
    [
        (
            "vae",
            {"network": "unet"},
            "'dense' or 'convolutional', received 'unet'",
        ),
        ("vae", {"latent": 0}, "latent must be a whole number of at least 1, received 0"),
        (
            "vae",
            {"likelihood": "poisson"},
            "likelihood must be .*'laplace', received 'poisson'",
        ),
        ("vae", {"likelihood": "gaussian", "binarize": True}, "binarize must be False"),
        (
            "vae",
            {"brightness": 0.0},
            "brightness must be .* above 0 and below 1, received 0.0",
        ),
        (
            "vae",
            {"brightness": "dark"},
            "brightness must be .* above 0 and below 1, received 'dark'",
        ),
        ("vae", {"kl_weight": -1.0}, "kl_weight must be a number of at least 0"),
        (
            "autoencoder",
            {"spread": -1.0},
            "spread must be .* at least 1e-06, received -1.0",
        ),
        (
            "autoencoder",
            {"spread": "wide"},
            "spread must be .* at least 1e-06, received 'wide'",
        ),
    ],
)
def test_arguments_out_of_range_are_named(method, options, sentence):
    with pytest.raises(InputError, match=sentence):
        getattr(recipes, method)((8, 8, 1), **options)


def test_conditions_that_do_not_fit_are_named():
    with pytest.raises(InputError, match="image_shape_a must be .1, 1, classes. or have B's"):
        recipes.cvae((4, 4, 1), (8, 8, 1))
    with pytest.raises(InputError, match="prior must be 'learned' or 'standard'"):
        recipes.cvae((1, 1, 3), (8, 8, 1), prior="none")
    unpaired = make_dataset()
    model = recipes.cvae(unpaired.image_shape_a, unpaired.image_shape_b, filters=2)
    with pytest.raises(InputError, match="learns from pairs"):
        train(model, unpaired, "unused", 1)


def test_a_vae_learns_two_images_and_a_saved_run_shows_them(tmp_path):
    shown = np.zeros((2, 8, 8, 1), "uint8")
    shown[0, :4], shown[1, :, :4] = 255, 255
    dataset = npz.Dataset(
        train_a=shown,
        train_b=shown,
        test_a=shown,
        test_b=shown,
        names=("A", "B"),
        ranges=((0, 255), (0, 255)),
        paired={"train": False, "test": True},
        sources=["two"],
    )
    model = recipes.vae((8, 8, 1), latent=2, learning_rate=5e-3)
    # All that there is to know is which of the two it is: log 2 nats, and the bound costs more.
    _, b = pipeline.fixed_images(dataset, 2)
    before = evidence(model, None, b, draws=100)
    assert before.elbo.mean() == pytest.approx(-64 * np.log(2), abs=15)
    options = OPTIONS | {"steps_per_epoch": 500, "batch_size": 2}
    train(model, dataset, tmp_path / "run", 1, **options)
    after = evidence(model, None, b, draws=100)
    assert -15 < after.elbo.mean() < after.importance.mean() + 0.02 < -np.log(2) + 0.1
    reconstruct = load.load(tmp_path / "run" / "vae.keras")
    for image in shown:
        assert np.abs(reconstruct(image).astype(int) - image).max() < 100


def test_the_code_is_drawn_alike_whatever_the_pieces(tmp_path, eager):
    dataset = make_digits()
    losses = []
    for accumulate in (1, 2):
        model = recipes.cvae((1, 1, 3), (8, 8, 1), latent=2, accumulate=accumulate)
        history = train(model, dataset, tmp_path / str(accumulate), 1, **OPTIONS)
        losses.append([history[0][name] for name in model.loss_names])
    np.testing.assert_allclose(*losses, rtol=1e-4)


def test_command_line(tmp_path, monkeypatch, eager):
    monkeypatch.setattr(train_command, "_set_up_tensorflow", lambda deterministic: None)
    npz.save(tmp_path / "digits.npz", make_digits())
    run = tmp_path / "run"
    command = ["train", tmp_path / "digits.npz", run, "--epochs", 1, "--steps", 2, "--batch", 4]
    given = ["--method", "cvae", "--latent", 3, "--prior", "standard", "--no-binarize"]
    assert main.main([str(word) for word in [*command, *given]]) == 0
    stored = json.loads((run / "run.json").read_text())
    assert stored["method"] == "cvae" and stored["training"]["augment"] is False
    for name, value in {"latent": 3, "prior": "standard", "binarize": False}.items():
        assert stored["arguments"][name] == value
    assert (run / "gen_ab.keras").exists() and (run / "epochs" / "epoch_001.png").exists()
