"""The page of a run: what stands in it and what it weighs."""

import functools
import html
import json
import re

import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.common import plotting
from cyclegan_tf.data.synthetic.cartoons import cartoons
from cyclegan_tf.evaluation.result import markdown as written
from cyclegan_tf.training import markdown, report

RUN = {"method": "cyclegan", "data": {"names": ["A & B", "<b>"], "hash": "0123456789abcdef"}}


@functools.cache
def strip(size, images):
    faces = cartoons(images, size=(size, size), seed=0) / np.float32(127.5) - 1
    noise = np.random.default_rng(0).normal(0, 0.15, faces.shape) + faces
    return plotting.strip([("real", faces), ("fake", noise)] * 3)


def write(folder, epochs=2, size=16, images=1, more=None, run=RUN):
    """A page of a run whose strips show cartoons, and noise beside them as of its begin."""
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "epochs").mkdir()
    for epoch in range(epochs):
        strip(size, images).save(folder / f"epochs/epoch_{epoch + 1:03d}.png", compress_level=0)
    history = [{"epoch": i + 1, "seconds": 1.0, "cycle_a": 3.0 / (i + 1)} for i in range(epochs)]
    history[0] |= more or {}
    return report.write(folder, history)


def images_of(page):
    return json.loads(re.search(r"const images = (.*);", page.read_text("utf-8"))[1])


def test_twelve_epochs_at_128_pixels_are_below_3_mb(tmp_path):
    page = write(tmp_path / "run", 12, size=128, images=6)
    assert len(images_of(page)) == 12
    assert page.stat().st_size < 3e6


def test_heavy_images_are_fewer_then_and_the_page_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "MAX_SIZE", 60_000)
    page = write(tmp_path / "run", 9)
    epochs = [image["epoch"] for image in images_of(page)]
    assert 2 <= len(epochs) < 9 and epochs[0] == 1 and epochs[-1] == 9
    assert f"Shown: {len(epochs)} of 9 epochs." in page.read_text("utf-8")
    assert sum(len(image["src"]) for image in images_of(page)) <= 60_000


def test_a_changed_image_is_shown_as_it_is_now(tmp_path):
    before = images_of(write(tmp_path / "run"))
    Image.new("RGB", (9, 9), "red").save(tmp_path / "run/epochs/epoch_002.png")
    after = images_of(report.write(tmp_path / "run", []))
    assert after[0] == before[0] and after[1] != before[1]


def test_names_and_numbers_are_text_and_no_html(tmp_path):
    page = write(tmp_path / "run", more={"kid_ab": float("nan")}).read_text("utf-8")
    assert "A &amp; B ↔ &lt;b&gt;" in page and "<b>" not in page
    assert "<td>–</td>" in page and "nan" not in page.split("How to run")[0].split("Numbers")[1]


def test_the_command_is_there_and_says_what_stands_for_the_data(tmp_path):
    page = write(tmp_path / "run").read_text("utf-8")
    assert "DATA.npz stands for the data set with the hash 0123456789ab" in page
    origin = {"data": RUN["data"] | {"origin": {"data": "my <data>.npz"}}}
    page = write(tmp_path / "other", run=RUN | origin).read_text("utf-8")
    said = re.sub(r"</?span>", "", re.search(r'id="command".*?>(.*)</pre>', page)[1])
    again = f"{tmp_path / 'other'}_again"
    assert html.unescape(said).startswith(f"cyclegan-tf train 'my <data>.npz' {again} --method")
    assert "stands for" not in page


def test_a_table_of_an_evaluation_becomes_one_of_html():
    table = written([["", "MAE ↓"], ["a|b as <c>", "1.5 ±0.2"]])
    text = markdown.to_html(f"## a → b\n\nAgainst it:\n\n{table}\n\n- one\n- two\n")
    assert "<h3>a → b</h3>\n<p>Against it:</p>" in text and "<li>one</li><li>two</li>" in text
    assert 'aria-label="Against it:"' in text and '<th scope="col">MAE ↓</th>' in text
    assert '<tr><th scope="row">a|b as &lt;c&gt;</th><td>1.5 ±0.2</td></tr>' in text


@pytest.mark.parametrize("name", ["epoch_x.png", "other.png"])
def test_other_files_are_no_epochs(name, tmp_path):
    page = write(tmp_path / "run", 1)
    (tmp_path / "run/epochs" / name).write_bytes(b"")
    assert len(images_of(report.write(tmp_path / "run", []))) == len(images_of(page)) == 1
