import json

import numpy as np
import pytest

from cyclegan_tf.training import diagnostics, report
from cyclegan_tf.training.callbacks import StopWhenDiverged

IMAGES = np.random.default_rng(0).uniform(-1, 1, (4, 8, 8, 3)).astype("float32")


def test_signs_of_known_translations():
    same = diagnostics.signs("ab", IMAGES, IMAGES)
    assert same["correlation_ab"] == pytest.approx(1, abs=1e-5) and same["change_ab"] == 0
    inverted = diagnostics.signs("ba", IMAGES, -IMAGES)
    assert inverted["correlation_ba"] == pytest.approx(-1, abs=1e-5)
    assert inverted["change_ba"] == pytest.approx(2 * np.abs(IMAGES).mean(), rel=1e-5)
    constant = diagnostics.signs("ab", IMAGES, np.full_like(IMAGES, 0.3))
    assert constant["correlation_ab"] == 0 and constant["spread_ab"] == pytest.approx(0, abs=1e-6)
    assert "change_ab" not in diagnostics.signs("ab", IMAGES, IMAGES[..., :1])
    assert "spread_ab" not in diagnostics.signs("ab", IMAGES[:1], IMAGES[:1])


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"correlation_ab": -0.6}, "Colours of ab come out inverted"),
        ({"change_ba": 0.001}, "Generator ba has become the identity"),
        ({"spread_ab": 0.0}, "Generator ab gives the same image for every input"),
        ({"disc_a": 0.001}, "Discriminator a tells real from generated without effort"),
    ],
)
def test_each_ill_is_named_with_something_to_try(row, words):
    (sentence,) = diagnostics.diagnose(row)
    assert sentence.startswith(words) and ": " in sentence


def test_pairs_say_themselves_what_colours_are_right():
    row = {"correlation_ab": -0.5, "change_ab": 0.001, "spread_ab": 0.001}
    assert len(diagnostics.diagnose(row)) == 3
    (sentence,) = diagnostics.diagnose(row, paired=True)
    assert "same image for every input" in sentence


def test_slices_have_no_colours_to_keep():
    (sentence,) = diagnostics.diagnose({"correlation_ab": -0.5}, slices=True)
    assert sentence.startswith("Slices of ab come out inverted (correlation of input and output")
    assert "air" in sentence and "identity" not in sentence
    assert diagnostics.diagnose({"correlation_ab": -0.5}, paired=True, slices=True) == []


@pytest.mark.parametrize(("data", "words"), [({"slices": {}}, "Slices"), ({}, "Colours")])
def test_the_report_words_a_warning_by_the_data(data, words, tmp_path):
    run = {"method": "cyclegan", "data": {"names": ["MR", "CT"]} | data}
    (tmp_path / "run.json").write_text(json.dumps(run))
    page = report.write(tmp_path, [{"epoch": 1, "seconds": 1.0, "correlation_ab": -0.5}])
    assert f"Epoch 1: {words} of ab come out inverted" in page.read_text()


def test_a_healthy_epoch_has_no_warning():
    row = {"epoch": 3, "correlation_ab": 0.4, "change_ab": 0.3, "spread_ab": 0.2, "disc_a": 0.2}
    assert diagnostics.diagnose(row | {"cycle_a": 0.0}) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_the_first_loss_that_is_no_number_stops(value):
    callback = StopWhenDiverged()
    callback.on_epoch_begin(4)
    callback.on_train_batch_end(0, {"cycle_a": 1.0})
    with pytest.raises(diagnostics.TrainingDiverged, match=r"cycle_b became .* in epoch 5, step 2"):
        callback.on_train_batch_end(1, {"cycle_a": 1.0, "cycle_b": value})
