"""Signed distances to simple bodies, and smooth noise: what head phantoms are shaped from.

Distances are in mm, negative inside, and first-order: exact at the surface, near enough beside it.
"""

import dataclasses
import itertools
import math
from typing import NamedTuple

import numpy as np


class Layer(NamedTuple):
    """One tissue laid over what is there already.

    Attributes:
        label: The tissue's number.
        box: Three slices: the part of the head's grid that `coverage` is for.
        coverage: float32 array, from 0 (voxel untouched) to 1 (voxel filled).
    """

    label: int
    box: tuple[slice, slice, slice]
    coverage: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Space:
    """Where each voxel of a grid, or of a part of it, lies in the anatomy of a standard head.

    Attributes:
        x: mm to the right of the midline, float32 `(x, y, z)`; `y` and `z` likewise.
        y: mm in front of the middle of the brain.
        z: mm above the middle of the brain.
        voxel: A voxel's side in mm.
        box: Which part of the whole grid this is.
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    voxel: float
    box: tuple = (slice(None),) * 3

    def part(self, low, high):
        """The smallest box of the whole grid that holds all points between two corners.

        Args:
            low: `(x, y, z)` in mm.
            high: `(x, y, z)` in mm.

        Returns:
            `Space` of that box; of no voxels where the corners lie outside of the grid.
        """
        step = 4  # coarse is quick; the box grows by as much
        inside = np.ones([math.ceil(n / step) for n in self.x.shape], bool)
        margin = step * self.voxel
        for axis, near, far in zip((self.x, self.y, self.z), low, high, strict=True):
            coarse = axis[::step, ::step, ::step]
            inside &= (coarse > near - margin) & (coarse < far + margin)
        box = []
        for other in ((1, 2), (0, 2), (0, 1)):
            found = np.flatnonzero(inside.any(other))
            first, last = (found[0], found[-1]) if len(found) else (0, -1)
            box.append(slice(int(first) * step, (int(last) + 1) * step))
        box = tuple(box)
        return Space(self.x[box], self.y[box], self.z[box], self.voxel, box)

    def layer(self, label, distance):
        """The layer of a body: voxels that its surface cuts are covered in part."""
        return Layer(label, self.box, np.clip(0.5 - distance / self.voxel, 0.0, 1.0))

    def ellipsoid(self, centre, radii):
        """Distance to an ellipsoid."""
        k0 = k1 = np.float32(0.0)
        for axis, middle, radius in zip((self.x, self.y, self.z), centre, radii, strict=True):
            u = (axis - np.float32(middle)) * np.float32(1.0 / radius)
            k0 = k0 + u * u
            u *= np.float32(1.0 / radius)
            k1 = k1 + u * u
        k0, k1 = np.sqrt(k0), np.sqrt(k1)
        # The quotient lies between the radii; in the very centre it is 0 / 0.
        size = np.maximum(k0 / np.maximum(k1, np.float32(1e-9)), np.float32(min(radii)))
        return (k0 - 1.0) * size

    def tube(self, *knots):
        """Distance to a bent tube through knots `(x, y, z, radius)`."""
        nearest = np.float32(np.inf)
        for start, end in itertools.pairwise(knots):
            along = [np.float32(b - a) for a, b in zip(start[:3], end[:3], strict=True)]
            offsets = [
                axis - np.float32(a)
                for axis, a in zip((self.x, self.y, self.z), start[:3], strict=True)
            ]
            share = sum(a * o for a, o in zip(along, offsets, strict=True))
            share = np.clip(share / max(sum(a * a for a in along), 1e-6), 0.0, 1.0)
            square = sum((o - share * a) ** 2 for a, o in zip(along, offsets, strict=True))
            radius = np.float32(start[3]) + share * np.float32(end[3] - start[3])
            nearest = np.minimum(nearest, np.sqrt(square) - radius)
        return nearest


def around(space, *knots, margin=4.0):
    """The part of a space that holds knots `(x, y, z, radius)`, and `margin` mm more."""
    knots = np.array(knots, float)
    reach = knots[:, 3:] + margin
    return space.part((knots[:, :3] - reach).min(0), (knots[:, :3] + reach).max(0))


def blob(space, label, centre, radii):
    """The layer of an ellipsoid, computed only where it is."""
    part = around(space, (*centre, max(radii)))
    return part.layer(label, part.ellipsoid(centre, radii))


def pipe(space, label, *knots):
    """The layer of a tube, computed only where it is."""
    part = around(space, *knots)
    return part.layer(label, part.tube(*knots))


def union(a, b, blend):
    """Distance to two bodies at once, their joint filled up over `blend` mm."""
    near = np.maximum(blend - np.abs(a - b), 0.0)
    return np.minimum(a, b) - near * near * np.float32(0.25 / blend)


def common(a, b, blend):
    """Distance to what two bodies share, its edge rounded over `blend` mm."""
    return -union(-a, -b, blend)


def smooth_noise(rng, shape, knots):
    """Noise without detail: a cubic spline through few random numbers.

    Args:
        rng: `numpy.random.Generator`.
        shape: `(x, y, z)` in voxels.
        knots: Free numbers along each axis; the more, the finer.

    Returns:
        float32 array of that shape, of mean 0 and about unit variance.
    """
    field = rng.standard_normal((knots,) * 3).astype(np.float32)
    for size in shape:  # each turn takes the first axis and appends its finer one
        field = np.tensordot(field, _spline(size, knots), ((0,), (1,)))
    return field


def _spline(size, knots):
    """Cubic B-splines at `size` points, `(size, knots)`, each row of unit length."""
    positions = np.linspace(0.0, knots - 1.0, size)
    t = np.abs(positions[:, None] - np.arange(knots))
    inner = 2.0 / 3.0 - t**2 + t**3 / 2.0
    weights = np.where(t < 1.0, inner, np.clip(2.0 - t, 0.0, None) ** 3 / 6.0)
    return (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)


def sheets(rng, points, wavelength, waves=24):
    """Distance to wandering sheets: where noise of one wavelength crosses zero.

    The noise is a sum of plane waves in random directions; its sheets lie about half a
    wavelength apart.

    Args:
        rng: `numpy.random.Generator`.
        points: float32 array `(n, 3)` in mm.
        wavelength: mm, one number or one along each axis.
        waves: How many plane waves.

    Returns:
        float32 array `(n,)`, mm, signed by the side of the sheet.
    """
    directions = rng.standard_normal((3, waves))
    directions /= np.linalg.norm(directions, axis=0)
    lengths = np.broadcast_to(np.asarray(wavelength, float), 3)[:, None]
    k = (2.0 * np.pi * directions / lengths * rng.uniform(0.85, 1.15, waves)).astype(np.float32)
    phase = points @ k + rng.uniform(0.0, 2.0 * np.pi, waves).astype(np.float32)
    value = np.cos(phase).sum(1)
    slope = np.linalg.norm(np.sin(phase) @ k.T, axis=1)
    # Where the noise is flat there is no sheet near: the floor keeps the quotient finite.
    return value / np.maximum(slope, np.float32(0.3) * np.median(slope))
