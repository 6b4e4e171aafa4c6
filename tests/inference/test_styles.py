"""Translations in a style: drawn, given as numbers, or taken from a guide."""

import keras
import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.cli import main
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.inference import load
from cyclegan_tf.inference.files import translate_files
from cyclegan_tf.inference.translator import Translator
from cyclegan_tf.networks import generator_file
from cyclegan_tf.networks.generator_file import Translation

FACES = Translation("sketch", "cartoon", (0, 255), (0, 255), "uint8", (8, 8))


def tinting():
    """The generator of image x and style s to 0.5 * x + 0.25 * s, s one number per channel."""
    image, style = keras.Input((None, None, 1)), keras.Input((3,))
    halved = keras.layers.Conv2D(3, 1, use_bias=False)
    tint = keras.layers.Dense(3, use_bias=False)
    # Multiplied by ones of the image's size, whatever that is.
    ones = keras.layers.Conv2D(3, 1)
    tinted = keras.layers.Multiply()([ones(image), keras.layers.Reshape((1, 1, 3))(tint(style))])
    model = keras.Model([image, style], keras.layers.Add()([halved(image), tinted]))
    halved.kernel.assign(np.full((1, 1, 1, 3), 0.5))
    tint.kernel.assign(np.eye(3) * 0.25)
    ones.kernel.assign(np.zeros((1, 1, 1, 3)))
    ones.bias.assign(np.ones(3))
    return model


def mean_colour():
    """The style of an image is its mean colour."""
    image = keras.Input((None, None, 3))
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))


@pytest.fixture
def run(tmp_path):
    """A run's folder as MUNIT leaves it, from A to B."""
    folder = tmp_path / "run"
    generator_file.save(folder / "gen_ab.keras", tinting(), FACES)
    of_styles = Translation("cartoon", "noise", (0, 255), (-1, 1), "float32", (8, 8))
    generator_file.save(folder / "style_b.keras", mean_colour(), of_styles)
    return folder


GRAY = np.full((8, 8, 1), 255, np.uint8)
GREEN = np.zeros((8, 8, 3), np.uint8) + np.array([0, 255, 0], np.uint8)
# 0.5 * 1 + 0.25 * (-1, 1, -1) is (0.25, 0.75, 0.25): of 0..255 159.4, 223.1, 159.4.
IN_GREEN = (159, 223, 159)


def test_the_style_of_a_guide_is_that_of_its_image(run, tmp_path):
    translator = load.load(run)
    np.testing.assert_allclose(translator.style(GREEN), [-1, 1, -1], atol=1e-6)
    Image.fromarray(GREEN).convert("RGBA").resize((40, 20)).save(tmp_path / "guide.png")
    for guide in (GREEN, Image.fromarray(GREEN), tmp_path / "guide.png"):
        assert tuple(translator(GRAY, style=guide)[3, 4]) == IN_GREEN


def test_a_style_may_be_given_as_numbers(run):
    translator = load.load(run)
    assert tuple(translator(GRAY, style=[-1, 1, -1])[0, 0]) == IN_GREEN
    three = translator(np.stack([GRAY] * 3), style=np.array([-1.0, 1.0, -1.0]))
    assert three.shape == (3, 8, 8, 3)
    assert (three == np.array(IN_GREEN)).all()


def test_without_a_style_the_seed_draws_it(run):
    translator = load.load(run)
    drawn = generator_file.noise(translator.generator, 1, 5)[0]
    seeded, given = translator(GRAY, seed=5), translator(GRAY, style=drawn)
    np.testing.assert_array_equal(seeded, given)
    assert (translator(GRAY, seed=6) != seeded).any()


@pytest.mark.parametrize(
    ("style", "message"),
    [
        ([1.0, 2.0], "takes styles of 3 numbers, received 2"),
        (np.zeros((8, 8, 4, 3), np.uint8), "image must be"),
    ],
)
def test_styles_that_cannot_be_used_are_refused(run, style, message):
    with pytest.raises(InputError, match=message):
        load.load(run)(GRAY, style=style)


def test_a_guide_needs_a_network_and_numbers_a_generator_that_takes_them():
    with pytest.raises(InputError, match="no network that gives styles: leave the guide out"):
        Translator(tinting(), FACES)(GRAY, style=GREEN)
    image = keras.Input((None, None, 1))
    plain = Translator(keras.Model(image, keras.layers.Conv2D(1, 1)(image)), FACES)
    with pytest.raises(InputError, match="takes no style, received 1"):
        plain(GRAY, style=[1.0])
    with pytest.raises(InputError, match="outputs must be 1"):
        translate_files(plain, "face.png", "out.png", outputs=2)


def test_command_writes_several_outputs_or_one_in_a_guides_style(run, tmp_path, capsys):
    face, guide = tmp_path / "face.png", tmp_path / "guide.png"
    Image.fromarray(GRAY[..., 0]).save(face)
    Image.fromarray(GREEN).save(guide)
    several = ["translate", str(run), str(face), str(tmp_path / "out.png"), "--outputs", "3"]
    assert main.main([*several, "--seed", "2"]) == 0
    translator = load.load(run)
    for i in range(3):
        written = np.asarray(Image.open(tmp_path / f"out_{i + 1}.png"))
        np.testing.assert_array_equal(written, translator(GRAY, seed=2 + i))
    assert not (tmp_path / "out.png").exists()
    target = str(tmp_path / "guided.png")
    assert main.main(["translate", str(run), str(face), target, "--guide", str(guide)]) == 0
    assert tuple(np.asarray(Image.open(target))[0, 0]) == IN_GREEN
    assert main.main([*several, "--guide", str(guide)]) == 2
    assert "outputs must be 1" in capsys.readouterr().err
