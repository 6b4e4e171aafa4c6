"""A run that is asked to go on with other options: what is said, and that it works."""

import json
import shlex

import pytest

from cyclegan_tf.cli.main import main
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import npz
from cyclegan_tf.training import resume
from support.datasets import make_dataset

RUN = {
    "format": 1,
    "method": "cut",
    "seed": 4,
    "arguments": {"image_shape_a": [16, 16, 3], "filters": 2, "flip": False, "total_steps": 30},
    "changed": ["filters"],
    "training": {"batch_size": 2, "steps_per_epoch": 10, "augment": "mirror"},
    "data": {"names": ["A", "B"], "hash": "abc" * 9, "origin": {"data": "my data.npz"}},
    "versions": {},
}


def refusal(folder, stored=RUN, **given):
    """What is said about a run that is asked for with other values, and the command in it."""
    (folder / "run.json").write_text(json.dumps(stored))
    with pytest.raises(InputError) as error:
        resume.compare(folder / "run.json", RUN | given, 5)
    said, _, command = str(error.value).partition("\n")
    return said.removeprefix(f"{folder} holds a run with other "), shlex.split(command)


def test_what_differs_is_told_old_and_new_and_the_command_has_the_old(tmp_path):
    other = {"filters": 4, "flip": True, "nce_weight": 2.0, "total_steps": 50}
    said, words = refusal(tmp_path, arguments=RUN["arguments"] | other, seed=5)
    assert said == (
        "options, seed=4 -> 5, filters=2 -> 4, flip=off -> on, epochs=3 -> 5, "
        "nce_weight=default -> 2.0: name a new folder, or go on with it:"
    )
    assert words[:4] == ["cyclegan-tf", "train", "my data.npz", str(tmp_path)]
    assert words[words.index("--filters") + 1] == "2" and "--nce-weight" not in words
    assert words[words.index("--epochs") + 1] == "3" and words[words.index("--seed") + 1] == "4"


def test_the_length_is_in_epochs_where_it_can_be(tmp_path):
    said, _ = refusal(tmp_path, arguments=RUN["arguments"] | {"total_steps": None})
    assert said.startswith("options, epochs=3 -> any, of a constant rate: ")
    said, _ = refusal(tmp_path, arguments=RUN["arguments"] | {"total_steps": 31})
    assert said.startswith("options, epochs=3 -> default, total_steps=default -> 31: ")
    constant = RUN | {"arguments": RUN["arguments"] | {"total_steps": None}}
    _, words = refusal(tmp_path, constant)
    assert "--constant-rate" in words and words[words.index("--epochs") + 1] == "5"


def test_data_are_named_by_file_and_hash(tmp_path):
    data = {"names": ["A", "B"], "hash": "f" * 27, "origin": {"data": "new.npz"}}
    said, words = refusal(tmp_path, data=data)
    assert said == (
        "data, my data.npz (hash abcabcab) -> new.npz (hash ffffffff): name a new folder, or go on "
        "with it:"
    )
    assert words[2:4] == ["my data.npz", str(tmp_path)]
    said, words = refusal(tmp_path, data=data | {"origin": {"data": "my data.npz"}})
    assert said.endswith(": name a new folder:") and words[3] == f"{tmp_path}_2"
    said, words = refusal(
        tmp_path, RUN | {"data": data | {"origin": {}}}, data=data | {"hash": "e"}
    )
    assert said.endswith(": name a new folder:")


def test_the_other_direction(tmp_path):
    swapped = {"names": ["B", "A"], "origin": {"data": "x.npz", "direction": "ba"}}
    said, words = refusal(tmp_path, data=RUN["data"] | swapped)
    assert said.startswith("data, direction A to B -> B to A: ")
    assert words[2] == "x.npz" and words[words.index("--direction") + 1] == "ab"


def test_a_file_that_is_no_run_is_said(tmp_path):
    for text in ("", "[]", "{}", '{"data": 3}'):
        (tmp_path / "run.json").write_text(text)
        with pytest.raises(InputError, match=r"run\.json cannot be read: train into another"):
            resume.compare(tmp_path / "run.json", RUN, 5)


@pytest.mark.slow
def test_the_command_that_is_printed_goes_on_with_the_run(tmp_path, monkeypatch, capsys, eager):
    monkeypatch.setattr("cyclegan_tf.cli.train._set_up_tensorflow", lambda _: None)
    monkeypatch.chdir(tmp_path)
    npz.save("my data.npz", make_dataset(channels=(3, 3)))
    words = [
        "train",
        "my data.npz",
        "my run",
        "--blocks",
        "0",
        "--disc-layers",
        "1",
        "--steps",
        "1",
    ]
    assert main([*words, "--filters", "2", "--epochs", "1", "--mirror", "--direction", "ba"]) == 0
    capsys.readouterr()
    assert main([*words, "--epochs", "2", "--filters", "4", "--batch", "2"]) == 2
    said, command = capsys.readouterr().err.splitlines()[-2:]
    assert said.startswith("cyclegan-tf: my run holds a run with other options, ")
    for part in ("--batch 1 -> 2", "--filters 2 -> 4", "--epochs 1 -> 2", "--augment mirror -> on"):
        assert part in said
    assert main(shlex.split(command)[1:]) == 0
    assert "my run has its 1 epoch already." in capsys.readouterr().out
