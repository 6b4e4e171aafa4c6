"""What of a folder is served: real files, in whatever they run."""

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.generator_metadata import Translation
from cyclegan_tf.inference import autotune, export, formats, source
from cyclegan_tf.networks import generator_file, generators
from cyclegan_tf.serving.models import PENCIL, PRETRAINED, Catalogue
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


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="There is no folder .*nowhere"):
        Catalogue(tmp_path / "nowhere")
