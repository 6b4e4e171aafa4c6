"""Images that are not 8-bit RGB, from files through training to files, in their own units."""

import json

import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.cli import main
from cyclegan_tf.cli import train as train_command
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.generator_metadata import Translation
from cyclegan_tf.data import npz
from cyclegan_tf.data.io import formats, image_file
from cyclegan_tf.data.statistics import image_statistics
from cyclegan_tf.evaluation.evaluate import evaluate
from cyclegan_tf.inference import export, files, load, tiling
from cyclegan_tf.inference.formats import FORMATS
from cyclegan_tf.networks import generator_file, generators
from cyclegan_tf.serving.models import Catalogue
from support.datasets import make_model
from support.generators import identity

RNG = np.random.default_rng(0)
HU = (-1000.0, 2000.0)


def translator(channels, value_range, dtype):
    """The identity of images of one range and type."""
    known = Translation("A", "B", value_range, value_range, dtype, source_dtype=dtype)
    return load.Translator(identity(channels), known)


def ramp(low, high, dtype, channels=1, shape=(37, 50)):
    """Rising from the one corner to the other, in each channel by another share."""
    rising = np.linspace(0, 1, shape[0] * shape[1]).reshape(*shape, 1)
    return (low + (high - low) * rising ** np.arange(1, channels + 1)).astype(dtype)


@pytest.mark.parametrize(
    ("suffix", "channels", "value_range", "dtype"),
    [
        (".png", 1, (0, 65535), "uint16"),
        (".png", 1, (0, 4095), "uint16"),
        (".png", 3, (0, 65535), "uint16"),
        (".tif", 3, (0, 4095), "uint16"),
        (".tif", 1, HU, "float32"),
        (".tif", 3, (0, 1), "float32"),
        (".npy", 1, HU, "float32"),
        (".npy", 5, HU, "float32"),
        (".npy", 2, (0, 65535), "uint16"),
        (".npy", 40, (-1, 1), "float32"),
    ],
)
def test_a_ramp_comes_back_at_its_size_and_in_its_units(
    tmp_path, suffix, channels, value_range, dtype
):
    """Another size, and inverted or stretched values, are what such tools get wrong."""
    stored = ramp(*value_range, dtype, channels)
    (tmp_path / f"in{suffix}").write_bytes(formats.encode(stored, suffix))
    same = translator(channels, value_range, dtype)
    files.translate_files(same, tmp_path / f"in{suffix}", tmp_path / "out", progress=False)
    result = image_file.read(tmp_path / f"out/in{suffix}")
    assert result.dtype == dtype and result.shape == stored.shape
    unit = 1 if dtype == "uint16" else (value_range[1] - value_range[0]) / 65536
    assert np.abs(result.astype(float) - stored).max() <= unit


def test_integers_of_another_type_are_stretched_to_the_range_and_floats_are_not():
    twelve = translator(1, (0, 4095), "uint16")
    eight = np.array([[0, 51, 255]], "uint8")
    np.testing.assert_array_equal(twelve(eight), [[0, 819, 4095]])
    np.testing.assert_array_equal(twelve(np.array([[0.0, 819.0, 9999.0]])), [[0, 819, 4095]])
    unknown = Translation("A", "B", (0, 4095), (0, 4095), "uint16")  # of an older file
    sixteen = np.array([[0, 13107, 65535]], "uint16")
    result = load.Translator(identity(1), unknown)(sixteen)
    np.testing.assert_array_equal(result, [[0, 819, 4095]])


def test_the_number_of_channels_says_what_is_transparency():
    five = RNG.random((6, 7, 5)).astype("float32")
    np.testing.assert_allclose(translator(5, (0, 1), "float32")(five), five, atol=1e-6)
    two = RNG.integers(0, 256, (6, 7, 2), "uint8")
    for channels in (1, 2):  # put aside, or one of two
        result = translator(channels, (0, 255), "uint8")(two)
        np.testing.assert_array_equal(result, two)
    with pytest.raises(InputError, match="has 5 channels .* do not become 3"):
        translator(3, (0, 1), "float32")(five)
    with pytest.raises(InputError, match="has 3 channels .* do not become 5"):
        translator(5, (0, 1), "float32")(five[..., :3])


