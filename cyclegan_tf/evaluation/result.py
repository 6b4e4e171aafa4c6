"""The result of an evaluation: tables to read, JSON to compute with, images to look at."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cyclegan_tf.common import plotting, types
from cyclegan_tf.common.atomic_files import replacing, write_text
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.evaluation.registry import GROUPS, METRICS, Metric

#: What each row is, by its name in files.
ROWS = {
    "untranslated": "{0}, untranslated",
    "training_mean": "mean of training {1}",
    "translated": "{0} as {1}",
    "other_real": "other real {1}",
}


@dataclass(frozen=True)
class Result:
    """The scores of one direction.

    Attributes:
        names: What the input's and the target's domains are called.
        rows: Dictionary from "untranslated", "training_mean", "translated" and "other_real" to a
            dictionary from metric to `registry.Score`. Without pairs there is no "training_mean",
            without a ceiling's images no "other_real".
        left_out: Dictionary from metric to the reason.
        index: Which images of the split were translated.
        columns: List of `(label, Images)`: inputs, translations, cycles, partners.
        by_label: Dictionary from each label of the inputs' label maps to the `registry.Score` of
            the cycle's mean absolute error within it; empty without label maps or a way back.
    """

    names: tuple[str, str]
    rows: dict
    left_out: dict
    index: np.ndarray
    columns: list
    by_label: dict = field(default_factory=dict)

    def ranked(self, name: str | None = None) -> tuple[str | None, np.ndarray]:
        """Positions of the images from the best to the worst.

        Args:
            name: A score that exists per image; by default the most telling one there is.

        Returns:
            `(name, positions)`, without images that have no such score; name is None, and the
            order the images' own, where no score exists per image.

        Raises:
            InputError: If the score does not exist per image.
        """
        scores = {
            name: score
            for name, score in self.rows["translated"].items()
            if score.images is not None and not np.isnan(score.images).all()
        }
        if name is None:
            order = ("mae_body", "lpips", "ssim", "realism", "cycle_consistency", "realism_random")
            order += (*scores,)
            name = next((known for known in order if known in scores), None)
        if name is None:
            return None, np.arange(len(self.index))
        if name not in scores:
            raise InputError(f"rank_by must be among {', '.join(scores)}, received {name!r}.")
        values = scores[name].images
        order = np.argsort(values if METRICS[name].better == "lower" else -values)
        return name, order[~np.isnan(values[order])]


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    Attributes:
        protocol: Dictionary of everything that the scores depend on.
        results: Dictionary from direction, "ab" or "ba", to `Result`.
    """

    protocol: dict
    results: dict

    def __str__(self) -> str:
        """The tables, the protocol, and what was left out."""
        parts = [_tables(result) for result in self.results.values()]
        return "\n\n".join([*parts, protocol_text(self.protocol)])

    __repr__ = __str__

    def figure(self, rank_by: str | None = None, count: int = 3) -> Image.Image:
        """Draws the best and the worst translations of each direction.

        Args:
            rank_by: As in `Result.ranked`.
            count: How many of each.

        Returns:
            `PIL.Image`.
        """
        sheets, labels = [], []
        for result in self.results.values():
            name, order = result.ranked(rank_by)
            title, shown = " → ".join(result.names), min(count, len(order))
            if name is None:
                columns = [(label, p[order[:shown]].normalized) for label, p in result.columns]
                sheets.append(plotting.strip(columns))
                labels.append(f"{title}: no score tells the best")
                continue
            scores = result.rows["translated"][name].images
            best, worst = order[:shown], order[::-1][:shown]
            left, right = (
                [(label, images[chosen].normalized) for label, images in result.columns]
                for chosen in (best, worst)
            )
            sheets.append(plotting.strip([*left, None, *right]))
            values = [", ".join(f"{scores[i]:.3g}" for i in chosen) for chosen in (best, worst)]
            labels.append(
                f"{title} by {name}: left the best ({values[0]}), right the worst ({values[1]})"
            )
        return plotting.stack(sheets, labels)

    def save(self, folder: types.Path, rank_by: str | None = None) -> Path:
        """Writes `evaluation.md` (the tables), `evaluation.json` and `evaluation.png`.

        Args:
            folder: Made if missing; what an earlier evaluation wrote there is replaced.
            rank_by: As in `Result.ranked`.

        Returns:
            `Path` of the folder.
        """
        folder, figure = Path(folder), self.figure(rank_by)
        write_text(folder / "evaluation.md", f"{self}\n")
        with replacing(folder / "evaluation.png") as temporary:
            figure.save(temporary)
        write_text(folder / "evaluation.json", json.dumps(self.as_dict(), indent=1) + "\n")
        return folder

    def as_dict(self) -> dict[str, Any]:
        """Everything as dictionaries, lists, strings and numbers (infinite ones as strings)."""
        return {
            "protocol": self.protocol,
            "directions": {name: _as_dict(result) for name, result in self.results.items()},
        }


