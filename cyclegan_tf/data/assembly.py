"""Assembling data sets: the arguments, the held-out split and the arrays of every source."""

import numpy as np

from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.telling import warn
from cyclegan_tf.data.checks import check_names, usual_ranges
from cyclegan_tf.data.io import image_file
from cyclegan_tf.data.io.layouts import said_name
from cyclegan_tf.data.npz import Dataset
from cyclegan_tf.data.observed import Values, odd_ones

# A warning names so many images; `Dataset.skipped` names all.
_NAMED = 10


def image_shapes(size, channels, how):
    """Reads the arguments that say what images become.

    Args:
        size: `(height, width)` in pixels, or one number for both.
        channels: A whole number of at least 1, or two of A and B.
        how: A way of `image_file.fit`.

    Returns:
        `(height, width, channels)` of A and of B.

    Raises:
        InputError: If one of them cannot be used.
    """
    image_file.check_how(how)
    both = tuple(channels) if isinstance(channels, (tuple, list)) else (channels, channels)
    whole = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in both)
    if len(both) != 2 or not whole or min(both) < 1:
        raise InputError(
            "channels must be a whole number of at least 1, or two for A and B, received "
            f"{channels!r}."
        )
    return tuple((*image_file.height_width(size), int(n)) for n in both)


def check_division(test_fraction, limit, seed):
    """Raises InputError unless images can be limited and held back so."""
    if not 0 <= test_fraction < 1:
        raise InputError(f"test_fraction must be at least 0 and below 1, received {test_fraction}.")
    if limit is not None:
        check_whole("limit", limit, 1)
    check_whole("seed", seed, 0)


def domain_names(names, *folders):
    """Returns `names`, checked; without any, those of two folders, or "A" and "B"."""
    if names is not None:
        return check_names(names)
    given = {said_name(folder): None for folder in folders if folder is not None}
    return tuple(given) if len(given.keys() - {None}) == 2 else ("A", "B")


def hold_out(items, fraction, key):
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


def fit_image(image, shape, how, value_range=None, name="image"):
    """Brings an image to its place in a data set.

    Args:
        image: Array as from `image_file.read`.
        shape: `(height, width, channels)`, as `image_file.to_channels` and `fit` bring it to.
        how: As in `image_file.fit`.
        value_range: `(low, high)` that values outside are set to; None leaves them.
        name: What an error message calls the image.

    Returns:
        Array of that shape and the same dtype.

    Raises:
        InputError: If it cannot have as many channels.
    """
    image = image_file.fit(image_file.to_channels(image, shape[2], name), shape[:2], how)
    return image if value_range is None else np.clip(image, *value_range).astype(image.dtype)


def require_training(train, skipped, source):
    """Raises InputError if `train` is empty, with the first reason in `skipped`."""
    if not train:
        reason = f": {skipped[0]}" if skipped else "."
        raise InputError(f"No image of {source} can be used for training{reason}")


def common_dtype(dtypes, domain, value_range=None):
    """The type of a domain: float32, or else uint16 if any image is, otherwise uint8.

    Args:
        dtypes: List of the images' types.
        domain: What an error message calls it.
        value_range: The values of black and white, where they were given.

    Returns:
        NumPy dtype.

    Raises:
        InputError: If they have no meaning in common: whole numbers and floats, or, with a range,
            8 bits and 16.
    """
    dtypes = [np.dtype(dtype) for dtype in dtypes]
    kinds = {dtype.kind if value_range is None else str(dtype) for dtype in dtypes}
    if len(kinds) > 1:
        counts = {str(dtype): dtypes.count(dtype) for dtype in sorted(set(dtypes), key=str)}
        received = " and ".join(f"{count} of {dtype}" for dtype, count in counts.items())
        why = "" if "f" in kinds or value_range is None else ", since ranges are given"
        raise InputError(
            f"The images of {domain} must be of one type{why}, received {received}: convert "
            "some, or take them out."
        )
    return np.result_type(*dtypes)


def stack(train, test, shape, domain="a domain", value_range=None):
    """Makes two arrays of one type.

    Args:
        train: List of arrays of `shape`, for training.
        test: The same for testing; either list may be empty, but not both.
        shape: `(height, width, channels)`.
        domain: As for `common_dtype`.
        value_range: As for `common_dtype`.

    Returns:
        Two arrays `(n, height, width, channels)`.

    Raises:
        InputError: As from `common_dtype`.
    """
    dtype = common_dtype([image.dtype for image in train + test], domain, value_range)
    return [
        np.stack([image_file.to_dtype(image, dtype) for image in part])
        if part
        else np.empty((0, *shape), dtype)
        for part in (train, test)
    ]


def warn_skipped(skipped, why="unreadable images"):
    """Warns once of all images left out."""
    if skipped:
        more = f" (and {len(skipped) - _NAMED} more)" if len(skipped) > _NAMED else ""
        warn(f"{len(skipped)} {why} were left out{more}: " + " ".join(skipped[:_NAMED]))


def dataset(domains, observed, clips, names, test_fraction, **about):
    """Makes the data set of two domains, and warns of what is odd about them.

    Args:
        domains: Training and test images of A and of B.
        observed: Lists of `Observed`, of all images of A and of B.
        clips: Their ranges, where those were given.
        names: What they are called.
        test_fraction: Above 0, images for testing were wanted.
        **about: Further arguments of `Dataset`.

    Returns:
        `npz.Dataset`.
    """
    for name, (train, test), images in zip(names, domains, observed, strict=True):
        warn(odd_ones(name, images))
        if len(train) == 1 or (test_fraction and not len(test)):
            warn(
                f"{name} has {len(train)} image{'s' * (len(train) > 1)} for training and "
                f"{len(test) or 'none'} for testing: give more, or the result says little."
            )
    ranges = usual_ranges(
        names,
        [train.dtype for train, _ in domains],
        [Values.together(image.values for image in images) for images in observed],
        [_ends(images) for images in observed],
        clips,
    )
    (train_a, test_a), (train_b, test_b) = domains
    return Dataset(train_a, train_b, test_a, test_b, names=names, ranges=ranges, **about)


def _ends(observed):
    """The smallest and the largest value of float images at their place; None of others."""
    ends = [image.fitted for image in observed if image.fitted]
    return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None
