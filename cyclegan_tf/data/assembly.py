"""Assembling data sets: the arguments, the held-out split and the arrays of every source."""

import dataclasses

import numpy as np

from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.telling import warn
from cyclegan_tf.data.checks import check_names, usual_ranges
from cyclegan_tf.data.io import image_file
from cyclegan_tf.data.io.layouts import said_name
from cyclegan_tf.data.npz import Dataset
from cyclegan_tf.data.observed import MOST_CLASSES, Values, odd_ones

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


@dataclasses.dataclass(frozen=True)
class Place:
    """What the images of a domain become.

    Attributes:
        shape: `(height, width, channels)`, as `image_file.to_channels` and `fit` bring them to it.
        how: As in `image_file.fit`.
        value_range: `(low, high)` that values outside are set to; None leaves them.
        nodata: As in `image_file.read`.
        labels: Whether they are label maps: then each pixel takes the nearest one's value, and of
            a palette, with one channel, its number.
    """

    shape: tuple[int, int, int]
    how: str = "crop"
    value_range: tuple[float, float] | None = None
    nodata: float | None = None
    labels: bool = False

    def read(self, frames, index, name):
        """Image `index` of an open file, as `image_file.of_frames` gives it."""
        indices = self.labels and self.shape[2] == 1
        return image_file.of_frames(frames, index, name, self.nodata, indices)

    def fit(self, image, name="image"):
        """Brings an image to its place.

        Args:
            image: Array as from `image_file.read`.
            name: What an error message calls it.

        Returns:
            Array of the shape and the same dtype; floats without data are NaN.

        Raises:
            InputError: If it cannot have as many channels.
        """
        image = image_file.to_channels(image, self.shape[2], name)
        image = image_file.fit(image, self.shape[:2], self.how, self.labels)
        if self.value_range is None:
            return image
        return np.clip(image, *self.value_range).astype(image.dtype)


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


def _without_gaps(images, low):
    """Images whose pixels without data have the lowest value."""
    if not isinstance(images, np.ndarray):
        return images.filled(low)
    return np.nan_to_num(images, nan=low) if images.dtype.kind == "f" else images


def places(shapes, how, ranges, nodata=None, labels=False):
    """The `Place` of A and of B.

    Args:
        shapes: As from `image_shapes`.
        how: As in `image_file.fit`.
        ranges: As from `checks.both_ranges`.
        nodata: The number that stands for "no data", or two, of A and of B; None for none.
        labels: True where both are label maps, "a" or "b" where one is.

    Raises:
        InputError: If an argument is none of these.
    """
    of_both = tuple(nodata) if isinstance(nodata, (tuple, list)) else (nodata, nodata)
    numbers = all(n is None or (np.isscalar(n) and not isinstance(n, str)) for n in of_both)
    if len(of_both) != 2 or not numbers:
        raise InputError(f"nodata must be a number, or two of A and B, received {nodata!r}.")
    if labels not in (False, True, "a", "b"):
        raise InputError(f'labels must be True, False, "a" or "b", received {labels!r}.')
    return [
        Place(shape, how, clip, none if none is None else float(none), labels in (True, domain))
        for shape, clip, none, domain in zip(shapes, ranges, of_both, "ab", strict=True)
    ]


def warn_skipped(skipped, why="unreadable images"):
    """Warns once of all images left out."""
    if skipped:
        more = f" (and {len(skipped) - _NAMED} more)" if len(skipped) > _NAMED else ""
        warn(f"{len(skipped)} {why} were left out{more}: " + " ".join(skipped[:_NAMED]))


def dataset(domains, observed, places, names, test_fraction, **about):
    """Makes the data set of two domains, and warns of what is odd about them.

    Args:
        domains: Training and test images of A and of B; NaN in floats is no data.
        observed: Lists of `Observed`, of all images of A and of B.
        places: The `Place` of A and of B.
        names: What they are called.
        test_fraction: Above 0, images for testing were wanted.
        **about: Further arguments of `Dataset`.

    Returns:
        `npz.Dataset`.

    Raises:
        InputError: If a domain of label maps holds more classes than such maps do.
    """
    for name, (train, test), images in zip(names, domains, observed, strict=True):
        warn(odd_ones(name, images))
        if len(train) == 1 or (test_fraction and not len(test)):
            warn(
                f"{name} has {len(train)} image{'s' * (len(train) > 1)} for training and "
                f"{len(test) or 'none'} for testing: give more, or the result says little."
            )
    values = tuple(
        _known(name, place, images)
        for name, place, images in zip(names, places, observed, strict=True)
    )
    ranges = usual_ranges(
        names,
        [train.dtype for train, _ in domains],
        [Values.together(image.values for image in images) for images in observed],
        [_ends(images) for images in observed],
        [
            place.value_range or _of_classes(known)
            for place, known in zip(places, values, strict=True)
        ],
    )
    filled = [
        [_without_gaps(each, low) for each in parts]
        for parts, (low, _) in zip(domains, ranges, strict=True)
    ]
    (train_a, test_a), (train_b, test_b) = filled
    return Dataset(
        *(train_a, train_b, test_a, test_b), names=names, ranges=ranges, values=values, **about
    )


def _known(name, place, observed):
    """What `Dataset.values` says of a domain."""
    known = {}
    if place.shape[2] in (2, 4) and all(image.alpha is False for image in observed):
        known["alpha"] = False
    numbers = {image.nodata for image in observed} - {None}
    if numbers:
        known["nodata"] = min(numbers)
        if len(numbers) > 1:
            said = ", ".join(f"{number:g}" for number in sorted(numbers))
            warn(f"No data is {said} in the images of {name}: {known['nodata']:g} is kept.")
    if place.labels:
        classes = set().union(*(image.classes for image in observed))
        if len(classes) > MOST_CLASSES:
            raise InputError(
                f"The images of {name} hold more than {MOST_CLASSES} different values, which label "
                "maps do not: leave labels out for them, or save them without loss, as PNG."
            )
        known["classes"] = sorted(map(list, classes))
    return known


def _of_classes(known):
    """Black and white where the classes of one channel go from one number to another."""
    classes = known.get("classes", [[0, 0]])
    if len(classes[0]) > 1 or len(classes) < 2:
        return None
    return float(classes[0][0]), float(classes[-1][0])


def _ends(observed):
    """The smallest and the largest value of float images at their place; None of others."""
    ends = [image.fitted for image in observed if image.fitted]
    return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None
