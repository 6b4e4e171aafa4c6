"""Nothing of TensorFlow's on the terminal, and Keras only as the package can use it."""

import json
import os
import subprocess
import sys

import pytest

from cyclegan_tf.common import keras_settings
from cyclegan_tf.common.errors import InputError


def python(code, **environment):
    words = [sys.executable, "-c", code]
    kept = {k: v for k, v in os.environ.items() if k not in ("TF_CPP_MIN_LOG_LEVEL",)}
    return subprocess.run(
        words, capture_output=True, text=True, env=kept | environment, check=False
    )


@pytest.mark.slow
def test_tensorflow_is_silent_whoever_imports_it_and_speaks_when_asked():
    graph = "f = tf.function(lambda x: x + 1)\nfor i in range(9): f(i)"  # traced each time
    code = f"import cyclegan_tf\nimport tensorflow as tf\n{graph}\nprint(tf.__name__)"
    done = python(code)
    assert (done.stdout, done.stderr, done.returncode) == ("tensorflow\n", "", 0)
    assert "oneDNN" in python(code, TF_CPP_MIN_LOG_LEVEL="0").stderr


@pytest.mark.parametrize("door", ["cyclegan_tf.networks", "cyclegan_tf.training.callbacks"])
def test_another_backend_is_refused_before_keras_is_imported(door):
    done = python(f"import {door}", KERAS_BACKEND="jax")
    said = done.stderr.splitlines()[-1]
    assert "set KERAS_BACKEND=tensorflow." in said and done.returncode == 1


@pytest.mark.parametrize(
    ("stored", "variable", "said"),
    [
        ({"backend": "torch"}, "", "'torch' (by {file}), and cyclegan_tf needs TensorFlow"),
        ({"backend": "torch"}, "numpy", "'numpy' (by KERAS_BACKEND)"),
        ({"image_data_format": "channels_first"}, "tensorflow", "set it there."),
    ],
)
def test_settings_of_keras_that_cannot_be_used(stored, variable, said, tmp_path, monkeypatch):
    file = tmp_path / "keras.json"
    file.write_text(json.dumps(stored))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", variable)
    with pytest.raises(InputError) as error:
        keras_settings.check()
    assert said.format(file=file) in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", '{"backend": "tensorflow"}', '{"backend": "jax"}'])
def test_settings_of_keras_that_are_fine(text, tmp_path, monkeypatch):
    (tmp_path / "keras.json").write_text(text)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    keras_settings.check()
