"""What of a folder is served: real files, in whatever they run."""

from types import SimpleNamespace

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.generator_metadata import Translation
from cyclegan_tf.inference import autotune, export, formats, source
from cyclegan_tf.inference.translator import Translator
from cyclegan_tf.networks import generator_file, generators
from cyclegan_tf.serving import models
from cyclegan_tf.serving.models import PENCIL, PRETRAINED, Catalogue
from cyclegan_tf.serving.service import Service
from support import service
from support.service import make_image


def generator(path, name, other):
    """Saves a tiny generator."""
    network = generators.resnet_generator(filters=2, blocks=1, seed=1)
    generator_file.save(path, network, Translation(name, other, size=(16, 16), epoch=3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder as people have it: runs, an export, single files, and what is no generator."""
    folder = tmp_path_factory.mktemp("saved_models")
    generator(folder / "faces/gen_ab.keras", "photo", "cartoon")
    generator(folder / "faces/gen_ba.keras", "cartoon", "photo")
    generator(folder / "faces/style_b.keras", "cartoon", "style")
    generator(folder / "faces/best/gen_ab.keras", "photo", "cartoon")
    generator(folder / "old/alone.keras", "x", "y")
    generator(folder / ".hidden/gen_ab.keras", "x", "y")
    (folder / "faces/state").mkdir()
    (folder / "faces/state/epoch_003.weights.h5").write_bytes(b"a state")
    (folder / "broken.keras").write_bytes(b"PK\x03\x04 cut short")
    (folder / "notes.xml").write_text("<notes/>")
    return folder


def test_every_generator_is_found_and_nothing_else(folder):
    log = []
    catalogue = Catalogue(folder, "keras", log=log.append)
    found = {name: sorted(ways) for name, ways in catalogue.models.items()}
    assert found == {
        "faces": ["ab", "ba"],
        "faces/best": ["ab"],
        "old/alone.keras": ["ab"],
        PRETRAINED: ["ab", "ba"],
        PENCIL: ["ab"],
    }
    assert [path.name for path in catalogue.problems] == ["broken.keras"]
    assert len([line for line in log if line.startswith("not served")]) == 1
    of_faces = catalogue.to_json()[0]["directions"]
    assert [way["title"] for way in of_faces] == ["photo → cartoon", "cartoon → photo"]
    assert of_faces[0]["note"] == "faces, epoch 3" and of_faces[0]["cycles"]
    assert not catalogue.refresh()  # nothing has changed, so nothing is loaded anew


def test_exported_generators_are_served_beside_the_others(tmp_path):
    if formats.FORMATS["onnx"].missing():
        pytest.skip("ONNX's libraries are not installed")
    generator(tmp_path / "gen.keras", "x", "y")
    export.export(tmp_path / "gen.keras", tmp_path / "gen.onnx")
    catalogue = Catalogue(tmp_path, "keras", log=lambda _: None)
    one, other = (catalogue.models[name]["ab"].translator for name in ("gen.keras", "gen.onnx"))
    assert (one.runtime, other.runtime) == ("keras", "onnx")
    image = make_image(20, 24)
    assert np.abs(one(image).astype(int) - other(image)).max() <= 1


def test_the_service_takes_the_runtime_asked_for_exported_once(tmp_path, monkeypatch):
    if formats.FORMATS["onnx"].missing():
        pytest.skip("ONNX's libraries are not installed")
    monkeypatch.setenv("CYCLEGAN_TF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(autotune, "CANDIDATES", ("onnx",))
    monkeypatch.setattr(autotune, "TURNS", 1)
    monkeypatch.setattr(source, "PRETRAINED", tmp_path)  # two generators fewer to export
    generator(tmp_path / "models/gen.keras", "x", "y")
    served = Catalogue(tmp_path / "models", "onnx", log=lambda _: None).models["gen.keras"]["ab"]
    assert served.translator.runtime == "onnx" and list((tmp_path / "cache").rglob("*.onnx"))


class Measured:
    """A measurement that ends when it is told to."""

    begun = ()

    def __init__(self, file):
        self.file, self.done, self.stopped = file, False, False
        type(self).begun = (*self.begun, self)

    def stop(self):
        self.stopped = True


@pytest.fixture
def measuring(tmp_path, monkeypatch):
    """A service's catalogue of one run, there at once, and what it logs."""
    found = []
    monkeypatch.setattr(models, "Measurement", type("Measured", (Measured,), {}))
    monkeypatch.setattr(models, "needed", lambda file, runtime: file not in found)
    monkeypatch.setattr(source, "PRETRAINED", tmp_path / "none")
    service.put(tmp_path / "models")

    def load(file, runtime):
        network = service.Invert()
        network.name = runtime
        return Translator(network, Translation("day", "night"))

    log = []
    folder = tmp_path / "models"
    catalogue = Catalogue(folder, "fastest", load=load, log=log.append, at_once=True)
    return SimpleNamespace(catalogue=catalogue, log=log, found=found)


def test_keras_answers_until_the_fastest_is_measured(measuring):
    catalogue = measuring.catalogue
    assert catalogue.loading and list(catalogue.models) == [PENCIL]
    catalogue.measure()
    catalogue.refresh()
    assert not catalogue.loading and catalogue.waiting == [("run", "ab")]
    assert catalogue.models["run"]["ab"].translator.runtime == "keras"
    catalogue.measure()
    catalogue.measure()
    (measurement,) = models.Measurement.begun
    catalogue.refresh()
    assert catalogue.models["run"]["ab"].translator.runtime == "keras"
    measurement.done = True
    measuring.found.append(measurement.file)
    catalogue.measure()
    assert catalogue.models["run"]["ab"].translator.runtime == "fastest"
    assert catalogue.waiting == [] and not catalogue.refresh()
    assert measuring.log[-1] == "run, day → night: fastest from now on"


def test_what_cannot_be_measured_stays_in_keras_and_is_not_tried_again(measuring):
    measuring.catalogue.refresh()
    measuring.catalogue.measure()
    models.Measurement.begun[0].done = True
    measuring.catalogue.measure()
    measuring.catalogue.measure()
    assert len(models.Measurement.begun) == 1 and measuring.catalogue.waiting == []
    assert measuring.catalogue.models["run"]["ab"].translator.runtime == "keras"
    assert "could not be measured" in measuring.log[-2]


def test_a_measurement_ends_with_the_service(measuring):
    measuring.catalogue.refresh()
    measuring.catalogue.measure()
    measuring.catalogue.close()
    assert models.Measurement.begun[0].stopped


def test_a_folder_is_found_from_wherever_the_service_looks(tmp_path, monkeypatch):
    path = service.put(tmp_path / "models")
    for name in "ab":
        (path.parent / "examples").mkdir(exist_ok=True)
        (path.parent / f"examples/{name}.png").write_bytes(service.encoded(make_image()))
    monkeypatch.chdir(tmp_path)
    catalogue = Catalogue("models", load=service.loader(), log=lambda _: None)
    monkeypatch.chdir("/")
    client = Service(catalogue, log=lambda _: None).app().test_client()
    assert client.get("/models/run/ab/source.png").status_code == 200
    assert not catalogue.refresh()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="There is no folder .*nowhere"):
        Catalogue(tmp_path / "nowhere")
