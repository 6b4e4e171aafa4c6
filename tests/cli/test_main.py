import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import cyclegan_tf
from cyclegan_tf.cli import main
from cyclegan_tf.cli import train as train_command
from cyclegan_tf.data import npz
from cyclegan_tf.training.callbacks import read_history
from support.datasets import ROOT, make_dataset

TINY = ["--epochs", "1", "--steps", "2", "--filters", "4", "--blocks", "1", "--disc-layers", "1"]


@pytest.fixture(autouse=True)
def threads_stay_as_they_are(monkeypatch):
    """TensorFlow takes thread settings only before its first operation."""
    monkeypatch.setattr(train_command, "_set_up_tensorflow", lambda deterministic: None)


@pytest.fixture
def folders(tmp_path):
    """Two folders of colour images, one of them with a file that is no image."""
    rng = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        for i in range(6):
            image = rng.integers(0, 256, (20 + i, 24, 3)).astype("uint8")
            Image.fromarray(image).save(tmp_path / name / f"{i}.png")
    (tmp_path / "cats/broken.png").write_text("no image")
    return tmp_path


def run(*words):
    return main.main([str(word) for word in words])


def test_two_folders_become_a_run_and_a_translated_photo(folders, capsys, eager):
    data, model = folders / "pets.npz", folders / "run"
    assert run("prepare", data, "--folders", folders / "cats", folders / "dogs", "--size", 16) == 0
    said = capsys.readouterr()
    assert "broken.png" in said.err and "A cats: 5 train, 1 test, 16x16x3" in said.out
    assert run("train", data, model, *TINY) == 0
    assert "report.html" in capsys.readouterr().out
    assert len(read_history(model)) == 1
    assert (
        run("translate", model, folders / "cats/1.png", folders / "out", "--direction", "ab") == 0
    )
    assert "cats → dogs" in capsys.readouterr().out
    assert Image.open(folders / "out/1.png").size == (24, 21)
    assert run("translate", model / "gen_ba.keras", folders / "dogs", folders / "all") == 0
    assert len(list((folders / "all").iterdir())) == 6
    assert run("translate", model, folders / "dogs/1.png", "one.psd") == 2
    assert "end in .png" in capsys.readouterr().err


def test_folders_train_without_an_npz(folders, eager):
    model = folders / "run"
    words = ["--data-b", folders / "dogs", "--size", 16, *TINY]
    assert run("train", folders / "cats", model, *words) == 0
    assert run("train", folders / "cats", model, *words) == 0  # the same command again
    assert len(read_history(model)) == 1


def test_pairs_are_split_down_the_middle(tmp_path):
    (tmp_path / "pairs/train").mkdir(parents=True)
    (tmp_path / "pairs/val").mkdir()
    both = np.concatenate([np.zeros((16, 16, 3)), np.full((16, 16, 3), 255)], 1).astype("uint8")
    for split in ("train", "val"):
        Image.fromarray(both).save(tmp_path / f"pairs/{split}/1.png")
    assert run("prepare", tmp_path / "p.npz", "--pairs", tmp_path / "pairs", "--size", 16) == 0
    dataset = npz.load(tmp_path / "p.npz")
    assert dataset.train_a.max() == 0 and dataset.test_b.min() == 255
    assert dataset.paired == {"train": True, "test": True}


def test_generated_data_and_every_option_of_training(tmp_path, eager):
    data = tmp_path / "faces.npz"
    assert run("prepare", data, "--generated", 4, 2, "--size", 32, "--seed", 1) == 0
    words = "--generator unet --upsampling resize --loss binary_crossentropy --no-augment"
    words += " --constant-rate --batch 2 --pool-size 0 --disc-layers 0 --tensorboard --images 1"
    words += " --devices all --steps-per-execution 3"
    assert run("train", data, tmp_path / "run", "--epochs", 1, "--filters", 2, *words.split()) == 0
    assert list((tmp_path / "run/tensorboard").rglob("events*"))


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content) if isinstance(content, bytes) else path.write_text(content)
    return path


