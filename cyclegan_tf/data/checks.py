"""Checks of the parts of a data set; each raises InputError in one sentence."""

import math

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.telling import warn
from cyclegan_tf.common.value_range import FULL_RANGE
from cyclegan_tf.data.observed import Values, dark, no_data

#: Types of stored values.
DTYPES = ("uint8", "uint16", "float32", "float64")
# How many images are looked at at a time.
_TOGETHER = 64


def check_names(names):
    """Returns the domains' names as a tuple, or raises InputError unless they are two words."""
    two = isinstance(names, (tuple, list)) and len(names) == 2
    if not two or not all(isinstance(name, str) and name for name in names):
        raise InputError(f"names must be two words, one per domain, received {names!r}.")
    return tuple(names)


def check_shape(name, images):
    """Raises InputError unless an array is `(n, height, width, channels)`."""
    shape = tuple(images.shape)
    if len(shape) != 4 or 0 in shape[1:]:
        hint = ": give one channel as array[..., None]" if len(shape) == 3 else ""
        raise InputError(
            f"{name} must have the shape (n, height, width, channels), received {shape}{hint}."
        )


def check_channels_last(name, images):
    """Raises InputError where channels come first: an image of no more than 4 rows is none."""
    shape = images.shape
    if len(shape) == 4 and 1 <= shape[1] <= 4 and min(shape[2:]) > 4:
        raise InputError(
            f"{name} has the shape {shape}, where channels come first: give "
            "np.moveaxis(array, 1, -1)."
        )


def check_domain(domain, train, test):
    """Raises InputError unless the arrays of domain "a" or "b" are of one kind that can be used."""
    for split, images in (("train", train), ("test", test)):
        name, dtype = f"{split}_{domain}", str(images.dtype)
        check_shape(name, images)
        if dtype not in DTYPES:
            raise InputError(
                f"{name} must be {', '.join(DTYPES)}, received {dtype}: convert it with astype."
            )
        # Those that are decoded on access were looked at when they were found.
        if isinstance(images, np.ndarray) and not np.isfinite(images).all():
            raise InputError(f"{name} holds NaN or infinite values: replace or remove them.")
    if not len(train):
        raise InputError(f"train_{domain} holds no image: give at least one.")
    if train.shape[1:] != test.shape[1:] or train.dtype != test.dtype:
        raise InputError(
            f"train_{domain} and test_{domain} must have one shape and type, received "
            f"{tuple(train.shape[1:])} {train.dtype} and {tuple(test.shape[1:])} {test.dtype}."
        )


def check_ranges(ranges):
    """Returns two pairs `(low, high)`, or raises InputError unless `ranges` is such."""
    try:
        low_high_a, low_high_b = (tuple(float(v) for v in pair) for pair in ranges)
        valid = all(
            len(pair) == 2 and all(map(math.isfinite, pair)) and pair[0] < pair[1]
            for pair in (low_high_a, low_high_b)
        )
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise InputError(f"ranges must be (low, high) per domain, low < high, received {ranges!r}.")
    return low_high_a, low_high_b


def both_ranges(ranges):
    """Reads the argument that says which values stand for black and white.

    Args:
        ranges: `(low, high)`, or two such pairs, of A and of B; or None.

    Returns:
        A pair of A and one of B; `(None, None)` where nothing was said.

    Raises:
        InputError: If it is anything else.
    """
    if ranges is None:
        return None, None
    pairs = isinstance(ranges, (tuple, list)) and any(np.ndim(pair) for pair in ranges)
    return check_ranges(ranges if pairs else (ranges, ranges))


def checked_paired(dataset):
    """Returns a copy of `dataset.paired`, or raises InputError unless it says what can be."""
    paired = dataset.paired
    flags = isinstance(paired, dict) and set(paired) == {"train", "test"}
    if not flags or not all(isinstance(value, bool) for value in paired.values()):
        raise InputError(f'paired must be {{"train": bool, "test": bool}}, received {paired!r}.')
    for split in ("train", "test"):
        a, b = getattr(dataset, f"{split}_a"), getattr(dataset, f"{split}_b")
        if paired[split] and len(a) != len(b):
            raise InputError(
                f"paired[{split!r}] needs as many images in A as in B, received {len(a)} and "
                f"{len(b)}."
            )
    return dict(paired)


def values_of(train, test):
    """The `Values` of a domain; of what is decoded on access, not all at a time."""
    return Values.together(
        Values.of(images[np.arange(i, min(i + _TOGETHER, len(images)))])
        for images in (train, test)
        for i in range(0, len(images), _TOGETHER)
    )


def usual_ranges(names, dtypes, values, fitted=(None, None), given=(None, None)):
    """The `(low, high)` of both domains; it warns of what is a guess, or looks like a mistake.

    Args:
        names: What messages call the domains.
        dtypes: Their types.
        values: Their `Values`, as the source has them; None where they were not looked at.
        fitted: Of domains of floats, the smallest and the largest value in the data set; None
            where that is what the source has.
        given: Ranges that somebody said; None where nobody did.

    Returns:
        Two pairs. Where nothing was said, the full range of an integer type; for floats (0, 255) if
        all are whole numbers there and some are above 1, else (0, 1) or (-1, 1) if they lie there,
        else the smallest and the largest value.

    Raises:
        InputError: If all values of a domain are one.
    """
    ranges, guesses = [], []
    for name, dtype, found, ends, said in zip(names, dtypes, values, fitted, given, strict=True):
        warn(no_data(name, dtype, found))
        if said is None:
            warn(dark(name, dtype, found))
            said, guess = _usual_range(name, dtype, found, ends)
            guesses += [guess] if guess else []
        ranges.append(said)
    if guesses:
        warn(
            f"The floats of {', and those of '.join(guesses)}: say with ranges what else black and "
            "white are, such as ranges=(0, 255)."
        )
    return check_ranges(ranges)


def _usual_range(name, dtype, values, fitted):
    """One domain's range, and what there is to say about it."""
    if dtype.kind != "f":
        return FULL_RANGE[str(dtype)], ""
    low, high = fitted or (values.low, values.high)
    if values.whole and values.high > 1 and low < high:
        return (0.0, 255.0), (
            f"{name} are whole numbers from {values.low:g} to {values.high:g} and are taken for "
            "8-bit values, with black at 0 and white at 255"
        )
    for usual in ((0.0, 1.0), (-1.0, 1.0)):
        if usual[0] <= low and high <= usual[1]:
            return usual, ""
    if low == high:
        raise InputError(f"Every value of {name} is {low:g}: there is nothing to learn.")
    return (low, high), f"{name} go from {low:g} to {high:g}, which become black and white"
