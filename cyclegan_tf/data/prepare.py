"""Preparation of data sets: from folders, side-by-side pairs, TensorFlow Datasets, drawn faces."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from cyclegan_tf.common import types
from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import assembly
from cyclegan_tf.data.checks import both_ranges
from cyclegan_tf.data.io import layouts, listing
from cyclegan_tf.data.io.folder import (
    FolderImages,
    checks,
    decode_all,
    frames_of,
    listed,
    read_fitted,
    said_of_frames,
    split_files,
)
from cyclegan_tf.data.npz import Dataset
from cyclegan_tf.data.pairs import from_pairs
from cyclegan_tf.data.synthetic.cartoons import cartoons
from cyclegan_tf.data.synthetic.sketch import sketch
from cyclegan_tf.data.tfds import from_tfds

__all__ = ["FolderImages", "from_folders", "from_pairs", "from_tfds", "generated", "stream"]


def from_folders(
    a: types.Path,
    b: types.Path | None = None,
    *,
    size: types.Size = 64,
    channels: types.Channels = 3,
    how: Literal["crop", "pad", "stretch"] = "crop",
    ranges: types.Ranges | None = None,
    nodata: float | tuple[float | None, float | None] | None = None,
    labels: bool | Literal["a", "b"] = False,
    test_fraction: float = 0.1,
    names: Sequence[str] | None = None,
    strict: bool = False,
    limit: int | None = None,
    seed: int = 0,
    progress: bool = True,
    on_access: bool = False,
) -> Dataset:
    """Makes an unpaired data set of image folders.

    A file that cannot be read is left out and named in one warning, and so are files that are like
    images and none that can be read. Of a file with several frames each is an image. A domain that
    has 16-bit images becomes 16-bit as a whole; one of floats stays float32 in its own values, and
    takes no others.

    Args:
        a: Folder of domain A; or, without `b`, one that holds folders of both: `trainA` and
            `trainB`, or `train_A` and `train_B`, `train/A` and `train/B`, `A/train` and `B/train`,
            `A` and `B`; in lower case, too. Test images are in `testA` and `testB` and so on, or
            else in `valA` and `valB`.
        b: Folder of domain B. Where both hold `train` and `test` (or `val`), these are taken so.
        size: `(height, width)` in pixels, or one number for both.
        channels: 1 (gray), 3 (RGB), 4 (RGBA) or any other number that the images have, or two
            such numbers, of A and of B.
        how: "crop", "pad" or "stretch", as in `image_file.fit`.
        ranges: `(low, high)`, or two such pairs, of A and of B: the values that stand for black
            and white, to which values outside are set. By default as `npz.Dataset` says.
        nodata: The number that stands for "no data", or two, of A and of B: such pixels count in
            no range and become black. By default what GDAL's tag in a TIFF says.
        labels: True where images are label maps, "a" or "b" where those of one domain are: they
            are resized without new values, at most 256 classes are counted and kept, and a palette
            gives its indices where `channels` is 1. With one channel the classes are the range.
        test_fraction: Share of the images that is held back for testing, at least 0 and below
            1, where a domain has no test folder.
        names: Two names for the domains; by default those of two folders, or "A" and "B".
        strict: Whether an unreadable file is an error.
        limit: Takes only the first so many images of each folder.
        seed: Non-negative integer that fixes which images are held back.
        progress: Whether to show a progress bar.
        on_access: Whether images stay in their files (as `FolderImages`) and are decoded whenever
            they are needed. They are checked at the start (`image_file.check`); floats and TIFFs
            are all read once. The hash is then that of the files' names and sizes and of the
            arguments, not of the pixels.

    Returns:
        `npz.Dataset`.

    Raises:
        InputError: If an argument or folder cannot be used, or no image of a domain is readable.
    """
    shapes, names = assembly.image_shapes(size, channels, how), assembly.domain_names(names, a, b)
    clips, layout = both_ranges(ranges), _layout(a, b)
    places = assembly.places(shapes, how, clips, nodata, labels)
    domains, observed, skipped, notes = [], [], [], [] if b else [str(layout)]
    for i, (name, place, *found) in enumerate(zip(names, places, *listed(layout), strict=True)):
        files, label = split_files(*found, test_fraction, limit, [seed, i]), "AB"[i]
        decode = functools.partial(read_fitted, place=place)
        if on_access:
            decode, label = checks(files[0], place), f"check {label}"
        *parts, unreadable = decode_all(*files, decode, label, strict, progress)
        notes += said_of_frames(name, [*parts[0], *parts[1]])
        images = [frames_of(part, limit) for part in parts]
        observed.append([seen for part in images for _, seen in part])
        if on_access:
            dtypes = [seen.dtype for seen in observed[-1]]
            dtype = assembly.common_dtype(dtypes, name, place.value_range)
            domains.append([FolderImages.of(part, place, dtype) for part in images])
        else:
            arrays = ([image for image, _ in part] for part in images)
            domains.append(assembly.stack(*arrays, place.shape, name, place.value_range))
        skipped += unreadable
    assembly.warn_skipped(skipped)
    said = [shapes, how] + [clips] * (ranges is not None)
    said += [[nodata, labels]] * (nodata is not None or bool(labels))
    return assembly.dataset(
        domains,
        observed,
        places,
        names,
        test_fraction,
        sources=[str(folder) for folder in (a, b) if folder is not None],
        skipped=skipped,
        notes=notes,
        hash=_digest(domains, said) if on_access else "",
    )


def _layout(a, b):
    """Where the images of both domains are."""
    listing.check_folder(a, "images")
    layout = layouts.of_one(a) if b is None else layouts.of_two(a, b)
    if layout is None:
        raise InputError(
            f"The folder {a} must hold the folders trainA and trainB, or train/A and train/B, or A "
            "and B: make them, or give two folders, one per domain."
        )
    return layout


def _digest(domains, arguments):
    """The hash of images that are decoded on access: of their files, and of the arguments."""
    digest = hashlib.sha256(json.dumps(arguments).encode())
    for domain, (train, test) in zip("ab", domains, strict=True):
        for split, images in (("train", train), ("test", test)):
            digest.update(json.dumps([domain, split, images.listed()]).encode())
    return digest.hexdigest()


def generated(
    train: int = 1000,
    test: int = 100,
    *,
    size: types.Size = 64,
    paired: bool = False,
    seed: int = 0,
    progress: bool = True,
) -> Dataset:
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


def stream(a: types.Path, b: types.Path | None = None, **reading: Any) -> Dataset:
    """`from_folders` for images that memory does not hold: they stay in their files.

    Args:
        a: As for `from_folders`.
        b: As for `from_folders`.
        **reading: As for `from_folders`; `on_access` is True.

    Returns:
        `npz.Dataset`, whose `origin` says how it was read.

    Raises:
        InputError: As `from_folders` does.
    """
    dataset = from_folders(a, b, **reading, on_access=True)
    given = {"data": str(a), "data_b": b and str(b)} | reading | {"progress": None}
    said = {n: np.asarray(v).tolist() for n, v in given.items() if v is not None and v is not False}
    return dataclasses.replace(dataset, origin=said)
