"""Preparation of data sets: from folders, side-by-side pairs, TensorFlow Datasets, drawn faces."""

import functools
import hashlib
import json
from pathlib import Path

import numpy as np

from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import assembly
from cyclegan_tf.data.io.folder import (
    FolderImages,
    check,
    decode_all,
    domain_files,
    read_fitted,
    read_halves,
    split_files,
)
from cyclegan_tf.data.npz import Dataset
from cyclegan_tf.data.synthetic.cartoons import cartoons
from cyclegan_tf.data.synthetic.sketch import sketch
from cyclegan_tf.data.tfds import from_tfds

__all__ = ["FolderImages", "from_folders", "from_pairs", "from_tfds", "generated", "stream"]


def from_folders(
    a,
    b=None,
    *,
    size=64,
    channels=3,
    how="crop",
    ranges=None,
    test_fraction=0.1,
    names=None,
    strict=False,
    limit=None,
    seed=0,
    progress=True,
    on_access=False,
):
    """Makes an unpaired data set of image folders.

    A file that cannot be read is left out and named in one warning. A domain that has 16-bit
    images becomes 16-bit as a whole; one of floats stays float32 in its own values, and takes no
    others.

    Args:
        a: Folder of domain A; or, without `b`, a folder that holds `trainA`, `trainB` and, if
            there are test images, `testA`, `testB`.
        b: Folder of domain B.
        size: `(height, width)` in pixels, or one number for both.
        channels: 1 (gray), 3 (RGB), 4 (RGBA) or any other number that the images have, or two
            such numbers, of A and of B.
        how: "crop", "pad" or "stretch", as in `image_file.fit`.
        ranges: `(low, high)`, or two such pairs, of A and of B: the values that stand for black
            and white, to which values outside are set. By default as `npz.Dataset` says.
        test_fraction: Share of the images that is held back for testing, at least 0 and below
            1, where a domain has no test folder.
        names: Two names for the domains; by default those of two folders, or "A" and "B".
        strict: Whether an unreadable file is an error.
        limit: Takes only the first so many images of each folder.
        seed: Non-negative integer that fixes which images are held back.
        progress: Whether to show a progress bar.
        on_access: Whether images stay in their files (as `FolderImages`) and are decoded whenever
            they are needed. They are checked at the start (`image_file.check`); of floats, all are
            also read once to find their range, unless `ranges` says it. The hash is then that of
            the files' names and sizes and of the arguments, not of the pixels.

    Returns:
        `npz.Dataset`.

    Raises:
        InputError: If an argument or folder cannot be used, or no image of a domain is readable.
    """
    shapes, names = assembly.image_shapes(size, channels, how), assembly.domain_names(names, a, b)
    clips, arrays, skipped = assembly.value_ranges(ranges), {}, []
    digest = hashlib.sha256(json.dumps([shapes, how] + [clips] * (ranges is not None)).encode())
    folders = domain_files(a, b, test_fraction, limit, seed)
    for domain, name, paths, shape, clip in zip("ab", names, folders, shapes, clips, strict=True):
        decode = functools.partial(read_fitted, shape=shape, how=how, value_range=clip)
        label = domain.upper()
        if on_access:
            decode, label = functools.partial(check, channels=shape[2]), f"check {label}"
        train, test, unreadable = decode_all(*paths, decode, label, strict, progress)
        skipped += unreadable
        if not on_access:
            both = assembly.stack(train, test, shape, name, clip)
            arrays[f"train_{domain}"], arrays[f"test_{domain}"] = both
            continue
        dtype = assembly.common_dtype([found for _, found in train + test], name, clip)
        for split, files in (("train", train), ("test", test)):
            paths = tuple(path for path, _ in files)
            arrays[f"{split}_{domain}"] = FolderImages(paths, shape, how, dtype, clip)
            listed = [[path.name, path.stat().st_size] for path in paths]
            digest.update(json.dumps([domain, split, listed]).encode())
    assembly.warn_skipped(skipped)
    return Dataset(
        **arrays,
        names=names,
        ranges=_given(clips),
        sources=_sources(a, b),
        skipped=skipped,
        hash=digest.hexdigest() if on_access else "",
    )


