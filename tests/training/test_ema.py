"""The moving average of the generators: its numbers, and that it is what users get."""

import keras
import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.common import plotting
from cyclegan_tf.data import pipeline
from cyclegan_tf.evaluation.evaluate import evaluate
from cyclegan_tf.networks import generator_file
from cyclegan_tf.training.callbacks import save_generators
from cyclegan_tf.training.ema import MovingAverage
from cyclegan_tf.training.run import train
from support.datasets import all_variables, make_dataset, make_model

pytestmark = pytest.mark.slow

SETTINGS = {"batch_size": 2, "steps_per_epoch": 2, "images": 2, "verbose": 0}


def test_it_moves_by_hand():
    weight = keras.Variable(np.float32([10.0, -2.0]))
    average = MovingAverage([weight], decay=0.5)
    weight.assign([20.0, 0.0])
    average.update([weight], 1)  # d = 2 / 11
    np.testing.assert_allclose(average.averages[0], [10 + 10 * 9 / 11, -2 + 2 * 9 / 11], rtol=1e-6)
    before = average.averages[0].numpy()
    weight.assign([0.0, 1.0])
    average.update([weight], 100)  # d = 101 / 110 is above the decay, 0.5
    np.testing.assert_allclose(average.averages[0], before / 2 + [0, 0.5], rtol=1e-6)


def test_within_the_weights_are_the_averages_and_afterwards_their_own():
    weight = keras.Variable(np.float32([1.0, 2.0]))
    average = MovingAverage([weight])
    weight.assign([5.0, 6.0])
    with pytest.raises(KeyboardInterrupt), average.in_place([weight]):
        np.testing.assert_array_equal(weight, [1.0, 2.0])
        raise KeyboardInterrupt
    np.testing.assert_array_equal(weight, [5.0, 6.0])
    np.testing.assert_array_equal(average.averages[0], [1.0, 2.0])


def test_training_is_the_same_with_and_without_an_average(eager, tmp_path):
    """And the average is what its formula makes of the weights after each step."""
    dataset, followed = make_dataset(), []

    class Follow(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            followed.append([w.numpy() for n in self.model.generators for w in n.weights])

    models = {}
    for decay in (0.0, 0.7):
        model = make_model(dataset, ema_decay=decay)
        start = [w.numpy() for network in model.generators for w in network.weights]
        followed.clear()
        train(model, dataset, tmp_path / str(decay), 1, callbacks=[Follow()], **SETTINGS)
        models[decay] = model
    for one, other in zip(models[0.0].generators, models[0.7].generators, strict=True):
        for x, y in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(x, y)
    expected = start
    for step, weights in enumerate(followed, 1):
        d = min(0.7, (1 + step) / (10 + step))
        expected = [d * e + (1 - d) * w for e, w in zip(expected, weights, strict=True)]
    for x, y in zip(expected, models[0.7].average.averages, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-7)


def test_files_images_and_scores_are_those_of_the_average(eager, tmp_path):
    dataset = make_dataset()
    model = make_model(dataset, ema_decay=0.9, learning_rate=0.02)
    train(model, dataset, tmp_path / "run", 1, **SETTINGS)
    a, b = pipeline.fixed_images(dataset, 2)
    own = model.gen_ab(a).numpy()
    with model.averaged():
        shown = model.gen_ab(a).numpy()
        columns = model.columns(a, b, dataset.names)
    assert np.abs(own - shown).max() > 0.01
    loaded, _ = generator_file.load(tmp_path / "run/gen_ab.keras")
    np.testing.assert_array_equal(loaded(a), shown)
    strip = plotting.strip([c and (c[0], np.asarray(c[1])) for c in columns])
    with Image.open(tmp_path / "run/epochs/epoch_001.png") as written:
        np.testing.assert_array_equal(np.asarray(written), np.asarray(strip))
    options = {"metrics": ["psnr"], "progress": False}
    of_files = evaluate(tmp_path / "run", dataset, **options).results["ab"].rows
    of_model = evaluate(model, dataset, **options).results["ab"].rows
    for row in of_files:
        assert of_files[row]["psnr"].value == of_model[row]["psnr"].value
    save_generators(model, tmp_path / "again", dataset, 1)
    again, _ = generator_file.load(tmp_path / "again/gen_ab.keras")
    np.testing.assert_array_equal(again(a), shown)


def test_a_resumed_run_has_the_same_average(eager, tmp_path):
    dataset = make_dataset()
    states = []
    for name, stops in (("whole", [2]), ("twice", [1, 2])):
        for epochs in stops:
            model = make_model(dataset, ema_decay=0.9)
            train(model, dataset, tmp_path / name, epochs, **SETTINGS)
        states.append(all_variables(model))
    plain = all_variables(make_model(dataset))
    assert len(states[0]) > len(plain)
    for one, other in zip(*states, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_run_from_before_has_no_average_in_its_description():
    dataset = make_dataset()
    assert "ema_decay" not in make_model(dataset).arguments
    assert make_model(dataset, ema_decay=0.9).arguments["ema_decay"] == 0.9
