"""Pictures to try a generator on: the user's, or drawn ones."""

from pathlib import Path

import numpy as np

from cyclegan_tf.data import images, npz
from cyclegan_tf.data.cartoons import cartoons
from cyclegan_tf.data.sketch import sketch
from cyclegan_tf.data.values import normalize, range_of
from cyclegan_tf.errors import InputError

#: How many pictures a comparison takes at the size of the training, and at each other size.
COUNT, FEW = 8, 2
#: How many pictures find the ranges of 8-bit numbers.
CALIBRATION = 32


def batches(shapes, translation, pictures=None):
    """What a generator is to be tried on: pictures of several sizes, alone and together.

    Args:
        shapes: `translation.Shapes` of the generator.
        translation: Its `Translation`, `multiple` included.
        pictures: An `.npz` (its test split), a folder, a picture, or an array `(n, height, width,
            channels)`; None draws faces, or sketches of them for one channel.

    Returns:
        List of tuples: pictures `(batch, height, width, channels)` in [-1, 1], and noise where the
        generator takes any.

    Raises:
        InputError: If there are no such pictures.
    """
    found = _pictures(shapes, translation, pictures, COUNT, 0)
    own = _own_size(shapes, translation)
    alone = [_batch([picture], own, shapes, translation, i) for i, picture in enumerate(found)]
    if None not in shapes.image[1:3]:
        return alone
    step = translation.multiple
    smaller = tuple(max(side // 2 // step, -(-16 // step)) * step for side in own)
    larger = (own[0] + step, own[1] + 2 * step)  # no square
    few = found[:FEW]
    return alone + [_batch(few, size, shapes, translation, 100) for size in (smaller, larger)]


def for_calibration(shapes, translation, pictures=None):
    """Other pictures than those of `batches`, where there are enough.

    Args:
        shapes: As for `batches`.
        translation: As for `batches`.
        pictures: As for `batches`.

    Returns:
        List as from `batches`, each of one picture at the training's size.
    """
    found = _pictures(shapes, translation, pictures, CALIBRATION, COUNT)
    own = _own_size(shapes, translation)
    return [_batch([one], own, shapes, translation, 200 + i) for i, one in enumerate(found)]


def _own_size(shapes, translation):
    """The size that the generator was trained at, in whole multiples."""
    fixed, step = shapes.image[1:3], translation.multiple
    if None not in fixed:
        return fixed
    return tuple(-(-side // step) * step for side in translation.size or (64, 64))


def _batch(pictures, size, shapes, translation, seed):
    x = np.stack([_prepared(one, size, shapes.image[-1], translation) for one in pictures])
    drawn = shapes.draw(len(x), seed)
    return (x,) if drawn is None else (x, drawn)


def _prepared(picture, size, channels, translation):
    picture, _ = images.without_alpha(picture, channels)
    known = translation.source_dtype, translation.source_range
    value_range = range_of(picture.dtype, *known)
    picture = normalize(images.to_channels(picture, channels), value_range)
    return np.clip(images.fit(picture, size), -1, 1)


def _pictures(shapes, translation, pictures, count, first):
    """At most `count` pictures, from number `first` on if there are so many; a sequence."""
    if pictures is None:
        drawn = cartoons(count, _own_size(shapes, translation), seed=1, first=first)
        channels = shapes.image[-1]
        if channels in (1, 3):
            return sketch(drawn) if channels == 1 else drawn
        # Not in the values of the domain, but of full range.
        return drawn[..., np.arange(channels) % 3]
    if isinstance(pictures, np.ndarray):
        if pictures.ndim != 4 or not pictures.size:
            raise InputError(
                "pictures must be (n, height, width, channels), received an array of shape "
                f"{pictures.shape}."
            )
        return pictures[_part(len(pictures), count, first)]
    pictures = Path(pictures)
    if pictures.suffix == ".npz":
        found = _of_domain(pictures, translation)
        return found[_part(len(found), count, first)]
    paths = images.pictures(pictures) if pictures.is_dir() else [pictures]
    return [images.read(path) for path in paths[_part(len(paths), count, first)]]


def _part(there, count, first):
    first = first if there > first else 0
    return slice(first, first + count)


def _of_domain(path, translation):
    dataset = npz.load(path)
    for name, test, train in zip(
        dataset.names,
        (dataset.test_a, dataset.test_b),
        (dataset.train_a, dataset.train_b),
        strict=True,
    ):
        if name == translation.source:
            return test if len(test) else train
    raise InputError(
        f"{path} holds {' and '.join(dataset.names)}, and the generator takes "
        f"{translation.source}: give pictures of that."
    )
