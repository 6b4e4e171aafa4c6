"""Samples of generators whose images are known by hand; what the command says and writes."""

import keras
import numpy as np
import pytest
from PIL import Image

from cyclegan_tf import recipes
from cyclegan_tf.cli import train as train_command
from cyclegan_tf.cli.main import main
from cyclegan_tf.common import plotting
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import digits, npz
from cyclegan_tf.inference import sampler as sampling
from cyclegan_tf.networks import generator_file
from cyclegan_tf.networks.generator_file import Translation
from cyclegan_tf.training.run import train

DIGITS = Translation("digit", "handwriting", (0, 1), (0, 255), "uint8", (1, 1))


def tiled(x):
    """A 2x2 image of one value, cut off at -1 and 1."""
    x = keras.layers.Reshape((1, 1, 1))(x)
    return keras.layers.Activation("hard_tanh")(keras.layers.UpSampling2D(2)(x))


def plain():
    """Noise of two numbers to an image of a tenth of the first."""
    noise = keras.Input((2,))
    layer = keras.layers.Dense(1, use_bias=False)
    model = keras.Model(noise, tiled(layer(noise)))
    layer.kernel.assign([[0.1], [0.0]])
    return model


def conditional(classes=3):
    """Class k of 3 is an image of -0.5, 0 or 0.5, whatever the noise."""
    asked, noise = keras.Input((1, 1, classes)), keras.Input((2,))
    layer = keras.layers.Dense(1, use_bias=False)
    flat = keras.layers.Concatenate()([keras.layers.Flatten()(asked), noise])
    model = keras.Model([asked, noise], tiled(layer(flat)))
    # Of -1 and 1: -0.25 - (0.25 + ...) solved for the three values.
    layer.kernel.assign([[-0.25], [0.0], [0.25], [0.0], [0.0]])
    return model


def test_samples_are_the_noise_of_seed_and_number():
    sampler = sampling.Sampler(plain(), Translation("noise", "digits"))
    images = sampler(5, seed=3)
    noise = np.random.default_rng(3).standard_normal((5, 2), np.float32)
    expected = np.rint((0.1 * noise[:, 0] + 1) * 127.5)
    assert images.shape == (5, 2, 2, 1) and images.dtype == np.uint8
    np.testing.assert_array_equal(images[:, 1, 1, 0], expected)
    np.testing.assert_array_equal(sampler(2, seed=3), images[:2])
    assert np.abs(sampler(5, seed=4).astype(int) - images).max() > 0
    assert len(sampler(sampling.BATCH + 1)) == sampling.BATCH + 1


def test_values_are_those_of_the_domain():
    known = Translation("noise", "heights", (-1, 1), (0, 1000), "uint16")
    images = sampling.Sampler(plain(), known)(5, seed=3)
    noise = np.random.default_rng(3).standard_normal((5, 2), np.float32)
    np.testing.assert_allclose(images[:, 0, 0, 0], np.rint(50 * noise[:, 0] + 500), atol=1)
    assert images.dtype == np.uint16


def test_a_class_is_made_when_asked_for():
    sampler = sampling.Sampler(conditional(), DIGITS)
    # One-hot -1 and 1: class 0 gives -0.25 - 0.25, class 1 gives 0.25 - 0.25, class 2 0.25 + 0.25.
    values = np.rint((np.array([-0.5, 0, 0.5]) + 1) * 127.5)
    assert sampler.classes == 3
    for label in range(3):
        assert np.unique(sampler(4, label=label)).tolist() == [values[label]]
    np.testing.assert_array_equal(sampler(7)[:, 0, 0, 0], values[[0, 1, 2, 0, 1, 2, 0]])


@pytest.mark.parametrize(
    ("generator", "arguments", "reason"),
    [
        (conditional, {"label": 3}, "from 0 to 2, received 3"),
        (conditional, {"label": -1}, "from 0 to 2, received -1"),
        (conditional, {"label": "7"}, "from 0 to 2, received '7'"),
        (plain, {"label": 0}, "noise → digits knows no classes"),
        (plain, {"count": 0}, "count must be"),
        (plain, {"seed": -1}, "seed must be"),
    ],
)
def test_what_cannot_be_made_is_told(generator, arguments, reason):
    known = DIGITS if generator is conditional else Translation("noise", "digits")
    with pytest.raises(InputError, match=reason):
        sampling.Sampler(generator(), known)(**{"count": 2} | arguments)


def test_interpolation_walks_an_arc_between_two_samples():
    sampler = sampling.Sampler(plain(), Translation("noise", "digits"))
    walk = sampler.interpolate(5, seed=1)
    np.testing.assert_array_equal(walk[[0, -1]], sampler(2, seed=1))
    first, last = np.random.default_rng(1).standard_normal((2, 2), np.float32)
    angle = np.arccos(first @ last / np.linalg.norm(first) / np.linalg.norm(last))
    middle = (first + last) * np.sin(angle / 2) / np.sin(angle)
    assert abs(int(walk[2, 0, 0, 0]) - (0.1 * middle[0] + 1) * 127.5) <= 0.51
    with pytest.raises(InputError, match="count must be"):
        sampler.interpolate(1)
    of_class = sampling.Sampler(conditional(), DIGITS).interpolate(3)
    assert len(np.unique(of_class)) == 1


def test_noise_of_one_number_has_no_arc():
    noise = keras.Input((1,))
    model = keras.Model(noise, tiled(noise))
    walk = sampling.Sampler(model, Translation()).interpolate(3)
    assert walk.shape == (3, 2, 2, 1)


