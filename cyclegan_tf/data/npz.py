"""The data set and its file: two domains in one compressed .npz, without pickles.

The file holds the arrays `trainA`, `trainB`, `testA`, `testB`, a JSON text `metadata`, and label
maps of slices (`maskA`, `maskB`). Files of other makers, with the arrays alone, are read too.
"""

import dataclasses
import functools
import hashlib
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from cyclegan_tf.common import types
from cyclegan_tf.common.atomic_files import replacing
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.telling import warn
from cyclegan_tf.data import checks, statistics
from cyclegan_tf.data.slice_metadata import Slices

FORMAT = 1

_KEYS = {"train_a": "trainA", "train_b": "trainB", "test_a": "testA", "test_b": "testB"}
_MASKS = {"test_a": "maskA", "test_b": "maskB"}


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images of two domains, for training and for testing.

    An array is `(n, height, width, channels)`, a NumPy array or anything with `shape`, `dtype`,
    `len` and indexing by an integer array (`prepare.FolderImages`). Types are uint8, uint16,
    float32 and float64; within a domain training and test images have one shape and type.

    Attributes:
        train_a: Training images of domain A, at least one.
        train_b: Training images of domain B, at least one.
        test_a: Test images of domain A; by default none.
        test_b: Test images of domain B; by default none.
        names: What the domains are called.
        ranges: `(low, high)` of the stored values of A and of B. By default the full range of an
            integer type; for floats (0, 255) if all are whole numbers there and some are above 1,
            else (0, 1) if all values lie there, else (-1, 1) if they lie there, else the smallest
            and the largest value; a warning says what is a guess.
        paired: Whether image i of A belongs to image i of B, in "train" and in "test".
        sources: Where the images come from.
        skipped: A sentence about each image that could not be used.
        slices: `slice_metadata.Slices` where the images are slices of volumes; else None.
        hash: SHA-256 that tells data sets apart; by default of the contents.
        notes: How images were found, in a sentence each; no file keeps them.
        origin: How `cyclegan-tf train` opens it again: a dictionary of "data", the path of the file
            or folder, and of the options of reading that were given; empty if it has no file.
        values: What is known about the stored values of A and of B, in a dictionary each: "alpha",
            False where the last of 2 or 4 channels is no transparency; "nodata", the number that
            stood for "no data" in the files; "classes", the values of a label map, sorted.

    Raises:
        InputError: If shapes, types or values are others.
    """

    train_a: Any
    train_b: Any
    test_a: Any = None
    test_b: Any = None
    names: tuple[str, str] = ("A", "B")
    ranges: tuple[tuple[float, float], tuple[float, float]] | None = None
    paired: dict[str, bool] = dataclasses.field(
        default_factory=lambda: {"train": False, "test": False}
    )
    sources: list[str] = dataclasses.field(default_factory=list)
    skipped: list[str] = dataclasses.field(default_factory=list)
    slices: Slices | None = None
    hash: str = ""
    notes: list[str] = dataclasses.field(default_factory=list)
    origin: dict = dataclasses.field(default_factory=dict)
    values: tuple[dict, dict] = ({}, {})

    def __post_init__(self):
        for domain in "ab":
            train, test = self._domain(domain)
            checks.check_shape(f"train_{domain}", train)
            if test is None:
                self._set(f"test_{domain}", train[:0])
            checks.check_domain(domain, *self._domain(domain))
        self._set("names", checks.check_names(self.names))
        if self.ranges is None:
            values = [checks.values_of(*self._domain(domain)) for domain in "ab"]
            dtypes = self.train_a.dtype, self.train_b.dtype
            self._set("ranges", checks.usual_ranges(self.names, dtypes, values))
        self._set("ranges", checks.check_ranges(self.ranges))
        self._set("paired", checks.checked_paired(self))
        if self.slices is not None:
            self.slices.check({name: getattr(self, name) for name in _KEYS})
        if not self.hash:
            self._set("hash", _digest(self))

    def _set(self, name, value):
        object.__setattr__(self, name, value)

    def _domain(self, domain):
        return getattr(self, f"train_{domain}"), getattr(self, f"test_{domain}")

    @property
    def image_shape_a(self) -> tuple[int, ...]:
        """`(height, width, channels)` of domain A."""
        return tuple(int(n) for n in self.train_a.shape[1:])

    @property
    def image_shape_b(self) -> tuple[int, ...]:
        """`(height, width, channels)` of domain B."""
        return tuple(int(n) for n in self.train_b.shape[1:])

    @functools.cached_property
    def statistics(self) -> tuple[dict, dict]:
        """`statistics.training_statistics` of A and of B."""
        images = (self.train_a, self.train_b)
        return tuple(
            statistics.training_statistics(*each) for each in zip(images, self.ranges, strict=True)
        )

    def swapped(self) -> "Dataset":
        """The same images with A and B exchanged, under the same hash."""
        other = "ab" if self.origin.get("direction") == "ba" else "ba"
        return dataclasses.replace(
            self,
            train_a=self.train_b,
            train_b=self.train_a,
            test_a=self.test_b,
            test_b=self.test_a,
            names=self.names[::-1],
            ranges=self.ranges[::-1],
            slices=self.slices and self.slices.swapped(),
            origin=self.origin and {**self.origin, "direction": other},
            values=self.values[::-1],
        )

    def __str__(self):
        """Says in a few lines what is in it."""
        words = {True: "paired", False: "unpaired"}
        lines = [
            f"{self.names[0]} and {self.names[1]}, train {words[self.paired['train']]}, "
            f"test {words[self.paired['test']]}, hash {self.hash[:12]}"
        ]
        for domain, name, value_range, known in zip(
            "ab", self.names, self.ranges, self.values, strict=True
        ):
            train, test = self._domain(domain)
            shape = "x".join(str(n) for n in train.shape[1:])
            lines.append(
                f"  {domain.upper()} {name}: {len(train)} train, {len(test)} test, {shape} "
                f"{train.dtype} in [{value_range[0]:g}, {value_range[1]:g}]"
                + (f", {len(known['classes'])} classes" if "classes" in known else "")
                + (f", no data at {known['nodata']:g}" if "nodata" in known else "")
            )
        if self.slices is not None:
            patients = self.slices.patients
            train, test = (
                len({*patients[f"{split}_a"], *patients[f"{split}_b"]})
                for split in ("train", "test")
            )
            lines.append(f"  {self.slices.axis} slices of {train} train, {test} test patients")
        if self.skipped:
            lines.append(f"  left out: {len(self.skipped)}")
        return "\n".join(lines)

    __repr__ = __str__


def save(path: types.Path, dataset: Dataset) -> None:
    """Writes a data set to one compressed file, whole or not at all.

    Images that are decoded on access are all decoded, and all at once in memory.

    Args:
        path: The .npz file. A data set that is there already is replaced.
        dataset: `Dataset`.

    Raises:
        InputError: If `path` is a folder or some other file.
    """
    check_target(path)
    arrays = {name: _in_memory(getattr(dataset, name)) for name in _KEYS}
    # Of what was decoded just now, the hash is that of its values.
    dataset = dataclasses.replace(dataset, **arrays, hash="")
    metadata = {
        "format": FORMAT,
        "names": dataset.names,
        "ranges": dataset.ranges,
        "paired": dataset.paired,
        "sources": list(dataset.sources),
        "skipped": list(dataset.skipped),
        "hash": dataset.hash,
    }
    if any(dataset.values):
        metadata["values"] = dataset.values
    stored = {_KEYS[name]: array for name, array in arrays.items()}
    if dataset.slices is not None:
        metadata["slices"] = dataset.slices.to_json()
        stored |= {_MASKS[name]: masks for name, masks in (dataset.slices.masks or {}).items()}
    # Through an open file, since NumPy appends ".npz" to names without it.
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, metadata=np.array(json.dumps(metadata)), **stored)


def check_target(path):
    """Raises InputError if `path` is something that `save` will not replace.

    Args:
        path: The file to be written; it need not exist.

    Raises:
        InputError: If it is a folder, or a file that is no .npz.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder: name the .npz file to write.")
    if path.exists() and not _holds_arrays(path):
        raise InputError(f"{path} exists and is no data set, so it stays: give another name.")


