"""Palettes: whether the colours of translations follow the inputs', and vary as real ones do.

A palette is the mean colours of 4x4 equal parts of an image, in [0, 1]: coarse on purpose, so that
a face keeps its hair, skin and background in it and loses its style. A translator with one face
for all has good textures, and no other score of sets need say so of a few hundred images.
"""

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.matching import GRID, palette
from cyclegan_tf.evaluation.metrics import arrays
from cyclegan_tf.evaluation.registry import metric

#: Images that `follow` needs.
LEAST = 30
#: Parts of the images that are predicted in turn from the others.
FOLDS = 5
#: Of the ridge regression, in variances of the inputs' palettes, so that pale sketches are seen as
#: well as photos. Of photos in [0, 1] that is about 1.
PENALTY = 25.0
#: Variance of palettes below which they differ by rounding alone: 1e-9 of the value range, squared.
NOTHING = 1e-18


def palettes(images, value_range=None):
    """Mean colours of 4x4 equal parts.

    Where 4 does not divide a side, pixels on a border count for each part by their share.

    Args:
        images: `(n, height, width, channels)`: uint8, uint16 or floating point.
        value_range: `(low, high)`, the values of black and white, by default the full range of
            an integer type.

    Returns:
        float64 array `(n, 16 * channels)` in [0, 1].

    Raises:
        InputError: If the array is no such images, or floats come without a range.
    """
    images = arrays.check("images", images)
    value_range = arrays.value_range(images, value_range)
    # One after the other: all of them as float64 could fill the memory.
    return np.stack([palette(arrays.unit(one, value_range)) for one in images])


@metric(
    "follow",
    "follow",
    "input",
    "higher",
    {"x": "inputs", "y": "translated", "range_x": "input_range", "range_y": "target_range"},
    least_images=LEAST,
    least_side=GRID,
    protocol={
        "follow": "R² of 4x4 mean colours, ridge of 25 variances, 5 folds; chance is 0 or below "
        "(about -0.3 at 30 images, -0.15 at 100)"
    },
)
def follow(x, y, range_x=None, range_y=None):
    """Share of the palettes' variance that the inputs' palettes predict: cross-validated R².

    The linear prediction (ridge regression, its penalty 25 times the mean variance of the inputs'
    palettes) is learnt from four fifths of the images and made for the other fifth, in turn;
    image i belongs to fold i mod 5. Any linear change of
    colours follows: a negative of its input does, too. 1 is out of reach, since the penalty
    weighs more the fewer the images: of inputs untranslated it is about 0.8 at 30 images, 0.95 at
    100 and 0.98 at 200. Translations that have nothing to do with their inputs are at 0 or
    below, by what the prediction learnt from noise: about -0.3 at 30 images, -0.15 at 100 and -0.1
    at 200. So compare scores of equal numbers. Fewer than 30 images would measure the
    prediction, not the translator. Alike images in several folds, such as slices of one
    patient, flatter it.

    Args:
        x: Inputs `(n, height, width, channels)`, n of at least 30: uint8, uint16 or floating
            point.
        y: Their translations, of the same height and width and any number of channels.
        range_x: `(low, high)`, the values of black and white in `x`, by default the full range
            of an integer type.
        range_y: The same of `y`.

    Returns:
        A float of at most 1. 0 where all translations have the same palette: one answer to every
        input follows none.

    Raises:
        InputError: If the arrays are no such pairs, too few, or floats come without a range.
    """
    x, y = arrays.check_pair(x, y, any_channels=True)
    if len(x) < LEAST:
        raise InputError(f"follow needs at least {LEAST} images, received {len(x)}: give more.")
    seen, made = palettes(x, range_x), palettes(y, range_y)
    spread = ((made - made.mean(axis=0)) ** 2).sum()
    if spread <= NOTHING * made.size:
        return 0.0
    fold, predicted = np.arange(len(seen)) % FOLDS, np.empty_like(made)
    for number in range(FOLDS):
        known = fold != number
        predicted[~known] = _predicted(seen[known], made[known], seen[~known])
    return float(1 - ((made - predicted) ** 2).sum() / spread)


def _predicted(x, y, new):
    """What ridge regression of `y` on `x` says of `new`."""
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    x = x - mean_x
    penalty = PENALTY * (x**2).mean() + NOTHING  # something where all inputs are the same
    normal = x.T @ x + penalty * np.eye(x.shape[1])
    return (new - mean_x) @ np.linalg.solve(normal, x.T @ (y - mean_y)) + mean_y


@metric(
    "variation",
    "variation",
    "set",
    "higher",
    {"real": "reference", "fake": "translated", "value_range": "target_range"},
    least_images=6,
    least_side=GRID,
    protocol={"variation": "spread of 4x4 mean colours over images; 1 is as varied as real"},
)
def variation(real, fake, value_range=None):
    """Spread of the palettes over images, relative to that of real images: 1 is as varied.

    The standard deviation over images of each number of the palette, their mean, and the quotient
    of that of both sets. 0 is one palette for all, above 1 is more varied than real ones, which
    is no better. It says nothing of whose palettes they are: see `follow`.

    Args:
        real: Images of the target `(n, height, width, channels)`: uint8, uint16 or floating
            point.
        fake: Translations `(m, height, width, channels)`.
        value_range: `(low, high)`, the values of black and white, by default the full range of
            an integer type.

    Returns:
        A float of at least 0; NaN where the real images have but one palette.

    Raises:
        InputError: If the arrays are no such images, differ in channels, or floats come without a
            range.
    """
    real, fake = arrays.check("real", real), arrays.check("fake", fake)
    if real.shape[-1] != fake.shape[-1]:
        raise InputError(
            f"real and fake must have equal channels, received {real.shape[-1]} and "
            f"{fake.shape[-1]}."
        )
    spreads = (palettes(images, value_range).std(axis=0).mean() for images in (fake, real))
    of_fake, of_real = spreads
    return float(of_fake / of_real) if of_real**2 > NOTHING else float("nan")
