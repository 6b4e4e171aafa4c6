"""`report.html`: a run on one self-contained page that opens anywhere."""

import base64
import html
import json
from importlib import resources
from pathlib import Path
from string import Template

from cyclegan_tf.common import plotting
from cyclegan_tf.common.atomic_files import write_text
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.training import diagnostics

#: More images than this would make the page heavy; they are then taken evenly spread.
MAX_IMAGES = 24


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
    text = page.substitute(
        title=html.escape(folder.name),
        domains=html.escape(" ↔ ".join(run["data"]["names"])),
        summary=html.escape(_summary(run, history)),
        images=json.dumps(_images(folder)),
        curves=plotting.to_svg(plotting.curves(history)),
        scores=_scores(folder, history),
        warnings=_warnings(history, "slices" in run["data"]),
        history=_table(history),
        run=html.escape(json.dumps(run, indent=2)),
    )
    path = folder / "report.html"
    write_text(path, text)
    return path


def _summary(run, history):
    minutes = sum(row["seconds"] for row in history) / 60
    return f"{run['method']}, {len(history)} epochs, {minutes:.1f} minutes of training"


def _images(folder):
    found = [path for path in folder.glob("epochs/epoch_*.png") if path.stem[6:].isdecimal()]
    paths = sorted(found, key=lambda path: int(path.stem[6:]))
    if len(paths) > MAX_IMAGES:
        last = len(paths) - 1
        paths = [paths[round(i * last / (MAX_IMAGES - 1))] for i in range(MAX_IMAGES)]
    return [
        {
            "epoch": int(path.stem[6:]),
            "src": _data_url(path),
        }
        for path in paths
    ]


def _scores(folder, history):
    """Curves of what was scored during training, and the tables of the last evaluation."""
    parts = []
    during = _json(folder / "metrics.json")
    if (
        isinstance(during, dict)
        and {"metrics", "best_epoch", "monitor", "protocol"} <= during.keys()
    ):
        drawn = plotting.scores(history, during["metrics"], during["best_epoch"])
        best = f"Best by {during['monitor']}: epoch {during['best_epoch']} (in best/)."
        parts += [
            f'<div class="curves">{plotting.to_svg(drawn)}</div>',
            f"<p>{html.escape(best)}</p>",
            _details("Protocol of the curves", json.dumps(during["protocol"], indent=2)),
        ]
    after = folder / "evaluation"
    if (after / "evaluation.md").exists() and (after / "evaluation.png").exists():
        tables, image = (after / "evaluation.md").read_text("utf-8"), after / "evaluation.png"
        parts += [
            "<h3>Evaluation</h3>",
            f'<pre class="tables">{html.escape(tables)}</pre>',
            f'<figure><img src="{_data_url(image)}" alt="Best and worst translations"></figure>',
        ]
    return "".join(parts) or "<p>None yet: <code>cyclegan-tf evaluate</code> gives them.</p>"


def _json(path):
    """What a JSON file holds; None where it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _details(summary, text):
    return f"<details><summary>{summary}</summary><pre>{html.escape(text)}</pre></details>"


def _data_url(path):
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


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
    head = "".join(f"<th>{html.escape(name)}</th>" for name in history[0])
    rows = "".join(
        "<tr>" + "".join(f"<td>{value:.4g}</td>" for value in row.values()) + "</tr>"
        for row in history
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
