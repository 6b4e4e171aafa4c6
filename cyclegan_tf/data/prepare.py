"""From pictures to a data set: folders, side-by-side pairs, TensorFlow Datasets, drawn faces."""

import dataclasses
import functools
import hashlib
import json
import warnings
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np
from tqdm import tqdm

from cyclegan_tf.data import images
from cyclegan_tf.data.cartoons import cartoons
from cyclegan_tf.data.npz import Dataset, check_names
from cyclegan_tf.data.sketch import sketch
from cyclegan_tf.errors import InputError

# A warning names so many files; `Dataset.skipped` names all.
_NAMED = 10


def from_folders(
    a,
    b=None,
    *,
    size=64,
    channels=3,
    how="crop",
    test_fraction=0.1,
    names=None,
    strict=False,
    limit=None,
    seed=0,
    progress=True,
):
    """Makes an unpaired data set of picture folders.

    A file that cannot be read is left out and named in one warning. A domain that has 16-bit
    pictures becomes 16-bit as a whole.

    Args:
        a: Folder of domain A; or, without `b`, a folder that holds `trainA`, `trainB` and, if
            there are test pictures, `testA`, `testB`.
        b: Folder of domain B.
        size: `(height, width)` in pixels, or one number for both.
        channels: 1 (gray), 3 (RGB) or 4 (RGBA), or two such numbers, of A and of B.
        how: "crop", "pad" or "stretch", as in `images.fit`.
        test_fraction: Share of the pictures that is held back for testing, at least 0 and below
            1, where a domain has no test folder.
        names: Two names for the domains; by default those of two folders, or "A" and "B".
        strict: Whether an unreadable file is an error.
        limit: Takes only the first so many pictures of each folder.
        seed: Non-negative integer that fixes which pictures are held back.
        progress: Whether to show a progress bar.

    Returns:
        `npz.Dataset`.

    Raises:
        InputError: If an argument or folder cannot be used, or no picture of a domain is readable.
    """
    shapes, names = _shapes(size, channels, how), _names(names, a, b)
    arrays, skipped = {}, []
    folders = _folders(a, b, test_fraction, limit, seed)
    for domain, paths, shape in zip("ab", folders, shapes, strict=True):
        decode = functools.partial(_load, shape=shape, how=how)
        train, test, unreadable = _read(*paths, decode, domain.upper(), strict, progress)
        arrays[f"train_{domain}"], arrays[f"test_{domain}"] = _stack(train, test, shape)
        skipped += unreadable
    _warn(skipped)
    return Dataset(**arrays, names=names, sources=_sources(a, b), skipped=skipped)


def from_pairs(
    folder,
    *,
    direction="ab",
    size=64,
    channels=3,
    how="crop",
    test_fraction=0.1,
    names=None,
    strict=False,
    limit=None,
    seed=0,
    progress=True,
):
    """Makes a paired data set of pictures that show A and B side by side.

    Each is split down its middle. Training and test pictures are paired.

    Args:
        folder: Folder with the subfolders `train` and `test` (or `val`); without `train`, the
            folder's own pictures are divided by `test_fraction`.
        direction: "ab" if A is the left half, "ba" if it is the right one.
        size: `(height, width)` of one half in pixels, or one number for both.
        channels: As in `from_folders`.
        how: As in `from_folders`.
        test_fraction: As in `from_folders`.
        names: Two names for the domains, "A" and "B" by default.
        strict: As in `from_folders`.
        limit: As in `from_folders`.
        seed: As in `from_folders`.
        progress: Whether to show a progress bar.

    Returns:
        `npz.Dataset`.

    Raises:
        InputError: If an argument or the folder cannot be used, or no picture is readable.
    """
    if direction not in ("ab", "ba"):
        raise InputError(f'direction must be "ab" or "ba", received {direction!r}.')
    shapes, names = _shapes(size, channels, how), _names(names)
    folder = Path(folder)
    train, test = folder, None
    if (folder / "train").is_dir():
        train = folder / "train"
        test = next((f for f in (folder / "test", folder / "val") if f.is_dir()), None)
    paths = _split(train, test, test_fraction, limit, [seed])

    def decode(path):
        halves = _halves(path)[:: 1 if direction == "ab" else -1]
        return [_fitted(half, shape, how) for half, shape in zip(halves, shapes, strict=True)]

    train, test, skipped = _read(*paths, decode, "pairs", strict, progress)
    arrays = {}
    for i, domain in enumerate("ab"):
        arrays[f"train_{domain}"], arrays[f"test_{domain}"] = _stack(
            [pair[i] for pair in train], [pair[i] for pair in test], shapes[i]
        )
    _warn(skipped)
    return Dataset(
        **arrays,
        names=names,
        paired={"train": True, "test": True},
        sources=_sources(folder),
        skipped=skipped,
    )


