"""The words of `translate`, and how it ends where only a part can be done."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.cli.main import main
from cyclegan_tf.common import atomic_files
from cyclegan_tf.common.generator_metadata import Translation
from cyclegan_tf.networks import generator_file
from support.datasets import ROOT
from support.generators import identity


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder to be in, with a run that changes nothing and a folder of three images."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    generator_file.save(tmp_path / "run" / "gen_ab.keras", identity(), Translation(size=(16, 16)))
    (tmp_path / "run" / "gen_ba.keras").write_bytes((tmp_path / "run/gen_ab.keras").read_bytes())
    (tmp_path / "photos").mkdir()
    for i in range(3):
        Image.fromarray(np.full((16, 20, 3), 60 * i, np.uint8)).save(tmp_path / f"photos/{i}.png")
    return tmp_path


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("run photos out", ["0.png", "1.png", "2.png"]),
        ("--direction ba run photos out", ["0.png", "1.png", "2.png"]),
        ("run --direction ba photos out", ["0.png", "1.png", "2.png"]),
        ("run photos --direction ba out --suffix .tif", ["0.tif", "1.tif", "2.tif"]),
        ("run --direction=ba -- photos out", ["0.png", "1.png", "2.png"]),
        ("run photos/0.png photos/2.png out", ["0.png", "2.png"]),
        ("run/gen_ba.keras photos/1.png out/", ["1.png"]),
        ("run photos/1.png out/x.png", ["x.png"]),
    ],
)
def test_what_the_words_mean(place, line, written):
    assert main(["translate", *line.split()]) == 0
    assert files(place / "out") == written


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "received nothing"),
        ("run", "received run"),
        ("run photos", "run is a generator, and beside it there is photos alone"),
        ("run/gen_ab.keras photos/0.png", "there is photos/0.png alone"),
        ("photos run", "run is a generator, which comes first"),
        ("photos run out", "run is a generator, which comes first"),
        ("photos/0.png x.keras", "x.keras is a generator, which comes first"),
        ("rum photos out", "There is no generator, file or folder rum"),
        ("run fotos out", "There is no file or folder fotos"),
        ("gone.keras photos out", "No generator at gone.keras"),
        ("run/gen_zb.keras photos out", "(its folder holds gen_ab.keras, gen_ba.keras)"),
        ("photos photos out", "photos is a folder and no run's"),
        ("run photos photos/0.png out", "photos is a folder: name one folder, or files"),
        ("run photos ", "received run photos ''"),
        ("runs photos", "runs is a folder of runs: name one, such as runs/a, then the images"),
        ("run photos/0.png notes.txt", "target must be a folder or end in .png"),
        ("run photos notes.txt", "target must be a folder, since photos is"),
        ("run photos/0.png scan.nii out", "scan.nii is a volume: name one at a time"),
        ("run scan.nii out", "give a run whose data was prepared with --volumes"),
        ("run photos/0.png photos/1.png", "say --overwrite"),
        ("run photos/0.png photos/1.png photos/2.png", "target must be a folder"),
        ("run photos out --skip-existing --overwrite", None),
        ("run photos out --nonsense", None),
    ],
)
def test_a_forgotten_word_makes_no_other_of_one(place, line, said, capsys):
    (place / "runs" / "a").mkdir(parents=True)
    for name in ("runs/a/run.json", "notes.txt", "scan.nii"):
        (place / name).touch()
    before = files(place)
    try:
        status = main(["translate", *line.split(" ")] if line else ["translate"])
    except SystemExit as stop:
        status = stop.code
    assert status == 2 and files(place) == before
    printed = capsys.readouterr().err
    assert said is None or said in printed
    assert "Traceback" not in printed


def test_some_unreadable_images_are_counted_and_the_rest_is_gone_on_with(place, capsys):
    (place / "photos" / "bad.png").write_bytes(b"nothing")
    assert main(["translate", "run", "photos", "out"]) == 3
    printed = capsys.readouterr().err
    assert (
        "photos/bad.png is no PNG" in printed
        and "3 of 4 images translated; 1 could not be (named above)" in printed
    )
    Image.new("RGB", (8, 8)).save(place / "photos" / "bad.png")
    assert main(["translate", "run", "photos", "out"]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main(["translate", "run", "photos", "out", "--skip-existing"]) == 0
    printed = capsys.readouterr()
    assert "3 of 4 results are there already" in printed.err
    assert files(place / "out") == ["0.png", "1.png", "2.png", "bad.png"]
    for path in (place / "photos").iterdir():
        path.write_bytes(b"nothing")
    assert main(["translate", "run", "photos", "other"]) == 2
    assert "Of 4 images in photos none could be translated" in capsys.readouterr().err


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
@pytest.mark.parametrize("room", [0, 2])
def test_a_full_or_closed_place_stops_at_once(place, capsys, monkeypatch, code, room):
    made, mkstemp = [], atomic_files.tempfile.mkstemp

    def refuse(*args, **options):
        if len(made) >= room:
            raise OSError(code, os.strerror(code))
        made.append(args)
        return mkstemp(*args, **options)

    monkeypatch.setattr(atomic_files.tempfile, "mkstemp", refuse)
    assert main(["translate", "run", "photos", "out"]) == (3 if room else 2)
    printed = capsys.readouterr().err
    assert "cannot be written" in printed and os.strerror(code) in printed
    assert ("2 of 3 are done; the same with --skip-existing goes on" in printed) == (room == 2)
    monkeypatch.undo()
    monkeypatch.chdir(place)
    assert main(["translate", "run", "photos", "out", "--skip-existing"]) == 0
    assert files(place / "out") == ["0.png", "1.png", "2.png"]


def test_a_target_inside_the_source_is_no_source(place):
    for target in (place / "photos" / "out", place / "link" / "out"):
        if not (place / "link").exists():
            (place / "link").symlink_to(place / "photos")
        assert main(["translate", "run", "photos", str(target), "--overwrite"]) == 0
        assert files(place / "photos" / "out") == ["0.png", "1.png", "2.png"]


def test_an_image_that_does_not_fit_is_named(place, capsys):
    np.save(place / "photos" / "bands.npy", np.zeros((8, 8, 5), np.uint8))
    assert main(["translate", "run", "photos", "out"]) == 3
    assert "photos/bands.npy: image has 5 channels" in capsys.readouterr().err


def test_a_target_around_the_source_takes_the_results(place):
    assert main(["translate", "run", "photos", "."]) == 0
    assert files(place) == sorted(
        [f"{i}.png" for i in range(3)]
        + [f"photos/{i}.png" for i in range(3)]
        + ["run/gen_ab.keras", "run/gen_ba.keras"]
    )


def test_an_image_that_a_format_cannot_hold_is_named(place, capsys):
    Image.new("RGB", (16384, 8)).save(place / "photos" / "1.png")
    assert main(["translate", "run", "photos", "out", "--size", "8", "--suffix", ".webp"]) == 3
    assert "1.png: An image of 16384x8 pixels cannot be written as .webp" in capsys.readouterr().err
    assert files(place / "out") == ["0.webp", "2.webp"]


def test_stopped_by_the_user_it_says_how_to_go_on(place, capsys, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic_files.tempfile, "mkstemp", stop)
    assert main(["translate", "run", "photos", "out"]) == 130
    assert "--skip-existing goes on" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("encoding", [pytest.param("ascii", marks=pytest.mark.long), "cp1252"])
def test_what_an_output_cannot_print_is_no_error(place, encoding):
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "cyclegan_tf"]
    for words in (["translate", "--help"], ["translate", "run", "photos/0.png", "out/x.png"]):
        done = subprocess.run([*command, *words], env=environment, capture_output=True)
        assert done.returncode == 0 and b"Traceback" not in done.stderr
    assert b"Translated A -> B" in done.stdout
    assert files(place / "out") == ["x.png"]
