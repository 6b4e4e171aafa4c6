"""Files that would run code of their own when loaded are refused, and do not run it."""

import json
import sys
import zipfile

import keras
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.networks import generator_file
from cyclegan_tf.serving.models import Catalogue


@pytest.fixture
def trace(tmp_path):
    """A file that only code of a foreign file would make."""
    path = tmp_path / "it_ran"
    yield path
    assert not path.exists()


def with_lambda(path, trace):
    image = keras.Input((None, None, 3))
    code = f"open({str(trace)!r}, 'w')"
    layer = keras.layers.Lambda(
        lambda x, code=code: (eval(code), x)[1], output_shape=(None, None, 3)
    )
    keras.Model(image, layer(image)).save(path)
    trace.unlink(missing_ok=True)  # building the model ran it


def tampered(path, layer):
    """A sound generator, one of whose layers was exchanged in its description."""
    image = keras.Input((None, None, 3))
    sound = path.with_name("sound.keras")
    keras.Model(image, keras.layers.Rescaling(2.0)(image)).save(sound)
    with zipfile.ZipFile(sound) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                config = json.loads(data)
                for one in config["config"]["layers"]:
                    if one["class_name"] == "Rescaling":
                        one |= layer
                data = json.dumps(config)
            new.writestr(name, data)
    sound.unlink()


def refused(path):
    with pytest.raises(InputError, match="cannot be read as a generator"):
        generator_file.load(path)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_lambda(tmp_path, trace, suffix):
    path = tmp_path / f"gen{suffix}"
    with_lambda(path, trace)
    refused(path)


@pytest.mark.parametrize("kind", ["class", "function", "activation", "module", "torch"])
def test_foreign_code(tmp_path, trace, kind, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "foreign.py").write_text(f"open({str(trace)!r}, 'w')\nclass Layer: pass\n")
    system = {"module": "os", "class_name": "function", "config": "system"}
    layer = {
        "class": {"module": "subprocess", "class_name": "Popen", "registered_name": "Popen"}
        | {"config": {"args": ["touch", str(trace)]}},
        "function": {**system, "registered_name": "function"},
        "activation": {"module": "keras.layers", "class_name": "Activation"}
        | {"registered_name": None, "config": {"name": "a", "activation": system}},
        "module": {"module": "foreign", "class_name": "Layer", "registered_name": "Layer"},
        "torch": {"module": "keras.layers", "class_name": "TorchModuleWrapper"}
        | {"registered_name": None, "config": {"module": {"class_name": "x", "config": {}}}},
    }[kind]
    tampered(tmp_path / "gen.keras", layer)
    refused(tmp_path / "gen.keras")
    assert "foreign" not in sys.modules


def test_the_service_names_such_a_file_and_serves_the_others(tmp_path, trace):
    pytest.importorskip("flask")
    with_lambda(tmp_path / "bad.keras", trace)
    log = []
    catalogue = Catalogue(tmp_path, log=log.append)
    assert "bad.keras" not in catalogue.models and "pencil" in catalogue.models
    assert any("bad.keras cannot be read as a generator" in line for line in log)
