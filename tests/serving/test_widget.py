"""The notebook's widget, driven as the browser would."""

import io
from datetime import datetime, timezone

import numpy as np
import pytest
from PIL import Image

from support.service import encoded, loader, make_image, put

pytest.importorskip("ipywidgets", reason="the extra notebooks is not installed")

from cyclegan_tf.data.synthetic.sketch import sketch
from cyclegan_tf.serving.models import Catalogue
from cyclegan_tf.serving.widget import picker


def uploaded(*files):
    """The value of a `FileUpload`."""
    rest = {"type": "image/png", "size": 1, "last_modified": datetime.now(timezone.utc)}
    return tuple({"name": name, "content": memoryview(data), **rest} for name, data in files)


def pixels(widget):
    return np.asarray(Image.open(io.BytesIO(widget.value)))


def test_images_are_shown_before_and_after_and_errors_in_words(tmp_path):
    put(tmp_path)
    choice, upload, rows = picker(Catalogue(tmp_path, load=loader(), log=lambda _: None)).children
    assert [title for title, _ in choice.options] == [
        "day → night (run)",
        *(title for title, _ in choice.options[1:-1]),
        "image → sketch (pencil)",
    ]
    image = make_image(40, 30)
    upload.value = uploaded(("a.png", encoded(image)), ("<b>.png", b"no image"))
    before, after = rows.children[0].children
    np.testing.assert_array_equal(pixels(before), image)
    np.testing.assert_array_equal(pixels(after), 255 - image)
    assert "&lt;b&gt;.png" in rows.children[1].value and "is no PNG" in rows.children[1].value
    choice.index = len(choice.options) - 1
    np.testing.assert_array_equal(pixels(rows.children[0].children[1]), sketch(image)[..., 0])


def test_large_images_are_shown_small(tmp_path):
    put(tmp_path)
    _, upload, rows = picker(Catalogue(tmp_path, load=loader(), log=lambda _: None)).children
    upload.value = uploaded(("a.png", encoded(make_image(600, 300))))
    assert pixels(rows.children[0].children[1]).shape == (256, 128, 3)
