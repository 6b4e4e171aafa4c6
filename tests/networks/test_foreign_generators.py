"""Generators that people saved with Keras 2 and tensorflow-addons give the same image."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cyclegan_tf.inference import load

#: What WRITE wrote with TensorFlow 2.15.1 and tensorflow-addons 0.23.0.
STORED = Path(__file__).parent / "weights/addons.zip"
WRITE = """
import sys, numpy as np, tensorflow as tf, tensorflow_addons as tfa
from tensorflow import keras
layers = keras.layers

class ReflectionPadding2D(layers.Layer):
    def __init__(self, padding=(1, 1), **kwargs):
        super().__init__(**kwargs)
        self.padding = tuple(padding)
    def call(self, x):
        (h, w) = self.padding
        return tf.pad(x, [[0, 0], [h, h], [w, w], [0, 0]], mode="REFLECT")
    def get_config(self):
        return {**super().get_config(), "padding": self.padding}

def generator(size):
    init = keras.initializers.RandomNormal(0.0, 0.3)
    norm = lambda: tfa.layers.InstanceNormalization(gamma_initializer=init, beta_initializer=init)
    image = keras.Input((size, size, 3))
    x = ReflectionPadding2D((3, 3))(image)
    x = layers.Activation("relu")(norm()(layers.Conv2D(8, 7, use_bias=False)(x)))
    x = layers.LeakyReLU(0.2)(norm()(layers.Conv2D(16, 3, strides=2, padding="same")(x)))
    y = norm()(layers.Conv2D(16, 3, padding="same")(x))
    x = layers.Add()([x, y])
    x = layers.Conv2DTranspose(8, 3, strides=2, padding="same")(x)
    x = tfa.layers.InstanceNormalization(axis=-1, center=False, scale=False)(x)
    x = layers.Activation("relu")(x)
    return keras.Model(image, layers.Conv2D(3, 7, padding="same", activation="tanh")(x))

image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3)).astype("uint8")
np.save(sys.argv[1] + "/image.npy", image[0])
for name, size in (("fixed", 32), ("any", None)):
    model = generator(size)
    model.save(f"{sys.argv[1]}/{name}.h5")
    np.save(f"{sys.argv[1]}/{name}.npy", model(image / np.float32(127.5) - 1).numpy()[0])
"""


def python_for_addons():
    """An interpreter that TensorFlow 2.15 has packages for, or None."""
    for name in (sys.executable, "python3.11", "python3.10", "python3.9"):
        path = shutil.which(name)
        test = "import sys; sys.exit(not (3, 9) <= sys.version_info < (3, 12))"
        if path and subprocess.run([path, "-c", test], capture_output=True).returncode == 0:
            return path
    return None


@pytest.fixture(scope="module", params=["stored", pytest.param("now", marks=pytest.mark.long)])
def written_by_addons(request, tmp_path_factory):
    """A folder of files that real tensorflow-addons wrote, once or now."""
    folder = tmp_path_factory.mktemp("addons")
    if request.param == "stored":
        with zipfile.ZipFile(STORED) as archive:
            archive.extractall(folder)
        return folder
    python = python_for_addons()
    if python is None:
        pytest.skip("tensorflow-addons 0.23 needs Python 3.9, 3.10 or 3.11, and none was found")
    environment = request.config.cache.mkdir("tensorflow-addons-0.23")
    if not (environment / "complete").exists():
        subprocess.run([python, "-m", "venv", "--clear", environment], check=True)
        packages = ["tensorflow==2.15.1", "tensorflow-addons==0.23.0", "numpy<2"]
        pip = [environment / "bin/python", "-m", "pip", "install", "--quiet", *packages]
        installed = subprocess.run(pip, capture_output=True, text=True)
        if installed.returncode:
            pytest.skip(f"tensorflow-addons cannot be installed here: {installed.stderr[-300:]}")
        (environment / "complete").touch()
    subprocess.run([environment / "bin/python", "-c", WRITE, folder], check=True)
    return folder


@pytest.mark.parametrize("name", ["fixed", "any"])
def test_a_generator_saved_with_addons_gives_the_same_image(written_by_addons, name):
    translator = load.load(written_by_addons / f"{name}.h5")
    image = np.load(written_by_addons / "image.npy")
    expected = np.load(written_by_addons / f"{name}.npy")
    ours = np.asarray(translator.generator(image[None] / np.float32(127.5) - 1))[0]
    assert np.abs(ours - expected).max() < 1e-5
    pixels = translator(image)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels - (expected + 1) * 127.5).max() <= 0.5 + 1e-2
