"""Brain of a head phantom: folded cortex, ventricles, deep nuclei, cerebellum, lesions."""

import numpy as np

from cyclegan_tf.volumes.phantom.shapes import around, blob, pipe, sheets, smooth_noise

CSF, GRAY, WHITE, VENTRICLES = 5, 6, 7, 8
LESION, HAEMORRHAGE, CALCIFICATION = 13, 14, 15


def layers(rng, space, cavity):
    """The brain's layers, from its surface to its inside.

    Args:
        rng: `numpy.random.Generator`.
        space: `Space` of the whole head.
        cavity: Distance to the inside of the skull, float32 of the head's shape.

    Yields:
        `Layer`s, each to be laid over those before.
    """
    # From the young brain, which fills its skull, to the shrunken one of old age.
    atrophy = rng.uniform(0.0, 1.0)
    part = space.part((-75.0, -95.0, -80.0), (75.0, 90.0, 78.0))
    depth = -cavity[part.box]
    yield part.layer(CSF, -depth)
    yield from _cortex(rng, part, depth, atrophy)
    yield from _brain_stem(space)
    yield from _nuclei(rng, space)
    yield from _ventricles(rng, space, atrophy)
    yield from _findings(rng, space)


def _cortex(rng, part, depth, atrophy):
    """Gray and white matter of cerebrum and cerebellum, by the distance to their surface."""
    inside = depth > -2.0 * part.voxel
    x, y, z, depth = (values[inside] for values in (part.x, part.y, part.z, depth))
    side = np.abs(x)
    vary = smooth_noise(rng, part.x.shape, 7)[inside]
    bend = [smooth_noise(rng, part.x.shape, n)[inside] for n in (5, 9, 9, 9)]

    tentorium = z + 10.0 + 0.3 * side - 0.12 * (y + 30.0)
    below = (tentorium < 0.0) & (y < -20.0)
    tent_edge = np.hypot(tentorium, np.maximum(y + 24.0, 0.0))

    surface = depth - (1.2 + 1.6 * atrophy + 0.5 * vary)
    surface = np.minimum(surface, tent_edge - 1.0)

    # Sulci stand upright on the surface: the noise is that of the point's shadow on an ellipsoid.
    points = np.stack([x, y + 3.0, z - 2.0], 1)
    radius = np.linalg.norm(points / np.array([66, 83, 62], np.float32), axis=1)
    shadow = points / np.maximum(radius, 0.25)[:, None]
    shadow += 3.6 * np.stack(bend[1:], 1)
    fold = np.abs(sheets(rng, shadow, rng.uniform(23.0, 27.0)))
    fold *= np.clip(radius, 0.4, 1.0)
    beyond = np.maximum(depth - (15.0 + 4.5 * vary), (0.68 - radius) * 70.0)
    fold = np.hypot(fold, np.maximum(beyond, 0.0)) - (0.4 + 0.55 * atrophy)

    # The great fissure stops above the corpus callosum.
    arch = np.hypot((y + 2.0) / 42.0, (z - 2.0) / 27.0)
    fissure = np.hypot(x + 0.8 * bend[0], np.maximum((1.0 - arch) * 30.0, 0.0)) - 0.9
    slope = z + 5.0 + 0.4 * (y - 6.0) + 1.5 * bend[0] + 1.5 * bend[1]
    edge = np.maximum(np.maximum(y - 34.0, -30.0 - y), 37.0 + 2.0 * vary - side)
    sylvian = np.hypot(slope, np.maximum(edge, 0.0)) - (0.5 + 0.9 * atrophy)
    cerebrum = np.minimum(np.minimum(surface, fold), np.minimum(fissure, sylvian))

    leaves = np.abs(sheets(rng, np.stack([0.4 * x, 0.7 * y, z], 1), 13.0))
    leaves = np.hypot(leaves, np.maximum(depth - 12.0, 0.0)) - 0.2
    cerebellum = np.minimum(surface, leaves)

    distance = np.where(below, cerebellum, cerebrum)
    thickness = np.where(below, 1.9, 4.0 + 0.4 * bend[2])
    for label, inner in ((GRAY, distance), (WHITE, distance - thickness)):
        field = np.full(inside.shape, 9.0, np.float32)
        field[inside] = -inner
        yield part.layer(label, field)


