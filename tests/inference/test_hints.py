"""Hints: painted colours decide the code, and what they leave open is drawn."""

import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.generator_metadata import Translation
from cyclegan_tf.inference import export, files, formats, hints, load
from cyclegan_tf.inference.translator import Translator
from cyclegan_tf.networks import generator_file, generators
from cyclegan_tf.networks.layers.linear_prediction import SIDE, LinearPrediction

SIZE = 32


@pytest.fixture(scope="module")
def generator():
    """One whose code has a number for the colour of each quarter, and one that changes nothing."""
    network = generators.resnet_generator((None, None, 1), 2, 0, 3, norm="layer", code=13, seed=0)
    prediction = next(x for x in network.layers if isinstance(x, LinearPrediction))
    kernel = np.zeros((16 + 13, SIDE, SIDE, 3), np.float32)
    for number in range(12):
        quarter, channel = divmod(number, 3)
        top, left = (16 * x for x in divmod(quarter, 2))
        kernel[16 + number, top : top + 16, left : left + 16, channel] = 0.5
    prediction.set_weights([kernel.reshape(29, -1), np.zeros(SIDE * SIDE * 3)])
    return network


@pytest.fixture
def translator(generator):
    return Translator(generator, Translation(size=(SIZE, SIZE)))


def painted(colour, rows=slice(0, 8), columns=slice(0, 8), size=SIZE):
    hint = np.zeros((size, size, 4), np.uint8)
    hint[rows, columns] = (*colour, 255)
    return hint


def code(generator, hint, seed=0):
    layer = next(x for x in generator.layers if isinstance(x, LinearPrediction))
    drawn = np.random.default_rng(seed).normal(size=13).astype("float32")
    image = np.zeros((SIZE, SIZE, 1), np.float32)
    return drawn, hints.code(layer, image, *hints.checked(hint, (SIZE, SIZE), 3), drawn)


def test_what_is_painted_is_met_and_the_rest_is_as_drawn(generator):
    drawn, found = code(generator, painted((255, 0, 51)))
    # The prediction is half of each number: 1, -1 and -0.6 are asked for.
    np.testing.assert_allclose(0.5 * found[:3], [1, -1, -0.6], atol=0.1)
    np.testing.assert_allclose(found[3:], drawn[3:], atol=1e-5)


def test_the_less_is_painted_the_less_it_counts(generator):
    # One pixel in a thousand, nearly transparent: its colour is a weak wish.
    weak = painted((255, 0, 0), slice(0, 1), slice(0, 1))
    weak[0, 0, 3] = 8
    _, found = code(generator, weak)
    _, strong = code(generator, painted((255, 0, 0)))
    assert abs(0.5 * strong[0] - 1) < 0.1 < abs(0.5 * found[0] - 1)


def test_draws_differ_where_nothing_is_painted(generator):
    hint = painted((200, 30, 30))
    one, other = (code(generator, hint, seed)[1] for seed in (1, 2))
    assert np.abs(one[:3] - other[:3]).max() < 0.4
    assert np.abs(one[3:] - other[3:]).max() > 0.5


def test_a_translation_takes_the_painted_colour(translator):
    image = np.full((SIZE, SIZE), 128, np.uint8)
    red, blue = (
        translator(image, hint=painted(x, slice(0, 16), slice(0, 16)))
        for x in ((250, 5, 5), (5, 5, 250))
    )
    there = red[2:12, 2:12].astype(int) - blue[2:12, 2:12]
    assert there[..., 0].mean() > 40 and there[..., 2].mean() < -40
    # Images of other sizes and an array of several take it at its place, too.
    large = np.full((90, 90), 128, np.uint8)
    assert translator(large, hint=painted((250, 5, 5), size=90)).shape == (90, 90, 3)


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (np.zeros((SIZE, SIZE, 3), np.uint8), "must be transparent where nothing is painted"),
        (
            painted((9, 9, 9), size=40),
            "must be as large as the image, 32x32 pixels, received 40x40",
        ),
        (np.zeros((SIZE, SIZE, 4), np.uint8), "nothing painted"),
    ],
)
def test_what_is_no_hint_is_refused(translator, hint, said):
    with pytest.raises(InputError, match=said):
        translator(np.zeros((SIZE, SIZE), np.uint8), hint=hint)


def test_a_generator_without_such_codes_takes_no_hint():
    plain = Translator(generators.resnet_generator((None, None, 3), 2, 0), Translation())
    assert not plain.takes_hints
    with pytest.raises(InputError, match="takes no hint of colours: leave it out"):
        plain(np.zeros((SIZE, SIZE, 3), np.uint8), hint=painted((9, 9, 9)))


def test_a_gray_hint_is_one_of_gray(translator):
    image, hint = np.full((SIZE, SIZE), 128, np.uint8), painted((80, 80, 80))
    np.testing.assert_array_equal(
        translator(image, hint=hint), translator(image, hint=hint[..., 2:])
    )


def test_another_runtime_takes_hints_where_the_file_does(generator, tmp_path, monkeypatch):
    if formats.FORMATS["onnx"].missing():
        pytest.skip("ONNX's libraries are not installed")
    monkeypatch.setattr(load, "_exported", lambda path, runtime: tmp_path / "gen.onnx")
    generator_file.save(tmp_path / "gen.keras", generator, Translation(size=(SIZE, SIZE)))
    export.export(tmp_path / "gen.keras", tmp_path / "gen.onnx")
    exported = load.load(tmp_path / "gen.keras", runtime="onnx")
    assert exported.runtime == "onnx" and exported.takes_hints
    assert not load.load(tmp_path / "gen.onnx").takes_hints
    image, hint = np.full((SIZE, SIZE), 128, np.uint8), painted((250, 5, 5))
    found, known = (
        t(image, hint=hint).astype(int)
        for t in (exported, Translator(generator, Translation(size=(SIZE, SIZE))))
    )
    assert np.abs(found - known).max() <= 1


def test_a_hint_belongs_to_one_image(translator, tmp_path):
    Image.new("L", (SIZE, SIZE)).save(tmp_path / "a.png")
    Image.fromarray(painted((250, 5, 5))).save(tmp_path / "hint.png")
    given = {"hint": tmp_path / "hint.png", "progress": False}
    written, _ = files.translate_files(translator, tmp_path / "a.png", tmp_path / "b.png", **given)
    assert written == [tmp_path / "b.png"]
    with pytest.raises(InputError, match="hint belongs to one image"):
        files.translate_files(translator, tmp_path, tmp_path / "out", **given)
    with pytest.raises(InputError, match="hint and style decide the same"):
        files.translate_files(
            translator, tmp_path / "a.png", tmp_path / "c.png", style=np.zeros(13), **given
        )
