"""Image folders: files found and split, decoded in parallel or on access."""

import dataclasses
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
from tqdm import tqdm

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.assembly import check_division, fit_image, hold_out, require_training
from cyclegan_tf.data.io import formats, image_file


@dataclasses.dataclass(frozen=True, eq=False)
class FolderImages:
    """Image files that look like an array `(n, height, width, channels)`, decoded on access.

    Attributes:
        paths: The files.
        image_shape: `(height, width, channels)` that each image is brought to.
        how: As in `image_file.fit`.
        dtype: uint8, uint16 (8-bit images are widened), or float32.
        value_range: `(low, high)` that values outside are set to; None leaves them.
    """

    paths: tuple[Path, ...]
    image_shape: tuple[int, int, int]
    how: str
    dtype: np.dtype
    value_range: tuple[float, float] | None = None

    @property
    def shape(self):
        """`(n, height, width, channels)`."""
        return (len(self.paths), *self.image_shape)

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, indices):
        """Decodes the images that an integer array or a slice names."""
        chosen = np.arange(len(self.paths))[indices]
        decoded = np.empty((*chosen.shape, *self.image_shape), self.dtype)
        for place, index in np.ndenumerate(chosen):
            image = read_fitted(self.paths[index], self.image_shape, self.how, self.value_range)
            decoded[place] = image_file.to_dtype(image, self.dtype)
        return decoded


def domain_files(a, b, test_fraction, limit, seed):
    """Finds the files of both domains.

    Args:
        a: Folder of domain A; without `b`, one that holds `trainA`, `trainB` and perhaps `testA`,
            `testB`.
        b: Folder of domain B, or None.
        test_fraction: As in `split_files`.
        limit: As in `split_files`.
        seed: Non-negative integer that fixes what is held back.

    Returns:
        Lists of paths, `(train, test)` of A and of B.

    Raises:
        InputError: If an argument or folder cannot be used.
    """
    trains, tests = (a, b), (None, None)
    if b is None:
        trains, tests = ([Path(a) / f"{split}{d}" for d in "AB"] for split in ("train", "test"))
        if not all(folder.is_dir() for folder in trains):
            raise InputError(
                f"The folder {a} must hold the folders trainA and trainB: make them, or give two "
                "folders, one per domain."
            )
        tests = [folder if folder.is_dir() else None for folder in tests]
    return [
        split_files(train, test, test_fraction, limit, [seed, i])
        for i, (train, test) in enumerate(zip(trains, tests, strict=True))
    ]


def split_files(train, test, test_fraction, limit, key):
    """Finds the files of a training and of a test folder.

    Args:
        train: The one folder.
        test: The other; if None, a part of the training files is held back instead.
        test_fraction: How large that part is, as in `assembly.hold_out`.
        limit: Takes only the first so many files of a folder; None takes all.
        key: Non-negative integers that fix what is held back, the seed first.

    Returns:
        Two lists of paths.

    Raises:
        InputError: If an argument or folder cannot be used.
    """
    check_division(test_fraction, limit, key[0])
    paths = image_file.images(train)[:limit]
    if test is None:
        return hold_out(paths, test_fraction, key)
    return paths, image_file.images(test)[:limit]


def read_fitted(path, shape, how, value_range=None):
    """Reads an image and brings it to its place, as `assembly.fit_image` does."""
    return fit_image(image_file.read(path), shape, how, value_range, path)


def check(path, channels):
    """Checks an image file, the faster the less there is to doubt.

    Args:
        path: As for `image_file.read`.
        channels: How many it is to have.

    Returns:
        `(path, dtype)`, the type being that which `image_file.read` gives.

    Raises:
        InputError: If it cannot be read, or cannot have as many channels.
    """
    if channels in (1, 3, 4) and not formats.is_array(path):
        return path, image_file.check(path)
    return path, image_file.to_channels(image_file.read(path), channels, path).dtype


def read_halves(path):
    """Reads an image of two side by side: left, right. An odd width is an InputError."""
    image = image_file.read(path)
    width = image.shape[1]
    if width % 2:
        raise InputError(f"{path} is {width} pixels wide: two halves need an even number.")
    return [image[:, : width // 2], image[:, width // 2 :]]


def decode_all(train, test, decode, label, strict, progress):
    """Applies a function to all files, several at once.

    Args:
        train: Paths of training images.
        test: Paths of test images.
        decode: Function of a path; its InputError leaves the file out.
        label: What the progress bar says.
        strict: Whether such an error is raised instead.
        progress: Whether to show the bar.

    Returns:
        Three lists: what came of `train`, what came of `test`, and a sentence about each file left
        out.

    Raises:
        InputError: If no training image is left, or, with `strict`, of the first bad file.
    """

    def attempt(path):
        try:
            return decode(path)
        except InputError as error:
            return error

    paths, results = [*train, *test], []
    # Decoders release the interpreter's lock, so that threads do run side by side.
    with ThreadPool() as pool:
        bar = tqdm(pool.imap(attempt, paths), label, len(paths), unit="image", disable=not progress)
        for result in bar:
            if strict and isinstance(result, InputError):
                raise result
            results.append(result)
    skipped = [str(result) for result in results if isinstance(result, InputError)]
    decoded = [
        [result for result in part if not isinstance(result, InputError)]
        for part in (results[: len(train)], results[len(train) :])
    ]
    require_training(decoded[0], skipped, train[0].parent)
    return *decoded, skipped
