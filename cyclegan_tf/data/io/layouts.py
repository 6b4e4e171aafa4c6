"""Layouts of folders: where in them the images of A and B lie, for training and for testing."""

import dataclasses
import functools
import itertools
import os
import re
from pathlib import Path

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io import listing

#: How the folders of one data set are called, in upper or lower case.
PATTERNS = ("{split}/{domain}", "{split}{domain}", "{split}_{domain}", "{domain}")
_SPLITS = ("train", "test", "val")


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where images lie.

    Attributes:
        root: The folder that `said` leaves out of names; None where there are several.
        train: Folders of training images, of A and of B, or one of both.
        test: The same for testing; None where there are none, and some are held back instead.
        left_out: Folders of images beside them that are not used.
        loose: Folders that hold images beside the folders in them, which are not used.
    """

    root: Path | None
    train: tuple[Path, ...]
    test: tuple[Path | None, ...]
    left_out: tuple[Path, ...] = ()
    loose: tuple[Path, ...] = ()

    def said(self, folder):
        """A folder as a message calls it."""
        inside = self.root is not None and folder != self.root
        return f"{folder.relative_to(self.root) if inside else folder}/"

    def __str__(self):
        """Which folder holds what, in half a sentence."""
        parts = [
            " and ".join(f"{d} from {self.said(f)}" for d, f in zip("AB", self.train, strict=False))
        ]
        if given := [self.said(folder) for folder in self.test if folder]:
            parts.append(f"for testing {' and '.join(given)}")
        return ", ".join(parts)

    @property
    def remark(self):
        """A sentence about what is left out; "" if nothing is."""
        unused = [self.said(folder) for folder in self.left_out]
        unused += [f"the images in {folder} itself" for folder in self.loose]
        return f"Not used of what is there: {', '.join(unused)}." if unused else ""


def of_two(a, b):
    """The layout of two folders, of A and of B, each divided into `train`, `test`, `val` or not.

    Args:
        a: Folder of A.
        b: Folder of B.

    Raises:
        InputError: If one holds images both in such folders and beside them.
    """
    folders = Path(a), Path(b)
    domains = [_divided(folder) for folder in folders]
    undivided = [domain["train"] for domain in domains]
    return _layout(None, domains, [folder for folder in folders if folder not in undivided])


def of_one(folder):
    """The layout of one folder that holds those of A and B.

    Args:
        folder: The folder.

    Returns:
        `Layout`; None where no folders of A and B are in it.

    Raises:
        InputError: If there are several that could be meant.
    """
    folder, found = Path(folder), {}
    known = functools.cache(listing.subfolders)
    for pattern in PATTERNS:
        domains = [
            {
                split: _inside(folder, pattern.format(split=split, domain=d), known)
                for split in _SPLITS
            }
            for d in "AB"
        ]
        if all(domain["train"] for domain in domains):
            if pattern == "{domain}":
                domains = [_divided(domain["train"]) for domain in domains]
            found[pattern] = domains
    if len(found) > 1:
        named = " and ".join(
            ", ".join(str(domain["train"].relative_to(folder)) + "/" for domain in domains)
            for domains in found.values()
        )
        raise InputError(
            f"{folder} holds images in two layouts, {named}: which are meant? Give the folders of "
            "A and of B, or take the others out."
        )
    return _layout(folder, *found.values(), [folder]) if found else None


def side_by_side(folder):
    """The layout of images that are A and B side by side: `train`, `test`, `val`, or none."""
    return _layout(Path(folder), [_divided(Path(folder))], [Path(folder)])


def check_apart(lists):
    """Raises InputError if images of one folder were found in two of the lists of paths."""
    parents = [{os.path.realpath(p) for p in {path.parent for path in each}} for each in lists]
    for one, other in itertools.combinations(parents, 2):
        if both := one & other:
            raise InputError(
                f"The images in {min(both)} would be taken twice, as two domains or for training "
                "and for testing: give folders of which none is in another."
            )


def said_name(folder):
    """What the name of a folder says of its images; None if that is no more than A or B."""
    path = Path(folder).absolute()
    if path.name.lower() in _SPLITS:
        path = path.parent
    alone = re.fullmatch(rf"({'|'.join(_SPLITS)})_?[ab]", path.name.lower())
    return None if alone else path.name


def _layout(root, domains, tops):
    """A layout from the folders of each domain, by split; `tops` are those that hold them."""
    tests = tuple(domain["test"] or domain["val"] for domain in domains)
    trains = tuple(domain["train"] for domain in domains)
    used = [*trains, *filter(None, tests)]
    above = {parent for folder in used for parent in folder.parents}
    tops = sorted(p for p in above if any(p == top or top in p.parents for top in tops))
    beside = [each for top in tops for each in listing.subfolders(top).values()]
    left_out = [f for f in beside if f not in {*used, *above} and listing.has_images(f)]
    loose = [top for top in tops if listing.has_images(top, inside=False)]
    return Layout(root, trains, tests, tuple(left_out), tuple(loose))


def _divided(folder):
    """The folders of training and of test images in one; itself where it is not divided."""
    splits = dict.fromkeys(_SPLITS)
    if folder.is_dir():
        splits = {split: _inside(folder, split) for split in _SPLITS}
    if splits["train"] is None or not (splits["test"] or splits["val"]):
        return dict.fromkeys(_SPLITS) | {"train": folder}
    if listing.has_images(folder, inside=False):
        raise InputError(
            f"{folder} holds images and the folder {splits['train'].name}, too: which are meant? "
            "Give that folder alone, or take the images out."
        )
    return splits


def _inside(folder, name, subfolders=listing.subfolders):
    """A folder in another, by a name in upper or lower case; None if there is none."""
    for part in name.lower().split("/"):
        alike = {n: path for n, path in subfolders(folder).items() if n.lower() == part}
        if len(alike) > 1:
            raise InputError(
                f"{folder} holds the folders {' and '.join(alike)}: which is meant? Rename one."
            )
        if not alike:
            return None
        folder = next(iter(alike.values()))
    return folder
