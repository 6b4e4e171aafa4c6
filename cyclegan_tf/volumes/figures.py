"""Figures of slices: true to scale, with letters, millimetres and a colour bar.

Research only, not for diagnosis.
"""

from collections.abc import Callable
from typing import NamedTuple

import matplotlib
import numpy as np
from PIL import Image, ImageDraw

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.plotting import INK, PAPER, typeface
from cyclegan_tf.volumes.windows import WINDOWS

#: Of a volume so many voxels along each axis are looked at to choose a window or the centre.
_LOOKED_AT = 48
#: What is left of, right of, above and below a slice.
_EDGES = {"axial": "RLAP", "coronal": "RLSI", "sagittal": "APSI"}
#: What lies along the normal of a slice, towards positive and towards negative millimetres.
_ENDS = {"axial": "SI", "coronal": "AP", "sagittal": "RL"}
#: Which other planes are seen edge-on in a slice: as a column, and as a line.
_CROSSED = {
    "axial": ("sagittal", "coronal"),
    "coronal": ("sagittal", "axial"),
    "sagittal": ("coronal", "axial"),
}
_GAP, _LINE, _LEGEND = 14, 22, 84
_PALE, _BAD = (120, 124, 132), (255, 170, 0)
_FOOTER = "Research only, not for diagnosis."


class Row(NamedTuple):
    """A volume, or the difference of two, and how it is shown.

    Attributes:
        name: What is written above it.
        read: Function of an axis and a slice's number that gives a float array `(height, width)`.
        window: `(low, high)`: the values at the two ends of the colours.
        unit: Of the values, such as "HU", or "".
        difference: Whether it is a difference: zero is white, red is more and blue is less.
    """

    name: str
    read: Callable
    window: tuple[float, float]
    unit: str = ""
    difference: bool = False

    def colours(self, shares, **options):
        """Colours of shares of the way through the window, RGBA."""
        return matplotlib.colormaps["RdBu_r" if self.difference else "gray"](shares, **options)


