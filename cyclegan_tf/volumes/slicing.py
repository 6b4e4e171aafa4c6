"""Slicing: from volumes to a data set of slices."""

import dataclasses
from collections.abc import Callable

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.progress import tqdm
from cyclegan_tf.data.npz import Dataset
from cyclegan_tf.data.slice_metadata import SPLITS, Slices
from cyclegan_tf.volumes import intensity
from cyclegan_tf.volumes.planes import plane
from cyclegan_tf.volumes.resampling import Grid, body_mask
from cyclegan_tf.volumes.volume import check_same_grid


@dataclasses.dataclass(frozen=True)
class Scan:
    """One volume of one patient.

    Attributes:
        patient: A number for the patient, the same in both domains.
        volume: Function without arguments that opens the `volume.Volume`.
        labels: The same for a label map on the same grid (whole numbers from 0 to 255; 0 outside of
            the body); None without one.
        name: What an error message calls it.
    """

    patient: int
    volume: Callable
    labels: Callable | None = None
    name: str = "The volume"


@dataclasses.dataclass(frozen=True)
class Cut:
    """How volumes are cut.

    Attributes:
        axis: "axial", "coronal" or "sagittal".
        size: `(height, width)` in pixels.
        spacing: Millimetres from one pixel to the next; None: as many as make a slice fit.
        neighbours: How many slices on either side are channels, too.
        min_body: Share of a slice that must be body; emptier ones are left out.
    """

    axis: str = "axial"
    size: tuple[int, int] = (128, 128)
    spacing: float | None = None
    neighbours: int = 0
    min_body: float = 0.05

    def slices(self, volume, rule, scale, labels=None):
        """Cuts one volume.

        Args:
            volume: `volume.Volume`.
            rule: An intensity of `intensity`.
            scale: What it found for the volume.
            labels: `volume.Volume` with a label map; None: 1 where the body is.

        Returns:
            `(images, maps, kept)`: stored values, float32 `(n, height, width, channels)`, label
            maps, uint8 `(n, height, width, 1)`, and whether each slice is filled enough.
        """
        cut, low_high = plane(volume, self.axis), rule.value_range
        grid = Grid.of(cut, self.size, self.spacing)
        background = float(np.clip(scale.store(scale.lowest), *low_high))

        def placed(k):
            image = np.clip(scale.store(cut[k]), *low_high)
            return np.clip(grid.place(image[..., None], background), *low_high)[..., 0]

        flat = np.stack([placed(k) for k in range(len(cut))])
        bodies = np.stack([body_mask(image, rule.body_level) for image in flat])
        maps = bodies
        if labels is not None:
            marked = plane(labels, self.axis)
            maps = np.stack(
                [grid.place_labels(marked[k].astype(np.uint8)) for k in range(len(cut))]
            )
        channels = neighbouring(range(len(flat)), len(flat), self.neighbours)
        kept = bodies.mean((1, 2)) >= self.min_body
        return np.moveaxis(flat[channels], 1, -1), maps[..., None], kept


def neighbouring(numbers, count, neighbours):
    """Which slices are the channels of each: the outermost stand in for those beyond.

    Args:
        numbers: Which slices.
        count: How many there are.
        neighbours: How many on either side.

    Returns:
        int array `(len(numbers), 2 * neighbours + 1)`.
    """
    steps = np.arange(-neighbours, neighbours + 1)
    return np.clip(np.asarray(numbers)[:, None] + steps, 0, count - 1)


