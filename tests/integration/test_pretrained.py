"""The pair that comes with the package, as people meet it first."""

import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.cli import main
from cyclegan_tf.data.synthetic import cartoons
from cyclegan_tf.data.synthetic.sketch import sketch
from cyclegan_tf.inference import load
from cyclegan_tf.inference.source import PRETRAINED

#: Of another seed than the training's.
FACES = cartoons.cartoons(12, 128, seed=2026)


@pytest.fixture(autouse=True)
def no_choice_remembered(tmp_path, monkeypatch):
    monkeypatch.setenv("CYCLEGAN_TF_CACHE", str(tmp_path / "cache"))


def error(images, truth):
    return np.abs(images.astype(float) - truth).mean()


def test_it_is_small_and_complete():
    files = sorted(path.relative_to(PRETRAINED).as_posix() for path in PRETRAINED.rglob("*.*"))
    examples = ["examples/a.png", "examples/b.png"]
    assert files == ["README.md", *examples, "gen_ab.keras", "gen_ba.keras"]
    assert sum(path.stat().st_size for path in PRETRAINED.rglob("*.*")) < 6e6


def test_it_draws_sketches_of_faces_that_it_never_saw():
    to_sketch, truth = load.load(direction="ba"), sketch(FACES)
    gray = np.stack([np.array(Image.fromarray(face).convert("L")) for face in FACES])[..., None]
    assert str(to_sketch) == "cartoon → sketch" and to_sketch.translation.size == (128, 128)
    assert error(to_sketch(FACES), truth) < 0.25 * error(gray, truth)


def test_it_colours_sketches_and_keeps_the_face():
    to_cartoon, to_sketch = load.load(), load.load(direction="ba")
    coloured = to_cartoon(sketch(FACES))
    saturation = np.ptp(coloured, axis=-1).mean() / np.ptp(FACES, axis=-1).mean()
    assert 0.4 < saturation < 1.6
    assert error(to_sketch(coloured), sketch(FACES)) < 20
    # Nearer to its own cartoon than to the others'.
    distances = np.array([[error(one, other) for other in FACES] for one in coloured])
    assert distances.diagonal().mean() < 0.85 * distances.mean()


def test_it_knows_what_it_was_trained_on():
    to_cartoon = load.load()
    alarm = to_cartoon.translation.likeness["alarm"]
    assert np.mean([to_cartoon.drift(one) < alarm for one in sketch(FACES)]) > 0.8
    assert all(to_cartoon.drift(face) > alarm for face in FACES)


def test_translate_takes_it_when_no_model_is_named(tmp_path, capsys):
    Image.fromarray(FACES[0]).resize((200, 160)).save(tmp_path / "face.png")
    source, target = str(tmp_path / "face.png"), str(tmp_path / "drawn.png")
    assert main.main(["translate", source, target, "--direction", "ba"]) == 0
    assert "cartoon → sketch" in capsys.readouterr().out
    with Image.open(target) as drawn:
        assert drawn.size == (200, 160) and drawn.mode == "L"
