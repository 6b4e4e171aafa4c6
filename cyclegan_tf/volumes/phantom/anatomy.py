"""Anatomy of a head phantom around its brain: skin, fat, muscle, skull, face, air, neck."""

import numpy as np

from cyclegan_tf.volumes.phantom import brain
from cyclegan_tf.volumes.phantom.shapes import (
    Space,
    around,
    blob,
    common,
    pipe,
    sheets,
    smooth_noise,
    union,
)

#: The field's side in mm, and where its middle lies in a standard head.
FIELD, MIDDLE = 250.0, (0.0, 6.0, -30.0)

SOFT, FAT, BONE, MARROW = 1, 2, 3, 4
EYE, LENS, AIR, TEETH = 9, 10, 11, 12


def space(rng, size):
    """Places a head of random size, proportions, tilt and asymmetry in the field.

    Args:
        rng: `numpy.random.Generator`.
        size: The grid's voxels along each axis.

    Returns:
        `Space` of `(size, size, size)` voxels.
    """
    voxel = FIELD / size
    steps = ((np.arange(size) + 0.5) * voxel - FIELD / 2.0).astype(np.float32)
    grid = np.meshgrid(steps, steps, steps, indexing="ij")
    scale = rng.normal(0.98, 0.025) * np.clip(rng.normal(1.0, 0.025, 3), 0.94, 1.06)
    turn = _rotation(np.radians(np.clip(rng.normal(0.0, (4.0, 2.5, 3.5)), -8.0, 8.0)))
    matrix = (turn / scale).astype(np.float32)
    shift = np.array(MIDDLE) + rng.normal(0.0, 1.5, 3)
    axes = []
    for row, middle in zip(matrix.T, shift, strict=True):
        place = sum(np.float32(m) * axis for m, axis in zip(row, grid, strict=True))
        place += np.float32(middle)
        place += np.float32(1.6) * smooth_noise(rng, (size,) * 3, 4)
        place += np.float32(0.5) * smooth_noise(rng, (size,) * 3, 8)
        axes.append(place)
    # Heads are broader behind than in front.
    axes[0] *= 1.0 + np.float32(rng.uniform(0.0006, 0.0014)) * axes[1]
    return Space(*axes, voxel)


def layers(rng, space):
    """All tissues of a head, from outside to inside.

    Args:
        rng: `numpy.random.Generator`.
        space: `Space` of the whole head.

    Yields:
        `Layer`s, each to be laid over those before.
    """
    shape = space.x.shape
    cavity = _cavity(space)
    # The vault is thick before and behind, thin at the temples.
    thick = rng.uniform(0.8, 1.3) * (6.4 + 0.9 * smooth_noise(rng, shape, 6))
    thick += np.float32(2.0) * np.exp(-(((np.abs(space.y) - 84.0) / 22.0) ** 2))
    thin = np.exp(-(((space.z + 20.0) / 22.0) ** 2) - ((space.y - 12.0) / 35.0) ** 2)
    roof = np.exp(-(((space.z + 18.0) / 11.0) ** 2) - ((space.y - 36.0) / 34.0) ** 2)
    skull = cavity - np.maximum(thick * (1.0 - np.minimum(0.5 * thin + 0.6 * roof, 0.65)), 2.2)
    body = _body(rng, space, skull)
    yield from _soft_tissue(rng, space, body, skull)
    yield from _neck(rng, space)
    yield from _skull(rng, space, skull, cavity)
    yield from _orbits(space)
    yield from _jaws(rng, space)
    yield from _sinuses(rng, space)
    yield from _ears(rng, space)
    yield from brain.layers(rng, space, cavity)


def _rotation(angles):
    """Turns about x, then y, then z by radians."""
    turn = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = [i for i in range(3) if i != axis]
        one = np.eye(3)
        one[a, a] = one[b, b] = np.cos(angle)
        one[a, b], one[b, a] = -np.sin(angle), np.sin(angle)
        turn = one @ turn
    return turn


def _cavity(space):
    """Distance to the inside of the skull: vault, middle and posterior fossae."""
    # The roofs of the orbits bulge upwards.
    floor = -17.0 - 0.3 * np.maximum(40.0 - space.y, 0.0) - space.z
    floor += 6.0 * np.exp(
        -(((np.abs(space.x) - 31.0) / 15.0) ** 2) - ((space.y - 48.0) / 26.0) ** 2
    )
    vault = common(space.ellipsoid((0, -3, 4), (67, 84, 66)), floor, 10.0)
    for side in (-1, 1):
        vault = union(vault, space.ellipsoid((side * 38, 6, -26), (24, 32, 21)), 6.0)
    return union(vault, space.ellipsoid((0, -46, -38), (50, 38, 33)), 8.0)


