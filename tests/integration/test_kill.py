"""A run that is killed again and again ends like one that was left alone."""

import random
import subprocess
import sys
import time
import zipfile

import h5py
import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.data import npz
from cyclegan_tf.training.callbacks import read_history
from support.datasets import ROOT, make_dataset

OPTIONS = "--steps 5 --filters 4 --blocks 1 --disc-layers 1 --pool-size 4".split()  # noqa: SIM905


def start(folder, epochs):
    words = [sys.executable, "-m", "cyclegan_tf", "train", folder / "data.npz", folder / "run"]
    words += ["--epochs", str(epochs), *OPTIONS]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def contents(state):
    """All arrays of a state by name."""
    found = {}
    with h5py.File(state) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


def assert_nothing_is_corrupt(run):
    for path in run.glob("state/epoch_*.h5"):
        assert contents(path)
    for path in run.glob("gen_*.keras"):
        assert zipfile.ZipFile(path).testzip() is None
    for path in run.glob("epochs/epoch_*.png"):
        Image.open(path).load()
    epochs = [row["epoch"] for row in read_history(run)]
    assert epochs == list(range(1, len(epochs) + 1))
    if (run / "report.html").exists():
        assert (run / "report.html").read_text().rstrip().endswith("</html>")


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, pytest.param(20, marks=pytest.mark.long)])
def test_killed_at_random_instants(times, tmp_path):
    draw, epochs = random.Random(0), 8 * times
    for name in ("alone", "killed"):
        (tmp_path / name).mkdir()
        npz.save(tmp_path / name / "data.npz", make_dataset())
    assert start(tmp_path / "alone", epochs).wait() == 0
    run, reached = tmp_path / "killed/run", []
    for kill in range(times):
        process = start(tmp_path / "killed", epochs)
        if kill % 4 < 3:  # most instants while it trains and writes, the others while it starts
            target = len(read_history(run)) + draw.randint(1, 3)
            deadline = time.monotonic() + 120
            while len(read_history(run)) < target and time.monotonic() < deadline:
                assert process.poll() is None, "the run ended before it was killed"
                time.sleep(0.01)
            time.sleep(draw.uniform(0, 1) * read_history(run)[-1]["seconds"])
        else:
            time.sleep(draw.uniform(0, 4))
        assert process.poll() is None, "the run ended before it was killed"
        process.kill()
        process.wait()
        reached.append(len(read_history(run)))
        assert_nothing_is_corrupt(run)
    print(f"killed {times} times, after epochs {reached} of {epochs}")
    assert start(tmp_path / "killed", epochs).wait() == 0
    assert_nothing_is_corrupt(run)
    assert not list(run.rglob(".writing-*"))
    name = f"state/epoch_{epochs:03d}.weights.h5"
    alone, killed = contents(tmp_path / "alone/run" / name), contents(run / name)
    assert alone.keys() == killed.keys() and len(alone) > 50
    for key in alone:
        np.testing.assert_array_equal(alone[key], killed[key], err_msg=key)
