"""Checks of the parts of a data set; each raises InputError in one sentence."""

import math

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.value_range import FULL_RANGE

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


def value_range(domain, train, test):
    """The `(low, high)` of a domain whose range was not given, as `npz.Dataset` says it."""
    if train.dtype.kind != "f":
        return FULL_RANGE[str(train.dtype)]
    low, high = np.inf, -np.inf
    for images in (train, test):
        for i in range(0, len(images), _TOGETHER):  # not all of what is decoded on access
            part = images[np.arange(i, min(i + _TOGETHER, len(images)))]
            low, high = min(low, float(part.min())), max(high, float(part.max()))
    for usual in ((0.0, 1.0), (-1.0, 1.0)):
        if usual[0] <= low and high <= usual[1]:
            return usual
    if low == high:
        raise InputError(f"Every value of train_{domain} is {low:g}: there is nothing to learn.")
    return low, high
