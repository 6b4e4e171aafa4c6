"""Anatomical planes: a volume as slices, as radiologists look at them, and the way back.

Axial slices show the patient's right on the left and the front above; coronal ones the right on the
left and the head above; sagittal ones the front on the left and the head above. Oblique volumes are
cut along their own voxels: the axis is the nearest.
"""

import dataclasses

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.volumes.io.nifti import load_nibabel

#: For each kind of slice the patient's axes (0 right, 1 front, 2 head): normal, down, across.
_CUTS = {"axial": (2, 1, 0), "coronal": (1, 2, 0), "sagittal": (0, 2, 1)}
AXES = tuple(_CUTS)


@dataclasses.dataclass(frozen=True)
class Plane:
    """One direction in which a volume is cut.

    Attributes:
        voxels: Array-like `(i, j, k)`, sliced for each slice.
        axes: Which voxel axis is normal to the slices, goes down and goes across.
        flips: Whether each is walked from its end.
        spacing: Millimetres from one pixel to the next, `(down, across)`.
        thickness: Millimetres from one slice to the next.
        positions: Where each slice lies, in millimetres along the patient's axis (RAS).
    """

    voxels: object
    axes: tuple[int, int, int]
    flips: tuple[bool, bool, bool]
    spacing: tuple[float, float]
    thickness: float
    positions: np.ndarray

    @property
    def shape(self):
        """`(height, width)` of a slice."""
        return tuple(self.voxels.shape[axis] for axis in self.axes[1:])

    def __len__(self):
        return self.voxels.shape[self.axes[0]]

    def __getitem__(self, number):
        """Slice `number`, an array `(height, width)`; from below, the back or the left."""
        return self._turned(np.asarray(self.voxels[self._index(number)]))

    def put(self, target, number, image):
        """Writes a slice into a volume of the same grid: what `__getitem__` would then read.

        Args:
            target: Array-like `(i, j, k)` that can be written to.
            number: Which slice.
            image: Array `(height, width)`.
        """
        target[self._index(number)] = self._turned_back(image)

    def _index(self, number):
        normal, _, _ = self.axes
        if not 0 <= number < len(self):
            raise IndexError(number)
        index = [slice(None)] * 3
        index[normal] = len(self) - 1 - number if self.flips[0] else number
        return tuple(index)

    def _turned(self, image):
        image = image.T if self.axes[1] > self.axes[2] else image
        return image[:: -1 if self.flips[1] else 1, :: -1 if self.flips[2] else 1]

    def _turned_back(self, image):
        image = image[:: -1 if self.flips[1] else 1, :: -1 if self.flips[2] else 1]
        return image.T if self.axes[1] > self.axes[2] else image


def plane(volume, axis):
    """Cuts a volume.

    Args:
        volume: `volume.Volume`, or anything with `voxels` `(i, j, k)` and `affine`.
        axis: "axial", "coronal" or "sagittal".

    Returns:
        `Plane`: its slices can be counted, indexed and walked.

    Raises:
        InputError: If `axis` is none.
    """
    if axis not in _CUTS:
        raise InputError(f"axis must be one of {', '.join(AXES)}, received {axis!r}.")
    affine = np.asarray(volume.affine, np.float64)
    # Of each voxel axis the patient's axis and the sense.
    towards = load_nibabel().io_orientation(affine)
    of_patient = {int(patient): voxel for voxel, (patient, _) in enumerate(towards)}
    axes = tuple(of_patient[patient] for patient in _CUTS[axis])
    sense = [towards[voxel, 1] > 0 for voxel in axes]
    # Slices are numbered towards head, front and right; images begin at head, front and right.
    flips = (not sense[0], sense[1], sense[2])
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    count, patient = volume.voxels.shape[axes[0]], _CUTS[axis][0]
    middle = (np.array(volume.voxels.shape) - 1) / 2
    centres = np.repeat(middle[:, None], count, axis=1)
    centres[axes[0]] = np.arange(count)[:: -1 if flips[0] else 1]
    positions = affine[patient, :3] @ centres + affine[patient, 3]
    return Plane(
        volume.voxels,
        axes,
        flips,
        (float(steps[axes[1]]), float(steps[axes[2]])),
        float(steps[axes[0]]),
        positions,
    )