BAD = {
    "no such folder": lambda p: ("prepare", p / "o.npz", "--folders", p / "none"),
    "three folders": lambda p: ("prepare", p / "o.npz", "--folders", p, p, p),
    "an empty folder": lambda p: ("prepare", p / "o.npz", "--folders", p / "empty", p / "empty"),
    "no image readable": lambda p: ("prepare", p / "o.npz", "--folders", p / "text", p / "text"),
    "an unreadable image, strictly": lambda p: (
        "prepare", p / "o.npz", "--folders", p / "mixed", p / "mixed", "--strict",
    ),
    "a fraction above one": lambda p: (
        "prepare", p / "o.npz", "--folders", p / "mixed", p / "mixed", "--test-fraction", 2,
    ),
    "a missing npz": lambda p: ("train", p / "none.npz", p / "run", *TINY),
    "text called npz": lambda p: ("train", write(p / "t.npz", "hello"), p / "run", *TINY),
    "a truncated npz": lambda p: (
        "train", write(p / "h.npz", (p / "good.npz").read_bytes()[:900]), p / "run", *TINY,
    ),
    "too few pixels for the patches": lambda p: (
        "train", p / "good.npz", p / "run", "--disc-layers", 3, "--filters", 2,
    ),
    "an identity loss between channels": lambda p: (
        "train", p / "good.npz", p / "run", "--identity-weight", 5, *TINY,
    ),
    "a folder of something else": lambda p: ("train", p / "good.npz", p / "text", *TINY),
    "no generator": lambda p: ("translate", p / "none.keras", p / "mixed", p / "out"),
    "a run without generators": lambda p: ("translate", p / "empty", p / "mixed", p / "out"),
    "text called keras": lambda p: (
        "translate", write(p / "t.keras", "hello"), p / "mixed/1.png", p / "out",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gives_one_sentence_and_status_2(case, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    write(tmp_path / "text/1.png", "no image")
    write(tmp_path / "mixed/2.png", "no image")
    for i in (1, 3, 4):
        Image.new("RGB", (16, 16)).save(tmp_path / f"mixed/{i}.png")
    npz.save(tmp_path / "good.npz", make_dataset())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    words = BAD[case](tmp_path)
    capsys.readouterr()
    assert run(*words) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "cyclegan-tf:" in line]
    assert len(lines) == 1 and len(lines[0]) < 600, lines
    assert "Traceback" not in lines[0] and lines[0].rstrip().endswith((".", ")."))
    assert not (tmp_path / "o.npz").exists() and not (tmp_path / "out").exists()
    assert all(path.read_bytes() == content for path, content in before.items())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "COMMAND"),
        ("paint", "invalid choice: 'paint'"),
        ("train", "required: data, folder"),
        ("prepare x.npz", "one of the arguments --folders"),
        ("prepare x.npz --pairs p --size 1.5", "must be like 64 or 64x48, received '1.5'"),
        ("prepare x.npz --pairs p --channels 0", "must be like 3, or like 1,3, received '0'"),
        ("train x r --epochs 0", "must be a whole number of at least 1, received '0'"),
        ("train x r --batch two", "must be a whole number of at least 1, received 'two'"),
        ("train x r --devices some", "must be a whole number of at least 1, received 'some'"),
        ("train x r --learning-rate fast", "must be a number of at least 0, received 'fast'"),
        ("train x r --cycle-weight -1", "must be a number of at least 0, received '-1'"),
        ("translate m s t --size 2", "must be a whole number of at least 8, received '2'"),
    ],
)
def test_words_that_make_no_command_exit_with_2(line, said, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(*line.split())
    err = capsys.readouterr().err
    assert "usage: cyclegan-tf" in err and said in err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("train {npz} run --size 64", "--size has no use with"),
        ("train {npz} run --data-b x", "--data-b belongs to a folder"),
        ("prepare x.npz --generated 2 1 --how pad", "--how has no use with --generated"),
        ("prepare x.npz --generated 2 1 --direction ba", "--direction has no use with"),
        ("translate m {npz} image.gif", "There is no generator, file or folder m"),
    ],
)
def test_options_that_do_not_fit_are_refused(line, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    npz.save("data.npz", make_dataset())
    assert run(*line.format(npz="data.npz").split()) == 2
    assert said in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["data.npz"]


COMMANDS = [[], *([name] for name in main.COMMANDS), ["train", "--method", "vae"]]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help(command, encoding, monkeypatch):
    output = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", output)
    with pytest.raises(SystemExit, match="0"):
        run(*command, "--help")
    output.flush()
    said = output.buffer.getvalue().decode(encoding)
    assert "usage: cyclegan-tf" in said
    if command == ["export"]:
        assert ("sketch ↔ cartoon" if encoding == "utf-8" else "sketch <-> cartoon") in said


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        run("--version")
    assert capsys.readouterr().out == f"cyclegan_tf {cyclegan_tf.__version__}\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("export run", "run is a generator, which comes first"),
        ("export run run --format saved_model --overwrite", "run is a generator, which comes"),
        ("export net.keras", "net.keras is a generator, which comes first"),
        ("export gone --direction ba x.onnx", "gone"),
        ("export --direction ba x.psd", "--format must be given, or target be a folder's name"),
        ("view a.nii --output x.png b.nii", "There is no file or folder a.nii"),
        ("view --output x.png a.nii b.nii", "There is no file or folder a.nii"),
        ("sample out run", "out"),
    ],
)
def test_words_of_other_commands_have_one_meaning(line, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.json").write_text("{}")
    assert run(*line.split()) == 2
    assert said in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["run", "run.json"]


def test_the_unforeseen_is_one_sentence_too(monkeypatch, tmp_path, capsys):
    def burst(*_, **__):
        raise RuntimeError("boom\nat line 3")

    monkeypatch.setattr(npz, "load", burst)
    assert run("train", tmp_path / "x.npz", tmp_path / "run") == 1
    assert capsys.readouterr().err.startswith("cyclegan-tf: unforeseen RuntimeError: boom (")

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(npz, "load", stop)
    assert run("train", tmp_path / "x.npz", tmp_path / "run") == 130
    assert "goes on from the last finished epoch" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["prepare", "x.npz", "--folders", "none"], ["translate", "none", ".", "x"]]
)
def test_the_installed_command_says_one_sentence_and_nothing_of_tensorflows(words):
    command = [sys.executable, "-m", "cyclegan_tf", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("cyclegan-tf: ") and done.stderr.count("\n") == 1
