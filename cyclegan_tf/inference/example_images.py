"""Example images to try a generator on: the user's, or drawn ones."""

from pathlib import Path

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.value_range import normalize, range_of
from cyclegan_tf.data import npz
from cyclegan_tf.data.io import image_file, listing
from cyclegan_tf.data.synthetic.cartoons import cartoons
from cyclegan_tf.data.synthetic.sketch import sketch

#: How many images a comparison takes at the size of the training, and at each other size.
COUNT, FEW = 8, 2
#: How many images find the ranges of 8-bit numbers.
CALIBRATION = 32


def batches(shapes, translation, images=None):
    """What a generator is to be tried on: images of several sizes, alone and in a batch.

    Args:
        shapes: `metadata.Shapes` of the generator.
        translation: Its `Translation`, `multiple` included.
        images: An `.npz` (its test split), a folder, an image, or an array `(n, height, width,
            channels)`; None draws faces, or sketches of them for one channel.

    Returns:
        List of tuples: images `(batch, height, width, channels)` in [-1, 1], and noise where the
        generator takes any.

    Raises:
        InputError: If there are no such images.
    """
    found = _images(shapes, translation, images, COUNT, 0)
    own = _own_size(shapes, translation)
    alone = [_batch([image], own, shapes, translation, i) for i, image in enumerate(found)]
    if None not in shapes.image[1:3]:
        return alone
    step = translation.multiple
    smaller = tuple(max(side // 2 // step, -(-16 // step)) * step for side in own)
    larger = (own[0] + step, own[1] + 2 * step)  # no square
    few = found[:FEW]
    return alone + [_batch(few, size, shapes, translation, 100) for size in (smaller, larger)]


def for_calibration(shapes, translation, images=None):
    """Other images than those of `batches`, where there are enough.

    Args:
        shapes: As for `batches`.
        translation: As for `batches`.
        images: As for `batches`.

    Returns:
        List as from `batches`, each of one image at the training's size.
    """
    found = _images(shapes, translation, images, CALIBRATION, COUNT)
    own = _own_size(shapes, translation)
    return [_batch([one], own, shapes, translation, 200 + i) for i, one in enumerate(found)]


def _own_size(shapes, translation):
    """The size that the generator was trained at, in whole multiples."""
    fixed, step = shapes.image[1:3], translation.multiple
    if None not in fixed:
        return fixed
    return tuple(-(-side // step) * step for side in translation.size or (64, 64))


def _batch(images, size, shapes, translation, seed):
    x = np.stack([_prepared(one, size, shapes.image[-1], translation) for one in images])
    drawn = shapes.draw(len(x), seed)
    return (x,) if drawn is None else (x, drawn)


def _prepared(image, size, channels, translation):
    known = translation.source_dtype, translation.source_range
    value_range = range_of(image.dtype, *known)
    image = normalize(image_file.to_channels(image, channels), value_range)
    return np.clip(image_file.fit(image, size), -1, 1)


def _images(shapes, translation, images, count, first):
    """At most `count` images, from number `first` on if there are so many; a sequence."""
    if images is None:
        drawn = cartoons(count, _own_size(shapes, translation), seed=1, first=first)
        channels = shapes.image[-1]
        if channels in (1, 3):
            return sketch(drawn) if channels == 1 else drawn
        # Not in the values of the domain, but of full range.
        return drawn[..., np.arange(channels) % 3]
    if isinstance(images, np.ndarray):
        if images.ndim != 4 or not images.size:
            raise InputError(
                "images must be (n, height, width, channels), received an array of shape "
                f"{images.shape}."
            )
        return images[_part(len(images), count, first)]
    images = Path(images)
    if images.suffix == ".npz":
        found = _of_domain(images, translation)
        return found[_part(len(found), count, first)]
    paths = listing.images(images) if images.is_dir() else [images]
    return [image_file.read(path) for path in paths[_part(len(paths), count, first)]]


def _part(there, count, first):
    first = first if there > first else 0
    return slice(first, first + count)


def _of_domain(path, translation):
    dataset = npz.load(path)
    if translation.source not in dataset.names:
        raise InputError(
            f"{path} holds {' and '.join(dataset.names)}, and the generator takes "
            f"{translation.source}: give images of that."
        )
    domain = "ab"[dataset.names.index(translation.source)]
    test = getattr(dataset, f"test_{domain}")
    return test if len(test) else getattr(dataset, f"train_{domain}")
