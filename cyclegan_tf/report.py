"""`report.html`: a run on one self-contained page that opens anywhere."""

import base64
import html
import json
from importlib import resources
from pathlib import Path
from string import Template

from cyclegan_tf import health, plotting
from cyclegan_tf.atomic import write_text

#: More pictures than this would make the page heavy; they are then taken evenly spread.
MAX_PICTURES = 24


def write(folder, history):
    """Writes the page of a run from what lies in its folder.

    Args:
        folder: The run's folder with `run.json` and `epochs/*.png`.
        history: List of one dictionary of numbers per epoch.

    Returns:
        `Path` of the page.
    """
    folder = Path(folder)
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    page = Template(resources.files("cyclegan_tf").joinpath("report.html").read_text("utf-8"))
    text = page.substitute(
        title=html.escape(folder.name),
        domains=html.escape(" ↔ ".join(run["data"]["names"])),
        summary=html.escape(_summary(run, history)),
        pictures=json.dumps(_pictures(folder)),
        curves=plotting.to_svg(plotting.curves(history)),
        warnings=_warnings(history),
        history=_table(history),
        run=html.escape(json.dumps(run, indent=2)),
    )
    path = folder / "report.html"
    write_text(path, text)
    return path


def _summary(run, history):
    minutes = sum(row["seconds"] for row in history) / 60
    return f"{run['method']}, {len(history)} epochs, {minutes:.1f} minutes of training"


def _pictures(folder):
    found = [path for path in folder.glob("epochs/epoch_*.png") if path.stem[6:].isdecimal()]
    paths = sorted(found, key=lambda path: int(path.stem[6:]))
    if len(paths) > MAX_PICTURES:
        last = len(paths) - 1
        paths = [paths[round(i * last / (MAX_PICTURES - 1))] for i in range(MAX_PICTURES)]
    return [
        {
            "epoch": int(path.stem[6:]),
            "src": "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode(),
        }
        for path in paths
    ]


def _warnings(history):
    sentences = [
        f"<li>Epoch {row['epoch']}: {html.escape(sentence)}</li>"
        for row in history
        for sentence in health.diagnose(row)
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
