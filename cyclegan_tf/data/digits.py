"""Labelled digits as a data set: the class as an image of one pixel (A), the handwriting (B).

MNIST (LeCun, Cortes and Burges; CC BY-SA 3.0), or any labelled set of up to ten classes in the
same format, such as Fashion-MNIST.

Reference: LeCun et al. 1998, "Gradient-Based Learning Applied to Document Recognition"
"""

import gzip
import zlib
from pathlib import Path

import numpy as np

from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.npz import Dataset
from cyclegan_tf.data.synthetic import drawn_digits
from cyclegan_tf.data.tfds import labelled_images

#: Classes of a data set: one for each digit.
CLASSES = 10

_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def from_idx(folder, *, limit=None):
    """Makes a data set of the four IDX files that MNIST comes in.

    Args:
        folder: Folder with `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
            `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, each plain or as `.gz`.
        limit: Takes only the first so many images of each split.

    Returns:
        `npz.Dataset`, as `labelled` makes it.

    Raises:
        InputError: If a file is missing, damaged, or does not fit its neighbour.

    Reference:
        LeCun et al., "The MNIST Database", section "File formats", http://yann.lecun.com/exdb/mnist
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(
            f"{folder} is no folder: give the one with MNIST's four files, or keras, tfds or drawn."
        )
    splits = []
    for names in _FILES.values():
        images_path, labels_path = (_existing(folder, name) for name in names)
        images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
        if len(images) != len(labels):
            raise InputError(
                f"{images_path} has {len(images)} images and {labels_path.name} has "
                f"{len(labels)} labels: give files that belong together."
            )
        splits.append((images, labels))
    return labelled(*splits, source=str(folder), limit=limit)


def from_keras(*, limit=None):
    """Makes a data set of MNIST as Keras fetches it (and keeps it in `~/.keras`).

    Args:
        limit: As in `from_idx`.

    Returns:
        `npz.Dataset`, as `labelled` makes it.

    Raises:
        InputError: If it cannot be downloaded.
    """
    import keras

    try:
        train, test = keras.datasets.mnist.load_data()
    except Exception as error:  # whatever the network or a damaged download brings
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise InputError(
            f"Keras cannot fetch MNIST ({reason}): check the network, or give a folder with its "
            "four files, or drawn digits."
        ) from error
    return labelled(train, test, source="MNIST from Keras", limit=limit)


def from_tfds(name="mnist", *, limit=None, data_dir=None):
    """Makes a data set of TensorFlow Datasets (`pip install "cyclegan_tf[tfds]"`).

    Args:
        name: A data set with the splits `train` and `test`, images of one size and labels,
            such as "mnist" or "fashion_mnist".
        limit: As in `from_idx`.
        data_dir: Where data sets are kept; `~/tensorflow_datasets` by default.

    Returns:
        `npz.Dataset`, as `labelled` makes it.

    Raises:
        InputError: If TensorFlow Datasets is not installed, or the data cannot be had.
    """
    splits = [labelled_images(name, split, limit, data_dir) for split in _FILES]
    return labelled(*splits, source=f"{name} from TensorFlow Datasets")


def drawn(train=2000, test=500, *, size=28, seed=0):
    """Draws digits in a few typefaces, each shifted, turned, slanted and thickened at random.

    A stand-in for where MNIST cannot be had; easier than handwriting.

    Args:
        train: How many training images, at least 1.
        test: How many test images, at least 0.
        size: Height and width in pixels, at least 8.
        seed: Non-negative integer that fixes the digits.

    Returns:
        `npz.Dataset`, as `labelled` makes it.

    Raises:
        InputError: If an argument is out of its range.
    """
    check_whole("train", train, 1)
    check_whole("test", test, 0)
    check_whole("size", size, 8)
    check_whole("seed", seed, 0)
    images, labels = drawn_digits.draw(test + train, size, seed)
    # Test digits come first, so that they are the same for any number of training digits.
    return labelled(
        (images[test:], labels[test:]),
        (images[:test], labels[:test]),
        source=f"drawn digits, seed {seed}",
    )


def labelled(train, test, *, source, limit=None):
    """Makes a data set of images and their labels.

    Args:
        train: `(images, labels)`: uint8 arrays `(n, height, width)` or with a channels axis
            at the end, and integers `(n,)` from 0 to 9.
        test: The same for testing.
        source: Where they come from.
        limit: Takes only the first so many images of each split.

    Returns:
        `npz.Dataset`, paired in both splits: A "digit" holds one-hot uint8 images
        `(n, 1, 1, 10)` of the range (0, 1), B "handwriting" the images
        `(n, height, width, channels)`.

    Raises:
        InputError: If a label is out of its range, or `limit` is.
    """
    if limit is not None:
        check_whole("limit", limit, 1)
    arrays = {}
    for split, (images, labels) in (("train", train), ("test", test)):
        images, labels = np.asarray(images)[:limit], np.asarray(labels)[:limit]
        if len(labels) and not 0 <= labels.min() <= labels.max() < CLASSES:
            raise InputError(
                f"The labels of {source} must be from 0 to {CLASSES - 1}, received "
                f"{labels.min()} to {labels.max()}: give a set of {CLASSES} classes."
            )
        arrays[f"{split}_a"] = one_hot(labels)
        arrays[f"{split}_b"] = images[..., None] if images.ndim == 3 else images
    return Dataset(
        **arrays,
        names=("digit", "handwriting"),
        ranges=((0, 1), (0, 255)),
        paired={"train": True, "test": True},
        sources=[source],
    )


def one_hot(labels):
    """Returns classes as images: uint8 `(n, 1, 1, 10)` with a single 1 in channel `label`."""
    return np.eye(CLASSES, dtype=np.uint8)[np.asarray(labels, np.int64)][:, None, None]


def labels_of(images):
    """The classes `(n,)` that one-hot images `(n, 1, 1, classes)` stand for."""
    return np.asarray(images).reshape(len(images), -1).argmax(-1)


def read_idx(path, dimensions):
    """Reads an IDX file of bytes.

    Args:
        path: The file, plain or compressed by gzip.
        dimensions: How many axes its array must have: 3 for images, 1 for labels.

    Returns:
        uint8 array.

    Raises:
        InputError: If it is no such file, or was cut short.
    """
    path = Path(path)
    try:
        stored = path.read_bytes()
        if stored[:2] == b"\x1f\x8b":
            stored = gzip.decompress(stored)
    except (OSError, EOFError, zlib.error) as error:  # the first also where gzip's sum is wrong
        raise InputError(f"{path} cannot be read ({error}): fetch it again.") from error
    # Two zeros, 8 for bytes, the number of axes; then each axis's length in four bytes.
    if stored[:4] != bytes([0, 0, 8, dimensions]):
        raise InputError(
            f"{path} is no IDX file of bytes with {dimensions} axes: it begins with "
            f"{stored[:4].hex(' ') or 'nothing'}, not {bytes([0, 0, 8, dimensions]).hex(' ')}."
        )
    begin = 4 + 4 * dimensions
    shape = [int.from_bytes(stored[i : i + 4], "big") for i in range(4, begin, 4)]
    expected = begin + int(np.prod(shape, dtype=object))
    if len(stored) != expected:
        raise InputError(
            f"{path} has {len(stored)} bytes and its header says {expected} (shape "
            f"{tuple(shape)}): it was cut short or altered, fetch it again."
        )
    return np.frombuffer(stored, np.uint8, offset=begin).reshape(shape)


def _existing(folder, name):
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise InputError(f"{folder} lacks {name} (or {name}.gz): give a folder with all four files.")