def dataset(scans, rules, cuts, *, paired, modalities, names, labels=None, progress=True, **known):
    """Cuts scans into a data set.

    Args:
        scans: Dictionary with a list of `Scan` for each of `slice_metadata.SPLITS`. Where a
            split is paired, scan i of A and scan i of B are of one patient and on one grid.
        rules: Intensities of A and of B.
        cuts: `Cut` of A and of B, which differ in their neighbours at most.
        paired: `{"train": bool, "test": bool}`.
        modalities: "CT", "MR" or "", of A and of B.
        names: Names of the domains.
        labels: Names of the numbers in label maps; None where there are none but the body's.
        progress: Whether to show a bar.
        **known: More fields of `Dataset`.

    Returns:
        `Dataset` with `slices`; label maps for testing.

    Raises:
        InputError: If a volume cannot be used, or nothing is left of a domain for training.
    """
    images, maps = {name: [] for name in SPLITS}, {name: [] for name in SPLITS}
    patients, scales = {name: [] for name in SPLITS}, ([], [])
    bar = tqdm(total=sum(map(len, scans.values())), unit="volume", disable=not progress)
    with bar:
        for split in ("train", "test"):
            both = [scans[f"{split}_a"], scans[f"{split}_b"]]
            together = list(zip(*both, strict=True)) if paired[split] else []
            alone = [] if together else [[(i, scan)] for i in (0, 1) for scan in both[i]]
            for group in [*(list(enumerate(pair)) for pair in together), *alone]:
                done, volumes = [], [scan.volume() for _, scan in group]
                _check_grids(volumes, group)
                for volume, (i, scan) in zip(volumes, group, strict=True):
                    of_domain = rules[i], cuts[i], modalities[i]
                    done.append(_slices(volume, scan, *of_domain, maps=split == "test"))
                    if split == "train":
                        scales[i].append(done[-1][0])
                    bar.update()
                kept = np.logical_and.reduce([each[3] for each in done])
                for (i, scan), (_, cut, marks, _) in zip(group, done, strict=True):
                    name = f"{split}_{'ab'[i]}"
                    images[name].append(cut[kept])
                    maps[name].append(marks[kept])
                    patients[name] += [scan.patient] * int(kept.sum())
    shapes = [(*cut.size, 2 * cut.neighbours + 1) for cut in cuts]
    arrays = {
        name: np.concatenate([np.empty((0, *shapes["ab".index(name[-1])]), np.float32), *found])
        for name, found in images.items()
    }
    for name in ("train_a", "train_b"):
        if not len(arrays[name]):
            raise InputError(
                f"No slice of {name} holds {cuts[0].min_body:.0%} of body: lower min_body, or give "
                "the level above which is body."
            )
    masks = {name: np.concatenate(maps[name]) for name in ("test_a", "test_b") if maps[name]}
    return Dataset(
        **arrays,
        names=names,
        ranges=tuple(rule.value_range for rule in rules),
        paired=paired,
        slices=Slices(
            axis=cuts[0].axis,
            modalities=modalities,
            intensities=tuple(
                intensity.to_json(rule.learned(found))
                for rule, found in zip(rules, scales, strict=True)
            ),
            neighbours=tuple(cut.neighbours for cut in cuts),
            spacing=cuts[0].spacing,
            patients=patients,
            labels=labels or {"1": "body"},
            masks=masks if len(masks) == 2 else None,
            masks_from=_origin(scans, rules, names),
        ),
        **known,
    )


def _origin(scans, rules, names):
    """How the label maps of the test images came about."""
    given = [scan.labels is not None for name in ("test_a", "test_b") for scan in scans[name]]
    if given and all(given):
        return "given with the volumes"
    found = " and ".join(
        f"above {rule.body_level:g} {rule.unit}".rstrip() + f" in {name}"
        for rule, name in zip(rules, names, strict=True)
    )
    found = f"what lies {found}, slice by slice, with all that it encloses"
    return f"given with some volumes; else {found}" if any(given) else found


def _slices(volume, scan, rule, cut, modality, maps):
    """`(scale, images, maps, kept)` of one scan."""
    try:
        scale = rule.scale(volume.voxels)
        intensity.check_modality(volume, scale.lowest, modality)
        labels = scan.labels() if maps and scan.labels is not None else None
        if labels is not None:
            check_same_grid(volume, labels, "its label map")
        return scale, *cut.slices(volume, rule, scale, labels)
    except InputError as error:
        raise InputError(f"{scan.name} cannot be used: {error}") from error


def _check_grids(volumes, group):
    for other, (_, scan) in list(zip(volumes, group, strict=True))[1:]:
        try:
            check_same_grid(volumes[0], other, "its partner")
        except InputError as error:
            raise InputError(f"{scan.name} cannot be used: {error}") from error
