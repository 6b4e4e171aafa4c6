"""Files and folders that are translated: names, formats, and what is never replaced."""

import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.generator_metadata import Translation
from cyclegan_tf.inference import files
from cyclegan_tf.inference.translator import Translator
from inference.test_translator import identity, invert, make_image


def test_16_bit_results_keep_their_values_in_every_format(tmp_path):
    ramp = np.linspace(0, 255, 64).astype("uint8").reshape(8, 8)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    translator = Translator(identity(1), Translation("A", "B", (0, 255), (0, 65535), "uint16"))
    for suffix in (".png", ".tif", ".bmp", ".jpg", ".webp"):
        files.translate_files(translator, tmp_path / "ramp.png", tmp_path / f"out{suffix}")
        with Image.open(tmp_path / f"out{suffix}") as result:
            values = np.array(result.convert("L") if suffix == ".webp" else result, float)
        whole = 65535 if suffix in (".png", ".tif") else 255
        assert np.abs(values / whole - ramp / 255).max() < 0.03, suffix


def test_files_and_folders(tmp_path):
    translator = Translator(invert(), Translation())
    (tmp_path / "in/deeper").mkdir(parents=True)
    one, two = make_image(), make_image(20, 6)
    Image.fromarray(one).save(tmp_path / "in/one.png")
    Image.fromarray(two).save(tmp_path / "in/deeper/two.png")
    (tmp_path / "in/broken.png").write_text("no image")
    written, failed = files.translate_files(
        translator, tmp_path / "in", tmp_path / "out", progress=False
    )
    assert {str(p.relative_to(tmp_path)) for p in written} >= {"out/one.png"}
    np.testing.assert_array_equal(np.array(Image.open(tmp_path / "out/one.png")), 255 - one)
    assert len(failed) == 1 and "broken.png" in failed[0]
    (single,), _ = files.translate_files(
        translator, tmp_path / "in/one.png", tmp_path / "other.jpg"
    )
    assert Image.open(single).size == (14, 10)


def test_originals_are_never_replaced(tmp_path):
    translator = Translator(invert(), Translation())
    path = tmp_path / "one.png"
    Image.fromarray(make_image()).save(path)
    before = path.read_bytes()
    for sources in (path, tmp_path):
        with pytest.raises(InputError, match="would be replaced: give another target\\.$"):
            files.translate_files(translator, sources, tmp_path, overwrite=True)
    assert path.read_bytes() == before
    for _ in range(2):  # what lies in the target is no source
        written, _ = files.translate_files(
            translator, tmp_path, tmp_path / "out", overwrite=True, progress=False
        )
        assert [p.relative_to(tmp_path).as_posix() for p in written] == ["out/one.png"]


def test_results_are_replaced_only_if_the_user_says_so(tmp_path):
    translator = Translator(invert(), Translation())
    Image.fromarray(make_image()).save(tmp_path / "one.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/one.png").write_text("something dear")
    for sources in (tmp_path / "one.png", tmp_path):
        with pytest.raises(InputError, match="or say overwrite=True"):
            files.translate_files(translator, sources, tmp_path / "out")
    assert (tmp_path / "out/one.png").read_text() == "something dear"
    files.translate_files(translator, tmp_path / "one.png", tmp_path / "out", overwrite=True)
    assert Image.open(tmp_path / "out/one.png").size == (14, 10)
