"""What every source of pictures shares: its arguments, its held-back part and its arrays."""

import warnings
from pathlib import Path

import numpy as np

from cyclegan_tf.data import images
from cyclegan_tf.data.npz import check_names
from cyclegan_tf.errors import InputError

# A warning names so many pictures; `Dataset.skipped` names all.
_NAMED = 10


def picture_shapes(size, channels, how):
    """Reads the arguments that say what pictures become.

    Args:
        size: `(height, width)` in pixels, or one number for both.
        channels: 1, 3 or 4, or two such numbers.
        how: A way of `images.fit`.

    Returns:
        `(height, width, channels)` of A and of B.

    Raises:
        InputError: If one of them cannot be used.
    """
    images.check_how(how)
    both = tuple(channels) if isinstance(channels, (tuple, list)) else (channels, channels)
    if len(both) != 2 or not all(n in (1, 3, 4) for n in both):
        raise InputError(
            f"channels must be 1, 3 or 4, or two such numbers for A and B, received {channels!r}."
        )
    return tuple((*images.height_width(size), int(n)) for n in both)


def check_division(test_fraction, limit, seed):
    """Raises InputError unless pictures can be limited and held back so."""
    if not 0 <= test_fraction < 1:
        raise InputError(f"test_fraction must be at least 0 and below 1, received {test_fraction}.")
    if limit is not None:
        check_whole("limit", limit, 1)
    check_whole("seed", seed, 0)


def check_whole(name, value, least):
    """Raises InputError unless the argument `name` is a whole number of at least `least`."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}, received {value!r}.")


def domain_names(names, *folders):
    """Returns `names`, checked; without any, those of two folders, or "A" and "B"."""
    if names is not None:
        return check_names(names)
    given = [Path(folder).absolute().name for folder in folders if folder is not None]
    return tuple(given) if len(set(given)) == 2 else ("A", "B")


def hold_back(items, fraction, key):
    """Divides a list at random, keeping its order.

    Args:
        items: The list.
        fraction: Share that is held back, at least 0 and below 1; above 0, at least one item is
            held back and at least one is not.
        key: Non-negative integers that fix which are held back.

    Returns:
        Two lists: the others, and those held back.
    """
    count = round(len(items) * fraction)
    if fraction and len(items) > 1:
        count = min(max(count, 1), len(items) - 1)
    held = set(np.random.default_rng(key).permutation(len(items))[:count].tolist())
    train = [item for i, item in enumerate(items) if i not in held]
    return train, [items[i] for i in sorted(held)]


def fitted(image, shape, how):
    """Returns a picture brought to `(height, width, channels)`, as `images.fit` does."""
    return images.fit(images.to_channels(image, shape[2]), shape[:2], how)


def require_training(train, skipped, source):
    """Raises InputError if `train` is empty, with the first reason in `skipped`."""
    if not train:
        reason = f": {skipped[0]}" if skipped else "."
        raise InputError(f"No picture of {source} can be used for training{reason}")


def stack(train, test, shape):
    """Makes two arrays of one type: uint16 if any picture is, otherwise uint8.

    Args:
        train: List of arrays of `shape`, for training.
        test: The same for testing; either list may be empty.
        shape: `(height, width, channels)`.

    Returns:
        Two arrays `(n, height, width, channels)`.
    """
    dtype = np.result_type(np.uint8, *(picture.dtype for picture in train + test))
    return [
        np.stack([images.to_dtype(picture, dtype) for picture in part])
        if part
        else np.empty((0, *shape), dtype)
        for part in (train, test)
    ]


def warn_skipped(skipped):
    """Warns once of all pictures left out, at the line that called the caller."""
    if skipped:
        more = f" (and {len(skipped) - _NAMED} more)" if len(skipped) > _NAMED else ""
        warnings.warn(
            f"{len(skipped)} unreadable pictures were left out{more}: "
            + " ".join(skipped[:_NAMED]),
            stacklevel=3,
        )