def three_planes(rows, cuts, numbers, point, side):
    """Draws three slices in each row, with marks in the gaps where the other two planes lie.

    Args:
        rows: List of `Row`.
        cuts: Dictionary from "axial", "coronal" and "sagittal" to a `volumes.planes.Plane`.
        numbers: Dictionary from the same to the number of a slice.
        point: `(x, y, z)` in mm of the voxel where they cross.
        side: Pixels of the longest side.

    Returns:
        `PIL.Image` in RGB.
    """
    scale = side / max(length for cut in cuts.values() for length in _lengths(cut))
    sizes = {axis: _size(cut, scale) for axis, cut in cuts.items()}
    height = max(size[0] for size in sizes.values())
    millimetres = dict(zip(("sagittal", "coronal", "axial"), point, strict=True))
    captions = {axis: f"{axis}, {position_text(axis, millimetres[axis])}" for axis in cuts}
    font = typeface(14)
    widths = {axis: max(sizes[axis][1], int(font.getlength(captions[axis])) + 4) for axis in cuts}
    width = _GAP + sum(widths.values()) + len(cuts) * _GAP + _LEGEND
    step = height + _LINE + _GAP
    page = Image.new("RGB", (width, max(1, len(rows)) * step + 2 * _LINE), PAPER)
    draw, left = ImageDraw.Draw(page), _GAP
    for axis in cuts:
        for line, row in enumerate(rows):
            top = line * step + _LINE
            pane = _pane(row, axis, numbers[axis], sizes[axis], (height, widths[axis]))
            _write_edges(pane, axis)
            page.paste(pane, (left, top))
            _mark(draw, axis, cuts, numbers, sizes[axis], (left, top, widths[axis], height))
        middle = left + widths[axis] // 2, page.height - 1.5 * _LINE
        draw.text(middle, captions[axis], INK, font, anchor="mm")
        left += widths[axis] + _GAP
    for line, row in enumerate(rows):
        draw.text((_GAP, line * step + _LINE // 2 - 1), row.name, INK, typeface(15), anchor="lm")
        _legend(page, row, left, line * step + _LINE, height)
    return _signed(page)


def many_slices(row, axis, cut, numbers, side):
    """Draws slices of one volume beside and below each other.

    Args:
        row: `Row`.
        axis: "axial", "coronal" or "sagittal".
        cut: `volumes.planes.Plane` of that axis.
        numbers: Which slices.
        side: Pixels of the longer side of a slice.

    Returns:
        `PIL.Image` in RGB.
    """
    height, width = size = _size(cut, side / max(_lengths(cut)))
    font = typeface(13)
    captions = [position_text(axis, cut.positions[number]) for number in numbers]
    box = max(width, *(int(font.getlength(caption)) + 4 for caption in captions))
    # About half as wide again as high.
    columns = round((1.5 * len(numbers) * (height + _LINE) / (box + _GAP)) ** 0.5)
    columns = min(max(columns, 1), len(numbers))
    lines = -(-len(numbers) // columns)
    across = _GAP + columns * (box + _GAP) + _LEGEND
    page = Image.new("RGB", (across, _GAP + lines * (height + _LINE) + _LINE), PAPER)
    draw = ImageDraw.Draw(page)
    for n, (number, caption) in enumerate(zip(numbers, captions, strict=True)):
        left, top = _GAP + n % columns * (box + _GAP), _GAP + n // columns * (height + _LINE)
        pane = _pane(row, axis, number, size, (height, box))
        _write_edges(pane, axis)
        page.paste(pane, (left, top))
        draw.text((left + box // 2, top + height + _LINE // 2), caption, INK, font, anchor="mm")
    _legend(page, row, across - _LEGEND, _GAP, height)
    return _signed(page)


def position_text(axis, position):
    """Where a slice lies, in words: `S 12.5 mm` is 12.5 mm towards the head."""
    positive, negative = _ENDS[axis]
    return f"{positive if position >= -0.05 else negative} {abs(position):.1f} mm"


def subsampled(voxels):
    """Values at equal distances in a volume: enough to choose windows by; few slices are read.

    Args:
        voxels: Array-like `(i, j, k)`.

    Returns:
        float32 array of three axes.
    """
    i, j, k = (max(1, round(n / _LOOKED_AT)) for n in voxels.shape)
    slices = range(k // 2, voxels.shape[2], k)
    read = [np.asarray(voxels[:, :, n])[i // 2 :: i, j // 2 :: j] for n in slices]
    return np.stack(read, axis=2).astype(np.float32)


def display_window(asked, modality, looked_at):
    """The values that are shown as black and as white.

    Args:
        asked: `(low, high)`; a name of `WINDOWS`, which passes over MR; "full" for all that
            were looked at; None for "head" of CT, and the 1st and 99.5th percentile of others.
        modality: "CT", "MR" or "".
        looked_at: Function without arguments that gives some of the values.

    Returns:
        `(low, high)`.

    Raises:
        InputError: If `asked` is none of these.
    """
    if isinstance(asked, str):
        if asked not in (*WINDOWS, "full"):
            raise InputError(
                f"window must be (low, high), full, {', '.join(WINDOWS)}, received {asked!r}."
            )
        if asked != "full" and modality != "MR":
            return WINDOWS[asked]
    elif asked is not None:
        pair = tuple(asked)
        if len(pair) != 2 or not all(map(is_number, pair)) or not pair[0] < pair[1]:
            raise InputError(f"window must be two numbers, low < high, received {asked!r}.")
        return float(pair[0]), float(pair[1])
    elif modality == "CT":
        return WINDOWS["head"]
    values = looked_at()
    values = values[np.isfinite(values)]
    percent = (0, 100) if asked == "full" else (1, 99.5)
    low, high = map(float, np.percentile(values, percent)) if values.size else (0.0, 1.0)
    return low, high if high > low else low + 1


def difference_limit(values):
    """The 99th percentile of the size of differences, up to 1, 2 or 5 times a power of ten.

    Args:
        values: Array of any shape.
    """
    values = np.abs(values[np.isfinite(values)])
    limit = float(np.percentile(values, 99)) if values.size else 0.0
    if limit <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(limit))
    return float(next(n * power for n in (1, 2, 5, 10) if n * power >= limit * (1 - 1e-6)))


def is_number(value):
    """Whether a value is a finite number."""
    return isinstance(value, (int, float, np.number)) and bool(np.isfinite(value))


def _lengths(cut):
    """Height and width of a slice in mm."""
    return [count * mm for count, mm in zip(cut.shape, cut.spacing, strict=True)]


def _size(cut, scale):
    """Height and width of a slice in pixels of the image."""
    return tuple(max(1, round(length * scale)) for length in _lengths(cut))


def _pane(row, axis, number, size, box):
    """One slice in the middle of a box, whose border has the colour of nothing."""
    low, high = row.window
    values = np.asarray(row.read(axis, number), np.float32)
    known = np.isfinite(values)
    resized = _resized(np.where(known, np.clip(values, low, high), low), size)
    image = row.colours((resized - low) / (high - low), bytes=True)[..., :3]
    if not known.all():
        image[_resized((~known).astype(np.float32), size) > 0.25] = _BAD
    nothing = row.colours(0.5 if row.difference else 0.0, bytes=True)[:3]
    pane = Image.new("RGB", box[::-1], tuple(int(n) for n in nothing))
    pane.paste(Image.fromarray(image), ((box[1] - size[1]) // 2, (box[0] - size[0]) // 2))
    return pane


def _resized(values, size):
    image = Image.fromarray(np.ascontiguousarray(values))
    return np.asarray(image.resize(size[::-1], Image.Resampling.BILINEAR))


def _write_edges(pane, axis):
    """Writes the letters at the four edges, outlined so that they are legible on every colour."""
    (width, height), draw = pane.size, ImageDraw.Draw(pane)
    font = typeface(max(10, height // 20))
    middle, centre = width // 2, height // 2
    places = [(4, centre), (width - 4, centre), (middle, 3), (middle, height - 3)]
    for letter, where, anchor in zip(_EDGES[axis], places, ("lm", "rm", "mt", "mb"), strict=True):
        draw.text(where, letter, PAPER, font, anchor=anchor, stroke_width=1, stroke_fill=INK)


def _mark(draw, axis, cuts, numbers, size, box):
    """Draws where the other planes lie, as short lines in the gaps around a slice."""
    left, top, width, height = box
    # Slices are numbered towards right, front and head; images begin there.
    across, down = (1 - (numbers[other] + 0.5) / len(cuts[other]) for other in _CROSSED[axis])
    x = left + (width - size[1]) // 2 + across * size[1]
    y = top + (height - size[0]) // 2 + down * size[0]
    for line in (
        (x, top - 5, x, top - 2),
        (x, top + height + 1, x, top + height + 4),
        (left - 5, y, left - 2, y),
        (left + width + 1, y, left + width + 4, y),
    ):
        draw.line(line, INK)


def _legend(page, row, left, top, height):
    """A bar of the colours with the values at its ends, and at its middle if that is zero."""
    low, high = row.window
    shades = np.linspace(1, 0, height)[:, None].repeat(12, axis=1)
    bar = row.colours(shades, bytes=True)[..., :3]
    page.paste(Image.fromarray(np.ascontiguousarray(bar)), (left, top))
    draw, font = ImageDraw.Draw(page), typeface(12)
    draw.rectangle((left, top, left + 11, top + height - 1), outline=_PALE)
    values = [(high, top, "lt"), (low, top + height, "lb")]
    if row.difference:
        values.append((0.0, top + height // 2, "lm"))
    for value, y, anchor in values:
        text = f"{value:+.4g}" if row.difference and value else f"{value:.4g}"
        text = f"{text} {row.unit}".strip().replace("-", "−")
        draw.text((left + 16, y), text, INK, font, anchor=anchor)


def _signed(page):
    draw = ImageDraw.Draw(page)
    draw.text((_GAP, page.height - 5), _FOOTER, _PALE, typeface(11), anchor="lb")
    return page
