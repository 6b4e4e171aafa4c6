"""Slice metadata: what a data set knows of the volumes that its slices were cut from."""

import dataclasses
from typing import Any

import numpy as np

from cyclegan_tf.common.errors import InputError

#: What `Slices` holds for each image: patients of all four, label maps of the test images.
SPLITS = ("train_a", "train_b", "test_a", "test_b")


@dataclasses.dataclass(frozen=True, eq=False)
class Slices:
    """How the images of a data set were cut out of volumes, and out of whose.

    Attributes:
        axis: What was cut: "axial", "coronal" or "sagittal" slices.
        modalities: What the volumes of A and of B are: "CT", "MR" or "" where nothing says so.
        intensities: For A and for B what the stored values mean, as `volumes.intensity` writes it.
        neighbours: For A and for B how many slices on either side are channels of an image, too.
        spacing: Millimetres from one pixel to the next; None where each volume was scaled to fit.
        patients: For each of `SPLITS` a list of whole numbers, one for each image: the patients,
            numbered through both domains. Nobody is both in training and in testing.
        labels: Names of the numbers in the label maps; 0 is what lies outside of the body.
        masks: For "test_a" and "test_b" the label maps, uint8 `(n, height, width, 1)`; or None.
        masks_from: How the label maps came about, in words that a table of scores can carry.

    Raises:
        InputError: If a patient is both in training and in testing, or something is missing.
    """

    axis: str = "axial"
    modalities: tuple[str, str] = ("", "")
    intensities: tuple[dict, dict] = ({}, {})
    neighbours: tuple[int, int] = (0, 0)
    spacing: float | None = None
    patients: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    labels: dict[str, str] = dataclasses.field(default_factory=lambda: {"1": "body"})
    masks: dict[str, Any] | None = None
    masks_from: str = ""

    def __post_init__(self):
        for name in ("modalities", "intensities", "neighbours"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if set(self.patients) != set(SPLITS):
            raise InputError(
                f"patients must have {', '.join(SPLITS)}, received {sorted(self.patients)}."
            )
        train, test = (
            {n for domain in "ab" for n in self.patients[f"{split}_{domain}"]}
            for split in ("train", "test")
        )
        if both := train & test:
            raise InputError(
                f"{len(both)} patients are both in training and in testing: split by patient, so "
                "that the test images are of people whom the networks have not seen."
            )

    def check(self, arrays):
        """Raises InputError unless this is about a data set's arrays.

        Args:
            arrays: Dictionary of the four arrays `(n, height, width, channels)`.
        """
        for name, images in arrays.items():
            if len(self.patients[name]) != len(images):
                raise InputError(
                    f"patients[{name!r}] must have one number for each of {len(images)} images, "
                    f"received {len(self.patients[name])}."
                )
        for name, masks in (self.masks or {}).items():
            shape = (*arrays[name].shape[:3], 1)
            if masks.shape != shape or masks.dtype != np.uint8:
                raise InputError(
                    f"masks[{name!r}] must be uint8 of shape {shape}, received {masks.dtype} of "
                    f"{masks.shape}."
                )

    def swapped(self):
        """The same with A and B exchanged."""
        exchanged = {name: f"{name[:-1]}{'ab'['ba'.index(name[-1])]}" for name in SPLITS}
        masks = self.masks and {exchanged[name]: masks for name, masks in self.masks.items()}
        return dataclasses.replace(
            self,
            modalities=self.modalities[::-1],
            intensities=self.intensities[::-1],
            neighbours=self.neighbours[::-1],
            patients={exchanged[name]: numbers for name, numbers in self.patients.items()},
            masks=masks,
        )

    def to_json(self):
        """All but the label maps, as what JSON can hold."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {name: value for name, value in fields.items() if name != "masks"}

    def for_generator(self, direction):
        """What a generator must know to translate volumes, as what JSON can hold.

        Args:
            direction: "ab" or "ba".
        """
        one = self if direction == "ab" else self.swapped()
        return {
            "axis": one.axis,
            "modalities": list(one.modalities),
            "intensities": list(one.intensities),
            "neighbours": list(one.neighbours),
            "spacing": one.spacing,
        }
