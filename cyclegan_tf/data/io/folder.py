"""Image folders: their files divided, decoded in parallel or on access, frame by frame."""

import dataclasses
from multiprocessing.pool import ThreadPool
from pathlib import Path

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.progress import tqdm
from cyclegan_tf.common.telling import warn
from cyclegan_tf.data.assembly import Place, check_division, hold_out, require_training
from cyclegan_tf.data.io import formats, image_file, layouts, listing
from cyclegan_tf.data.io.pixels import has_alpha
from cyclegan_tf.data.observed import Observed, Values, classes_of, name_of

# Of files that are decoded on access, so many of each domain are looked at in full.
_LOOKED_AT = 16
# Decoding finds errors in these alone; of the others a look at their headers is enough.
_DECODED = ("TIFF", "NumPy")


@dataclasses.dataclass(frozen=True, eq=False)
class FolderImages:
    """Images that look like an array `(n, height, width, channels)`, decoded on access.

    Attributes:
        paths: The file of each.
        frames: Which of the file's frames each is, from 0.
        place: The `assembly.Place` that each image is brought to.
        dtype: uint8, uint16 (8-bit images are widened), or float32.
        low: What pixels without data become.
    """

    paths: tuple[Path, ...]
    frames: tuple[int, ...]
    place: Place
    dtype: np.dtype
    low: float = 0.0

    @classmethod
    def of(cls, images, place, dtype):
        """Those of a list as from `check`."""
        seen = [image for _, image in images]
        return cls(tuple(s.path for s in seen), tuple(s.frame or 0 for s in seen), place, dtype)

    def filled(self, low):
        """The same, with another value for pixels without data."""
        return dataclasses.replace(self, low=low)

    @property
    def shape(self):
        """`(n, height, width, channels)`."""
        return (len(self.paths), *self.place.shape)

    def listed(self):
        """What tells files apart, for JSON: name and size in bytes of each, and its frame."""
        return [
            [path.name, path.stat().st_size] + [frame] * (frame > 0)
            for path, frame in zip(self.paths, self.frames, strict=True)
        ]

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, indices):
        """Decodes the images that an integer array or a slice names."""
        chosen = np.arange(len(self.paths))[indices]
        decoded = np.empty((*chosen.shape, *self.place.shape), self.dtype)
        for place, index in np.ndenumerate(chosen):
            path = self.paths[index]
            with formats.opened(path) as frames:
                image = self.place.read(frames, self.frames[index], path)
            image = image_file.to_dtype(self.place.fit(image, path), self.dtype)
            decoded[place] = np.nan_to_num(image, nan=self.low)
        return decoded


def listed(layout):
    """Lists the images of a layout, and warns of what is left out.

    Args:
        layout: `layouts.Layout`.

    Returns:
        Lists of paths: of training images, one for each domain, and of test images; None where
        there is no folder of these.

    Raises:
        InputError: If a folder holds no image, or those of another.
    """
    found, others = [], []
    for folder in (*layout.train, *layout.test):
        images, more = listing.divided(folder) if folder else (None, [])
        found.append(images)
        others += more
    layouts.check_apart([images for images in found if images])
    warn(listing.left_out(others))
    warn(layout.remark)
    return found[: len(layout.train)], found[len(layout.train) :]


def split_files(train, test, test_fraction, limit, key):
    """Divides what was found for training, where nothing was found for testing.

    Args:
        train: List of files, or of pairs of them.
        test: The same; if None, a part of `train` is held back instead.
        test_fraction: How large that part is, as in `assembly.hold_out`.
        limit: Takes only the first so many of each list; None takes all.
        key: Non-negative integers that fix what is held back, the seed first.

    Returns:
        Two lists.

    Raises:
        InputError: If an argument cannot be used.
    """
    check_division(test_fraction, limit, key[0])
    if test is None:
        return hold_out(train[:limit], test_fraction, key)
    return train[:limit], test[:limit]


def read_fitted(path, place):
    """Reads all frames of a file and brings each to its `assembly.Place`.

    Returns:
        List of pairs: an array, and its `Observed`.
    """
    with formats.opened(path) as frames:
        return [_fitted(image, place, path, frame) for frame, image in _each(frames, path, place)]


