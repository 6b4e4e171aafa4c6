"""A budget of minutes: what is chosen, said, and taken again by a run that goes on."""

import json
import time

import pytest

from cyclegan_tf import recipes
from cyclegan_tf.cli import main
from cyclegan_tf.cli import train as train_command
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import npz
from cyclegan_tf.methods import registry
from cyclegan_tf.training import time_budget
from support.datasets import make_dataset

pytestmark = pytest.mark.slow

SMALL = {"blocks": 1, "disc_layers": 1, "disc_filters": 2}
#: What the smallest model of other methods needs.
MORE = {"cut": {"disc_layers": 1, "blocks": 1}, "pix2pix": {"disc_layers": 1}}
SHAPES = ((16, 16, 1), (16, 16, 1))


@pytest.fixture(autouse=True)
def threads(monkeypatch):
    """They can be set before TensorFlow starts alone."""
    monkeypatch.setattr(train_command, "_set_up_tensorflow", lambda deterministic: None)


@pytest.fixture
def clock(monkeypatch):
    """Steps take 1 ms per filter squared, without a machine that says otherwise."""

    now = 0.0

    def trial(model, batch_size=1):
        nonlocal now
        now += 20.0
        return time_budget.Trial(12.0, model.arguments["filters"] ** 2 * batch_size / 1000)

    monkeypatch.setattr(time_budget, "trial", trial)
    monkeypatch.setattr(time_budget.time, "perf_counter", lambda: now)


def test_steps_fill_the_budget():
    # 114 of 120 seconds, less 3.95 of the start and a second for each of ten epochs.
    assert time_budget.steps_in(120, time_budget.Trial(3.95, 0.1), 10) == 1000
    assert time_budget.steps_in(120, time_budget.Trial(3.95, 0.1), 1) == 1090
    assert time_budget.steps_in(1, time_budget.Trial(6.15, 0.1), 10) == 10


def test_a_step_is_timed():
    model = recipes.cyclegan(*SHAPES, filters=2, **SMALL)
    began = time.perf_counter()
    start, step = time_budget.trial(model, seconds=0.5)
    elapsed = time.perf_counter() - began
    timed = int(model.gen_optimizer.iterations) - time_budget.WARM_UP
    assert timed >= 1
    # The start and all steps are the trial: nothing that takes time is left out.
    assert 0.5 <= timed * step < start + timed * step <= elapsed


@pytest.mark.parametrize(
    ("minutes", "filters", "steps", "said"),
    [
        # 16 filters: 256 ms a step; 32: 1024 ms. Each trial has taken 20 seconds.
        (5, 16, 950, "with more filters there would be fewer than 10000 steps"),
        (100, 16, 22100, "32 filters would get 5500 steps, fewer than 10000"),
        (200, 32, 11070, "with more filters"),
    ],
)
def test_the_widest_network_with_enough_steps_is_chosen(
    clock, capsys, minutes, filters, steps, said
):
    model = recipes.cyclegan_fast(*SHAPES, minutes=minutes, **SMALL)
    assert (model.arguments["filters"], model.arguments["total_steps"]) == (filters, steps)
    printed = capsys.readouterr().out
    assert f"For {minutes} minutes on this machine: {filters} filters and {steps} steps" in printed
    assert said in printed


def test_filters_that_are_given_stay(clock, capsys):
    model = recipes.cyclegan_fast(*SHAPES, minutes=100, filters=8, **SMALL)
    assert (model.arguments["filters"], model.arguments["total_steps"]) == (8, 88420)
    assert capsys.readouterr().out.endswith("this machine: 88420 steps, 64 ms each.\n")


