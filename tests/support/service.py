"""A service for tests: networks whose answers are known, and clients of it."""

import io
import json
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("flask", reason="the extra serve is not installed")
pytest.importorskip("waitress", reason="the extra serve is not installed")
pytest.importorskip("prometheus_client", reason="the extra serve is not installed")

from cyclegan_tf.common.generator_metadata import Shapes, Translation, from_json
from cyclegan_tf.inference.source import PRETRAINED
from cyclegan_tf.inference.translator import Translator
from cyclegan_tf.serving.models import Catalogue
from cyclegan_tf.serving.server import Server
from cyclegan_tf.serving.service import Service


class Invert:
    """A network that turns every value around, slowly if asked to, and counts its batches."""

    shapes = Shapes((None, None, None, 3), None, (None, None, None, 3))
    multiple, name = 1, "toy"

    def __init__(self, wait=None):
        self.wait, self.batches, self.seen = wait, [], lambda shape: None

    def __call__(self, x):
        self.batches.append(len(x))
        self.seen(x.shape[1:3])
        if self.wait is not None:
            assert self.wait.wait(60)
        return -x


class Coloured(Invert):
    """A network that gives its code, as the one colour of the image: that of a hint."""

    shapes = Shapes((None, None, None, 3), (None, 3), (None, None, None, 3))
    multiple = 4

    def __init__(self, wait=None):
        from cyclegan_tf.networks.layers.linear_prediction import GRID, SIDE, LinearPrediction

        super().__init__(wait)
        layer = LinearPrediction(3)
        layer.build(((None, None, None, 3), (None, 3)))
        kernel = np.zeros((GRID**2 * 3 + 3, SIDE * SIDE, 3), "float32")
        kernel[-3:] = np.eye(3)[:, None]
        layer.set_weights([kernel.reshape(len(kernel), -1), np.zeros(SIDE * SIDE * 3)])
        self.layers = [layer]

    def __call__(self, x, code):
        return np.clip(np.zeros_like(super().__call__(x)) + code[:, None, None], -1, 1)


def translator(network, about):
    """The `Translator` of such a network."""
    has_layers = hasattr(network, "layers")
    return Translator(network, about, original=(lambda: network) if has_layers else None)


def loader(network=None):
    """Loads "files" that are a `Translation` in JSON; the network is always the same."""

    def load(file, runtime):
        built_in = file.parent == PRETRAINED
        about = Translation() if built_in else from_json(file.read_bytes(), file)
        return translator(network or Invert(), about)

    return load


def put(folder, name="run", **about):
    """Writes such a file in the place of a run's generator."""
    path = folder / name / "gen_ab.keras"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(Translation(**{"source": "day", "target": "night"} | about).to_json())
    return path


def make_service(folder, network=None, log=None, limits=None, **options):
    """A service that turns colours around, with everything that it logs."""
    put(folder)
    log = [] if log is None else log
    catalogue = Catalogue(folder, load=loader(network), log=log.append)
    return Service(catalogue, limits, log=log.append, **options)


def make_image(height=12, width=17, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels)).astype("uint8")


def encoded(image, kind="PNG", **options):
    """The bytes of a file with the image."""
    file = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(file, kind, **options)
    return file.getvalue()


def hint(colour, height=12, width=17):
    """The part of a form that wishes a colour, in the upper half of the image."""
    painted = np.zeros((height, width, 4), "uint8")
    painted[: height // 2] = (*colour, 255)
    return io.BytesIO(encoded(painted)), "hint.png"


def post(client, data, accept="application/json", name="face.png", **fields):
    """Asks for a translation."""
    form = {**fields, "file": (io.BytesIO(data), name)}
    headers = {"Accept": accept} if accept else {}
    return client.post("/translate", data=form, headers=headers, buffered=True)


def decoded(answer):
    """The image in an answer."""
    return np.asarray(Image.open(io.BytesIO(answer.data)))


def error_of(answer):
    """The code of an error, once its form is checked."""
    found = json.loads(answer.data)
    assert list(found) == ["error"] and set(found["error"]) == {"code", "message", "argument"}
    assert found["error"]["message"].strip().endswith(".")
    assert "Traceback" not in answer.text
    return found["error"]["code"]


@contextmanager
def running(service, **options):
    """The service on a free port of this machine."""
    server = Server(service, port=0, **options).start()
    try:
        yield server
    finally:
        server.stop()