def from_pairs(
    folder,
    *,
    direction="ab",
    size=64,
    channels=3,
    how="crop",
    ranges=None,
    test_fraction=0.1,
    names=None,
    strict=False,
    limit=None,
    seed=0,
    progress=True,
):
    """Makes a paired data set of images that show A and B side by side.

    Each is split down its middle. Training and test images are paired.

    Args:
        folder: Folder with the subfolders `train` and `test` (or `val`); without `train`, the
            folder's own images are divided by `test_fraction`.
        direction: "ab" if A is the left half, "ba" if it is the right one.
        size: `(height, width)` of one half in pixels, or one number for both.
        channels: As in `from_folders`.
        how: As in `from_folders`.
        ranges: As in `from_folders`.
        test_fraction: As in `from_folders`.
        names: Two names for the domains, "A" and "B" by default.
        strict: As in `from_folders`.
        limit: As in `from_folders`.
        seed: As in `from_folders`.
        progress: Whether to show a progress bar.

    Returns:
        `npz.Dataset`.

    Raises:
        InputError: If an argument or the folder cannot be used, or no image is readable.
    """
    if direction not in ("ab", "ba"):
        raise InputError(f'direction must be "ab" or "ba", received {direction!r}.')
    shapes, names = assembly.image_shapes(size, channels, how), assembly.domain_names(names)
    clips, folder = assembly.value_ranges(ranges), Path(folder)
    train, test = folder, None
    if (folder / "train").is_dir():
        train = folder / "train"
        test = next((f for f in (folder / "test", folder / "val") if f.is_dir()), None)
    paths = split_files(train, test, test_fraction, limit, [seed])

    def decode(path):
        halves = read_halves(path)[:: 1 if direction == "ab" else -1]
        return [
            assembly.fit_image(half, shape, how, clip, path)
            for half, shape, clip in zip(halves, shapes, clips, strict=True)
        ]

    train, test, skipped = decode_all(*paths, decode, "pairs", strict, progress)
    arrays = {}
    for i, domain in enumerate("ab"):
        arrays[f"train_{domain}"], arrays[f"test_{domain}"] = assembly.stack(
            [pair[i] for pair in train], [pair[i] for pair in test], shapes[i], names[i], clips[i]
        )
    assembly.warn_skipped(skipped)
    return Dataset(
        **arrays,
        names=names,
        ranges=_given(clips),
        paired={"train": True, "test": True},
        sources=_sources(folder),
        skipped=skipped,
    )


def generated(train=1000, test=100, *, size=64, paired=False, seed=0, progress=True):
    """Draws a data set: sketches of cartoon faces (A, gray) and cartoon faces (B, RGB).

    For training no face is in both domains, unless pairs are asked for. For testing each sketch is
    that of the cartoon with its number, so that a translation can be compared with the truth.

    Args:
        train: How many training images each domain has, at least 1.
        test: How many test images, at least 0.
        size: `(height, width)` in pixels, each at least 8, or one number for both.
        paired: Whether each sketch is that of the cartoon with its number in training, too, as
            pix2pix needs it. The cartoons are the same either way.
        seed: Non-negative integer that fixes the faces.
        progress: Whether to show a progress bar.

    Returns:
        `npz.Dataset` named "sketch" and "cartoon", paired in "test", and in "train" if asked for.

    Raises:
        InputError: If an argument cannot be used.
    """
    check_whole("train", train, 1)
    check_whole("test", test, 0)
    faces = cartoons(test + 2 * train, size, seed, progress=progress)
    # Test faces come first, so that they are the same for any number of training faces.
    test_b, for_sketches, train_b = np.split(faces, [test, test + train])
    return Dataset(
        sketch(train_b if paired else for_sketches),
        train_b,
        sketch(test_b),
        test_b,
        names=("sketch", "cartoon"),
        paired={"train": paired, "test": True},
        sources=[f"generated faces, seed {seed}"],
    )


#: For images that memory does not hold.
stream = functools.partial(from_folders, on_access=True)


def _given(ranges):
    return None if None in ranges else ranges


def _sources(*folders):
    return [str(folder) for folder in folders if folder is not None]