def _as_dict(result):
    def numbers(scores):
        return {
            name: {
                "value": _plain(score.value),
                "interval": score.interval and [_plain(bound) for bound in score.interval],
                "standard_error": _plain(score.standard_error),
            }
            for name, score in scores.items()
        }

    per_image = {
        name: [_plain(value) for value in score.images]
        for name, score in result.rows["translated"].items()
        if score.images is not None
    }
    return {
        "names": list(result.names),
        "rows": {row: numbers(scores) for row, scores in result.rows.items()},
        "pictures": {"index": [int(i) for i in result.index]} | per_image,
        "left_out": result.left_out,
    } | ({"cycle_by_label": numbers(result.by_label)} if result.by_label else {})


def _plain(value):
    """A number as strict JSON knows it."""
    if value is None or math.isnan(value):
        return None
    return float(value) if math.isfinite(value) else str(float(value))


_LEGEND = (
    "Untranslated is the floor; other real images are the ceiling as a set, and chance for what "
    "a translation\nshares with its partner or input. ± is half of a 95 % interval."
)
_LEGEND_OF_MEAN = (
    "\nThe mean of the training images is one answer to every input: a translation must beat it."
)


def _tables(result):
    """One Markdown table per group of scores."""
    legend = _LEGEND + (_LEGEND_OF_MEAN if "training_mean" in result.rows else "")
    parts = [f"## {' → '.join(result.names)}", legend]
    for group, title in GROUPS.items():
        names = [
            name
            for name, metric in METRICS.items()
            if metric.group == group and name in result.rows["translated"]
        ]
        if not names:
            continue
        rows = [["", *(head(METRICS[name]) for name in names)]]
        for row, scores in result.rows.items():
            cells = [cell(scores.get(name), METRICS[name]) for name in names]
            if any(cells):
                rows.append([ROWS[row].format(*result.names), *cells])
        parts.append(f"{title}:\n\n{markdown(rows)}")
    if result.by_label:
        parts.append(_by_label(result))
    if result.left_out:
        parts.append(_left_out(result.left_out))
    return "\n\n".join(parts)


def _by_label(result):
    """One row per label of the cycle's errors; of the input untranslated there are none."""
    source, target = result.names
    error = Metric("mean error", "input", "lower")
    rows = [["", head(error), "images"]]
    for label, score in result.by_label.items():
        rows.append([label, cell(score, error), str(np.count_nonzero(~np.isnan(score.images)))])
    return (
        f"Cycle consistency, {source} → {target} → {source}, within each label, in units of the "
        f"stored values of {source}:\n\n{markdown(rows)}"
    )


def _left_out(left_out):
    by_reason = {}
    for name, reason in left_out.items():
        by_reason.setdefault(reason, []).append(name)
    lines = [f"- {', '.join(names)}: {reason}" for reason, names in by_reason.items()]
    return "\n".join(["Left out:", "", *lines])


def head(metric):
    """How a column of a metric is headed."""
    scale = f" x{metric.scale:g}" if metric.scale != 1 else ""
    return f"{metric.title}{scale} {'↓' if metric.better == 'lower' else '↑'}"


def cell(score, metric):
    """A score as a table shows it, with half of its interval; empty where there is none."""
    if score is None:
        return ""
    text = f"{score.value * metric.scale:.4g}"
    if score.interval is None or not np.isfinite(score.interval).all():
        return text
    half = (score.interval[1] - score.interval[0]) / 2
    # Not where it is below the digits that are shown.
    return text if half <= 5e-5 * abs(score.value) else f"{text} ±{half * metric.scale:.2g}"


def markdown(rows):
    """A table in Markdown, its columns aligned; the first row is the head."""
    rows = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def protocol_text(protocol):
    """The protocol as a Markdown list."""

    def line(name, value):
        if isinstance(value, dict):
            value = "; ".join(line(*item) for item in value.items())
        return f"{name}: {value}"

    return "\n".join(["Protocol:", "", *(f"- {line(*item)}" for item in protocol.items())])