def test_files_of_8_bits_are_said_to_be_such_once(tmp_path):
    to_hu = load.Translator(
        identity(1), Translation("MR", "CT", (0, 255), HU, "float32", source_dtype="uint8")
    )
    (tmp_path / "in").mkdir()
    for name in ("1.png", "2.png", "3.tif"):
        Image.fromarray(np.array([[0, 85, 255]], "uint8")).save(tmp_path / "in" / name)
    with pytest.warns(UserWarning, match="-1000 to 2000 of CT become 0 to 255: ask") as said:
        files.translate_files(to_hu, tmp_path / "in", tmp_path / "out", progress=False)
    assert len(said) == 1
    np.testing.assert_array_equal(image_file.read(tmp_path / "out/1.png")[..., 0], [[0, 85, 255]])
    in_hu = image_file.read(tmp_path / "out/3.tif")
    np.testing.assert_allclose(in_hu[..., 0], [[-1000, 0, 2000]], atol=1e-3)
    written, _ = files.translate_files(
        to_hu, tmp_path / "in", tmp_path / "arrays", suffix=".npy", progress=False
    )
    assert [path.name for path in written] == ["1.npy", "2.npy", "3.npy"]
    for path in written:
        np.testing.assert_array_equal(np.load(path), in_hu)


def test_what_a_image_file_cannot_hold_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((8, 8, 5)))
    np.savez(tmp_path / "x.npz", np.zeros((8, 8, 5)))
    five = translator(5, (0, 1), "float32")
    with pytest.raises(InputError, match=r"no 5 channels, as A → B has: write \.tif"):
        files.translate_files(five, tmp_path / "x.npy", tmp_path / "x.png")
    with pytest.raises(InputError, match=r"end in .*\.npy, .*received"):
        files.translate_files(five, tmp_path / "x.npy", tmp_path / "y.npz")
    with pytest.raises(InputError, match="x.npy would be the name of two results"):
        files.translate_files(five, tmp_path, tmp_path / "out")
    for target, suffix in (("y.npy", ".tif"), ("out", ".psd")):
        with pytest.raises(InputError, match="suffix must be one of .* received '.(tif|psd)' and"):
            files.translate_files(five, tmp_path / "x.npy", tmp_path / target, suffix=suffix)
    (written,), _ = files.translate_files(five, tmp_path / "x.npz", tmp_path / "out")
    assert written.name == "x.npy" and five(tmp_path / "x.npy").shape == (8, 8, 5)


def test_what_people_cannot_look_at_is_not_served(tmp_path):
    log = []
    for name, given, made in (("takes", 5, 3), ("gives", 3, 2), ("fits", 1, 3)):
        network = generators.resnet_generator((None, None, given), 2, 1, output_channels=made)
        generator_file.save(
            tmp_path / f"{name}.keras", network, Translation(name, "B", size=(16, 16))
        )
    catalogue = Catalogue(tmp_path, "keras", log=log.append)
    assert [name for name in catalogue.models if name.endswith(".keras")] == ["fits.keras"]
    refused = sorted(line for line in log if line.startswith("not served"))
    assert "gives images of 2 channels" in refused[0]
    assert "takes images of 5 channels" in refused[1]


@pytest.mark.slow
@pytest.mark.parametrize(("given", "made"), [(1, 5), (2, 2), (5, 1)])
def test_pieces_and_exports_know_any_number_of_channels(tmp_path, given, made):
    network = generators.resnet_generator((None, None, given), 4, 1, output_channels=made, seed=0)
    x = RNG.uniform(-1, 1, (1, 96, 80, given)).astype("float32")
    np.testing.assert_allclose(tiling.Tiled(network, 48)(x), network(x), atol=1e-5)
    if not FORMATS["onnx"].missing():
        known = Translation("A", "B", HU, (0, 1), "float32", (16, 16), source_dtype="float32")
        generator_file.save(tmp_path / "g.keras", network, known)
        export.export(tmp_path / "g.keras", tmp_path / "g.onnx")
        exported, own = (load.load(tmp_path / name) for name in ("g.onnx", "g.keras"))
        image = RNG.uniform(*HU, (20, 24, given))
        assert exported.translation.source_dtype == "float32"
        np.testing.assert_allclose(exported(image), own(image), atol=1e-4)


def test_the_numbers_of_a_image_of_five_channels():
    numbers = image_statistics(np.broadcast_to(np.float32([-1, -0.5, 0, 0.5, 1]), (16, 16, 5)))
    np.testing.assert_allclose(numbers[:10], [-1, -0.5, 0, 0.5, 1, 0, 0, 0, 0, 0], atol=1e-7)
    assert len(numbers) == 5 + 5 + 3 + 16 and np.exp(numbers[10]) == pytest.approx(0.6)


def command(*words):
    """Runs the command line."""
    assert main.main([str(word) for word in words]) == 0


@pytest.fixture(autouse=True)
def threads_stay_as_they_are(monkeypatch):
    """TensorFlow takes thread settings only before its first operation."""
    monkeypatch.setattr(train_command, "_set_up_tensorflow", lambda deterministic: None)


def fill(folder, count, make, suffix):
    """Writes images of a domain, each another."""
    folder.mkdir()
    for i in range(count):
        (folder / f"{i}{suffix}").write_bytes(formats.encode(make(i), suffix))