def from_tfds(
    name,
    name_b=None,
    *,
    split="train",
    data_dir=None,
    size=64,
    channels=3,
    how="crop",
    test_fraction=0.1,
    names=None,
    strict=False,
    limit=None,
    seed=0,
    progress=True,
):
    """Makes an unpaired data set of TensorFlow Datasets (`pip install "cyclegan_tf[tfds]"`).

    Args:
        name: A data set with the splits `trainA`, `trainB`, `testA`, `testB`, such as
            "cycle_gan/horse2zebra"; or, with `name_b`, any data set with pictures, for domain A.
        name_b: The data set of domain B.
        split: Of two data sets, the split to take, such as "train" or "train[:10%]".
        data_dir: Where data sets are kept; `~/tensorflow_datasets` by default.
        size: As in `from_folders`.
        channels: As in `from_folders`.
        how: As in `from_folders`.
        test_fraction: As in `from_folders`; of two data sets.
        names: Two names for the domains; by default those of two data sets, or "A" and "B".
        strict: Whether a picture that cannot be used is an error.
        limit: Takes only the first so many pictures of each split.
        seed: As in `from_folders`.
        progress: Whether to show a progress bar.

    Returns:
        `npz.Dataset`.

    Raises:
        InputError: If an argument cannot be used, TensorFlow Datasets is not installed, or the
            data cannot be had.

    Reference:
        - [TensorFlow Datasets, cycle_gan](https://www.tensorflow.org/datasets/catalog/cycle_gan)
    """
    shapes = _shapes(size, channels, how)
    _check(test_fraction, limit, seed)
    if names is None and name_b is not None and name != name_b:
        names = (name, name_b)
    names = _names(names)
    builders = [_tfds_builder(each, data_dir) for each in (name, name_b) if each is not None]
    if name_b is None:
        splits = builders[0].info.splits
        if name.split("/")[0] != "cycle_gan" and "trainA" not in splits:
            raise InputError(
                f"{name} has the splits {', '.join(splits) or 'none'}, not trainA and trainB: "
                "name two data sets, one per domain."
            )
    arrays, skipped = {}, []
    for i, (domain, shape) in enumerate(zip("ab", shapes, strict=True)):
        builder, label = builders[i * (name_b is not None)], domain.upper()
        fetch = functools.partial(
            _tfds_pictures, builder, limit, shape=shape, how=how, strict=strict, progress=progress
        )
        if name_b is None:
            train, unreadable = fetch(f"train{label}")
            test, more = fetch(f"test{label}")
            unreadable += more
        else:
            train, unreadable = fetch(split)
            train, test = _hold_back(train, test_fraction, [seed, i])
        _require(train, unreadable, builder.info.full_name)
        arrays[f"train_{domain}"], arrays[f"test_{domain}"] = _stack(train, test, shape)
        skipped += unreadable
    _warn(skipped)
    return Dataset(
        **arrays,
        names=names,
        sources=[builder.info.full_name for builder in builders],
        skipped=skipped,
    )


def generated(train=1000, test=100, *, size=64, seed=0, progress=True):
    """Draws a data set: sketches of cartoon faces (A, gray) and cartoon faces (B, RGB).

    For training no face is in both domains. For testing each sketch is that of the cartoon with
    its number, so that a translation can be compared with the truth.

    Args:
        train: How many training pictures each domain has, at least 1.
        test: How many test pictures, at least 0.
        size: `(height, width)` in pixels, each at least 8, or one number for both.
        seed: Non-negative integer that fixes the faces.
        progress: Whether to show a progress bar.

    Returns:
        `npz.Dataset` named "sketch" and "cartoon", paired in "test".

    Raises:
        InputError: If an argument cannot be used.
    """
    _whole("train", train, 1)
    _whole("test", test, 0)
    faces = cartoons(test + 2 * train, size, seed, progress=progress)
    # Test faces come first, so that they are the same for any number of training faces.
    test_b, for_sketches, train_b = np.split(faces, [test, test + train])
    return Dataset(
        sketch(for_sketches),
        train_b,
        sketch(test_b),
        test_b,
        names=("sketch", "cartoon"),
        paired={"train": False, "test": True},
        sources=[f"generated faces, seed {seed}"],
    )