def _body(rng, space, skull):
    """Distance to the skin."""
    scalp = skull - (rng.uniform(4.5, 7.0) + 0.4 * smooth_noise(rng, space.x.shape, 6))
    # The temporal muscle fills the hollow of the temple.
    scalp -= 6.0 * np.exp(-(((space.z + 20.0) / 24.0) ** 2) - ((space.y - 18.0) / 30.0) ** 2)
    jaw = rng.uniform(0.92, 1.06)
    cheeks = space.ellipsoid((0, 28, -60), (63 * jaw, 59, 52))
    chin = space.ellipsoid((0, 27, -104), (55 * jaw, 58, 43))
    nose = space.tube((0, 80, -28, 9), (0, 85, -62, 14), (0, 83, -71, 15))
    nose = union(nose, space.tube((0, 84, -30, 5), (0, 98, -66, 8)), 6.0)
    lips = space.ellipsoid((0, 80, -94), (26, 14, 14))
    radius = rng.uniform(50.0, 58.0)
    column = np.hypot(space.x, space.y + 24.0) - np.float32(radius)
    neck = common(column, space.z + 60.0, 30.0)
    body = union(union(scalp, cheeks, 14.0), chin, 16.0)
    body = union(union(body, neck, 26.0), lips, 8.0)
    body = union(body, nose, 12.0)
    for side in (-1, 1):
        lid = space.ellipsoid((side * 32, 58, -32), (16, 15, 14))
        ear = space.ellipsoid((side * 77, -22, -40), (4.5, 15, 27))
        root = space.tube((side * 71, -12, -28, 6), (side * 70, -13, -54, 7))
        temple = space.ellipsoid((side * 38, 4, -52), (34, 38, 36))
        body = union(body, temple, 12.0)
        body = union(union(body, lid, 5.0), union(ear, root, 5.0), 6.0)
    return body


def _soft_tissue(rng, space, body, skull):
    """Skin, the fat beneath it, muscle, and the fat between muscles."""
    yield space.layer(SOFT, body)
    # On the vault all is fat down to the bone's cover; face and neck have muscle beneath.
    fat = rng.uniform(0.5, 1.5) * (3.8 + 1.0 * smooth_noise(rng, space.x.shape, 8))
    cheek = np.exp(-(((space.z + 78.0) / 28.0) ** 2) - ((space.y - 40.0) / 35.0) ** 2)
    fat += np.float32(3.0) * cheek
    yield space.layer(FAT, np.maximum(body + 2.2, 1.2 - skull))
    deep = body + 2.2 + np.maximum(fat, 1.0)
    yield space.layer(SOFT, deep)
    inside = (deep < -1.0) & (skull > 1.0) & (space.z < 10.0)
    points = np.stack([axis[inside] for axis in (space.x, space.y, space.z)], 1)
    between = np.full(deep.shape, 9.0, np.float32)
    width = 0.3 + 1.0 * smooth_noise(rng, space.x.shape, 9)[inside]
    between[inside] = np.abs(sheets(rng, points, (30.0, 32.0, 90.0), waves=16)) - width
    yield space.layer(FAT, between)
    for side in (-1, 1):  # the gristle of the ears
        yield blob(space, SOFT, (side * 77, -22, -40), (4, 14, 26))


def _skull(rng, space, skull, cavity):
    yield space.layer(BONE, skull)
    vary = 0.35 * smooth_noise(rng, skull.shape, 9)
    tables = np.maximum(skull + 1.9 + vary, 1.8 + vary - cavity)
    yield space.layer(MARROW, np.maximum(tables, -16.0 - space.z))
    yield pipe(space, BONE, (0, 18, -38, 7), (0, -16, -66, 6))
    yield pipe(space, MARROW, (0, 14, -42, 4), (0, -12, -62, 3.5))
    for side in (-1, 1):
        yield pipe(space, BONE, (side * 58, -22, -45, 9), (side * 18, 2, -42, 6))
        yield blob(space, BONE, (side * 22, -32, -72), (8, 12, 7))


def _orbits(space):
    for side in (-1, 1):
        centre = (side * 31, 46, -32)
        part = around(space, (*centre, 34))
        wall = part.ellipsoid(centre, (18.5, 30, 18))
        yield part.layer(BONE, np.maximum(wall, part.y - 62.0))
        yield pipe(
            space, BONE, *((side * 46, 58, -50, 4), (side * 59, 37, -52, 4), (side * 63, 4, -48, 3))
        )
        yield part.layer(FAT, np.maximum(part.ellipsoid(centre, (16, 27.5, 15.5)), part.y - 66.0))
        for near in (20, 44):  # the straight muscles beside the eye
            yield pipe(space, SOFT, (side * 20, 26, -32, 1.6), (side * near, 54, -32, 2.0))
        yield pipe(space, brain.WHITE, (side * 12, 20, -28, 2.2), (side * 31, 47, -32, 2.2))
        yield blob(space, SOFT, (side * 32, 56, -32), (13, 13, 13))
        yield blob(space, EYE, (side * 32, 56, -32), (11.8, 11.8, 11.8))
        yield blob(space, LENS, (side * 32, 64.5, -32), (4.8, 2.4, 4.8))