def blob(i, low, high, channels=1, dtype="float32", side=32):
    """A bright disc somewhere, dimmer from channel to channel."""
    rows, columns = np.indices((side, side)) - np.array([12 + i % 8, 20 - i % 5])[:, None, None]
    disc = np.exp(-(rows**2 + columns**2) / 60.0)[..., None] / np.arange(1, channels + 1)
    return (low + (high - low) * disc).astype(dtype)


TINY = ["--filters", 4, "--blocks", 1, "--epochs", 1, "--steps", 3, "--disc-layers", 1]


@pytest.mark.slow
def test_floats_of_one_and_of_five_channels_from_files_to_files(tmp_path, capsys, eager):
    fill(tmp_path / "ct", 22, lambda i: blob(i, *HU), ".npy")
    fill(tmp_path / "bands", 22, lambda i: blob(i, 0, 0.8, 5), ".npy")
    data, run = tmp_path / "x.npz", tmp_path / "run"
    command(
        "prepare", data, "--folders", tmp_path / "ct", tmp_path / "bands", "--size", 32,
        "--channels", "1,5", "--ranges", -1000, 1000, 0, 1,
    )  # fmt: skip
    assert "32x32x1 float32 in [-1000, 1000]" in capsys.readouterr().out
    command("train", data, run, *TINY)
    assert Image.open(run / "epochs/epoch_001.png").mode == "RGB"
    assert (run / "report.html").is_file() and (run / "examples/a.png").is_file()
    assert not (run / "examples/b.png").exists()  # of five channels there is no image
    history = (run / "history.csv").read_text()
    assert "correlation_ab" in history and "nan" not in history
    command("evaluate", run, data)
    tables = (run / "evaluation/evaluation.md").read_text()
    assert "structure" in tables and "it needs 1 or 3 channels, received 5" in tables
    command("translate", run, tmp_path / "ct", tmp_path / "as_bands")
    there = np.load(tmp_path / "as_bands/3.npy")
    assert there.shape == (32, 32, 5) and there.dtype == np.float32
    assert 0 <= there.min() < there.max() <= 1
    Image.fromarray(blob(3, *HU)[..., 0]).save(tmp_path / "ct.tif")
    command("translate", run, tmp_path / "ct.tif", tmp_path / "from_tiff.npy")
    np.testing.assert_allclose(np.load(tmp_path / "from_tiff.npy"), there, atol=1e-5)
    command("translate", run, tmp_path / "bands/3.npy", tmp_path / "back.tif", "--direction", "ba")
    back = image_file.read(tmp_path / "back.tif")
    assert back.dtype == np.float32 and back.shape == (32, 32, 1)
    assert -1000 <= back.min() < back.max() <= 1000 and back.max() - back.min() > 1
    assert load.load(run).drift(blob(3, *HU)) is not None


@pytest.mark.slow
def test_16_bit_gray_and_float_colour_from_files_to_files(tmp_path, eager):
    fill(tmp_path / "x", 6, lambda i: blob(i, 0, 65535, dtype="uint16", side=40), ".png")
    fill(tmp_path / "y", 6, lambda i: blob(i, -5, 5, 3), ".tif")
    command(
        "train", tmp_path / "x", tmp_path / "run", "--data-b", tmp_path / "y", "--size", 24,
        "--channels", "1,3", *TINY,
    )  # fmt: skip
    said = json.loads((tmp_path / "run/run.json").read_text())
    assert "FolderImages" not in str(said)
    command("translate", tmp_path / "run", tmp_path / "x/2.png", tmp_path / "there.tif")
    there = image_file.read(tmp_path / "there.tif")
    assert there.shape == (40, 40, 3) and there.dtype == np.float32
    command(
        "translate", tmp_path / "run", tmp_path / "y/2.tif", tmp_path / "back.png",
        "--direction", "ba",
    )  # fmt: skip
    back = image_file.read(tmp_path / "back.png")
    assert back.shape == (32, 32, 1) and back.dtype == np.uint16
    known = load.load(tmp_path / "run").translation
    assert known.source_dtype == "uint16" and known.dtype == "float32"
    assert known.target_range[0] == pytest.approx(-5, abs=0.1)


def test_arrays_of_users_without_metadata_are_scored(tmp_path):
    rng = np.random.default_rng(0)
    a = rng.integers(-1000, 2000, (8, 16, 16, 1)).astype("int16")
    b = rng.random((8, 16, 16, 5))
    np.savez(tmp_path / "x.npz", trainA=a, trainB=b, testA=a, testB=b)
    dataset = npz.load(tmp_path / "x.npz")
    result = evaluate(make_model(dataset), dataset, progress=False).results["ab"]
    for name in ("fid", "kid", "perceptual_loss"):
        assert result.left_out[name] == "it needs 1 or 3 channels, received 5."
    assert 0 <= result.rows["translated"]["structural_similarity"].value <= 1
