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


def loader(network=None):
    """Loads "files" that are a `Translation` in JSON; the network is always the same."""

    def load(file, runtime):
        built_in = file.parent == PRETRAINED
        about = Translation() if built_in else from_json(file.read_bytes(), file)
        return Translator(network or Invert(), about)

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