def _holds_arrays(path):
    """Whether a file is a data set, and not some other kind of zip archive."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return not {"trainA.npy", "arr_0.npy"}.isdisjoint(archive.namelist())


def is_prepared(path):
    """Whether a file is one that `save` wrote."""
    if not Path(path).is_file() or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return "metadata.npy" in archive.namelist()


def load(path: types.Path, ranges: types.Ranges | None = None) -> Dataset:
    """Reads a data set and checks it: format, shapes, types, values and hash.

    Args:
        path: A file that `save` wrote, or an .npz with arrays `trainA`, `trainB` (and `testA`,
            `testB`), or with two unnamed arrays as `np.savez(path, a, b)` writes it. Of such a
            file, numbers of other types than a `Dataset` holds, such as int16, become float32.
        ranges: Of such a file, `(low, high)`, or two such pairs, of A and of B: the values that
            stand for black and white, to which values outside are set. By default as `Dataset`
            says. A file that `save` wrote has its own.

    Returns:
        `Dataset` with NumPy arrays.

    Raises:
        InputError: If the file is missing, damaged, altered, or none of these.
    """
    stored = _read(path)
    metadata = _metadata(path, stored)
    if not metadata:
        return _foreign(path, stored, checks.both_ranges(ranges))
    if ranges is not None:
        raise InputError(
            f"{path} was prepared and cannot be read with ranges, since it has its own: leave "
            "them out."
        )
    if missing := [key for key in _KEYS.values() if key not in stored]:
        raise InputError(f"{path} lacks the array {missing[0]}: prepare it again.")
    arrays = {name: stored[key] for name, key in _KEYS.items()}
    written_hash = metadata.pop("hash", None)
    if slices := metadata.pop("slices", None):
        masks = {name: stored[key] for name, key in _MASKS.items() if key in stored}
        metadata["slices"] = {**slices, "masks": masks or None}
    dataset = _dataset(path, arrays, origin={"data": str(path)}, **metadata)
    if written_hash not in (None, dataset.hash):
        raise InputError(
            f"{path} was altered after it was written (hash {dataset.hash[:12]}, expected "
            f"{str(written_hash)[:12]}): prepare it again."
        )
    return dataset


def _foreign(path, stored, clips):
    """The data set in a file of another maker."""
    unnamed = sorted(key for key in stored if key.startswith("arr_"))
    named = [key for key in _KEYS.values() if key in stored]
    if len(unnamed) > 2 and not {"trainA", "trainB"} <= set(named):
        raise InputError(
            f"{path} holds {len(unnamed)} arrays without names, whose order is not known: name "
            "them as np.savez(path, trainA=..., trainB=..., testA=..., testB=...) does."
        )
    if unnamed == ["arr_0", "arr_1"] and not {"trainA", "trainB"} & set(named):
        stored |= {"trainA": stored.pop("arr_0"), "trainB": stored.pop("arr_1")}
    if missing := [key for key in ("trainA", "trainB") if key not in stored]:
        raise InputError(
            f"{path} lacks the array {missing[0]} and holds {', '.join(sorted(stored)) or 'none'}: "
            "make it with `cyclegan-tf prepare` or with arrays trainA and trainB."
        )
    if others := sorted(stored.keys() - _KEYS.values()):
        warn(
            f"{path} holds {', '.join(others)}, too, which no name says how to use: test images "
            "are in testA and testB."
        )
    arrays = {}
    for name, key in _KEYS.items():
        # An array of no images is as good as none, whatever its shape.
        if key in stored and (stored[key].size or key.startswith("train")):
            clip = clips["ab".index(name[-1])]
            checks.check_channels_last(f"{path} cannot be used: {key}", stored[key])
            array = _known(stored[key])
            arrays[name] = array if clip is None else np.clip(array, *clip).astype(array.dtype)
    ranges = None if None in clips else clips
    origin = {"data": str(path)} | ({"ranges": ranges} if ranges else {})
    return _dataset(path, arrays, ranges=ranges, origin=origin)


def _dataset(path, arrays, slices=None, **metadata):
    """`Dataset` of what a file holds; what cannot be is said with the file's own words."""
    try:
        return Dataset(**arrays, slices=slices and Slices(**slices), **metadata)
    except (InputError, TypeError) as error:  # TypeError: of metadata without a part
        sentence = str(error)
        for name, key in _KEYS.items():
            sentence = sentence.replace(name, key)
        raise InputError(f"{path} cannot be used: {sentence}") from error


