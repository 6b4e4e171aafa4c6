"""The method `fast`: the preset that suits the data."""

import numpy as np
import pytest

from cyclegan_tf.cli.main import main
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import npz, statistics
from cyclegan_tf.methods import choice
from cyclegan_tf.methods.train import train
from cyclegan_tf.networks.pretrained import weights
from support.classifiers import drawn
from support.datasets import make_dataset


@pytest.fixture
def there(monkeypatch):
    """The classifier's weights can be had."""
    monkeypatch.setattr(weights, "locate", lambda name, path=None: [])
    monkeypatch.setattr(weights, "load", lambda name, path=None: (drawn(name), "drawn"))


def test_far_domains_near_ones_and_pairs(there, monkeypatch):
    dataset = make_dataset(4, 4, size=32, channels=(3, 3))
    monkeypatch.setattr(statistics, "domain_gap", lambda _: 0.9)
    said = "Sketch and cartoon differ much: fast is matched_fast."
    assert choice.suited(dataset) == ("matched_fast", said)
    monkeypatch.setattr(statistics, "domain_gap", lambda _: 0.1)
    assert choice.suited(dataset)[0] == "fsesim_fast"
    assert choice.suited(make_dataset(4, 4, size=32, paired=True))[0] == "matched_fast"


def test_without_the_classifier_or_its_channels_it_is_cyclegan_fast(monkeypatch):
    def missing(name, path=None):
        raise InputError("The alex weights could not be downloaded (no network): put them there.")

    monkeypatch.setattr(weights, "locate", missing)
    name, why = choice.suited(make_dataset(4, 4, size=32, channels=(3, 3)))
    assert name == "cyclegan_fast" and "the alex weights could not be downloaded" in why
    bands = np.zeros((2, 32, 32, 5), np.float32)
    name, why = choice.suited(npz.Dataset(bands, bands, ranges=((0, 1), (0, 1))))
    assert name == "cyclegan_fast" and why.startswith("The images have other channels")


def test_a_budget_trains_what_suits_the_data(there, tmp_path, monkeypatch, capsys, eager):
    monkeypatch.setattr(statistics, "domain_gap", lambda _: 0.9)
    dataset = make_dataset(4, 4, size=32, channels=(3, 3))
    options = {"epochs": 1, "steps_per_epoch": 1, "filters": 2, "blocks": 1, "disc_layers": 1}
    train("fast", dataset, tmp_path / "run", verbose=0, **options)
    assert "fast is matched_fast" in capsys.readouterr().out
    assert '"method": "matched"' in (tmp_path / "run" / "run.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--minutes", "1", "--cycle-weight", "5"], "--cycle-weight is no option of fast"),
        (["--method", "fast", "--code", "5"], "add --method with one that has it (matched)"),
    ],
)
def test_options_of_one_preset_alone_are_refused(words, said, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        raise SystemExit(main(["train", "no.npz", str(tmp_path / "run"), *words]))
    assert caught.value.code == 2
    assert said in capsys.readouterr().err
