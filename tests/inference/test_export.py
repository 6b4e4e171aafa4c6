import dataclasses
import json
import zipfile

import keras
import numpy as np
import pytest

from cyclegan_tf import recipes
from cyclegan_tf.cli import main
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.generator_metadata import ENTRY, Shapes, Translation
from cyclegan_tf.data import npz
from cyclegan_tf.inference import example_images, export, runtimes, writers
from cyclegan_tf.inference.formats import FORMATS
from cyclegan_tf.networks import generator_file, generators
from support.datasets import make_dataset

TRANSLATION = Translation("sketch", "cartoon", (0, 255), (0, 1), "float32", (16, 24), 7)


def needs(format):
    for library in FORMATS[format].libraries:
        pytest.importorskip(library)


def target_of(folder, format):
    return folder / f"{format}{FORMATS[format].suffix}"


def save(path, shape=(None, None, 1), **options):
    options = {"filters": 8, "blocks": 1, "output_channels": 3, "seed": 0} | options
    generator = generators.resnet_generator(shape, **options)
    generator_file.save(path, generator, TRANSLATION)
    return generator


@pytest.fixture(scope="module")
def saved_generator(tmp_path_factory):
    path = tmp_path_factory.mktemp("generator") / "gen_ab.keras"
    save(path)
    return path


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_written_is_what_keras_gives_and_says_what_it_is(
    format, saved_generator, tmp_path, capfd
):
    needs(format)
    target = target_of(tmp_path / "made", format)
    tolerance = 20 if format == "tflite_full_int8" else None  # an untrained one has no ranges
    done = export.export(saved_generator, target, format, tolerance=tolerance)
    assert capfd.readouterr() == ("", "")
    assert done.sizes == ((16, 24), (16, 16), (20, 32))
    assert 0 <= done.mean <= done.largest
    assert done.mean < (20 if "full" in format else 2 if "int8" in format else 1e-3)
    left = {path.name for path in target.parent.iterdir()}
    assert left == {target.name} | ({"openvino.bin"} if format == "openvino" else set())
    parts = target.parent.rglob("*")
    assert done.megabytes == sum(f.stat().st_size for f in parts if f.is_file()) / 1e6
    assert f"{done.mean:.2g} of 255" in str(done) and "16x24" in str(done)
    runtime = runtimes.load(target)
    assert runtime.translation == dataclasses.replace(TRANSLATION, multiple=4)
    assert runtime.shapes == Shapes((None, None, None, 1), None, (None, None, None, 3))
    # What it reports is the difference on these images.
    generator, _ = generator_file.load(saved_generator)
    shapes = generator_file.shapes(generator)
    inputs = example_images.batches(shapes, runtime.translation)
    off = [np.abs(runtime(*x) - generator(x[0], training=False).numpy()) for x in inputs]
    assert max(one.max() for one in off) * 127.5 == pytest.approx(done.largest, rel=0.2, abs=1e-3)


@pytest.mark.parametrize("format", ["saved_model", "openvino", "tflite"])
def test_what_differs_too_much_is_not_kept(format, saved_generator, tmp_path, monkeypatch):
    needs(format)
    target = target_of(tmp_path, format)
    earlier = {
        "saved_model": [target / "saved_model.pb"],
        "openvino": [target, target.with_suffix(".bin")],
    }
    for path in earlier.get(format, [target]):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"as it was")
    right = FORMATS[format].writer

    def wrong(network, *arguments):
        network.weights[-1].assign(network.weights[-1] + 1.0)  # the last bias
        right(network, *arguments)

    monkeypatch.setattr(writers, right.__name__, wrong)
    with pytest.raises(InputError, match=r"differs from Keras by .* above 5 and 100"):
        export.export(saved_generator, target, format, tolerance=5, overwrite=True)
    left = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(earlier.get(format, [target]))
    assert {path.read_bytes() for path in left} == {b"as it was"}
    if format != "openvino":  # and what is right replaces it
        monkeypatch.undo()
        export.export(saved_generator, target, format, overwrite=True)
        assert runtimes.load(target).multiple == 4


