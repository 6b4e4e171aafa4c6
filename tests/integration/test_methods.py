"""What every method must do: train, be stopped and go on to the bit, save what can be used."""

import functools
import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

from cyclegan_tf import recipes
from cyclegan_tf.common.generator_metadata import Translation
from cyclegan_tf.networks import generator_file, generators
from cyclegan_tf.networks.pretrained import weights
from cyclegan_tf.training.callbacks import read_history
from cyclegan_tf.training.run import train
from support.classifiers import drawn
from support.datasets import ROOT, all_variables, make_dataset, make_digits, make_model


def cyclegan():
    dataset = make_dataset()
    return dataset, make_model(dataset)


def cut():
    dataset = make_dataset(channels=(3, 3))
    return dataset, recipes.cut(
        dataset.image_shape_a, filters=2, blocks=1, disc_layers=1, disc_norm="spectral", patches=9
    )


def fsesim():
    dataset = make_dataset(size=32, channels=(1, 3))
    options = {"filters": 2, "blocks": 1, "disc_layers": 1, "patches": 9}
    with pytest.MonkeyPatch.context() as patch:  # in place of the published weights
        patch.setattr(weights, "load", lambda name, path=None: (drawn(name), "drawn"))
        return dataset, recipes.fsesim(dataset.image_shape_a, dataset.image_shape_b, **options)


def matched():
    dataset = make_dataset(5, 3, size=32, channels=(1, 3))
    options = {"filters": 2, "blocks": 1, "disc_layers": 1, "patches": 9, "code": 2}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weights, "load", lambda name, path=None: (drawn(name), "drawn"))
        return dataset, recipes.matched(dataset.image_shape_a, dataset.image_shape_b, **options)


def pix2pix():
    dataset = make_dataset(4, 4, size=64, paired=True)  # the least size that has dropout
    shapes = dataset.image_shape_a, dataset.image_shape_b
    return dataset, recipes.pix2pix(*shapes, filters=2, disc_layers=1)


def dcgan():
    dataset = make_digits()
    return dataset, recipes.dcgan(dataset.image_shape_b, noise_size=3, filters=2)


def cgan():
    dataset = make_digits()
    shapes = (dataset.image_shape_a, dataset.image_shape_b)
    return dataset, recipes.cgan(*shapes, network="convolutional", noise_size=3, filters=2)


def autoencoder():
    dataset = make_dataset()
    return dataset, recipes.autoencoder(dataset.image_shape_b, filters=2, latent=3)


def vae():
    dataset = make_digits()
    return dataset, recipes.vae(dataset.image_shape_b, latent=3)


def cvae():
    dataset = make_dataset(count_a=5, paired=True)
    options = {"filters": 2, "latent": 3}
    return dataset, recipes.cvae(dataset.image_shape_a, dataset.image_shape_b, **options)


def unit():
    dataset = make_dataset()
    options = {"filters": 2, "blocks": 1, "disc_layers": 1, "disc_scales": 2}
    return dataset, recipes.unit(dataset.image_shape_a, dataset.image_shape_b, **options)


def munit():
    dataset = make_dataset()
    options = {"filters": 2, "blocks": 1, "disc_layers": 1, "disc_scales": 2, "hidden": 4}
    return dataset, recipes.munit(dataset.image_shape_a, dataset.image_shape_b, **options)


#: Functions that return a dataset and the smallest model that learns from it, made anew.
METHODS = [
    *(cyclegan, cut, fsesim, matched, unit, munit, pix2pix),
    *(dcgan, cgan, autoencoder, vae, cvae),
]

#: Tried by what derives from it each time, and by itself where there is time.
LONG = {fsesim: pytest.mark.long}

each = pytest.mark.parametrize(
    "method", [pytest.param(m, marks=LONG.get(m, ()), id=m.__name__) for m in METHODS]
)


