"""`prepare` and how it speaks: what it takes, says and refuses."""

import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.cli import main, words
from cyclegan_tf.cli import train as train_command
from cyclegan_tf.data import npz, prepare
from support.datasets import fill, make_dataset


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """Paths are short, and threads stay as they are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train_command, "_set_up_tensorflow", lambda deterministic: None)
    return tmp_path


def run(line):
    return main.main(line.split())


@pytest.fixture
def paired(alone):
    for name, start in (("A", 0), ("B", 100)):
        fill(alone / "paired" / name, range(start, start + 10))


def test_pairs_by_name_are_recognized_and_said(paired, capsys):
    assert run("prepare x.npz --pairs paired --size 8") == 0
    said = capsys.readouterr()
    assert said.out.endswith("\n10 pairs by name from A/ and B/.\n")
    assert "warning" not in said.err
    dataset = npz.load("x.npz")
    a, b = ([int(i[0, 0, 0]) for i in images] for images in (dataset.train_a, dataset.train_b))
    assert b == [n + 100 for n in a] and dataset.paired["train"]


def test_images_side_by_side_are_said_and_others_refused_in_the_words_of_options(alone, capsys):
    fill(alone / "wide", range(10), size=(32, 16))
    assert run("prepare x.npz --pairs wide --size 8") == 0
    out = capsys.readouterr().out
    assert "10 images of wide/, each cut down its middle: A left, B right." in out
    fill(alone / "square", range(10), size=(16, 16))
    assert run("prepare y.npz --pairs square --size 8") == 2
    assert "say --layout side-by-side if they are, or --layout folders" in capsys.readouterr().err
    assert run("prepare y.npz --pairs square --size 8 --layout side-by-side") == 0
    assert run("prepare z.npz --folders wide square --layout folders") == 2
    assert "--layout has no use with --folders" in capsys.readouterr().err
    assert not (alone / "z.npz").exists()


def test_an_npz_of_two_arrays_becomes_pairs(alone, capsys):
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3)).astype("uint8")
    np.savez("pairs.npz", images, images[::-1])
    assert run("prepare x.npz --pairs pairs.npz --names photo map") == 0
    assert "6 pairs in the order of the arrays." in capsys.readouterr().out
    dataset = npz.load("x.npz")
    assert dataset.paired == {"train": True, "test": True} and dataset.names == ("photo", "map")
    assert (len(dataset.train_a), len(dataset.test_b)) == (5, 1)
    for line, reason in (
        ("--pairs pairs.npz --size 8", "--size has no use with --pairs pairs.npz"),
        ("--pairs pairs.npz --layout folders", "--layout has no use with --pairs pairs.npz"),
        ("--pairs pairs.npz pairs.npz", "holds both domains: leave out pairs.npz"),
        ("--pairs x.npz", "x.npz was prepared already"),
    ):
        assert run(f"prepare y.npz {line}") == 2
        assert reason in capsys.readouterr().err


def test_a_data_set_is_replaced_where_that_is_allowed_and_nothing_is_done_before(
    alone, capsys, monkeypatch
):
    npz.save("x.npz", make_dataset())
    before = (alone / "x.npz").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(prepare, "generated", lambda *_, **__: pytest.fail("it was drawn"))
        assert run("prepare x.npz --generated 2 1 --size 8") == 2
    assert capsys.readouterr().err == (
        "cyclegan-tf: x.npz exists: give another name, or --overwrite.\n"
    )
    assert (alone / "x.npz").read_bytes() == before
    assert run("prepare x.npz --generated 2 1 --size 8 --overwrite") == 0
    assert npz.load("x.npz").image_shape_a == (8, 8, 1)
    (alone / "photo.png").write_bytes(b"precious")
    assert run("prepare photo.png --generated 2 1 --size 8 --overwrite") == 2
    assert (alone / "photo.png").read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("size", "near"),
    [
        ("30x50", "28x48 or 32x52"), ("30", "28x28 or 32x32"), ("64x50", "64x48 or 64x52"),
        ("5", "8x8"), ("28", ""), ("64x48", ""),
    ],
)  # fmt: skip
def test_sizes_that_networks_do_not_take_are_refused(alone, capsys, size, near):
    fill(alone / "a", range(3))
    fill(alone / "b", range(3))
    assert run(f"prepare x.npz --folders a b --size {size}") == (2 if near else 0)
    said = capsys.readouterr().err
    assert ("multiples of 4" in said) == bool(near)
    assert not near or f"give {near}.\n" in said


def test_what_folders_hold_is_said_in_the_words_of_options(alone, capsys):
    for name in ("trainA", "trainB"):
        (alone / "x" / name).mkdir(parents=True)
        for i in range(3):
            image = np.full((8, 8), 500 + i, np.float32)
            image[0, 0] = -9999
            np.save(alone / "x" / name / f"{i}.npy", image)
    assert run("prepare x.npz --folders x --size 8 --channels 1") == 0
    said = capsys.readouterr()
    assert "if it stands for no data, say --nodata -9999.\n" in said.err
    assert "say with --ranges what else black and white are, such as --ranges 0 255.\n" in said.err
    assert said.out.endswith("A from trainA/ and B from trainB/.\n")


def test_folders_inside_each_other_are_refused(alone, capsys):
    fill(fill(alone / "x", range(3)) / "B", range(3))
    for line in ("x x/B", "x x", "x ./x/../x"):
        assert run(f"prepare y.npz --folders {line}") == 2
        assert "would be taken twice" in capsys.readouterr().err


# --- train ---------------------------------------------------------------------------------


def test_a_folder_of_images_is_no_run(alone, capsys):
    fill(alone / "photos", range(3))
    fill(alone / "paintings", range(3))
    assert run("train photos paintings") == 2
    assert capsys.readouterr().err == (
        "cyclegan-tf: The folder paintings holds images and is no run: if they are domain B, say "
        "--data-b paintings, and name a folder for the run.\n"
    )


def test_a_method_of_pairs_says_how_folders_become_pairs(paired, capsys):
    assert run("train paired run --method pix2pix --filters 2 --disc-layers 1 --size 16") == 2
    said = capsys.readouterr()
    assert "`cyclegan-tf prepare DATA.npz --pairs FOLDER`" in said.err
    assert said.out.startswith("A from A/ and B from B/.\n")


def test_ranges_of_an_npz_of_another_maker(alone, capsys):
    values = np.linspace(-40, 90, 4 * 16 * 16 * 3, dtype="float32").reshape(4, 16, 16, 3)
    np.savez("x.npz", values, values)
    tiny = "--epochs 1 --filters 2 --blocks 1 --disc-layers 1 --dry-run"
    assert run(f"train x.npz run {tiny}") == 0
    assert "The floats of A go from -40 to 90" in capsys.readouterr().err
    assert run(f"train x.npz run {tiny} --ranges 0 50 -40 90") == 0
    assert "warning" not in capsys.readouterr().err
    npz.save("y.npz", make_dataset())
    assert run(f"train y.npz run {tiny} --ranges 0 50") == 2
    assert "--ranges has no use with y.npz, which is prepared" in capsys.readouterr().err


# --- words ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("say ranges=(0, 255).", "say --ranges 0 255."),
        ("say ranges=((0, 1), (-5, 2.5)) then.", "say --ranges 0 1 -5 2.5 then."),
        ("say nodata=-3.4e+38.", "say --nodata -3.4e+38."),
        ("layout='side-by-side' or so", "--layout side-by-side or so"),
        ("ranges must be", "--ranges must be"),
        ("the ranges of x", "the ranges of x"),
        ("folder/ranges=3/x with --ranges 3", "folder/ranges=3/x with --ranges 3"),
        ("give test_fraction", "give --test-fraction"),
        ("with strict=False, strict=True", "with --no-strict, --strict"),
    ],
)
def test_arguments_become_options(sentence, said):
    flags = words.flags(("ranges", "nodata", "layout", "test_fraction", "strict"))
    assert words.in_words_of_options(sentence, flags) == said


def test_an_image_that_is_missing_is_named(alone, capsys):
    fill(alone / "a", range(3))
    fill(alone / "b", range(3))
    (alone / "a/9.png").symlink_to("none.png")
    Image.new("L", (8, 8)).save(alone / "a/x.tga")
    assert run("prepare x.npz --folders a b --size 8") == 0
    said = capsys.readouterr().err
    assert "There is no file a/9.png" in said and "left out: 1 .tga." in said
