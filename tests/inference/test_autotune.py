import json
import shutil
import subprocess
import sys

import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.inference import autotune, formats
from inference.test_export import needs, save
from support.datasets import ROOT


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A generator's file and the folder of what was measured, in two turns."""
    needs("onnx")
    folder = tmp_path_factory.mktemp("fastest")
    save(folder / "gen_ab.keras")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(autotune, "TURNS", 2)
        autotune.choose(folder / "gen_ab.keras", ["onnx"], folder / "cache")
    return folder


@pytest.fixture
def measured(once, tmp_path):
    """A copy of them: the generator's file, and what is known about it."""
    shutil.copytree(once, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "gen_ab.keras"
    return path, autotune.recorded(path, tmp_path / "cache")


def no_measuring(*_):
    raise AssertionError("it measures again")


def test_measures_once(measured, tmp_path, monkeypatch):
    path, chosen = measured
    folder = tmp_path / "cache"
    assert chosen.milliseconds.keys() == {"keras", "onnx"} and chosen.size == (16, 24)
    assert chosen.milliseconds[chosen.runtime] == min(chosen.milliseconds.values()) > 0
    assert chosen.differences["onnx"][1] < 0.1 and not chosen.failed
    assert chosen.path == path if chosen.runtime == "keras" else chosen.path.suffix == ".onnx"
    monkeypatch.setattr(autotune, "_measure", no_measuring)
    assert autotune.choose(path, ["onnx"], folder) == chosen == autotune.recorded(path, folder)
    assert autotune.choose(path, [], folder).runtime == "keras"
    for others in (["tflite"], None):
        with pytest.raises(AssertionError, match="measures again"):
            autotune.choose(path, others, folder)
    assert autotune.recorded(path, folder, size=32) is None
    save(path, seed=1)
    assert autotune.recorded(path, folder) is None


def test_the_fastest_is_chosen(measured, tmp_path):
    path, _ = measured
    (record,) = (tmp_path / "cache").rglob("measured.json")
    stored = json.loads(record.read_text())
    for keras, onnx, expected in ((2.0, 1.0, "onnx"), (1.0, 2.0, "keras")):
        stored["milliseconds"] = {"keras": keras, "onnx": onnx}
        record.write_text(json.dumps(stored))
        chosen = autotune.recorded(path, tmp_path / "cache")
        assert (chosen.runtime, chosen.path.suffix[1:]) == (expected, expected)


@pytest.mark.parametrize("damage", ["", "[]", '{"runtime": "onnx"}', "milliseconds", "file"])
def test_a_damaged_record_is_measured_again(damage, measured, tmp_path, monkeypatch):
    path, chosen = measured
    (record,) = (tmp_path / "cache").rglob("measured.json")
    if damage == "file":
        record.with_name("generator.onnx").unlink()
    elif damage == "milliseconds":
        record.write_text(record.read_text().replace('"keras":', '"keras": "fast", "other":'))
    else:
        record.write_text(damage)
    assert autotune.recorded(path, tmp_path / "cache") is None
    again = []

    def measure(path, own, *_):
        again.append(path)
        (own / "generator.onnx").touch()
        return chosen

    monkeypatch.setattr(autotune, "_measure", measure)
    for _ in range(2):
        assert autotune.choose(path, ["onnx"], tmp_path / "cache").milliseconds["onnx"] > 0
    assert again == [path]


def test_what_cannot_be_exported_is_remembered(measured, tmp_path, monkeypatch):
    path, _ = measured
    monkeypatch.setattr(formats.Format, "missing", lambda format: ["a library"])
    chosen = autotune.choose(path, ["onnx"], tmp_path / "other")
    assert chosen.runtime == "keras" and "a library" in chosen.failed["onnx"]
    monkeypatch.setattr(autotune, "_measure", no_measuring)
    assert autotune.choose(path, ["onnx"], tmp_path / "other") == chosen


def test_a_cache_that_cannot_be_written(tmp_path):
    path = tmp_path / "gen_ab.keras"
    save(path)
    (tmp_path / "cache").write_text("a file")
    with pytest.warns(UserWarning, match="cannot be written .* Keras translates"):
        chosen = autotune.choose(path, folder=tmp_path / "cache")
    assert (chosen.runtime, chosen.path) == ("keras", path)


def test_bad_input(tmp_path):
    with pytest.raises(InputError, match="candidates must be out of onnx"):
        autotune.choose(tmp_path / "gen_ab.keras", ["coreml"])
    with pytest.raises(InputError, match="cannot be read"):
        autotune.recorded(tmp_path / "gen_ab.keras")


def test_what_is_known_is_known_without_keras(measured, tmp_path):
    path, chosen = measured
    code = (
        "import sys; from cyclegan_tf.inference import autotune; "
        f"print(autotune.recorded({str(path)!r}, {str(tmp_path / 'cache')!r}).runtime); "
        "sys.exit(bool({'tensorflow', 'keras'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, chosen.runtime), done.stderr