def test_not_a_number_is_not_kept(tmp_path):
    generator = save(tmp_path / "gen_ab.keras")
    generator.weights[0].assign(np.nan * generator.weights[0])
    generator_file.save(tmp_path / "gen_ab.keras", generator, TRANSLATION)
    with pytest.raises(InputError, match="differs from Keras by nan"):
        export.export(tmp_path, tmp_path / "out" / "model")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("format", list(FORMATS)[:4])
def test_a_generator_with_noise(format, tmp_path):
    needs(format)
    image, noise = keras.Input((None, None, 3)), keras.Input((2,))
    style = keras.layers.Reshape((1, 1, 3))(keras.layers.Dense(3)(noise))
    x = keras.layers.Conv2D(3, 3, padding="same")(image) + style
    generator_file.save(
        tmp_path / "gen_ab.keras",
        keras.Model([image, noise], keras.layers.Activation("tanh")(x)),
        Translation(size=(16, 16)),
    )
    target = target_of(tmp_path, format)
    export.export(tmp_path, target, format)
    runtime = runtimes.load(target)
    assert runtime.shapes.noise == (None, 2)
    x = np.zeros((1, 8, 8, 3), np.float32)
    one, other = (runtime(x, np.float32([style])) for style in ([0, 0], [3, -3]))
    assert np.abs(one - other).max() > 0.1


@pytest.mark.slow
def test_dropout_at_random_is_for_saved_models_alone(tmp_path):
    needs("onnx")
    model = recipes.pix2pix((64, 64, 1), (64, 64, 3), filters=1, disc_layers=1)
    generator_file.save(tmp_path / "gen_ab.keras", model.gen_ab, Translation(size=(64, 64)))
    with pytest.raises(InputError, match="drops numbers at random, which onnx cannot"):
        export.export(tmp_path, tmp_path / "random.onnx")
    export.export(tmp_path, tmp_path / "random")
    assert runtimes.load(tmp_path / "random").shapes.noise == (None, 1)
    export.export(tmp_path, tmp_path / "fixed.onnx", dropout=False)
    assert runtimes.load(tmp_path / "fixed.onnx").shapes.noise is None


def test_convolutions_are_plain_ones(tmp_path):
    needs("onnx")
    import onnx

    save(tmp_path / "gen_ab.keras", (16, 16, 3), filters=8)  # of 32 channels: by Winograd in use
    export.export(tmp_path, tmp_path / "plain.onnx")
    graph = onnx.load(str(tmp_path / "plain.onnx")).graph
    kinds = [node.op_type for node in graph.node]
    assert (kinds.count("Conv"), kinds.count("ConvTranspose")) == (6, 2)
    assert "MatMul" not in kinds and "Gemm" not in kinds
    assert [x.name for x in (*graph.input, *graph.output)] == ["image", "translation"]
    needs("openvino")
    export.export(tmp_path, tmp_path / "plain.xml")
    written = (tmp_path / "plain.xml").read_text()
    assert written.count('type="Convolution"') == 6 and 'type="MatMul"' not in written


@pytest.mark.slow
def test_bytes_of_8_bits(tmp_path):
    needs("tflite")
    save(tmp_path / "gen_ab.keras", filters=16)
    sizes = {}
    for format in ("tflite", "tflite_int8", "tflite_full_int8"):
        target = target_of(tmp_path, format)
        sizes[format] = export.export(tmp_path, target, format, tolerance=20).megabytes
    assert sizes["tflite_int8"] < sizes["tflite_full_int8"] < 0.5 * sizes["tflite"]
    assert json.loads(zipfile.ZipFile(target).read(ENTRY))["source"] == "sketch"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"format": "coreml"}, "format must be one of saved_model, onnx"),
        ({"target": "model.pb"}, "format must be given"),
        ({"format": "onnx"}, "target must be a file in .onnx for onnx"),
        ({"direction": "ab"}, "direction belongs to a run's folder"),
        ({"direction": "up"}, "direction must be 'ab' or 'ba'"),
        ({"tolerance": 0}, "tolerance must be above 0"),
        ({"tolerance": float("nan")}, "tolerance must be above 0"),
        ({"dropout": False}, "no Dropout layer"),
        ({"images": "nowhere.png"}, "nowhere.png"),
        ({"images": np.zeros((4, 4, 3), np.uint8)}, "images must be"),
    ],
)
def test_what_cannot_be_used_is_said(arguments, said, saved_generator, tmp_path):
    arguments = dict(arguments)
    needs("onnx")
    target = tmp_path / arguments.pop("target", "model")
    with pytest.raises(InputError, match=said):
        export.export(saved_generator, target, **arguments)
    assert not list(tmp_path.iterdir())


