import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.cli import main
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.generator_metadata import Translation
from cyclegan_tf.inference import export, formats, load, runtimes
from inference.test_export import needs, save, target_of
from support.datasets import ROOT

FORMATS = ("saved_model", "tflite", "onnx", "openvino")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Makes each format once: a function to `(path, generator)`."""
    folder = tmp_path_factory.mktemp("exported")
    generator = save(folder / "gen_ab.keras")
    made = {}

    def path_of(format):
        needs(format)
        if format not in made:
            made[format] = target_of(folder, format)
            export.export(folder, made[format], format)
        return made[format], generator

    return path_of


def make_images(count, height, width, seed=0):
    shape = (count, height, width, 1)
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize("format", FORMATS)
def test_equals_keras_at_any_size_and_number(format, exported):
    path, generator = exported(format)
    runtime = runtimes.load(path, threads=1)
    assert (runtime.name, runtime.multiple) == (format, 4)
    for shape in ((1, 16, 16), (3, 20, 12), (2, 64, 8), (1, 16, 16)):
        x = make_images(*shape)
        y = runtime(x)
        assert y.dtype == np.float32 and y.shape == (*shape, 3)
        np.testing.assert_allclose(y, generator(x, training=False), atol=2e-4)


@pytest.mark.parametrize("format", FORMATS)
def test_a_result_stays_as_it_is(format, exported):
    runtime = runtimes.load(exported(format)[0])
    first = runtime(make_images(1, 16, 16))
    kept = first.copy()
    second = runtime(make_images(1, 16, 16, seed=1))
    assert np.array_equal(first, kept) and not np.array_equal(first, second)


@pytest.mark.parametrize("format", FORMATS)
def test_threads_do_not_disturb_each_other(format, exported):
    runtime = runtimes.load(exported(format)[0], threads=1)
    inputs = [make_images(1, 16, 16 + 4 * i, seed=i) for i in range(4)]
    expected = [runtime(x) for x in inputs]
    off = []

    def work(first):
        for i in range(first, first + 12):
            off.append(np.abs(runtime(inputs[i % 4]) - expected[i % 4]).max())

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(off) == 48 and max(off) < 1e-4


@pytest.mark.parametrize("format", FORMATS)
def test_other_arrays_are_refused(format, exported):
    runtime = runtimes.load(exported(format)[0])
    for wrong in (
        [np.zeros((1, 16, 16, 3), np.float32)],
        [np.zeros((16, 16, 1), np.float32)],
        [np.zeros((0, 16, 16, 1), np.float32)],
        [np.zeros((1, 16, 16, 1), np.float32), np.zeros((1, 8), np.float32)],
        [],
    ):
        with pytest.raises(InputError, match="takes arrays of shapes"):
            runtime(*wrong)
    assert runtime(make_images(1, 16, 16)).shape == (1, 16, 16, 3)  # and it still works


@pytest.mark.parametrize("format", FORMATS)
def test_translates_images_as_keras_does(format, exported, tmp_path):
    path, _ = exported(format)
    image = np.random.default_rng(0).integers(0, 256, (21, 30, 3), np.uint8)
    translated = load.load(path)(image)
    expected = load.load(path.parent)(image)
    assert translated.dtype == np.float32 and translated.shape == (21, 30, 3)
    np.testing.assert_allclose(translated, expected, atol=2e-4)
    Image.fromarray(image).save(tmp_path / "in.png")
    words = ["translate", str(path), str(tmp_path / "in.png"), str(tmp_path / "out.png")]
    assert main.main(words) == 0
    assert Image.open(tmp_path / "out.png").size == (30, 21)
    for choice, said in (("direction", "direction belongs to a run"), ("dropout", "has no use")):
        with pytest.raises(InputError, match=said):
            load.load(path, **{choice: "ab"})


@pytest.mark.parametrize("format", FORMATS[1:])
def test_needs_no_tensorflow(format, exported):
    path, _ = exported(format)
    code = (
        "import sys, numpy; from cyclegan_tf import translate; "
        f"made = translate.load({str(path)!r})(numpy.zeros((20, 20), numpy.uint8)); "
        "assert made.shape == (20, 20, 3), made.shape; "
        "sys.exit(bool({'tensorflow', 'keras'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


GROWTH = """
import sys
import numpy
from cyclegan_tf.inference import runtimes

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024

