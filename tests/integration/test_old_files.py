"""Runs and generators of version 0.1 before its modules moved: they go on, and give the same.

`old_files.zip` was written by that version: a run after one of two epochs, generators of four
kinds, and in `values.json` what that version made of them.
"""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cyclegan_tf import recipes
from cyclegan_tf.networks import generator_file
from cyclegan_tf.training.run import train
from support.datasets import make_dataset

FILE = Path(__file__).with_name("old_files.zip")


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    folder = tmp_path_factory.mktemp("old")
    with zipfile.ZipFile(FILE) as archive:
        archive.extractall(folder)
    return folder, json.loads((folder / "values.json").read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*was started with")  # other versions of libraries
def test_an_old_run_goes_on_to_the_same_weights(old):
    folder, values = old
    dataset = make_dataset(5, 5, size=8, channels=(3, 3))
    options = {"filters": 1, "blocks": 1, "disc_layers": 0, "pool_size": 1, "ema_decay": 0.5}
    model = recipes.cyclegan(dataset.image_shape_a, dataset.image_shape_b, **options)
    settings = {"batch_size": 1, "steps_per_epoch": 2, "images": 1, "verbose": 0}
    history = train(model, dataset, folder / "run", 2, **settings)
    assert history[0] == values["history"][0]
    for name, value in values["history"][1].items():
        assert name == "seconds" or history[1][name] == pytest.approx(value, rel=1e-4, abs=1e-5)
    sums = [float(np.abs(np.asarray(w, np.float64)).sum()) for w in model.weights]
    assert sums == pytest.approx(values["weights"], rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("kind", ["residual", "pix2pix", "unet", "munit"])
def test_an_old_generator_gives_the_same_image(old, kind):
    folder, values = old
    network, _ = generator_file.load(folder / f"{kind}.keras")
    images = np.linspace(-1, 1, 2 * 16 * 16 * 3).reshape(2, 16, 16, 3).astype("float32")
    inputs = [np.asarray(given) for given in generator_file.inputs(network, images)]
    made = np.ravel(np.asarray(network(inputs if len(inputs) > 1 else inputs[0])))[:20]
    np.testing.assert_allclose(made, values[kind], atol=1e-5)
