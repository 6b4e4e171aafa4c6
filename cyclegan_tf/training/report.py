"""`report.html`: a run on one self-contained page that opens anywhere."""

import base64
import functools
import html
import io
import json
from importlib import resources
from pathlib import Path
from string import Template

from PIL import Image

from cyclegan_tf.common import plotting
from cyclegan_tf.common.atomic_files import write_text
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.wording import counted
from cyclegan_tf.training import command, diagnostics, markdown

#: Epochs that are shown at most; more are taken evenly spread.
MAX_IMAGES = 24
#: Characters that their images may take: else quality falls, then fewer epochs are shown.
MAX_SIZE = 2_000_000
#: Of JPEGs, from what is tried first.
QUALITIES = (80, 65, 50)
#: Pixels; wider images are made smaller.
MAX_WIDTH = 1200


def write(folder, history):
    """Writes the page of a run from what lies in its folder.

    Args:
        folder: The run's folder with `run.json` and `epochs/*.png`.
        history: List of one dictionary of numbers per epoch.

    Returns:
        `Path` of the page.

    Raises:
        InputError: If `run.json` cannot be read.
    """
    folder = Path(folder)
    run = _json(folder / "run.json")
    if not isinstance(run, dict) or not {"method", "data"} <= run.keys():
        raise InputError(f"{folder / 'run.json'} cannot be read: the report stays as it was.")
    page = Template(
        resources.files("cyclegan_tf.training").joinpath("report.html").read_text("utf-8")
    )
    again = command.repeating(run, f"{folder}_again", len(history))
    images, found = _images(folder)
    text = page.substitute(
        title=html.escape(folder.name),
        domains=html.escape(" ↔ ".join(run["data"]["names"])),
        summary=html.escape(_summary(run, history)),
        images=json.dumps(images),
        shown=f"{len(images)} of {counted(found, 'epoch')}",
        curves=_drawn(plotting.curves(history), "Curves of the losses"),
        scores=_scores(folder, history),
        warnings=_warnings(history, "slices" in run["data"]),
        history=_table(history),
        command=html.escape(again).replace(" --", "</span> <span>--"),  # lines end there
        data=_data(run) if command.NO_FILE in again else "",
        run=html.escape(json.dumps(run, indent=2)),
    )
    path = folder / "report.html"
    write_text(path, text)
    return path


def _summary(run, history):
    minutes = sum(row["seconds"] for row in history) / 60
    epochs = counted(len(history), "epoch")
    return f"{run['method']}, {epochs}, {minutes:.1f} minutes of training"


def _data(run):
    digest = html.escape(str(run["data"].get("hash", "unknown"))[:12])
    return (
        f"<p>{command.NO_FILE} stands for the data set with the hash {digest}, which was made in "
        "Python: <code>cyclegan_tf.data.npz.save</code> writes it to a file.</p>"
    )


def _images(folder):
    """What is shown by epoch, evenly spread, and how many epochs there are."""
    found = [path for path in folder.glob("epochs/epoch_*.png") if path.stem[6:].isdecimal()]
    paths = _spread(sorted(found, key=lambda path: int(path.stem[6:])), MAX_IMAGES)
    for quality in QUALITIES:
        shown = [{"epoch": int(path.stem[6:]), "src": _jpeg(path, quality)} for path in paths]
        size = sum(len(image["src"]) for image in shown)
        if size <= MAX_SIZE:
            return shown, len(found)
    return _spread(shown, max(len(shown) * MAX_SIZE // size, 2)), len(found)


def _spread(items, count):
    """At most so many of the items, the first and the last among them."""
    if len(items) <= count:
        return items
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]


def _jpeg(path, quality=QUALITIES[0]):
    """An image file as the address of a JPEG that holds it."""
    return _encoded(path, quality, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=4 * MAX_IMAGES)  # after the next epoch most are shown again
def _encoded(path, quality, modified):
    buffer = io.BytesIO()
    with Image.open(path) as image:
        image.thumbnail((MAX_WIDTH, image.height), Image.Resampling.LANCZOS)
        image.convert("RGB").save(buffer, "jpeg", quality=quality, optimize=True)
    return _address("jpeg", buffer.getvalue())


def _address(kind, data):
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _drawn(figure, name):
    """A figure of matplotlib in a box that scrolls."""
    # As an image, since two figures have the same ids within.
    address = _address("svg+xml", plotting.to_svg(figure).encode())
    return _scrolling(f'<img class="curves" src="{address}" alt="{name} over the epochs">', name)


def _scrolling(element, name):
    return f'<div class="scroll" role="group" tabindex="0" aria-label="{name}">{element}</div>'


def _scores(folder, history):
    """Curves of what was scored during training, and the tables of the last evaluation."""
    parts, shown = [], "Best and worst translations"
    during = _json(folder / "metrics.json")
    if (
        isinstance(during, dict)
        and {"metrics", "best_epoch", "monitor", "protocol"} <= during.keys()
    ):
        drawn = plotting.scores(history, during["metrics"], during["best_epoch"])
        best = f"Best by {during['monitor']}: epoch {during['best_epoch']} (in best/)."
        parts += [
            _drawn(drawn, "Curves of the scores"),
            f"<p>{html.escape(best)}</p>",
            _details("Protocol of the curves", json.dumps(during["protocol"], indent=2)),
        ]
    after = folder / "evaluation"
    if (after / "evaluation.md").exists() and (after / "evaluation.png").exists():
        parts += [
            markdown.to_html((after / "evaluation.md").read_text("utf-8")),
            _scrolling(f'<img src="{_jpeg(after / "evaluation.png")}" alt="{shown}">', shown),
        ]
    return "\n".join(parts) or "<p>None yet: <code>cyclegan-tf evaluate</code> gives them.</p>"


def _json(path):
    """What a JSON file holds; None where it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _details(summary, text):
    pre = f'<pre tabindex="0">{html.escape(text)}</pre>'
    return f"<details><summary>{summary}</summary>{pre}</details>"


def _warnings(history, slices):
    sentences = [
        f"<li>Epoch {row['epoch']}: {html.escape(sentence)}</li>"
        for row in history
        for sentence in diagnostics.diagnose(row, slices=slices)
    ]
    return f"<ul>{''.join(sentences)}</ul>" if sentences else "<p>None.</p>"


def _table(history):
    if not history:
        return "<p>No epoch has finished yet.</p>"
    rows = [[_number(value) for value in row.values()] for row in history]
    return markdown.table([list(history[0]), *rows], "Numbers of each epoch")


def _number(value):
    """A number as the table shows it; a dash where there is none, as of scores between epochs."""
    return f"{value:.4g}" if value == value else "–"