def check(path, place, closely=False):
    """Checks an image file, the faster the less there is to doubt.

    Args:
        path: As for `image_file.read`.
        place: The `assembly.Place` that it will be brought to.
        closely: Whether to look at the values, too.

    Returns:
        List as from `read_fitted`, with None for each array.

    Raises:
        InputError: If it cannot be read, or cannot have as many channels.
    """
    doubtful = place.shape[2] not in (1, 3, 4) or place.labels or place.nodata is not None
    with formats.opened(path) as frames:
        if closely or doubtful or frames.kind in _DECODED:
            return [
                (None, _fitted(image, place, path, frame)[1])
                for frame, image in _each(frames, path, place)
            ]
        dtypes, size = frames.check(), frames.size[::-1]
        return [
            (None, Observed(path, i if len(dtypes) > 1 else None, size, None, dtype, None))
            for i, dtype in enumerate(dtypes)
        ]


def checks(paths, place):
    """`check` as a function of a path, which looks closely at the first of them."""
    first = set(paths[:_LOOKED_AT])
    return lambda path: check(path, place, closely=path in first)


def read_halves(path, places, wide=False):
    """Reads images of two side by side, and brings each half to its place.

    Args:
        path: As for `image_file.read`.
        places: The `assembly.Place` of the left and of the right half.
        wide: Whether an image that does not look like two is an error.

    Returns:
        List of left and right, each as from `read_fitted`, one for each frame.

    Raises:
        InputError: If the file cannot be read, or a width is odd.
    """
    pairs, both = [], all(place.labels for place in places)
    whole = dataclasses.replace(places[0], labels=both)
    with formats.opened(path) as frames:
        for frame, image in _each(frames, path, whole):
            (height, width), name = image.shape[:2], name_of(path, frame)
            if wide and not looks_like_two(height, width):
                raise InputError(f"{name} has {height}x{width} pixels: not two side by side.")
            if width % 2:
                raise InputError(f"{name} is {width} pixels wide: two halves need an even number.")
            halves = image[:, : width // 2], image[:, width // 2 :]
            pairs.append([_fitted(*each, path, frame) for each in zip(halves, places, strict=True)])
    return pairs


def looks_like_two(height, width):
    """Whether an image is as wide as two side by side; photos of 3:2 are not."""
    return width >= 1.6 * height


def decode_all(train, test, decode, label, strict, progress):
    """Applies a function to all files, several at once.

    Args:
        train: Files of training images, or pairs of such.
        test: The same of test images.
        decode: Function of one; its InputError leaves it out.
        label: What the progress bar says.
        strict: Whether such an error is raised instead.
        progress: Whether to show the bar.

    Returns:
        Three lists: what came of `train`, what came of `test`, and a sentence about each file left
        out.

    Raises:
        InputError: If no training image is left, or, with `strict`, of the first bad file.
    """

    def attempt(source):
        try:
            return decode(source)
        except InputError as error:
            return error

    sources, results = [*train, *test], []
    # Decoders release the interpreter's lock, so that threads do run side by side.
    with ThreadPool() as pool:
        done = pool.imap(attempt, sources)
        bar = tqdm(done, label, len(sources), unit="image", disable=not progress)
        for result in bar:
            if strict and isinstance(result, InputError):
                raise result
            results.append(result)
    skipped = [str(result) for result in results if isinstance(result, InputError)]
    decoded = [
        [result for result in part if not isinstance(result, InputError)]
        for part in (results[: len(train)], results[len(train) :])
    ]
    first = train[0][0] if isinstance(train[0], tuple) else train[0]
    require_training(decoded[0], skipped, first.parent)
    return *decoded, skipped


def frames_of(files, limit=None):
    """The images of several files in one list, at most `limit`."""
    return [image for file in files for image in file][:limit]


def said_of_frames(domain, files):
    """A sentence, in a list, about files that hold several images; none if there are none."""
    several = [len(file) for file in files if len(file) > 1]
    if not several:
        return []
    hold = "file holds" if len(several) == 1 else "files hold"
    return [f"{len(several)} {hold} {sum(several)} frames, of which each is an image of {domain}"]


def _each(frames, path, place):
    """The images of an open file, each with its number; None where it is the only one."""
    count = len(frames)
    for index in range(count):
        frame = index if count > 1 else None
        yield frame, place.read(frames, index, name_of(path, frame))


def _fitted(image, place, path, frame):
    """One image at its place, and its `Observed`."""
    placed = place.fit(image, name_of(path, frame))
    there = Values.of(placed) if placed.dtype.kind == "f" else None
    return placed, Observed(
        *(path, frame, image.shape[:2], image.shape[2], image.dtype, Values.of(image)),
        fitted=there and (there.low, there.high),
        alpha=has_alpha(image),
        nodata=getattr(image, "nodata", None),
        classes=classes_of(placed) if place.labels else frozenset(),
    )