def test_nothing_is_replaced_unasked(saved_generator, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="exists and would be replaced"):
        export.export(saved_generator, tmp_path / "model")
    with pytest.raises(InputError, match="is no SavedModel to be replaced"):
        export.export(saved_generator, tmp_path / "model", overwrite=True)
    assert (tmp_path / "model" / "mine.txt").read_text() == "mine"
    needs("openvino")
    (tmp_path / "weights.bin").write_text("mine")
    with pytest.raises(InputError, match=r"weights.bin exists and would be replaced"):
        export.export(saved_generator, tmp_path / "weights.xml")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="cannot be written"):
        export.export(saved_generator, tmp_path / "file" / "model")


def test_a_missing_library_is_named(saved_generator, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tf2onnx", None)
    assert "tf2onnx" in FORMATS["onnx"].missing() and not FORMATS["saved_model"].missing()
    with pytest.raises(InputError, match=r"needs .*tf2onnx.*pip install 'cyclegan_tf\[export\]'"):
        export.export(saved_generator, tmp_path / "model.onnx")


def test_only_what_translates_is_exported(tmp_path):
    noise = keras.Input((4,))
    network = keras.Model(noise, keras.layers.Reshape((2, 2, 3))(keras.layers.Dense(12)(noise)))
    generator_file.save(tmp_path / "gen_zb.keras", network, Translation())
    with pytest.raises(InputError, match="does not translate images to images"):
        export.export(tmp_path / "gen_zb.keras", tmp_path / "model")


def test_example_images_are_of_the_generators_domain(tmp_path):
    data = make_dataset()  # sketches of one channel, cartoons of three
    npz.save(tmp_path / "data.npz", data)
    shapes = Shapes((None, None, None, 3), None, (None, None, None, 1))
    translation = Translation("cartoon", "sketch", size=(16, 16), multiple=4)
    batches = example_images.batches(shapes, translation, tmp_path / "data.npz")
    expected = data.test_b[:1].astype(np.float32) / 127.5 - 1
    np.testing.assert_allclose(batches[0][0], expected, atol=1e-6)
    assert [x.shape for (x,) in batches[3:]] == [(2, 16, 16, 3), (2, 20, 24, 3)]
    other = dataclasses.replace(translation, source="photo")
    with pytest.raises(InputError, match="holds sketch and cartoon, and the generator takes photo"):
        example_images.batches(shapes, other, tmp_path / "data.npz")
    # A ninth image and those after it find the ranges of 8-bit numbers.
    many = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 16, 16, 3), np.uint8)
    calibration = example_images.for_calibration(shapes, translation, many)
    assert [round(float(x[0, 0, 0, 0] + 1) * 127.5) for (x,) in calibration] == [8, 9]


def test_command(saved_generator, tmp_path, capsys):
    save(tmp_path / "run" / "gen_ba.keras")
    words = ["export", str(tmp_path / "run"), str(tmp_path / "model"), "--direction", "ba"]
    assert main.main(words) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path / 'model'} (saved_model, ")
    assert main.main(words) == 2
    assert "exists and would be replaced" in capsys.readouterr().err
    assert main.main([*words, "--overwrite"]) == 0