def stream(
    a,
    b=None,
    *,
    size=64,
    channels=3,
    how="crop",
    test_fraction=0.1,
    names=None,
    strict=False,
    limit=None,
    seed=0,
    progress=True,
):
    """Like `from_folders`, for pictures that memory does not hold: decoded on each access.

    All files are checked at the start (`images.check`), and those that cannot be read are left
    out and named in one warning. The hash is that of the files' names and sizes and of the
    arguments, not of the pixels.

    Args:
        a: As in `from_folders`.
        b: As in `from_folders`.
        size: As in `from_folders`.
        channels: As in `from_folders`.
        how: As in `from_folders`.
        test_fraction: As in `from_folders`.
        names: As in `from_folders`.
        strict: As in `from_folders`.
        limit: As in `from_folders`.
        seed: As in `from_folders`.
        progress: Whether to show a progress bar.

    Returns:
        `npz.Dataset` whose arrays are `FolderImages`.

    Raises:
        InputError: If an argument or folder cannot be used, or no picture of a domain is readable.
    """
    shapes, names = _shapes(size, channels, how), _names(names, a, b)
    arrays, skipped = {}, []
    digest = hashlib.sha256(json.dumps([shapes, how]).encode())
    folders = _folders(a, b, test_fraction, limit, seed)
    for domain, paths, shape in zip("ab", folders, shapes, strict=True):
        label = f"check {domain.upper()}"
        train, test, unreadable = _read(*paths, _checked, label, strict, progress)
        dtype = np.result_type(*(found for _, found in train + test))
        for split, files in (("train", train), ("test", test)):
            paths = tuple(path for path, _ in files)
            arrays[f"{split}_{domain}"] = FolderImages(paths, shape, how, dtype)
            listed = [[path.name, path.stat().st_size] for path in paths]
            digest.update(json.dumps([domain, split, listed]).encode())
        skipped += unreadable
    _warn(skipped)
    return Dataset(
        **arrays,
        names=names,
        sources=_sources(a, b),
        skipped=skipped,
        hash=digest.hexdigest(),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class FolderImages:
    """Picture files that look like an array `(n, height, width, channels)`, decoded on access.

    Attributes:
        paths: The files.
        image_shape: `(height, width, channels)` that each picture is brought to.
        how: As in `images.fit`.
        dtype: uint8, or uint16 (8-bit pictures are widened).
    """

    paths: tuple[Path, ...]
    image_shape: tuple[int, int, int]
    how: str
    dtype: np.dtype

    @property
    def shape(self):
        """`(n, height, width, channels)`."""
        return (len(self.paths), *self.image_shape)

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, indices):
        """Decodes the pictures that an integer array or a slice names."""
        chosen = np.arange(len(self.paths))[indices]
        decoded = np.empty((*chosen.shape, *self.image_shape), self.dtype)
        for place, index in np.ndenumerate(chosen):
            picture = _load(self.paths[index], self.image_shape, self.how)
            decoded[place] = images.to_dtype(picture, self.dtype)
        return decoded


# --- arguments -----------------------------------------------------------------------------


def _shapes(size, channels, how):
    """The picture shapes of A and B."""
    images.check_how(how)
    both = tuple(channels) if isinstance(channels, (tuple, list)) else (channels, channels)
    if len(both) != 2 or not all(n in (1, 3, 4) for n in both):
        raise InputError(
            f"channels must be 1, 3 or 4, or two such numbers for A and B, received {channels!r}."
        )
    return tuple((*images.height_width(size), int(n)) for n in both)


def _check(test_fraction, limit, seed):
    if not 0 <= test_fraction < 1:
        raise InputError(f"test_fraction must be at least 0 and below 1, received {test_fraction}.")
    if limit is not None:
        _whole("limit", limit, 1)
    _whole("seed", seed, 0)


def _whole(name, value, least):
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}, received {value!r}.")


def _names(names, *folders):
    if names is not None:
        return check_names(names)
    given = [Path(folder).resolve().name for folder in folders if folder is not None]
    return tuple(given) if len(set(given)) == 2 else ("A", "B")


def _sources(*folders):
    return [str(folder) for folder in folders if folder is not None]


# --- files ---------------------------------------------------------------------------------


def _folders(a, b, test_fraction, limit, seed):
    """The files `(train, test)` of A and of B."""
    if b is not None:
        trains, tests = (a, b), (None, None)
    else:
        trains = [Path(a) / "trainA", Path(a) / "trainB"]
        if not all(folder.is_dir() for folder in trains):
            raise InputError(
                f"The folder {a} must hold the folders trainA and trainB: make them, or give two "
                "folders, one per domain."
            )
        tests = [Path(a) / "testA", Path(a) / "testB"]
        tests = [folder if folder.is_dir() else None for folder in tests]
    return [
        _split(train, test, test_fraction, limit, [seed, i])
        for i, (train, test) in enumerate(zip(trains, tests, strict=True))
    ]


def _split(train, test, test_fraction, limit, key):
    """The files of a training and of a test folder; without the latter, some of the former."""
    _check(test_fraction, limit, key[0])
    paths = images.pictures(train)[:limit]
    if test is None:
        return _hold_back(paths, test_fraction, key)
    return paths, images.pictures(test)[:limit]