runtime = runtimes.load(sys.argv[1], threads=1)
for i in range(300):
    runtime(numpy.zeros((1, 8 + 4 * (i % 20), 8 + 4 * (i // 20), 1), numpy.float32))
    if i == 100:
        begun = resident()
print(resident() - begun)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the memory")
@pytest.mark.parametrize("format", FORMATS[1:])
def test_memory_does_not_grow_with_the_number_of_shapes(format, exported):
    path, _ = exported(format)
    words = [sys.executable, "-c", GROWTH, str(path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 50  # MiB; OpenVINO as it comes grows by 140


def damaged(kind, path, folder):
    """A copy with the same name and other content."""
    copy = folder / path.name
    if path.is_dir():
        shutil.copytree(path, copy)
        copy_of, path = copy / "saved_model.pb", path / "saved_model.pb"
    else:
        copy_of = copy
    whole = path.read_bytes()
    contents = {
        "empty": b"",
        "text": b"a letter, no network\n" * 99,
        "cut": whole[: len(whole) // 2],
    }
    copy_of.write_bytes(contents[kind])
    return copy


@pytest.mark.parametrize("kind", ["empty", "text", "cut"])
@pytest.mark.parametrize("format", FORMATS)
def test_damaged_files_are_refused(format, kind, exported, tmp_path):
    path, _ = exported(format)
    with pytest.raises(InputError, match="cannot be read as a generator") as caught:
        runtimes.load(damaged(kind, path, tmp_path))
    assert "\n" not in str(caught.value)


def test_weights_of_openvino_are_missed(exported, tmp_path):
    path, _ = exported("openvino")
    shutil.copy(path, tmp_path)
    with pytest.raises(InputError, match="cannot be read as a generator"):
        runtimes.load(tmp_path / path.name)


def test_what_is_no_exported_generator(tmp_path):
    assert formats.of(tmp_path) is None and formats.of("run") is None
    assert formats.of("a.ONNX").name == "onnx" and formats.of("gen_ab.keras") is None
    (tmp_path / "a.png").write_bytes(b"")
    for path, said in (
        ("none.onnx", "No exported generator"),
        ("a.png", "is no exported"),
        (".", "is no exported"),
    ):
        with pytest.raises(InputError, match=said):
            runtimes.load(tmp_path / path)


def foreign(path, shape, output, operation="Identity"):
    """An ONNX file that others might have written."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    kind = onnx.TensorProto.FLOAT
    given = onnx.helper.make_tensor_value_info("x", kind, shape)
    made = onnx.helper.make_tensor_value_info("y", kind, output)
    node = onnx.helper.make_node(operation, ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "graph", [given], [made])
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path


def test_files_of_others_are_taken_for_8_bit_images(tmp_path):
    path = foreign(tmp_path / "x.onnx", ["b", "h", "w", 3], ["b", "h", "w", 3], "Neg")
    runtime = runtimes.load(path)
    assert runtime.translation == Translation(multiple=32) and runtime.multiple == 32
    negative = load.load(path)(np.full((5, 7, 3), 55, np.uint8))
    assert np.array_equal(negative, np.full((5, 7, 3), 200, np.uint8))
    fixed = runtimes.load(foreign(tmp_path / "y.onnx", [1, 8, 9, 3], [1, 8, 9, 3]))
    assert fixed.translation.size == (8, 9)


def test_what_takes_no_images_is_refused(tmp_path):
    for shape, said in (
        (["b", 3, "h", "w"], "images must be"),
        (["b", 100], "holds no generator"),
        (["b", "h", "w"], "holds no generator"),
    ):
        with pytest.raises(InputError, match=said):
            runtimes.load(foreign(tmp_path / "x.onnx", shape, shape))


def test_damaged_information_is_said(exported, tmp_path):
    path, _ = exported("onnx")
    import onnx

    model = onnx.load(str(path))
    model.metadata_props[0].value = '{"source": '
    onnx.save(model, str(tmp_path / "x.onnx"))
    with pytest.raises(InputError, match="says in a damaged way"):
        runtimes.load(tmp_path / "x.onnx")


@pytest.mark.parametrize(
    ("format", "library"),
    [
        ("onnx", "onnxruntime"),
        ("openvino", "openvino"),
        ("tflite", "ai_edge_litert.interpreter"),
    ],
)
def test_a_missing_library_is_named(format, library, exported, monkeypatch):
    path, _ = exported(format)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match=r"not installed: pip install 'cyclegan_tf\[export\]'"):
        runtimes.load(path)
