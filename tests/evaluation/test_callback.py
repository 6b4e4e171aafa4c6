"""Scores during training: the callback `Evaluate`, and what the report makes of them."""

import json

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.evaluation.callback import Evaluate
from cyclegan_tf.evaluation.evaluate import evaluate
from cyclegan_tf.networks import generator_file
from cyclegan_tf.training import report
from cyclegan_tf.training.callbacks import read_history, restore, save_state
from cyclegan_tf.training.run import train
from support.datasets import all_variables, make_dataset, make_model

pytestmark = pytest.mark.slow

OFFLINE = {"features": "random", "lpips": "none"}
SCORED = ("structural_similarity", "frechet_random")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("CYCLEGAN_TF_CACHE", str(tmp_path_factory.mktemp("cache")))


def values(result):
    return {name: score.value for name, score in result.rows["translated"].items()}


@pytest.fixture(scope="module")
def dataset():
    return make_dataset(channels=(3, 3))


@pytest.fixture(scope="module")
def model(dataset):
    """One model for all: tracing its step takes longer than all the steps."""
    return make_model(dataset, filters=2, blocks=0, pool_size=0)


@pytest.fixture(scope="module")
def start(model, tmp_path_factory):
    """The folder of the model's state before all training."""
    folder = tmp_path_factory.mktemp("start")
    save_state(model, folder, 0)
    return folder


@pytest.fixture(scope="module")
def plain(start, model, dataset, tmp_path_factory):
    """All variables after a run of three epochs without scores; the model is set back."""
    run(model, dataset, tmp_path_factory.mktemp("plain"), 3)
    variables = all_variables(model)
    restore(model, start)
    return variables


@pytest.fixture(scope="module")
def scored(plain, model, dataset, tmp_path_factory):
    """The folder of the same run with scores, and all variables after it."""
    folder = tmp_path_factory.mktemp("scored")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CYCLEGAN_TF_CACHE", str(tmp_path_factory.mktemp("cache")))
        run(model, dataset, folder, 3, [Evaluate(folder, dataset, SCORED, **OFFLINE)])
    return folder, all_variables(model)


def run(model, dataset, folder, epochs, callbacks=()):
    options = {"steps_per_epoch": 1, "images": 2, "callbacks": callbacks, "verbose": 0}
    return train(model, dataset, folder, epochs, **options)


def test_scores_go_into_the_history_and_the_weights_stay_the_same(scored, plain):
    folder, variables = scored
    for one, other in zip(variables, plain, strict=True):
        np.testing.assert_array_equal(one, other)
    history = read_history(folder)
    for name in ("structural_similarity_ab", "frechet_random_ba"):
        assert all(np.isfinite(row[name]) for row in history)
    page = (folder / "report.html").read_text()
    assert "Best by structural_similarity_ab" in page
    assert "no published meaning" in page  # the protocol


def test_the_scores_in_the_history_are_those_of_evaluate(scored, dataset):
    folder, _ = scored
    evaluation = evaluate(folder, dataset, metrics=SCORED, **OFFLINE, progress=False)
    last = read_history(folder)[-1]
    for direction, result in evaluation.results.items():
        for name, value in values(result).items():
            assert value == pytest.approx(last[f"{name}_{direction}"], rel=1e-4)
    assert evaluation.protocol["generators"]["gen_ab"]["epoch"] == 3


def test_the_best_generators_are_kept(scored, dataset):
    folder, _ = scored
    history = read_history(folder)
    best = max(history, key=lambda row: row["structural_similarity_ab"])["epoch"]
    for name in ("gen_ab", "gen_ba"):
        _, translation = generator_file.load(folder / "best" / f"{name}.keras")
        assert translation.epoch == best
    kept = evaluate(folder / "best", dataset, metrics=SCORED[:1], progress=False)
    assert "structural_similarity_ab" in kept.protocol["chosen"]
    assert values(kept.results["ab"])["structural_similarity"] == pytest.approx(
        history[best - 1]["structural_similarity_ab"], rel=1e-4
    )


