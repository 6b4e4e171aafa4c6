"""Listing of folders: their files in natural order, links followed, what is left out named."""

import collections
import os
import re
from pathlib import Path

from PIL import Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.telling import warn
from cyclegan_tf.data.io import formats

#: What systems put beside files, in lower case; names with a dot in front are hidden, too.
_OF_SYSTEMS = ("@eadir", "__macosx", "thumbs.db", "desktop.ini")
#: Raw photos, other images and films: what people may take for images that can be read.
_LIKE_IMAGES = (
    ".3fr .arw .cr2 .cr3 .crw .dng .nef .nrw .orf .pef .raf .raw .rw2 .srw .x3f "
    ".ai .exr .hdr .heic .heif .hif .j2k .jp2 .jxl .jxr .kra .svg .xcf "
    ".avi .m4v .mkv .mov .mp4 .webm .wmv"
)
_VOLUMES = (".dcm", ".dicom", ".ima", ".mha", ".mhd", ".nii", ".nii.gz", ".nrrd")
_NAMED = 5


def images(folder, also=()):
    """Lists the images of a folder and its subfolders; what may pass for one is named.

    Args:
        folder: The folder.
        also: Suffixes of other files that are listed as well.

    Returns:
        List of paths in natural order (9.png before 10.png), as from `files`.

    Raises:
        InputError: If there is no such folder or no image in it.
    """
    found, others = divided(folder, also)
    warn(left_out(others))
    return found


def divided(folder, also=()):
    """Like `images`, without a warning: the images, and the files that are none."""
    found, others = [], []
    for path in files(folder, "images"):
        wanted = path.suffix.lower() in (*formats.READABLE, *also)
        (found if wanted else others).append(path)
    if found:
        return found, others
    if volumes := [path for path in others if _is_volume(path)]:
        raise InputError(
            f"The folder {folder} holds volumes ({_counted(volumes)}) and no image: cut them into "
            "slices with `cyclegan-tf prepare DATA.npz --volumes A B`."
        )
    there = f", but {_counted(others)}" if others else ""
    raise InputError(
        f"The folder {folder} holds no image ({', '.join(formats.READABLE)}){there}: give "
        "another folder, or convert them."
    )


def left_out(others):
    """A sentence that counts, by suffix, the files that somebody may take for images; or ""."""
    kinds = {*_LIKE_IMAGES.split(), *Image.registered_extensions(), *_VOLUMES}
    alike = [path for path in others if _suffix(path) in kinds]
    if not alike:
        return ""
    return f"Files that cannot be read here were left out: {_counted(alike)}."


def files(folder, kind):
    """Lists the files of a folder and its subfolders in natural order.

    Links to folders are followed, and every folder counts once, however many lead to it. Hidden
    files and those that systems put there are left out.

    Args:
        folder: The folder.
        kind: What it is to hold, for a message.

    Returns:
        List of paths that begin with `folder`.

    Raises:
        InputError: If there is no such folder, or it may not be read.
    """
    check_folder(folder, kind)
    return sorted(_walk(Path(folder)), key=lambda path: _natural(path.relative_to(folder)))


def check_folder(folder, kind):
    """Raises InputError unless there is such a folder, which is to hold what `kind` says."""
    folder = Path(folder)
    if not folder.is_dir():
        problem = "is a file, not a folder" if folder.exists() else "does not exist"
        raise InputError(f"The folder {folder} {problem}: give a folder of {kind}.")


def subfolders(folder):
    """The folders in a folder by name, without hidden ones."""
    found = _entries(folder)
    return {entry.name: Path(entry.path) for entry in found if _is_folder(entry)}


def has_images(folder, inside=True):
    """Whether a folder, or with `inside` one within it, holds an image."""
    if inside:
        return any(path.suffix.lower() in formats.READABLE for path in _walk(folder))
    names = [entry.name.lower() for entry in _entries(folder) if not _is_folder(entry)]
    return any(name.endswith(formats.READABLE) for name in names)


def stems(paths, folder):
    """Files by their path in the folder without suffix, as a dictionary.

    Raises:
        InputError: If two have one name.
    """
    named = {}
    for path in paths:
        stem = path.relative_to(folder).with_suffix("").as_posix()
        if stem in named:
            raise InputError(
                f"{named[stem]} and {path} have one name, and images of pairs are found by it: "
                "take one out."
            )
        named[stem] = path
    return named


def _walk(folder):
    """The files below a folder; links come last, so that a file goes by its own path."""
    seen, waiting, linked = set(), [folder], []
    while waiting or linked:
        current = waiting.pop() if waiting else linked.pop(0)
        real = os.path.realpath(current)
        if real in seen:
            continue
        seen.add(real)
        for entry in _entries(current):
            path = current / entry.name
            if _is_folder(entry):
                (linked if entry.is_symlink() else waiting).append(path)
            elif _is_file(entry):
                yield path


def _entries(folder):
    """What is in a folder, in a fixed order, without what is hidden."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(
            f"The folder {folder} cannot be read ({os.strerror(error.errno)}): change that, or "
            "take it out."
        ) from error
    return [e for e in found if e.name[0] != "." and e.name.lower() not in _OF_SYSTEMS]


def _is_folder(entry):
    return Path(entry.path).is_dir() if entry.is_symlink() else entry.is_dir()


def _is_file(entry):
    """Whether something can be read as a file; or is a link that leads nowhere, to be named."""
    if entry.is_symlink():
        return Path(entry.path).is_file() or not Path(entry.path).exists()
    return entry.is_file()


def _suffix(path):
    return ".nii.gz" if path.name.lower().endswith(".nii.gz") else path.suffix.lower()


def _is_volume(path):
    """By its suffix, or by what DICOM writes behind its first 128 bytes."""
    if _suffix(path) in _VOLUMES:
        return True
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _counted(paths):
    """Files by suffix, the most first: 3 .psd, 1 .txt."""
    counts = collections.Counter(_suffix(path) or "without a suffix" for path in paths)
    return ", ".join(f"{count} {suffix}" for suffix, count in counts.most_common(_NAMED))


def _natural(name):
    parts = re.split(r"(\d+)", name.as_posix().lower())
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name.as_posix()