def _brain_stem(space):
    yield blob(space, CSF, (0, 7, -23), (13, 11, 7))
    yield blob(space, CSF, (0, -17, -17), (20, 15, 9))
    yield blob(space, CSF, (0, -13, -40), (19, 8, 20))
    yield pipe(space, CSF, (0, -30, -52, 13), (0, -37, -72, 9), (0, -40, -180, 7.5))
    yield blob(space, WHITE, (0, -15, -16), (14.5, 10, 13))
    yield blob(space, WHITE, (0, -22, -38), (16, 11.5, 13))
    yield pipe(space, WHITE, (0, -26, -46, 9), (0, -36, -72, 5.5), (0, -40, -180, 4.5))
    for side in (-1, 1):  # the stalks of the cerebellum
        yield pipe(space, WHITE, (side * 11, -24, -38, 6), (side * 22, -42, -42, 8))


def _nuclei(rng, space):
    size = rng.uniform(0.92, 1.08)
    for side in (-1, 1):
        yield blob(space, GRAY, (side * 24.5, 6, 1), (6.0 * size, 17 * size, 10 * size))
        yield blob(space, GRAY, (side * 10, -8, 4), (8 * size, 14 * size, 8.5 * size))
        yield blob(space, GRAY, (side * 15, 21, 9), (5.5 * size, 9 * size, 8 * size))


def _ventricles(rng, space, atrophy):
    wide = rng.uniform(0.6, 1.1) + 0.8 * atrophy
    for side in (-1, 1):
        w = wide * rng.uniform(0.92, 1.08)
        body = (
            (side * 8, 34, 6, 2.5 * w), (side * 8, 20, 13, 4.2 * w), (side * 9, 0, 20, 3.8 * w),
            (side * 15, -22, 18, 4.5 * w), (side * 24, -36, 6, 5.5 * w),
            (side * 25, -54, 3, 1.8 * w),
        )  # fmt: skip
        yield pipe(space, VENTRICLES, *body)
        horn = (side * 31, -22, -14, 2.0 * w), (side * 29, -4, -22, 1.4 * w)
        yield pipe(space, VENTRICLES, (side * 24, -36, 6, 4.5 * w), *horn)
    yield blob(space, VENTRICLES, (0, -3, -1), (1.7 * wide, 13, 9))
    yield pipe(space, VENTRICLES, (0, -15, -8, 1.0), (0, -31, -30, 1.2))
    yield blob(space, VENTRICLES, (0, -35, -38), (5.5 + wide, 4 + wide, 9))


def _findings(rng, space):
    """What a head may have or not: calcifications of age, an infarct, a haemorrhage."""
    if rng.random() < 0.6:
        radius = rng.uniform(1.8, 3.2)
        yield blob(space, CALCIFICATION, (0, -24, 3), (radius,) * 3)
    if rng.random() < 0.45:
        for side in (-1, 1):
            radius = rng.uniform(1.8, 3.0)
            yield blob(space, CALCIFICATION, (side * 23, -37, 6), (radius, 1.6 * radius, radius))
    if rng.random() < 0.35:
        yield _ragged(rng, space, LESION, rng.uniform(8.0, 18.0))
    if rng.random() < 0.25:
        yield _ragged(rng, space, HAEMORRHAGE, rng.uniform(7.0, 14.0))


def _ragged(rng, space, label, radius):
    """A lump of uneven outline somewhere in a hemisphere."""
    side = rng.choice((-1.0, 1.0))
    centre = (side * rng.uniform(24, 36), rng.uniform(-45, 35), rng.uniform(2, 32))
    part = around(space, (*centre, 1.6 * radius))
    distance = part.ellipsoid(centre, radius * rng.uniform(0.8, 1.2, 3))
    if distance.size:
        distance = distance + 0.18 * radius * smooth_noise(rng, distance.shape, 6)
    return part.layer(label, distance)