def test_every_so_many_epochs_and_after_the_last(scored, model, dataset, tmp_path):
    callback = Evaluate(tmp_path, dataset, SCORED, every=2, **OFFLINE)
    callback.set_model(model)
    callback.set_params({"epochs": 5})
    found = [{} for _ in range(5)]
    for epoch, logs in enumerate(found):
        callback.on_epoch_end(epoch, logs)
    assert ["frechet_random_ab" in logs for logs in found] == [False, True, False, True, True]


class Scripted(Evaluate):
    """Evaluates to given numbers."""

    def on_epoch_end(self, epoch, logs=None):
        value = {1: 0.3, 2: 0.9, 3: 0.5, 4: 0.4, 5: 0.95}[epoch + 1]

        class Score:
            pass

        Score.value = value
        for direction in self.directions.values():
            direction.translated = lambda *_: ({name: Score for name in SCORED},)
        super().on_epoch_end(epoch, logs)


def test_patience_stops_and_the_same_call_again_stays_stopped(
    start, scored, model, dataset, tmp_path, capsys
):
    def once(patience):
        scripted = Scripted(tmp_path, dataset, SCORED, patience=patience, **OFFLINE)
        return run(model, dataset, tmp_path, 5, [scripted])

    restore(model, start)
    assert len(once(patience=2)) == 4  # best after epoch 2
    assert "was best after epoch 2" in capsys.readouterr().out
    assert generator_file.load(tmp_path / "best" / "gen_ab.keras")[1].epoch == 2
    assert len(once(patience=2)) == 4
    assert "was best after epoch 2" in capsys.readouterr().out
    assert len(once(patience=3)) == 5  # more patience goes on
    assert generator_file.load(tmp_path / "best" / "gen_ab.keras")[1].epoch == 5


def test_scores_that_cannot_be_compared_do_not_go_on(dataset, tmp_path):
    first = Evaluate(tmp_path, dataset, SCORED, **OFFLINE)
    stored = {"monitor": first.monitor, "protocol": first.protocol}
    (tmp_path / "metrics.json").write_text(json.dumps(stored))
    Evaluate(tmp_path, dataset, SCORED, patience=3, **OFFLINE)
    Evaluate(tmp_path, dataset, (*SCORED, "texture"), **OFFLINE)
    for other, name in (
        ({"metrics": SCORED[::-1]}, "monitor"),
        ({"metrics": SCORED, "images": 2}, "images"),
        ({"metrics": SCORED, "seed": 1}, "seed"),
    ):
        with pytest.raises(InputError, match=rf"other settings \({name}\), as .*json says"):
            Evaluate(tmp_path, dataset, **OFFLINE, **other)
    for damaged in ("{", "[1]", '{"protocol": 3}'):
        (tmp_path / "metrics.json").write_text(damaged)
        Evaluate(tmp_path, dataset, SCORED[::-1], **OFFLINE)


def test_bad_arguments_of_the_callback_are_told(dataset, tmp_path):
    for arguments, message in (
        ({"metrics": ["fid"], **OFFLINE}, "fid cannot be computed"),
        ({"metrics": SCORED, "monitor": "kid_ab", **OFFLINE}, "monitor must be among"),
        ({"metrics": SCORED, "every": 0, **OFFLINE}, "every must be"),
        ({"metrics": SCORED, "patience": 0, **OFFLINE}, "patience must be"),
        ({"metrics": (), **OFFLINE}, "metrics must name at least one"),
    ):
        with pytest.raises(InputError, match=message):
            Evaluate(tmp_path / "run", dataset, **arguments)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("damaged", ["{", "[1]", '{"monitor": "kid_ab"}'])
def test_a_damaged_summary_does_not_stop_the_report(damaged, tmp_path):
    (tmp_path / "metrics.json").write_text(damaged)
    with pytest.raises(InputError, match=r"run\.json cannot be read"):
        report.write(tmp_path, [])
    (tmp_path / "run.json").write_text('{"method": "cyclegan", "data": {"names": ["A", "B"]}}')
    assert "None yet" in report.write(tmp_path, []).read_text()