def test_grid_lays_out_row_by_row():
    images = np.linspace(-1, 1, 5)[:, None, None, None] * np.ones((1, 2, 3, 1))
    sheet = np.asarray(plotting.grid(images, 2, min_side=2))
    m = plotting.MARGIN
    assert sheet.shape == (3 * (2 + m) + m, 2 * (3 + m) + m, 3)
    corners = sheet[m :: 2 + m, m :: 3 + m, 0]
    np.testing.assert_array_equal(corners, [[0, 64], [128, 191], [255, 255]])
    assert plotting.grid(images, 9).width == 5 * (84 + m) + m


@pytest.fixture
def files(tmp_path):
    """A folder that samples by class beside a translator, and one that only translates."""
    image = keras.Input((None, None, 1))
    translator = keras.Model(image, keras.layers.Conv2D(1, 1)(image))
    generator_file.save(tmp_path / "run/gen_ab.keras", conditional(), DIGITS)
    generator_file.save(tmp_path / "run/gen_aa.keras", translator, Translation())
    generator_file.save(tmp_path / "translates/gen_ab.keras", translator, Translation("a", "b"))
    return tmp_path


def test_a_folders_sampler_is_found(files):
    assert sampling.load(files / "run").classes == 3
    assert str(sampling.load(files / "run/gen_ab.keras")) == "digit → handwriting"
    with pytest.raises(InputError, match="holds only gen_ab.keras, and nothing that makes"):
        sampling.load(files / "translates")
    with pytest.raises(InputError, match="a → b makes nothing from noise"):
        sampling.load(files / "translates/gen_ab.keras")
    with pytest.raises(InputError, match="holds no generator"):
        sampling.load(files)
    with pytest.raises(InputError, match="No generator at"):
        sampling.load(files / "nowhere")
    with pytest.raises(InputError, match="is exported and translates images"):
        sampling.load(files / "gen_ab.onnx")


def test_command_writes_a_sheet_or_a_folder(files, capsys):
    run, sheet, folder = (str(files / name) for name in ("run", "sheet.png", "singles"))
    assert main(["sample", run, sheet, "--count", "6"]) == 0
    assert "Sampled digit → handwriting, 6 images" in capsys.readouterr().out
    side = 56 + plotting.MARGIN
    assert Image.open(sheet).size == (3 * side + plotting.MARGIN, 2 * side + plotting.MARGIN)
    assert main(["sample", run, sheet]) == 2
    assert "would be replaced" in capsys.readouterr().err
    words = ["--count", "5", "--interpolate", "--overwrite", "--label", "1"]
    assert main(["sample", run, sheet, *words]) == 0
    assert Image.open(sheet).size == (5 * side + plotting.MARGIN, side + plotting.MARGIN)
    assert main(["sample", run, folder, "--count", "3", "--label", "2"]) == 0
    names = sorted(path.name for path in (files / "singles").iterdir())
    assert names == ["0000.png", "0001.png", "0002.png"]
    single = Image.open(files / "singles/0000.png")
    assert single.mode == "L" and np.asarray(single).tolist() == [[191, 191], [191, 191]]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["run", "x.png", "--label", "7"], "from 0 to 2, received 7"),
        (["translates", "x.png"], "nothing that makes images from noise"),
        (["run", "x.heic"], "must be a folder or end in .png"),
    ],
)
def test_command_refuses(files, capsys, words, reason):
    assert main(["sample", str(files / words[0]), str(files / words[1]), *words[2:]]) == 2
    assert reason in capsys.readouterr().err


def test_from_digits_to_a_seven(tmp_path, capsys, monkeypatch):
    # They cannot change any more in a process that has computed already.
    monkeypatch.setattr(train_command, "_set_up_tensorflow", lambda deterministic: None)
    data, run = str(tmp_path / "digits.npz"), str(tmp_path / "run")
    assert main(["prepare", data, "--digits", "drawn", "--limit", "16", "--size", "8"]) == 0
    assert "A digit: 16 train, 4 test, 1x1x10" in capsys.readouterr().out
    words = ["--network", "convolutional", "--filters", "2", "--noise-size", "3"]
    words += ["--epochs", "1", "--steps", "2", "--batch", "4", "--generator-loss", "minimax"]
    assert main(["train", data, run, "--method", "cgan", *words]) == 0
    assert main(["sample", run, str(tmp_path / "sevens"), "--count", "2", "--label", "7"]) == 0
    assert len(list((tmp_path / "sevens").iterdir())) == 2
    with Image.open(tmp_path / "run/epochs/epoch_001.png") as strip:
        assert strip.width > 10 * 96  # a column for each class
    # What was made by the model is what the file makes.
    dataset = npz.load(data)
    assert digits.labels_of(dataset.test_a).max() < 10


def test_command_says_what_digits_cannot_be(tmp_path, capsys):
    data = str(tmp_path / "x.npz")
    for words, reason in (
        (["--digits", str(tmp_path / "none")], "is no folder"),
        (["--digits", str(tmp_path), "--size", "8"], "--size has no use with --digits"),
        (["--digits", "drawn", "--size", "8x9"], "must be one number"),
    ):
        assert main(["prepare", data, *words]) == 2
        assert reason in capsys.readouterr().err


def test_the_files_of_a_run_give_the_columns_of_its_strip(tmp_path):
    dataset = digits.drawn(20, 4, size=8)
    model = recipes.cgan(
        dataset.image_shape_a, dataset.image_shape_b, network="convolutional", filters=2
    )
    train(model, dataset, tmp_path / "run", 1, batch_size=4, steps_per_epoch=2, verbose=0)
    columns = model.columns(np.zeros((4, 1, 1, 10)), None, dataset.names)
    sampled = sampling.load(tmp_path / "run")(40)
    stored = np.stack([images for _, images in columns], 1).reshape(sampled.shape)
    assert np.abs(sampled - (stored + 1) * 127.5).max() < 0.51