def _jaws(rng, space):
    yield blob(space, BONE, (0, 54, -83), (25, 26, 3.5))
    arch = [(-26, 36), (-24, 52), (-15, 67), (0, 73), (15, 67), (24, 52), (26, 36)]
    yield pipe(space, BONE, *((x, y, -87, 5) for x, y in arch))
    yield pipe(space, BONE, *((1.05 * x, y, -110, 5.5) for x, y in arch))
    for side in (-1, 1):
        bend = (
            (0, 76, -124, 7.5),
            (side * 26, 62, -122, 7),
            (side * 40, 26, -112, 7),
            (side * 44, 8, -98, 6),
            (side * 47, 0, -58, 5),
        )
        yield pipe(space, BONE, *bend)
        yield pipe(space, MARROW, *((x, y, z, r - 3.0) for x, y, z, r in bend))
    for z, height in ((-93, 6.0), (-102, 6.0)):
        for place in np.linspace(0.03, 0.97, 14):
            x, y = (np.interp(place * 6.0, range(7), axis) for axis in zip(*arch, strict=True))
            if rng.random() > 0.08:
                yield blob(space, TEETH, (x, y, z), (3.2, 3.2, height))


def _sinuses(rng, space):
    """Nose, frontal, maxillary, ethmoid and sphenoid sinuses, and the airway down the neck."""
    for side in (-1, 1):
        grow = rng.uniform(0.7, 1.15)
        frontal = (side * 10, 80, -13), np.array([12, 4.5, 11]) * grow
        grow = rng.uniform(0.85, 1.1)
        maxillary = (side * 29, 50, -67), np.array([13, 17, 14]) * grow
        for centre, radii in (frontal, maxillary):
            yield blob(space, BONE, centre, radii + 2.2)
            yield blob(space, AIR, centre, radii)
        yield from _cells(rng, space, (side * 8, 40, -34), (7.5, 24, 11), 0.0)
        yield from _cells(rng, space, (side * 55, -30, -56), (11, 15, 18), 1.5)
    grow = rng.uniform(0.7, 1.1)
    yield blob(space, BONE, (0, 20, -38), np.array([13, 12, 10]) * grow + 2.0)
    yield blob(space, AIR, (0, 20, -38), np.array([13, 12, 10]) * grow)
    yield pipe(space, BONE, (0, 85, -34, 3.0), (0, 91, -50, 2.5))
    for side in (-1, 1):
        yield blob(space, AIR, (side * 7, 52, -60), (5.8, 33, 18))
        yield pipe(space, AIR, (side * 6, 78, -70, 4), (side * 6, 95, -80, 3))
        yield pipe(space, SOFT, (side * 9, 76, -69, 3.4), (side * 9, 28, -67, 3.4))
        yield pipe(space, SOFT, (side * 8, 66, -57, 2.6), (side * 8, 30, -57, 2.6))
    width = rng.uniform(5.0, 8.0)
    knots = ((0, 20, -64, 9), (0, 14, -84, width), (0, 9, -112, width), (0, 14, -190, 8))
    yield pipe(space, AIR, *knots)


def _cells(rng, space, centre, radii, wall):
    """Bone full of small air cells."""
    part = around(space, (*centre, max(radii)))
    bone = part.ellipsoid(centre, radii)
    yield part.layer(BONE, bone - 1.5)
    points = np.stack([axis.ravel() for axis in (part.x, part.y, part.z)], 1)
    cells = sheets(rng, points, 14.0, waves=12).reshape(bone.shape)
    yield part.layer(AIR, np.maximum(bone + wall, 1.0 - np.abs(cells)))


def _ears(rng, space):
    for side in (-1, 1):
        yield pipe(space, AIR, (side * 80, -14, -45, 3.2), (side * 54, -12, -44, 2.6))
        yield blob(space, AIR, (side * 48, -12, -42), (4, 6, 6))


def _neck(rng, space):
    """Vertebrae with their discs and arches, around the canal of the spinal cord."""
    low = space.part((-34, -75, -200), (34, 5, -66))
    body = np.hypot(low.x / 1.3, low.y + 22.0) - 8.0
    ring = np.abs(np.hypot(low.x, low.y + 40.0) - 11.0) - 2.2
    wings = np.hypot((np.abs(low.x) - 20.0) / 1.4, low.y + 36.0) - 6.0
    spine = np.maximum(np.abs(low.x) - 3.0, np.abs(low.y + 58.0) - 8.0)
    height = np.abs((low.z + 74.0 + rng.uniform(0, 16)) % 17.0 - 8.5)
    level = np.maximum(height - 6.3, low.z + 72.0)
    bone = np.minimum(np.minimum(body, ring), np.minimum(wings, spine))
    yield low.layer(BONE, np.maximum(bone, level))
    marrow = np.minimum(body + 2.0, wings + 2.2)
    yield low.layer(MARROW, np.maximum(marrow, level + 1.5))
