"""Images for people: strips of translations and curves of losses."""

import io
import re
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from cyclegan_tf.common.value_range import denormalize

MARGIN = 4
INK, PAPER = (40, 44, 52), (255, 255, 255)


def to_rgb(images):
    """Turns images in [-1, 1] of 1, 3 or more channels into 8-bit RGB for viewing.

    Args:
        images: Array `(..., channels)`. One channel is shown as gray; of more than three, the first
            three; of two, the first.

    Returns:
        uint8 array `(..., 3)`.
    """
    images = denormalize(images, (0, 255), np.uint8)
    if images.shape[-1] < 3:
        return np.repeat(images[..., :1], 3, axis=-1)
    return images[..., :3]


def strip(columns, *, min_side=96):
    """Lays images out as a labelled table: one column per kind, one row per image.

    Args:
        columns: List of `(label, images)`, images `(rows, height, width, channels)` in
            [-1, 1]. None instead of a pair leaves a narrow gap.
        min_side: Smaller images are enlarged (by a whole factor, pixels kept) until their
            shorter side is at least this many pixels.

    Returns:
        `PIL.Image` in RGB.
    """
    rows, height, width = columns[0][1].shape[:3]
    factor = max(1, -(-min_side // min(height, width)))
    height, width = height * factor, width * factor
    font = typeface(max(11, min(width // 7, 20)))
    header = int(font.size * 1.7)
    total = MARGIN + sum(width + MARGIN if column else 3 * MARGIN for column in columns)
    sheet = Image.new("RGB", (total, header + rows * (height + MARGIN)), PAPER)
    draw = ImageDraw.Draw(sheet)
    left = MARGIN
    for column in columns:
        if not column:
            left += 3 * MARGIN
            continue
        label, images = column
        draw.text((left + width // 2, header // 2), label, INK, font, anchor="mm")
        for row, image in enumerate(to_rgb(images)):
            enlarged = Image.fromarray(image).resize((width, height), Image.Resampling.NEAREST)
            sheet.paste(enlarged, (left, header + row * (height + MARGIN)))
        left += width + MARGIN
    return sheet


def rows(kinds, *, min_side=96):
    """Lays images out as a table with one row per kind, labelled on the left.

    Args:
        kinds: List of `(label, images)`, as many images each, `(n, height, width, channels)`
            in [-1, 1].
        min_side: As for `strip`.

    Returns:
        `PIL.Image` in RGB.
    """
    font = typeface(16)
    left = 2 * MARGIN + int(max(font.getlength(label) for label, _ in kinds))
    sheets = [grid(images, len(images), min_side=min_side) for _, images in kinds]
    height = sheets[0].height - MARGIN
    page = Image.new("RGB", (left + sheets[0].width, MARGIN + len(kinds) * height), PAPER)
    draw = ImageDraw.Draw(page)
    for row, ((label, _), sheet) in enumerate(zip(kinds, sheets, strict=True)):
        draw.text((MARGIN, row * height + sheet.height // 2), label, INK, font, anchor="lm")
        page.paste(sheet, (left, row * height))
    return page


def grid(images, columns=8, *, min_side=56):
    """Lays images out row by row.

    Args:
        images: Array `(n, height, width, channels)` in [-1, 1].
        columns: How many in a row.
        min_side: As for `strip`.

    Returns:
        `PIL.Image` in RGB.
    """
    count, height, width = images.shape[:3]
    columns = min(columns, count)
    factor = max(1, -(-min_side // min(height, width)))
    height, width = height * factor, width * factor
    size = (columns * (width + MARGIN), -(-count // columns) * (height + MARGIN))
    sheet = Image.new("RGB", tuple(MARGIN + side for side in size), PAPER)
    for i, image in enumerate(to_rgb(images)):
        enlarged = Image.fromarray(image).resize((width, height), Image.Resampling.NEAREST)
        row, column = divmod(i, columns)
        sheet.paste(
            enlarged, (MARGIN + column * (width + MARGIN), MARGIN + row * (height + MARGIN))
        )
    return sheet


def stack(sheets, labels):
    """Puts images below each other, each under its label.

    Args:
        sheets: List of `PIL.Image`.
        labels: List of as many strings.

    Returns:
        `PIL.Image` in RGB.
    """
    font = typeface(18)
    header = 32
    widths = [sheet.width for sheet in sheets]
    widths += [2 * MARGIN + int(font.getlength(label)) for label in labels]
    width = max(widths)
    page = Image.new("RGB", (width, sum(sheet.height + header for sheet in sheets)), PAPER)
    draw, top = ImageDraw.Draw(page), 0
    for sheet, label in zip(sheets, labels, strict=True):
        draw.text((MARGIN, top + header // 2), label, INK, font, anchor="lm")
        page.paste(sheet, (0, top + header))
        top += sheet.height + header
    return page


def typeface(size):
    """The font that matplotlib brings along: it has arrows and most alphabets."""
    path = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
    return ImageFont.truetype(path, size)


def curves(history):
    """Draws each loss over the epochs, generators and discriminators side by side.

    Args:
        history: List of one dictionary per epoch with `epoch` and the named losses.

    Returns:
        `matplotlib.figure.Figure`; it belongs to no window and needs no closing.
    """
    figure = Figure(figsize=(8.6, 3), layout="constrained")
    epochs = [row["epoch"] for row in history]
    groups = {
        "Adversarial": r"(adv|disc)(_(ab|ba|a|b))?",
        "Reconstruction": r"(cycle|identity|l1|reconstruction|kl|cycle_kl|content|style)(_(a|b))?",
    }
    for axes, (title, pattern) in zip(figure.subplots(1, 2), groups.items(), strict=True):
        for name in history[0] if history else ():
            if not re.fullmatch(pattern, name):
                continue
            style = "--" if name.startswith(("disc_", "identity_")) else "-"
            marker = "o" if len(history) < 4 else None
            values = [row.get(name, np.nan) for row in history]
            axes.plot(epochs, values, style, marker=marker, label=name)
        axes.set(title=title, xlabel="epoch", ylabel="mean weighted loss")
        if axes.get_ylim()[0] > 0 or not axes.lines:  # the minimax loss is negative
            axes.set_ylim(bottom=0)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(ncols=2, fontsize="small")
    return figure


def scores(history, titles, best_epoch=None):
    """Draws each score over the epochs, both directions of translation in one plot.

    Args:
        history: List of one dictionary per epoch with `epoch` and scores such as `kid_ab`;
            epochs without a score are passed over.
        titles: Dictionary from the scores' names, such as "kid", to titles.
        best_epoch: Epoch to mark.

    Returns:
        `matplotlib.figure.Figure`.
    """
    columns = min(len(titles), 3)
    rows = -(-len(titles) // columns)
    figure = Figure(figsize=(8.6, 2.6 * rows), layout="constrained")
    plots = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (name, title) in zip(plots, titles.items(), strict=False):
        for direction, marker in (("ab", "o"), ("ba", "s")):
            known = [row for row in history if np.isfinite(row.get(f"{name}_{direction}", np.nan))]
            values = [row[f"{name}_{direction}"] for row in known]
            epochs = [row["epoch"] for row in known]
            axes.plot(epochs, values, marker=marker, markersize=3, label=direction)
        if best_epoch is not None:
            axes.axvline(best_epoch, color="0.5", linestyle=":", label="best")
        axes.set(title=title, xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    for axes in plots[len(titles) :]:
        axes.remove()
    return figure


def to_svg(figure):
    """Returns a matplotlib figure as an `<svg>` element (text without XML header)."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
