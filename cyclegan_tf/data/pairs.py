"""Pairs: A and B by name from folders, side by side in one image, or in the order of two arrays."""

import functools
from collections.abc import Sequence
from typing import Literal

from cyclegan_tf.common import types
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.wording import counted
from cyclegan_tf.data import assembly, checks, npz
from cyclegan_tf.data.io import formats, layouts, listing
from cyclegan_tf.data.io.folder import (
    decode_all,
    frames_of,
    listed,
    looks_like_two,
    read_fitted,
    read_halves,
    said_of_frames,
    split_files,
)

#: How the images of pairs may lie.
LAYOUTS = ("folders", "side-by-side")
# So many images decide whether they look like two side by side.
_LOOKED_AT = 20


def from_pairs(
    folder: types.Path,
    folder_b: types.Path | None = None,
    *,
    layout: Literal["side-by-side", "folders"] | None = None,
    direction: Literal["ab", "ba"] | None = None,
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
) -> npz.Dataset:
    """Makes a paired data set, of folders of A and of B or of images that show both side by side.

    In folders, images belong together that have one path in their folder, whatever their suffix;
    what has no partner is left out and named in one warning. Images side by side are split down
    their middle. Training and test images are paired.

    Args:
        folder: Folder of domain A; or, without `folder_b`, one that holds the folders of both, as
            in `prepare.from_folders`, or images that are A and B side by side, directly or in
            `train` and `test` (or `val`).
        folder_b: Folder of domain B.
        layout: "folders" or "side-by-side"; by default what is there, if there is no doubt:
            folders by their names, images side by side by being at least 1.6 times as wide as high.
        direction: Of images side by side, "ab" if A is the left half, which is the default, "ba" if
            it is the right one.
        size: `(height, width)` in pixels, of one half, or one number for both.
        channels: As in `prepare.from_folders`.
        how: As in `prepare.from_folders`.
        ranges: As in `prepare.from_folders`.
        nodata: As in `prepare.from_folders`.
        labels: As in `prepare.from_folders`.
        test_fraction: As in `prepare.from_folders`.
        names: Two names for the domains; by default those of two folders, or "A" and "B".
        strict: As in `prepare.from_folders`.
        limit: Takes only the first so many pairs of each split.
        seed: As in `prepare.from_folders`.
        progress: Whether to show a progress bar.

    Returns:
        `npz.Dataset`, whose `notes` say how pairs were found.

    Raises:
        InputError: If an argument or a folder cannot be used, a layout could be another one, or no
            pair is readable.
    """
    if direction not in (None, "ab", "ba"):
        raise InputError(f'direction must be "ab" or "ba", received {direction!r}.')
    shapes = assembly.image_shapes(size, channels, how)
    names, clips = assembly.domain_names(names, folder, folder_b), checks.both_ranges(ranges)
    found = _recognized(folder, folder_b, layout)
    places = assembly.places(shapes, how, clips, nodata, labels)
    if len(found.train) == 1:
        halves = places[:: -1 if direction == "ba" else 1]
        decode = functools.partial(read_halves, places=halves, wide=layout is None)
        (train,), (test,) = listed(found)
        alone, way = [], -1 if direction == "ba" else 1
    else:
        if direction is not None:
            raise InputError(
                f"direction belongs to images side by side, received {direction!r} for folders: "
                "leave it out."
            )
        decode, way = functools.partial(_read_pair, places=places), 1
        train, test, alone = _partners(found)
    assembly.warn_skipped(alone, "images without a partner")
    split = split_files(train, test, test_fraction, limit, [seed])
    *parts, skipped = decode_all(*split, decode, "pairs", strict, progress)
    assembly.warn_skipped(skipped)
    notes = [
        _said(found, split, test is None, way),
        *said_of_frames("both", [*parts[0], *parts[1]]),
    ]
    pairs = [[pair[::way] for pair in frames_of(part, limit)] for part in parts]
    domains = [
        assembly.stack(
            *([pair[i][0] for pair in part] for part in pairs), place.shape, name, place.value_range
        )
        for i, (place, name) in enumerate(zip(places, names, strict=True))
    ]
    return assembly.dataset(
        domains,
        [[pair[i][1] for part in pairs for pair in part] for i in (0, 1)],
        places,
        names,
        test_fraction,
        paired={"train": True, "test": True},
        sources=[str(each) for each in (folder, folder_b) if each is not None],
        skipped=alone + skipped,
        notes=notes,
    )


def from_npz(
    path, *, direction="ab", names=None, ranges=None, test_fraction=0.1, limit=None, seed=0
):
    """Makes a paired data set of the arrays in an `.npz`: image i of A belongs to image i of B.

    Args:
        path: An `.npz` as for `npz.load`, but none that was prepared.
        direction: "ba" exchanges A and B.
        names: Two names for the domains, "A" and "B" by default.
        ranges: As in `npz.load`.
        test_fraction: Share of the pairs that is held back, where the file has no test images.
        limit: Takes only the first so many pairs of each split.
        seed: Non-negative integer that fixes which pairs are held back.

    Returns:
        `npz.Dataset`.

    Raises:
        InputError: If the file cannot be used, or has more images of one domain.
    """
    if npz.is_prepared(path):
        raise InputError(f"{path} was prepared already: train with it, or name its sources.")
    found = npz.load(path, ranges)
    for split in ("train", "test"):
        a, b = len(getattr(found, f"{split}_a")), len(getattr(found, f"{split}_b"))
        if a != b:
            raise InputError(
                f"{path} holds {a} images of A and {b} of B for {split}ing: pairs need as many of "
                "each, in one order."
            )
    count, tests = len(found.train_a), len(found.test_a)
    train, test = split_files(
        list(range(count)), list(range(tests)) or None, test_fraction, limit, [seed]
    )
    domains = [
        (images[train], of_test[test] if tests else images[test])
        for images, of_test in ((found.train_a, found.test_a), (found.train_b, found.test_b))
    ]
    (train_a, test_a), (train_b, test_b) = domains[:: -1 if direction == "ba" else 1]
    return npz.Dataset(
        *(train_a, train_b, test_a, test_b),
        names=assembly.domain_names(names),
        ranges=found.ranges[:: -1 if direction == "ba" else 1],
        paired={"train": True, "test": True},
        sources=[str(path)],
        notes=[f"{counted(len(train) + len(test), 'pair')} in the order of the arrays"],
    )


