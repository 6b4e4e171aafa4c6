"""Preparation of volumes: from folders to a data set of slices, split by patient."""

import functools
import json
import re
from pathlib import Path

import numpy as np

from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.wording import counted
from cyclegan_tf.data.assembly import check_division, domain_names, hold_out
from cyclegan_tf.data.io import image_file
from cyclegan_tf.volumes import intensity, slicing, volume
from cyclegan_tf.volumes.planes import AXES

PAIRED = (False, "test", True)


def from_volumes(
    a,
    b,
    *,
    axis="axial",
    size=128,
    spacing=None,
    intensities=(None, None),
    modalities=("", ""),
    neighbours=0,
    min_body=0.05,
    paired=False,
    patient=None,
    masks=None,
    test_fraction=0.1,
    names=None,
    limit=None,
    seed=0,
    progress=True,
):
    """Makes a data set of the slices of volumes: NIfTI, DICOM series, NumPy arrays.

    Patients are held back for testing, never slices: a patient whose scans are in both folders is
    in testing in both or in neither.

    Args:
        a: Folder with the volumes of domain A, such as MR.
        b: Folder with those of domain B, such as CT.
        axis: "axial", "coronal" or "sagittal".
        size: `(height, width)` of the slices in pixels, or one number for both.
        spacing: Millimetres from one pixel to the next: slices are cropped or bordered about their
            middle. By default each volume is scaled so that its slices fit.
        intensities: For A and B an intensity of `intensity`, or its words ("window:-1000,2000");
            None is what is usual for the modality.
        modalities: For A and B "CT" or "MR"; needed where files do not say it, as NIfTI: there A is
            taken for MR and B for CT.
        neighbours: How many slices on either side are channels, too (2.5-D): one number, or one for
            A and one for B.
        min_body: Share of a slice that must be body; emptier slices are left out.
        paired: Whether the two scans of a patient show the same, voxel by voxel: False, True, or
            "test": only those held back are then paired, to score an unpaired training.
        patient: Regular expression that finds a patient's name in the path of a volume below its
            folder; its first group, if it has one. By default the DICOM's patient, else BIDS's
            `sub-...`, else the subfolder, else the file's name.
        masks: Folders with label maps of A and of B, one for each patient; either may be None. A
            file `labels.json` beside them names the numbers: `{"1": "skull"}`.
        test_fraction: Share of the patients that is held back, at least 0 and below 1.
        names: Two names for the domains; by default the modalities.
        limit: Takes only the first so many volumes of each folder.
        seed: Non-negative integer that fixes who is held back.
        progress: Whether to show a bar.

    Returns:
        `npz.Dataset` with `slices`. No name of a patient or a file is in it.

    Raises:
        InputError: If an argument or a volume cannot be used.
    """
    check_division(test_fraction, limit, seed)
    cuts = _cuts(axis, size, spacing, neighbours, min_body)
    if paired not in PAIRED:
        raise InputError(f"paired must be False, 'test' or True, received {paired!r}.")
    found = [_found(folder, patient, limit) for folder in (a, b)]
    numbers = {key: i for i, key in enumerate(sorted({key for f in found for key, _ in f}))}
    held = _held_back(*({key for key, _ in f} for f in found), test_fraction, seed)
    modalities = tuple(
        _modality(scans, given, usual)
        for scans, given, usual in zip(found, modalities, ("MR", "CT"), strict=True)
    )
    rules = [_rule(rule, modality) for rule, modality in zip(intensities, modalities, strict=True)]
    labels = [_label_maps(folder, patient) for folder in masks or (None, None)]
    scans = {}
    for domain, of_domain, maps in zip("ab", found, labels, strict=True):
        for split in ("train", "test"):
            scans[f"{split}_{domain}"] = [
                slicing.Scan(numbers[key], _opener(one), maps.get(key), str(one.path))
                for key, one in of_domain
                if (key in held) == (split == "test")
            ]
    pairs = {"train": paired is True, "test": bool(paired)}
    for split, wanted in pairs.items():
        if wanted:
            scans |= _pairs(scans, split)
    word = {True: "paired", "test": "paired in testing", False: "unpaired"}[paired]
    return slicing.dataset(
        scans,
        rules,
        cuts,
        paired=pairs,
        modalities=modalities,
        names=domain_names(names) if names else _names(modalities),
        labels=_label_names(masks),
        sources=[counted(len(f), "volume") for f in found] + [word],
        progress=progress,
    )