def test_a_run_that_goes_on_keeps_its_choice(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(time_budget, "trial", None)  # a trial would fail
    (tmp_path / "run.json").write_text(
        json.dumps({"arguments": {"filters": 4, "total_steps": 70}}), encoding="utf-8"
    )
    model = recipes.cyclegan_fast(*SHAPES, minutes=5, folder=tmp_path, **SMALL)
    assert (model.arguments["filters"], model.arguments["total_steps"]) == (4, 70)
    assert "was begun with 4 filters and 70 steps" in capsys.readouterr().out


def test_the_command_trains_for_its_minutes_and_goes_on(tmp_path, monkeypatch, capsys):
    trial = time_budget.Trial(9.0, 20.0)
    monkeypatch.setattr(time_budget, "trial", lambda model, batch_size=1: trial)
    monkeypatch.setattr(time_budget, "SIZES", (2, 4))
    data, run = tmp_path / "data.npz", tmp_path / "run"
    npz.save(data, make_dataset(channels=(1, 1)))  # noise, of one mean
    words = ["train", str(data), str(run), "--method", "cyclegan_fast", "--minutes", "1"]
    words += ["--blocks", "1", "--disc-layers", "1", "--epochs", "2"]
    assert main.main(words) == 0
    assert "start as copies" in capsys.readouterr().out
    described = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert described["arguments"]["total_steps"] == 2
    assert (described["arguments"]["residual"], described["arguments"]["cycle_weight"]) == (True, 3)
    assert described["arguments"]["disc_norm"] == "spectral"
    assert described["training"] == {"batch_size": 1, "steps_per_epoch": 1, "augment": "mirror"}
    assert (run / "epochs/epoch_002.png").exists()
    monkeypatch.setattr(time_budget, "trial", None)
    capsys.readouterr()
    assert main.main(words) == 0
    assert "has its 2 epochs already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--minutes", "0"], "--minutes: must be a number above 0, received '0'"),
        (["--minutes", "nan"], "--minutes: must be a number above 0, received 'nan'"),
        (["--minutes", "1", "--steps", "5"], "--steps has no use with --minutes"),
        (["--minutes", "1", "--constant-rate"], "--constant-rate has no use with --minutes"),
    ],
)
def test_bad_budgets_are_one_sentence(tmp_path, capsys, words, sentence):
    data, run = tmp_path / "data.npz", tmp_path / "run"
    npz.save(data, make_dataset(channels=(1, 1)))
    words = ["train", str(data), str(run), "--method", "cyclegan_fast", *words]
    try:
        status = main.main(words)
    except SystemExit as ended:  # by argparse
        status = ended.code
    assert status == 2
    assert sentence in capsys.readouterr().err
    assert not run.exists()


@pytest.mark.parametrize("method", ["cut", "pix2pix", "vae"])
def test_every_method_has_minutes(clock, method):
    model = registry.make(method, (16, 16, 3), minutes=1, filters=2, **MORE.get(method, {}))
    # A trial takes 20 of the 60 seconds, a start 12 and epochs 10: 16 are for steps of 4 ms.
    assert model.arguments["total_steps"] == model.planned_steps == 4000


def test_steps_and_minutes_exclude_each_other():
    with pytest.raises(InputError, match="total_steps has no use with minutes"):
        recipes.cyclegan_fast(*SHAPES, minutes=1, total_steps=5)


def test_several_workers_have_no_minutes(monkeypatch):
    monkeypatch.setattr(time_budget.distribute, "workers", lambda strategy: ["one:1", "two:1"])
    with pytest.raises(InputError, match="minutes must be left out where several workers train"):
        recipes.cyclegan_fast(*SHAPES, minutes=1)


def test_domains_that_are_alike_start_as_copies_unless_told_otherwise(clock, capsys):
    alike = {"dataset": make_dataset(channels=(1, 1)), "minutes": 1, "filters": 2}  # of one mean
    copies = recipes.cyclegan_fast(*SHAPES, **alike, **SMALL)
    assert "start as copies" in capsys.readouterr().out
    anew = recipes.cyclegan_fast(*SHAPES, **alike, **SMALL, residual=False)
    assert "start as copies" not in capsys.readouterr().out
    assert (copies.arguments["residual"], copies.arguments["cycle_weight"]) == (True, 3)
    assert "residual" not in anew.arguments and anew.arguments["cycle_weight"] == 10
    assert (copies.augments, anew.augments) == ("mirror", True)