def _recognized(folder, folder_b, layout):
    """The `layouts.Layout` of pairs: folders of both domains, or one of images side by side."""
    if layout not in (None, *LAYOUTS):
        raise InputError(f"layout must be {' or '.join(LAYOUTS)}, received {layout!r}.")
    if folder_b is not None:
        if layout == "side-by-side":
            raise InputError(
                f"layout='side-by-side' needs one folder, received {folder} and {folder_b}: leave "
                "out one of them, or the layout."
            )
        return layouts.of_two(folder, folder_b)
    listing.check_folder(folder, "images")
    found = None if layout == "side-by-side" else layouts.of_one(folder)
    if found is None and layout == "folders":
        raise InputError(
            f"The folder {folder} must hold the folders A and B, or trainA and trainB, or train/A "
            "and train/B: rename its folders, or give two, A's first."
        )
    if found and found.loose and layout is None:
        raise InputError(
            f"{folder} holds folders of A and B and images beside them in {found.loose[0]}: which "
            "are meant? Say layout='folders' or layout='side-by-side'."
        )
    if found:
        return found
    found = layouts.side_by_side(folder)
    if layout is None:
        _check_wide(found.train[0])
    return found


def _check_wide(folder):
    """Raises InputError unless most images in a folder look like two side by side."""
    paths, inside = listing.divided(folder)[0], listing.subfolders(folder)
    if len(inside) == 2 and not listing.has_images(folder, inside=False):
        a, b = (
            {p.relative_to(f).with_suffix("") for p in paths if f in p.parents}
            for f in inside.values()
        )
        if a & b:
            raise InputError(
                f"{folder} holds images of the same names in {' and '.join(inside)}: are those A "
                "and B? Give these two folders, A's first, or say layout='side-by-side'."
            )
    sizes = []
    for path in paths[:: max(1, len(paths) // _LOOKED_AT)]:
        try:
            with formats.opened(path) as frames:
                sizes.append(frames.size)
        except InputError:  # it will be named where it is read
            continue
    narrow = [size for size in sizes if not looks_like_two(*size[::-1])]
    if sizes and 2 * len(narrow) >= len(sizes):
        width, height = narrow[0]
        raise InputError(
            f"The images in {folder} are not as wide as two side by side (such as {height}x{width} "
            "pixels): say layout='side-by-side' if they are, or layout='folders' with folders A "
            "and B in it."
        )


def _partners(layout):
    """Pairs of paths for training and for testing, and a sentence about each that has none."""
    trains, tests = listed(layout)
    if None in tests and tests != [None, None]:
        given, lacking = "AB"[tests[0] is None], "AB"[tests[0] is not None]
        raise InputError(
            f"There are test images of {given} and none of {lacking}: give both, or neither."
        )
    pairs, alone = [], []
    for folders, lists in ((layout.train, trains), (layout.test, tests)):
        if None in lists:
            pairs.append(None)
            continue
        a, b = (listing.stems(*each) for each in zip(lists, folders, strict=True))
        if not a.keys() & b.keys():
            raise InputError(
                f"No image in {folders[0]} has a partner of its name in {folders[1]} ("
                f"{lists[0][0].name} ..., {lists[1][0].name} ...): give partners one name."
            )
        pairs.append([(path, b[stem]) for stem, path in a.items() if stem in b])
        for mine, others, other in ((a, b, folders[1]), (b, a, folders[0])):
            alone += [f"{p} has no partner in {other}." for s, p in mine.items() if s not in others]
    return *pairs, alone


def _read_pair(paths, places):
    """The frames of two files, each pair as from `read_fitted`."""
    both = [read_fitted(path, place) for path, place in zip(paths, places, strict=True)]
    if len(both[0]) != len(both[1]):
        raise InputError(
            f"{paths[0]} holds {len(both[0])} frames and {paths[1]} {len(both[1])}: pairs need as "
            "many in both."
        )
    return list(zip(*both, strict=True))


def _said(layout, split, held_back, way):
    """How many pairs there are, and where they come from."""
    train, test = (
        " and ".join(layout.said(f) for f in part if f) for part in (layout.train, layout.test)
    )
    counts = len(split[0]) + len(split[1]) * held_back, len(split[1])
    tests = "" if held_back else f" (for testing {counts[1]} of {test})"
    if len(layout.train) == 2:
        return f"{counted(counts[0], 'pair')} by name from {train}{tests}"
    sides = "{} left, {} right".format(*"AB"[::way])
    return f"{counted(counts[0], 'image')} of {train}{tests}, each cut down its middle: {sides}"
