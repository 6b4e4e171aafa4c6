"""What a path holds, and files that cannot be opened."""

import zipfile

import keras
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.generator_metadata import Translation
from cyclegan_tf.inference import load, source
from cyclegan_tf.networks import generator_file
from inference.test_translator import identity


def test_what_a_path_holds(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model/saved_model.pb").touch()
    for path, direction, file, run, format in (
        (None, "ba", source.PRETRAINED / "gen_ba.keras", source.PRETRAINED, None),
        (tmp_path, None, tmp_path / "gen_ab.keras", tmp_path, None),
        (tmp_path / "g.h5", None, tmp_path / "g.h5", None, None),
        (tmp_path / "g.ONNX", None, tmp_path / "g.ONNX", None, "onnx"),
        (tmp_path / "model", None, tmp_path / "model", None, "saved_model"),
    ):
        found = source.locate(path, direction)
        name = found.format and found.format.name
        assert (found.file, found.run, name) == (file, run, format)
    for file in ("g.keras", "g.onnx", "model"):
        with pytest.raises(InputError, match="direction belongs to a run's folder"):
            source.locate(tmp_path / file, "ab")


def test_files_that_are_no_generators_are_named(tmp_path):
    with pytest.raises(InputError, match="No generator at"):
        generator_file.load(tmp_path / "missing.keras")
    with pytest.raises(InputError, match=r"No generator at .*gen_ab\.keras"):
        load.load(tmp_path)
    (tmp_path / "text.keras").write_text("hello")
    with pytest.raises(InputError, match="cannot be read as a generator"):
        load.load(tmp_path / "text.keras")
    generator_file.save(tmp_path / "g.keras", identity(), Translation())
    half = (tmp_path / "g.keras").read_bytes()
    (tmp_path / "half.keras").write_bytes(half[: len(half) // 2])
    with pytest.raises(InputError, match="cannot be read as a generator"):
        load.load(tmp_path / "half.keras")
    flat = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    flat.save(tmp_path / "flat.keras")
    with pytest.raises(InputError, match=r"received Sequential of shapes \(None, 4\) to"):
        load.load(tmp_path / "flat.keras")
    with pytest.raises(InputError, match="direction must be 'ab' or 'ba', received 'cd'"):
        load.load(tmp_path, "cd")
    with pytest.raises(InputError, match="direction belongs to a run's folder"):
        load.load(tmp_path / "g.keras", "ba")


@pytest.mark.parametrize(
    "entry", ["{", "[1]", '{"colour": 1}', '{"dtype": "paint"}', '{"source_range": [5, 5]}']
)
def test_a_damaged_description_of_the_translation_is_said(tmp_path, entry):
    identity().save(tmp_path / "g.keras")
    with zipfile.ZipFile(tmp_path / "g.keras", "a") as archive:
        archive.writestr(generator_file.ENTRY, entry)
    with pytest.raises(InputError, match="says in a damaged way what it translates"):
        load.load(tmp_path / "g.keras")


def test_code_in_a_file_is_not_run(tmp_path):
    image = keras.Input((None, None, 3))
    keras.Model(image, keras.layers.Lambda(lambda x: x * 2)(image)).save(tmp_path / "l.keras")
    with pytest.raises(InputError, match="without Lambda layers"):
        load.load(tmp_path / "l.keras")


def test_code_in_an_old_file_is_not_run(tmp_path):
    image = keras.Input((8, 8, 3))
    keras.Model(image, keras.layers.Lambda(lambda x: x * 2)(image)).save(tmp_path / "l.h5")
    with pytest.raises(InputError, match="without Lambda layers"):
        load.load(tmp_path / "l.h5")
