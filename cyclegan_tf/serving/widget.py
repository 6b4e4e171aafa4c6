"""A notebook's widget: upload and translate, without a server."""

import html
import io

import ipywidgets
from PIL import Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.serving.errors import ServiceError
from cyclegan_tf.serving.limits import Limits
from cyclegan_tf.serving.uploads import look_at

#: Longest side of an image that is shown, in pixels.
SHOWN = 256


def picker(catalogue, limits=None):
    """Makes a widget: choose a translation, upload images, see them before and after.

    Args:
        catalogue: `models.Catalogue`.
        limits: `Limits` for uploads.

    Returns:
        `ipywidgets.VBox` of the choice, the button and a row for each image.
    """
    limits = limits or Limits()
    choices = [
        (f"{served.translator} ({name})", served.translator)
        for name, directions in catalogue.models.items()
        for served in directions.values()
    ]
    choice = ipywidgets.Dropdown(options=choices, description="Translation")
    upload = ipywidgets.FileUpload(accept="image/*", multiple=True, description="Images")
    rows = ipywidgets.VBox()

    def show(_):
        rows.children = [_row(choice.value, file, limits) for file in upload.value]

    for widget in (choice, upload):
        widget.observe(show, "value")
    return ipywidgets.VBox([choice, upload, rows])


def _row(translator, file, limits):
    """An image before and after, or in words why not."""
    try:
        uploaded = look_at(bytes(file["content"]), limits).decode()
        images = [translator.to_pil(uploaded), translator.to_pil(translator(uploaded))]
    except (ServiceError, InputError) as error:
        return ipywidgets.HTML(f"<b>{html.escape(file['name'])}</b>: {html.escape(str(error))}")
    return ipywidgets.HBox([_shown(image) for image in images])


def _shown(image):
    if image.mode.startswith("I"):
        image = image.point(lambda value: value / 257).convert("L")
    image.thumbnail((SHOWN, SHOWN), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "PNG")
    return ipywidgets.Image(value=file.getvalue(), format="png")
