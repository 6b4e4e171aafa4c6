"""Several workers, each a process of this machine, train to the weights of one."""

import shutil
import time

import pytest

from cyclegan_tf.data import npz
from cyclegan_tf.training.callbacks import read_history
from support import replicas
from support.datasets import make_dataset
from training.test_distribute import assert_parity

pytestmark = pytest.mark.slow

TINY = "--steps 6 --batch 4 --filters 4 --blocks 1 --disc-layers 1 --pool-size 5 --constant-rate"
EPOCHS = 4


def command(folder, name, *more):
    words = ["-m", "cyclegan_tf", "train", folder / "data.npz", folder / name]
    return [*words, "--epochs", EPOCHS, *TINY.split(), *more]


@pytest.fixture
def folder(tmp_path):
    npz.save(tmp_path / "data.npz", make_dataset())
    return tmp_path


def test_two_workers_reach_what_one_device_does_and_stop_together(tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for path in folders:
        path.mkdir()
    processes = replicas.jobs(["pool_and_sgd"], folders[0])
    processes += replicas.jobs(["pool_and_sgd", "stopped"], folders[1], workers=2)
    _, *ended = done = replicas.finish(processes)
    for status, _, errors in done:
        assert status == 0, errors
    assert_parity(*(folder / "pool_and_sgd" for folder in folders))
    assert [said.splitlines()[-1] for _, said, _ in ended] == ["epochs 1", "epochs 1"]
    assert "Epoch 1/5" in ended[0][1] and "Epoch" not in ended[1][1]


@pytest.mark.long
@pytest.mark.parametrize("killed", [0, 1])
def test_when_a_worker_dies_the_other_says_so_and_the_run_goes_on_elsewhere(folder, killed):
    processes = replicas.start(command(folder, "run"), workers=2)
    deadline = time.monotonic() + 200
    while len(read_history(folder / "run")) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert all(process.poll() is None for process in processes), "ended before it was killed"
    processes[killed].kill()
    told = time.monotonic()
    ended = replicas.finish(processes)
    assert time.monotonic() - told < 60
    status, _, errors = ended[1 - killed]
    assert status == 1
    last = errors.splitlines()[-1]
    assert last.startswith(f"cyclegan-tf: No answer from worker {killed} (127.0.0.1:")
    assert "the run goes on from the last finished epoch" in last and "Traceback" not in errors
    assert 2 <= len(read_history(folder / "run")) < EPOCHS
    if killed == 0:
        return
    shutil.copytree(folder / "run", folder / "on_two")
    jobs = replicas.start(command(folder, "run")) + replicas.start(command(folder, "uninterrupted"))
    jobs += replicas.start(command(folder, "on_two", "--devices", 2))
    for status, _, errors in replicas.finish(jobs):
        assert status == 0, errors
    whole = read_history(folder / "uninterrupted")
    for name in ("run", "on_two"):
        rows = read_history(folder / name)
        assert len(rows) == len(whole) == EPOCHS
        for row, other in zip(rows, whole, strict=True):  # 24 steps of Adam in 32 bits
            for loss in ("cycle_a", "adv_ab", "disc_b", "spread_ab"):
                assert row[loss] == pytest.approx(other[loss], rel=1e-2), (name, row["epoch"])


@pytest.mark.long
def test_workers_without_a_shared_folder_are_refused(folder):
    def words(number):
        return command(folder, f"run_{number}")

    ended = replicas.finish(replicas.start(words, workers=2))
    assert [status for status, *_ in ended] == [2, 2]
    assert "give all workers one shared folder" in ended[1][2]
    assert "Worker 1 could not go on: its own message says why" in ended[0][2]


@pytest.mark.long
def test_an_argument_that_the_chief_refuses_ends_both(folder):
    (folder / "run").mkdir()
    (folder / "run/thesis.txt").write_text("mine")
    ended = replicas.finish(replicas.start(command(folder, "run"), workers=2))
    assert [status for status, *_ in ended] == [2, 2]
    assert "is not a run's folder" in ended[0][2]
    assert "Worker 0 could not go on" in ended[1][2]
