import csv
import dataclasses
import json
import shutil
import warnings

import keras
import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.inference import load
from cyclegan_tf.training.callbacks import read_history
from cyclegan_tf.training.diagnostics import TrainingDiverged
from cyclegan_tf.training.run import train
from support.datasets import all_variables, make_dataset, make_model

EPOCHS, STEPS = 3, 4


class StopAt(keras.callbacks.Callback):
    """Stands for a machine that vanishes: raises in the middle of an epoch."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.gen_optimizer.iterations) == self.step:
            raise KeyboardInterrupt


def start(dataset, folder, *callbacks, epochs=EPOCHS, **options):
    model = make_model(dataset, total_steps=EPOCHS * STEPS, seed=1, **options)
    train(model, dataset, folder, epochs, steps_per_epoch=STEPS, callbacks=callbacks, verbose=0)
    return model


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that was never interrupted: its folder and all its variables."""
    folder = tmp_path_factory.mktemp("runs") / "finished"
    return folder, all_variables(start(make_dataset(), folder))


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of the finished run, to do harm to."""
    return shutil.copytree(finished[0], tmp_path / "run")


def assert_same(variables, others):
    for one, other in zip(variables, others, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_run_keeps_an_example_of_each_domain(finished):
    for name, images in (("a", make_dataset().test_a), ("b", make_dataset().test_b)):
        example = np.asarray(Image.open(finished[0] / f"examples/{name}.png"))
        np.testing.assert_array_equal(example, np.broadcast_to(images[0], (16, 16, 3)))


def test_a_run_leaves_what_it_promises(finished):
    folder, _ = finished
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names == {
        ".lock",
        "run.json",
        "history.csv",
        "report.html",
        "gen_ab.keras",
        "gen_ba.keras",
        *(f"epochs/epoch_00{i}.png" for i in (1, 2, 3)),
        "examples/a.png",
        "examples/b.png",
        *(f"state/epoch_00{i}.weights.h5" for i in (2, 3)),
    }
    run = json.loads((folder / "run.json").read_text())
    assert run["method"] == "cyclegan" and run["seed"] == 1
    assert run["arguments"]["filters"] == 4 and run["data"]["hash"] == make_dataset().hash
    assert set(run["versions"]) >= {"tensorflow", "keras", "python"}


def test_history_has_a_row_per_epoch_with_every_loss(finished):
    rows = list(csv.DictReader((finished[0] / "history.csv").open()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert {"adv_ab", "cycle_a", "disc_b", "correlation_ab", "seconds"} <= set(rows[0])
    assert all(np.isfinite(float(value)) for row in rows for value in row.values())


def test_strip_shows_six_columns_of_test_images(finished):
    with Image.open(finished[0] / "epochs/epoch_003.png") as sheet:
        # 16 pixels enlarged six times; three rows.
        assert sheet.width > 6 * 96 and sheet.height > 3 * 96


def test_saved_generators_know_what_they_translate(finished):
    translator = load.load(finished[0], "ab")
    assert str(translator) == "sketch → cartoon"
    assert translator.translation.size == (16, 16)
    assert translator(np.zeros((20, 30), "uint8")).shape == (20, 30, 3)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [(1, 4), (5, 11)])
def test_an_interrupted_run_ends_with_the_same_weights_to_the_bit(finished, tmp_path, steps):
    dataset = make_dataset()
    for step in steps:
        with pytest.raises(KeyboardInterrupt):
            start(dataset, tmp_path / "run", StopAt(step))
    assert_same(finished[1], all_variables(start(dataset, tmp_path / "run")))
    ours, theirs = read_history(tmp_path / "run"), read_history(finished[0])
    assert [r["cycle_a"] for r in ours] == [r["cycle_a"] for r in theirs]


@pytest.mark.slow
def test_the_same_cell_again_goes_on_with_the_same_model_object(finished, tmp_path):
    dataset = make_dataset()
    model = make_model(dataset, total_steps=EPOCHS * STEPS, seed=1)
    arguments = {"steps_per_epoch": STEPS, "verbose": 0}
    with pytest.raises(KeyboardInterrupt):
        train(model, dataset, tmp_path / "r", EPOCHS, callbacks=[StopAt(2)], **arguments)
    train(model, dataset, tmp_path / "r", EPOCHS, **arguments)
    assert_same(finished[1], all_variables(model))


def test_a_finished_run_is_not_trained_again(finished, capsys):
    folder, variables = finished
    before = (folder / "gen_ab.keras").stat().st_mtime_ns
    assert_same(variables, all_variables(start(make_dataset(), folder)))
    assert (folder / "gen_ab.keras").stat().st_mtime_ns == before
    assert "has its 3 epochs already" in capsys.readouterr().out


@pytest.mark.slow
def test_a_broken_state_falls_back_to_the_one_before(finished, copied):
    newest = copied / "state/epoch_003.weights.h5"
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    with pytest.warns(UserWarning, match=r"epoch_003.* cannot be read"):
        model = start(make_dataset(), copied)
    assert_same(finished[1], all_variables(model))


def test_no_readable_state_is_said_and_nothing_is_lost(copied):
    for state in copied.glob("state/*"):
        state.write_bytes(b"")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(InputError, match="None of the states in .* can be read"):
            start(make_dataset(), copied)
    assert len(list(copied.glob("epochs/*.png"))) == 3


def test_a_history_that_is_no_table_is_said(eager, copied):
    (copied / "state/epoch_old.weights.h5").write_text("not ours")
    (copied / "epochs/epoch_old.png").write_text("not ours")
    (copied / "history.csv").write_text("my notes\nare here\n")
    with pytest.raises(InputError, match="history.csv cannot be read as a table"):
        start(make_dataset(), copied)


def test_changed_arguments_are_refused_with_the_difference_named(finished):
    folder, _ = finished
    with pytest.raises(InputError, match=r"options, cycle_weight=10\.0 -> 3\.0: give the"):
        start(make_dataset(), folder, cycle_weight=3.0)
    with pytest.raises(InputError, match=r"data, data \(hash \w{8}\) -> data \(hash \w{8}\): give"):
        start(make_dataset(8), folder)
    with pytest.raises(InputError, match=r"batch_size=1 -> 2"):
        train(
            make_model(make_dataset(), total_steps=12, seed=1),
            make_dataset(),
            folder,
            EPOCHS,
            batch_size=2,
            steps_per_epoch=STEPS,
        )


def test_another_environment_is_warned_of(copied):
    run = json.loads((copied / "run.json").read_text())
    assert "inter-op" in run["versions"]["threads"]
    run["versions"]["keras"] = "3.0"
    (copied / "run.json").write_text(json.dumps(run))
    with pytest.warns(UserWarning, match="may differ from an uninterrupted run"):
        start(make_dataset(), copied)


@pytest.mark.slow
def test_a_constant_rate_may_be_trained_longer(eager, tmp_path):
    dataset = make_dataset()

    def run(folder, epochs):
        model = make_model(dataset)
        train(model, dataset, tmp_path / folder, epochs, steps_per_epoch=2, verbose=0)
        return all_variables(model)

    run("longer", 1)
    assert_same(run("longer", 2), run("at_once", 2))


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="exists and is not a run's folder"):
        start(make_dataset(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_hidden_file_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "docs/.writing-thesis").mkdir(parents=True)
    (tmp_path / "docs/.writing-thesis/chapter.txt").write_text("mine")
    with pytest.raises(InputError, match="exists and is not a run's folder"):
        start(make_dataset(), tmp_path)
    assert (tmp_path / "docs/.writing-thesis/chapter.txt").read_text() == "mine"


@pytest.mark.slow
def test_half_written_files_of_a_killed_process_are_removed(eager, tmp_path):
    dataset, folder = make_dataset(), tmp_path / "run"
    folder.mkdir()
    (folder / ".writing-run.json").write_text("{")  # killed at its very first write
    start(dataset, folder, epochs=1)
    (folder / "state/.writing-x.weights.h5").write_bytes(b"half")
    start(dataset, folder, epochs=1)
    assert not list(folder.rglob(".writing-*"))


def test_one_process_at_a_time(eager, tmp_path):
    class Rival(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            with pytest.raises(InputError, match="Another process is training in"):
                start(make_dataset(), tmp_path / "run")
            self.tried = True

    rival = Rival()
    start(make_dataset(), tmp_path / "run", rival, epochs=1)
    assert rival.tried


def test_a_trained_model_does_not_start_a_new_run(eager, tmp_path):
    dataset = make_dataset()
    model = start(dataset, tmp_path / "one", epochs=1)
    with pytest.raises(InputError, match="a model that was already trained"):
        train(model, dataset, tmp_path / "two", 1, steps_per_epoch=STEPS)
    assert not (tmp_path / "two").exists()


def test_an_epoch_whose_last_update_broke_the_weights_is_not_saved(eager, tmp_path):
    dataset, folder = make_dataset(), tmp_path / "run"

    class PoisonLast(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == STEPS - 1:
                self.model.disc_b.weights[0].assign(self.model.disc_b.weights[0] * np.inf)

    with pytest.raises(TrainingDiverged, match=r"A weight of disc_b is no longer finite"):
        start(dataset, folder, PoisonLast())
    assert [path.name for path in folder.glob("state/*")] == ["epoch_000.weights.h5"]
    assert not (folder / "gen_ab.keras").exists()


def test_nan_stops_at_once_and_keeps_the_last_good_state(eager, copied):
    class Poison(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                self.model.gen_ab.weights[0].assign(self.model.gen_ab.weights[0] * np.nan)

    (copied / "state/epoch_003.weights.h5").unlink()
    rows = (copied / "history.csv").read_text().splitlines(keepends=True)
    (copied / "history.csv").write_text("".join(rows[:3]))
    good = (copied / "state/epoch_002.weights.h5").read_bytes()
    with pytest.raises(TrainingDiverged, match=r"became nan in epoch 3, step 1.*\(2\) is kept"):
        start(make_dataset(), copied, Poison())
    assert (copied / "state/epoch_002.weights.h5").read_bytes() == good
    assert not (copied / "state/epoch_003.weights.h5").exists()
    assert len(read_history(copied)) == 2


@pytest.mark.slow
def test_two_runs_of_one_seed_are_equal_and_of_two_seeds_are_not(eager, tmp_path):
    dataset = make_dataset()

    def run(name, seed):
        model = make_model(dataset, seed=seed)
        train(model, dataset, tmp_path / name, 1, steps_per_epoch=2, verbose=0)
        return all_variables(model)

    one = run("one", 5)
    assert_same(one, run("two", 5))
    assert not np.array_equal(one[0], run("three", 6)[0])


def test_diagnostics_reach_people(eager, tmp_path, capsys):
    dataset = make_dataset(channels=(3, 3))
    model = make_model(dataset, learning_rate=0.0)
    kernel = model.gen_ab.weights[-2]  # the last convolution: zeros make a constant image
    kernel.assign(np.zeros(kernel.shape))
    train(model, dataset, tmp_path / "run", 1, steps_per_epoch=1, verbose=0)
    assert "Generator ab gives the same image for every input" in capsys.readouterr().err
    assert "gives the same image" in (tmp_path / "run/report.html").read_text()


def test_report_is_one_page_without_other_hosts(finished):
    page = (finished[0] / "report.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 3
    assert "data:image/svg+xml;base64," in page and "sketch ↔ cartoon" in page and "epoch" in page
    assert "http://" not in page and "https://" not in page


@pytest.mark.slow
def test_tensorboard_works_through_keras(eager, tmp_path):
    dataset = make_dataset()
    board = keras.callbacks.TensorBoard(tmp_path / "board", update_freq="epoch")
    start(dataset, tmp_path / "run", board, epochs=1)
    events = list((tmp_path / "board").rglob("events.out.tfevents.*"))
    assert events and b"epoch_cycle_a" in b"".join(path.read_bytes() for path in events)


@pytest.mark.parametrize("name", ["epochs", "batch_size", "steps_per_epoch", "images"])
@pytest.mark.parametrize("value", [0, -1, 1.5])
def test_counts_of_a_run_are_whole_numbers(name, value, tmp_path):
    options = {"epochs": 1} | {name: value}
    with pytest.raises(InputError, match=f"{name} must be a whole number of at least 1, received"):
        train(make_model(make_dataset()), make_dataset(), tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_a_model_of_another_shape_is_refused(tmp_path):
    with pytest.raises(InputError, match="takes 1 channels in domain A, and the data have 3"):
        train(make_model(make_dataset()), make_dataset(channels=(3, 3)), tmp_path / "r", 1)
    small = make_model(make_dataset())
    with pytest.raises(InputError, match=r"made for \(16, 16\) pixels, and the data have \(24, 24"):
        train(small, make_dataset(size=24), tmp_path / "r", 1)
    assert not (tmp_path / "r").exists()


def test_dataclass_replace_keeps_datasets_apart():
    one = make_dataset()
    assert dataclasses.replace(one, names=("x", "y"), hash="").hash != one.hash