def _read(path):
    """All arrays of an .npz by key, in native byte order."""
    path = Path(path)
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(f"The data set {path} {problem}: give an .npz file.")
    try:
        with path.open("rb") as opened:
            if not zipfile.is_zipfile(opened):
                raise InputError(f"{path} is no .npz file, or was cut short: prepare it again.")
        with np.load(path, allow_pickle=False) as file:
            return {key: _native(file[key]) for key in file.files}
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{path} does not fit into memory: prepare fewer images.") from error
    except (OSError, ValueError, AttributeError, EOFError, NotImplementedError) as error:
        raise InputError(f"{path} cannot be read: {str(error).splitlines()[0]}.") from error
    except (zipfile.BadZipFile, zlib.error, KeyError, SyntaxError) as error:
        raise InputError(f"{path} is damaged ({error}): prepare it again.") from error


def _native(array):
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _known(array):
    """The array, as float32 in its own values where a data set has no such type of numbers."""
    other = array.dtype.kind in "biuf" and str(array.dtype) not in checks.DTYPES
    return array.astype(np.float32) if other else array


def _metadata(path, stored):
    """Takes the metadata out of what was read: the arguments of `Dataset`; empty if none."""
    if "metadata" not in stored:
        return {}
    fields = ("names", "ranges", "paired", "sources", "skipped", "hash")
    try:
        metadata = json.loads(str(stored.pop("metadata")))
        version = metadata["format"]
        known = {name: metadata[name] for name in fields if version == FORMAT}
        if "slices" in metadata:
            known["slices"] = metadata["slices"]
        known["values"] = tuple(metadata.get("values", ({}, {})))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} has metadata that cannot be read: prepare it again.") from error
    if version != FORMAT:
        raise InputError(
            f"{path} has format {version!r} and this version reads format {FORMAT}: update "
            "cyclegan_tf, or prepare it again."
        )
    return known


def _digest(dataset):
    digest = hashlib.sha256()
    for name in _KEYS:
        array = np.ascontiguousarray(_in_memory(getattr(dataset, name)))
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(array.data if array.size else b"")
    described = [dataset.names, dataset.ranges, sorted(dataset.paired.items())]
    described += [dataset.values] if any(dataset.values) else []
    if dataset.slices is not None:
        described.append(dataset.slices.to_json())
        for masks in (dataset.slices.masks or {}).values():
            digest.update(np.ascontiguousarray(masks).data)
    digest.update(json.dumps(described).encode())
    return digest.hexdigest()


def _in_memory(images):
    return images if isinstance(images, np.ndarray) else images[np.arange(len(images))]
