"""Resampling: from a slice's own pixels to those of the networks, and back; and body masks."""

import dataclasses

import cv2
import numpy as np

from cyclegan_tf.data.io import image_file


@dataclasses.dataclass(frozen=True)
class Grid:
    """How the slices of a volume lie on the networks' square pixels: centred, their aspect true.

    Attributes:
        shape: `(height, width)` of a slice in its own pixels.
        inner: The same slice in the networks' pixels.
        outer: What the networks are given: the slice with a border of background, or its middle.
    """

    shape: tuple[int, int]
    inner: tuple[int, int]
    outer: tuple[int, int]

    @classmethod
    def of(cls, plane, size, spacing=None):
        """The grid for training: every slice becomes one size.

        Args:
            plane: `planes.Plane`.
            size: `(height, width)` of the networks' images.
            spacing: Millimetres from one pixel to the next; by default as many as make the whole
                slice fit.
        """
        lengths = [n * mm for n, mm in zip(plane.shape, plane.spacing, strict=True)]
        if spacing is None:
            spacing = max(length / side for length, side in zip(lengths, size, strict=True))
        inner = tuple(max(1, round(length / spacing)) for length in lengths)
        return cls(plane.shape, inner, tuple(size))

    def uncropped(self, multiple):
        """The grid for translation: nothing is cut off, and sides are multiples of `multiple`."""
        outer = tuple(
            -(-max(pair) // multiple) * multiple
            for pair in zip(self.inner, self.outer, strict=True)
        )
        return Grid(self.shape, self.inner, outer)

    def place(self, image, background):
        """Brings a slice to the networks' pixels.

        Args:
            image: float array `(*shape, channels)`.
            background: What surrounds it.

        Returns:
            Array `(*outer, channels)`.
        """
        image = image_file.fit(image, self.inner, "stretch")
        rows, columns = self._overlaps()
        placed = np.full((*self.outer, image.shape[-1]), background, image.dtype)
        placed[rows[1], columns[1]] = image[rows[0], columns[0]]
        return placed

    def place_labels(self, labels):
        """The same for a label map `(*shape)`: uint8, of the nearest voxel."""
        labels = cv2.resize(labels, self.inner[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        rows, columns = self._overlaps()
        placed = np.zeros(self.outer, np.uint8)
        placed[rows[1], columns[1]] = labels[rows[0], columns[0]]
        return placed

    def restore(self, placed):
        """Brings what the networks made of a slice to its own pixels.

        Args:
            placed: Array `(*outer, channels)`, of a grid that is `uncropped`.

        Returns:
            Array `(*shape, channels)`.
        """
        rows, columns = self._overlaps()
        return image_file.fit(placed[rows[1], columns[1]], self.shape, "stretch")

    def _overlaps(self):
        """For rows and columns, which of the slice and which of the placed image are the same."""
        for inner, outer in zip(self.inner, self.outer, strict=True):
            shared = min(inner, outer)
            start, at = (inner - shared) // 2, (outer - shared) // 2
            yield slice(start, start + shared), slice(at, at + shared)


def body_mask(image, level):
    """Where the body is in a slice.

    What lies above the level, without specks and with everything that is inside of it: air in the
    sinuses is inside of the body.

    Args:
        image: float array `(height, width)`.
        level: Above this is body.

    Returns:
        uint8 array `(height, width)` of 0 and 1.
    """
    above = (image > level).astype(np.uint8)
    above = cv2.morphologyEx(above, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    outlines, _ = cv2.findContours(above, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    areas = [cv2.contourArea(outline) for outline in outlines]
    kept = [o for o, area in zip(outlines, areas, strict=True) if area >= 0.1 * max(areas)]
    return cv2.drawContours(np.zeros_like(above), kept, -1, 1, cv2.FILLED)