def _cuts(axis, size, spacing, neighbours, min_body):
    if axis not in AXES:
        raise InputError(f"axis must be one of {', '.join(AXES)}, received {axis!r}.")
    if spacing is not None and not spacing > 0:
        raise InputError(f"spacing must be above 0 mm, received {spacing}.")
    if not 0 <= min_body < 1:
        raise InputError(f"min_body must be at least 0 and below 1, received {min_body}.")
    both = neighbours if isinstance(neighbours, (tuple, list)) else (neighbours, neighbours)
    for number in both:
        check_whole("neighbours", number, 0)
    size = image_file.height_width(size)
    return [slicing.Cut(axis, size, spacing, number, min_body) for number in both]


def _found(folder, patient, limit):
    """The volumes of a folder with the key of the patient of each."""
    found = volume.find(folder)[:limit]
    if patient is None:
        return [(one.patient, one) for one in found]
    return [(_key(patient, one.path, folder), one) for one in found]


def _key(patient, path, folder):
    relative = Path(path).relative_to(folder).as_posix()
    try:
        match = re.search(patient, relative)
    except re.error as error:
        raise InputError(f"patient must be a regular expression, received {patient!r}.") from error
    if match is None:
        raise InputError(
            f"patient {patient!r} does not match the path of every volume below its folder: it "
            "must find the name of the patient in each."
        )
    return match.group(1 if match.re.groups else 0)


def _held_back(a, b, fraction, seed):
    """The patients for testing: of those in both domains, and of those in one."""
    held = set()
    for i, part in enumerate((a & b, a - b, b - a)):
        held |= set(hold_out(sorted(part), fraction, [seed, i])[1])
    return held


def _modality(scans, given, usual):
    """What the volumes of a domain are; by what the first one says, where nothing is given."""
    if given not in ("", "CT", "MR"):
        raise InputError(f"modalities must be CT or MR, received {given!r}.")
    said = {modality for _, one in scans if (modality := one.modality)}
    if len(said) > 1 or (given and said - {given}):
        raise InputError(
            f"The volumes of a domain must be of one modality, received {', '.join(sorted(said))}"
            + (f" where {given} was asked for." if given else ".")
        )
    return given or next(iter(said), usual)


def _rule(rule, modality):
    if rule is None:
        return intensity.default_rule(modality)
    return intensity.from_words(rule) if isinstance(rule, str) else rule


def _names(modalities):
    return modalities if modalities[0] != modalities[1] else ("A", "B")


def _label_maps(folder, patient):
    """For each patient, the function that opens the label map."""
    found = [] if folder is None else _found(folder, patient, None)
    return {key: _opener(one) for key, one in found}


def _opener(one):
    return functools.partial(volume.read, one.path, one.series)


def _label_names(masks):
    named = {}
    for folder in masks or ():
        path = Path(folder or "") / "labels.json"
        if folder is not None and path.is_file():
            try:
                named |= {str(int(k)): str(v) for k, v in json.loads(path.read_text()).items()}
            except (ValueError, AttributeError) as error:
                raise InputError(
                    f'{path} must be like {{"1": "skull", "2": "brain"}}: mend it, or remove it.'
                ) from error
    return named or ({"1": "body"} if not masks else {})


def _pairs(scans, split):
    """The scans of a split in pairs: each patient must have one in either domain."""
    a, b = ({scan.patient: scan for scan in scans[f"{split}_{domain}"]} for domain in "ab")
    twice = any(
        len(scans[f"{split}_{domain}"]) != len(d) for domain, d in zip("ab", (a, b), strict=True)
    )
    if set(a) != set(b) or twice:
        raise InputError(
            f"Pairs need one volume of each patient in either folder; for {split}ing there are "
            f"{len(scans[f'{split}_a'])} of {len(a)} patients and {len(scans[f'{split}_b'])} of "
            f"{len(b)}, of whom {len(set(a) & set(b))} are in both: leave out the others."
        )
    order = sorted(a)
    return {f"{split}_a": [a[n] for n in order], f"{split}_b": [b[n] for n in order]}


def describe(dataset):
    """Says in two lines what the values of a data set of slices mean."""
    lines = []
    for name, stored, number in zip(
        dataset.names, dataset.slices.intensities, dataset.slices.neighbours, strict=True
    ):
        rule = intensity.from_json(stored)
        words = f"{name}: {rule.kind} {np.round(rule.value_range, 3).tolist()} {rule.unit}".strip()
        lines.append(words + (f", with {number} neighbours on either side" if number else ""))
    return "\n".join(lines)
