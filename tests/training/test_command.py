"""The command that repeats a run."""

import json
import shlex

import pytest

from cyclegan_tf.cli.main import main
from cyclegan_tf.data import npz
from cyclegan_tf.training import command
from support.datasets import fill, make_dataset

RUN = {
    "method": "cut",
    "seed": 4,
    "arguments": {
        "image_shape_a": [16, 16, 3],
        "filters": 2,
        "nce_weight": 0.5,
        "flip": True,
        "identity": False,
        "blocks": None,
        "total_steps": 30,
        "seed": 4,
    },
    "training": {"batch_size": 2, "steps_per_epoch": 10, "augment": "mirror"},
    "data": {"names": ["A", "B"], "origin": {"data": "my data.npz", "direction": "ba"}},
    "versions": {"accumulate": 2},
}


def words(run, epochs=1):
    return shlex.split(command.repeating(run, "runs/again", epochs))


def test_every_word_of_the_run_is_said():
    assert words(RUN) == [
        *("cyclegan-tf", "train", "my data.npz", "runs/again", "--method", "cut"),
        *("--direction", "ba", "--epochs", "3", "--steps", "10", "--batch", "2", "--seed", "4"),
        *("--filters", "2", "--nce-weight", "0.5", "--flip", "--no-identity"),
        *("--accumulate", "2", "--mirror"),
    ]


def test_defaults_are_left_out_where_they_are_known():
    said = words(RUN | {"changed": ["total_steps", "filters"]})
    assert "--filters" in said and "--nce-weight" not in said and "--total-steps" not in said


def test_a_run_of_constant_rate_has_as_many_epochs_as_it_has():
    said = words(RUN | {"arguments": {"total_steps": None}}, epochs=7)
    assert "--constant-rate" in said and said[said.index("--epochs") + 1] == "7"


def test_data_without_a_file_have_a_name_to_be_replaced():
    assert words({"method": "cyclegan", "data": {"names": ["A", "B"]}})[2] == command.NO_FILE


@pytest.mark.parametrize(
    ("reading", "said"),
    [
        ({"size": [64, 48], "channels": [1, 3]}, ["--size", "64x48", "--channels", "1,3"]),
        ({"size": 32, "labels": "a"}, ["--size", "32", "--labels", "a"]),
        ({"ranges": [[0, 1], [0, 4095.0]]}, ["--ranges", "0", "1", "0", "4095.0"]),
        ({"names": ["my photos", "b"], "strict": True}, ["--names", "my photos", "b", "--strict"]),
    ],
)
def test_how_a_folder_was_read_is_said(reading, said):
    run = RUN | {"data": {"origin": {"data": "photos"} | reading}}
    assert said == words(run)[6 : 6 + len(said)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["npz", "folders"])
def test_the_command_trains_the_same_weights(kind, tmp_path, monkeypatch, eager):
    monkeypatch.setattr("cyclegan_tf.cli.train._set_up_tensorflow", lambda _: None)
    monkeypatch.chdir(tmp_path)
    given = ["data.npz", "run", "--direction", "ba"]
    if kind == "npz":
        npz.save("data.npz", make_dataset(channels=(3, 3)))
    else:
        fill(tmp_path / "a", range(6)), fill(tmp_path / "b", range(100, 106))
        given = ["a", "run", "--data-b", "b", "--size", "16", "--channels", "1", "--nodata", "3"]
    given += ["--filters", "2", "--blocks", "0", "--disc-layers", "1", "--seed", "3", "--mirror"]
    assert main(["train", *given, "--epochs", "1", "--steps", "1"]) == 0
    run, again = json.loads((tmp_path / "run/run.json").read_text()), "run again"
    assert main(shlex.split(command.repeating(run, again, 1))[1:]) == 0
    assert json.loads((tmp_path / again / "run.json").read_text()) == run
    history = [(tmp_path / f / "history.csv").read_text().split(",") for f in ("run", again)]
    assert history[0][-6:] == history[1][-6:]
