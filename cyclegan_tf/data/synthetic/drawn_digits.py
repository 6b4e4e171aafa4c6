"""Digits drawn in typefaces: a labelled stand-in for handwriting that needs no download."""

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

#: Typefaces that matplotlib brings along; their digits differ in shape, not only in weight.
FONTS = (
    "DejaVuSans.ttf", "DejaVuSans-Oblique.ttf", "DejaVuSerif.ttf", "DejaVuSerif-Italic.ttf",
    "STIXGeneral.ttf", "cmr10.ttf", "cmss10.ttf", "cmtt10.ttf",
)  # fmt: skip
#: Pixels are averaged over so many each way, which makes soft edges.
FINER = 4


def draw(count, size, seed):
    """Draws digits, each its own: typeface, thickness, turn, slant, size and place are random.

    Digit i depends on `(seed, i)` alone.

    Args:
        count: How many.
        size: Height and width in pixels.
        seed: Non-negative integer.

    Returns:
        `(images, labels)`: uint8 arrays `(count, size, size)`, white on black, and `(count,)`.
    """
    folder = Path(matplotlib.get_data_path()) / "fonts/ttf"
    fonts = [ImageFont.truetype(folder / name, round(0.85 * FINER * size)) for name in FONTS]
    images, labels = np.empty((count, size, size), np.uint8), np.empty(count, np.uint8)
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        labels[i] = rng.integers(10)
        images[i] = _draw(str(labels[i]), fonts[rng.integers(len(fonts))], size, rng)
    return images, labels


def _draw(digit, font, size, rng):
    side = FINER * size
    sheet = Image.new("L", (side, side))
    stroke = int(rng.integers(0, side // 32 + 1))
    box = font.getbbox(digit, stroke_width=stroke)
    middle = side / 2 - np.array([box[0] + box[2], box[1] + box[3]]) / 2
    ImageDraw.Draw(sheet).text(tuple(middle), digit, 255, font, stroke_width=stroke)
    turn, slant = rng.uniform(-0.2, 0.2), rng.uniform(-0.25, 0.25)
    scale = rng.uniform(0.85, 1.1, 2)
    shift = rng.uniform(-0.07, 0.07, 2) * side
    # From a point of the result to one of the sheet, about the middle of both.
    turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    matrix = np.array([[1, slant], [0, 1]]) @ turned / scale
    offset = side / 2 - matrix @ (side / 2 + shift)
    affine = (*matrix[0], offset[0], *matrix[1], offset[1])
    sheet = sheet.transform((side, side), Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR)
    return np.asarray(sheet.resize((size, size), Image.Resampling.BOX))