def _hold_back(items, fraction, key):
    """Divides a list at random, keeping its order; with a fraction at least one for each part."""
    count = round(len(items) * fraction)
    if fraction and len(items) > 1:
        count = min(max(count, 1), len(items) - 1)
    held = set(np.random.default_rng(key).permutation(len(items))[:count].tolist())
    train = [item for i, item in enumerate(items) if i not in held]
    return train, [items[i] for i in sorted(held)]


def _load(path, shape, how):
    return _fitted(images.read(path), shape, how)


def _fitted(image, shape, how):
    return images.fit(images.to_channels(image, shape[2]), shape[:2], how)


def _halves(path):
    image = images.read(path)
    width = image.shape[1]
    if width % 2:
        raise InputError(f"{path} is {width} pixels wide: two halves need an even number.")
    return [image[:, : width // 2], image[:, width // 2 :]]


def _checked(path):
    return path, images.check(path)


def _read(train, test, decode, label, strict, progress):
    """Applies `decode` to all files: what came of `train`, of `test`, and what went wrong."""

    def attempt(path):
        try:
            return decode(path)
        except InputError as error:
            return error

    paths, results = [*train, *test], []
    # Decoders release the interpreter's lock, so that threads do run side by side.
    with ThreadPool() as pool:
        bar = tqdm(
            pool.imap(attempt, paths), label, len(paths), unit="picture", disable=not progress
        )
        for result in bar:
            if strict and isinstance(result, InputError):
                raise result
            results.append(result)
    skipped = [str(result) for result in results if isinstance(result, InputError)]
    decoded = [
        [result for result in part if not isinstance(result, InputError)]
        for part in (results[: len(train)], results[len(train) :])
    ]
    _require(decoded[0], skipped, train[0].parent)
    return *decoded, skipped


def _require(train, skipped, source):
    if not train:
        reason = f": {skipped[0]}" if skipped else "."
        raise InputError(f"No picture of {source} can be used for training{reason}")


def _stack(train, test, shape):
    """Two arrays of one type: 16-bit if any picture is."""
    dtype = np.result_type(np.uint8, *(picture.dtype for picture in train + test))
    return [
        np.stack([images.to_dtype(picture, dtype) for picture in part])
        if part
        else np.empty((0, *shape), dtype)
        for part in (train, test)
    ]


def _warn(skipped):
    if skipped:
        more = f" (and {len(skipped) - _NAMED} more)" if len(skipped) > _NAMED else ""
        warnings.warn(
            f"{len(skipped)} unreadable pictures were left out{more}: "
            + " ".join(skipped[:_NAMED]),
            stacklevel=3,
        )


# --- TensorFlow Datasets -------------------------------------------------------------------


def _tfds_builder(name, data_dir):
    """Finds a data set by name, downloading it where it is not there yet."""
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise InputError(
            'TensorFlow Datasets is not installed: run `pip install "cyclegan_tf[tfds]"`.'
        ) from error
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    # Its messages list every data set there is: one line will do.
    except Exception as error:
        raise InputError(
            f"TensorFlow Datasets cannot open {name!r}: {_first_line(error)}."
        ) from error
    try:
        builder.download_and_prepare()
    except Exception as error:
        raise InputError(
            f"The data set {name} cannot be had ({_first_line(error)}): check the network, or "
            "give a data_dir where it has been prepared."
        ) from error
    return builder


def _first_line(error):
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".: ")[:300]


def _tfds_pictures(builder, limit, split, *, shape, how, strict, progress):
    """The pictures of a split, fitted, and a sentence about each that cannot be used."""
    import tensorflow_datasets as tfds

    key, source = _image_key(builder, tfds), builder.info.full_name
    try:
        examples = builder.as_dataset(split=split)
    except Exception as error:
        raise InputError(f"{source} has no split {split!r}: {_first_line(error)}.") from error
    examples = examples.take(-1 if limit is None else limit)
    pictures, unusable = [], []
    bar = tqdm(tfds.as_numpy(examples), split, unit="picture", disable=not progress)
    for i, example in enumerate(bar):
        picture = example[key]
        if picture.dtype in (np.uint8, np.uint16):
            pictures.append(_fitted(picture, shape, how))
            continue
        unusable.append(f"Picture {i} of {source} holds {picture.dtype}, not uint8 or uint16.")
        if strict:
            raise InputError(unusable[-1])
    return pictures, unusable


def _image_key(builder, tfds):
    """The name under which an example keeps its picture."""
    features = builder.info.features
    features = dict(features.items()) if hasattr(features, "items") else {}
    keys = [key for key, kind in features.items() if isinstance(kind, tfds.features.Image)]
    if not keys:
        raise InputError(f"{builder.info.full_name} has no pictures: name another data set.")
    return "image" if "image" in keys else keys[0]