def run(method, folder):
    dataset, model = method()
    options = {"batch_size": 2, "steps_per_epoch": 2, "images": 2, "verbose": 0}
    train(model, dataset, folder, 2, **options)
    return dataset, model


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Function of a method: the folder, the dataset and the model of a run of two epochs."""

    @functools.cache
    def of(method):
        folder = tmp_path_factory.mktemp(method.__name__) / "run"
        return folder, *run(method, folder)

    return of


@pytest.mark.slow
@each
def test_a_run_without_its_last_epoch_goes_on_to_the_same_bits(method, undisturbed, tmp_path):
    """As after a stop in the middle of it: `training/test_run.py` stops where it hurts."""
    whole, _, model = undisturbed(method)
    folder = shutil.copytree(whole, tmp_path / "run")
    for path in ("state/epoch_002.weights.h5", "epochs/epoch_002.png"):
        (folder / path).unlink()
    _, resumed = run(method, folder)
    pairs = list(zip(all_variables(model), all_variables(resumed), strict=True))
    assert len(pairs) > 5
    for one, other in pairs:
        np.testing.assert_array_equal(one, other)
    strips = [run / "epochs/epoch_002.png" for run in (whole, folder)]
    assert strips[0].read_bytes() == strips[1].read_bytes()


@pytest.mark.slow
def test_the_names_of_layers_do_not_matter(tmp_path):
    """Keras numbers layers on through a process: more or fewer precede a resumed run's."""
    keras.backend.clear_session()
    models = [run(cvae, tmp_path / name)[1] for name in ("first", "tenth")]
    assert models[0].encoder.layers[2].name != models[1].encoder.layers[2].name
    for one, other in zip(*map(all_variables, models), strict=True):
        np.testing.assert_array_equal(one, other)


@each
def test_every_network_is_trained_and_every_loss_logged(method, undisturbed):
    _, before = method()
    start = {network.name: network.get_weights() for network in before.generators}
    folder, _, model = undisturbed(method)
    for network in [*model.generators, *model.discriminators]:
        kernels = [v for v in network.trainable_variables if len(v.shape) > 1]
        assert kernels, network.name
    for network in model.generators:
        pairs = zip(start[network.name], network.get_weights(), strict=True)
        moved = [np.abs(x - y).max() for x, y in pairs if x.ndim > 1]
        assert min(moved) > 0, network.name
    for row in read_history(folder):
        assert set(model.loss_names) <= set(row)
        assert all(np.isfinite(row[name]) for name in model.loss_names)
    assert json.loads((folder / "run.json").read_text())["method"] == method.__name__


@each
def test_saved_networks_give_the_same_images(method, undisturbed):
    folder, dataset, model = undisturbed(method)
    assert model.saved
    for name, (network, direction) in model.saved.items():
        loaded, translation = generator_file.load(folder / f"{name}.keras")
        names = {"a": dataset.names[0], "b": dataset.names[1], "z": "noise"}
        assert (translation.source, translation.target) == tuple(names[one] for one in direction)
        images = None
        if direction[0] != "z":
            shape = (3, *getattr(dataset, f"image_shape_{direction[0]}"))
            images = np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")
        given = generator_file.inputs(network, images, seed=5, count=3)
        results = [
            np.asarray(one(given if len(given) > 1 else given[0], training=False))
            for one in (network, loaded)
        ]
        np.testing.assert_allclose(*results, atol=1e-6)
        assert np.isfinite(results[0]).all() and np.ptp(results[0]) > 0


@pytest.mark.slow
def test_another_process_loads_generators_of_every_kind(tmp_path):
    """One that trained nothing, as `cyclegan-tf translate` and `serve` do."""
    kinds = [
        (generators.resnet_generator, {"filters": 2, "blocks": 1, "residual": True}),
        (generators.unet_generator, {"filters": 2, "depth": 2}),
    ]
    for function, options in kinds:
        for upsampling in generators.UPSAMPLING:
            network = function(upsampling=upsampling, **options)
            path = tmp_path / f"{function.__name__}_{upsampling}.keras"
            generator_file.save(path, network, Translation("a", "b", (0, 255), (0, 255)))
    for method in (cyclegan, cut, fsesim, unit, munit, pix2pix, cvae):
        for name, (network, direction) in method()[1].saved.items():
            path = tmp_path / f"{method.__name__}_{name}.keras"
            generator_file.save(
                path, network, generator_file.translation(make_dataset(), direction)
            )
    code = (
        "import sys; from pathlib import Path; from cyclegan_tf.networks import generator_file; "
        "print(len([generator_file.load(p) for p in Path(sys.argv[1]).iterdir()]))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    count = len(list(tmp_path.iterdir()))
    assert (done.returncode, done.stdout.strip()) == (0, str(count)), done.stderr[-1000:]
    assert count > 12
