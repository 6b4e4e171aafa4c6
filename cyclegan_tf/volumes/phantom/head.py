"""Head phantoms: generated anatomy, and what CT and T1-weighted MR would show of it.

Nobody's head: shapes, sizes and signals are drawn from a seed. CT and MR of one head lie on the
same voxels, so each pair is its own ground truth. Research software, not for diagnosis.
"""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np

from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.volumes import volume
from cyclegan_tf.volumes.phantom import anatomy
from cyclegan_tf.volumes.phantom.shapes import smooth_noise

# fmt: off
#: Of each number of a label map: the tissue; its mean HU, as textbooks of CT give them; its
#: T1-weighted signal, white matter being 100. Beside each mean how far heads differ (standard
#: deviation). Compact bone is above 1000 HU in life; thin tables are averaged with what is beside.
#: In MR fat shines, water is dark; compact bone and air give no signal, which makes MR to CT hard.
_TISSUES = (
    ("air around the head", (-1000.0, 0.0), (0.0, 0.0)),
    ("skin and muscle",     (50.0, 3.0), (58.0, 3.0)),
    ("fat",                 (-90.0, 5.0), (140.0, 8.0)),
    ("skull",               (1050.0, 70.0), (6.0, 1.0)),
    ("marrow",              (350.0, 60.0), (85.0, 10.0)),
    ("CSF",                 (8.0, 1.5), (20.0, 2.0)),
    ("gray matter",         (38.0, 1.2), (68.0, 2.0)),
    ("white matter",        (29.0, 1.2), (100.0, 2.0)),
    ("ventricles",          (6.0, 1.5), (18.0, 2.0)),
    ("eyes",                (10.0, 2.0), (22.0, 2.0)),
    ("lenses",              (80.0, 6.0), (48.0, 3.0)),
    ("air cavities",        (-1000.0, 0.0), (0.0, 0.0)),
    ("teeth",               (1900.0, 150.0), (3.0, 1.0)),
    ("lesion",              (19.0, 2.0), (48.0, 5.0)),
    ("haemorrhage",         (65.0, 4.0), (122.0, 8.0)),
    ("calcification",       (220.0, 40.0), (25.0, 5.0)),
)
# fmt: on
#: What the numbers of a label map mean; 0 is the air around the head.
LABELS = {number: name for number, (name, _, _) in enumerate(_TISSUES) if number}
HOUNSFIELD = {number: mean_and_spread for number, (_, mean_and_spread, _) in enumerate(_TISSUES)}
SIGNAL = {number: mean_and_spread for number, (_, _, mean_and_spread) in enumerate(_TISSUES)}


@dataclasses.dataclass(frozen=True, eq=False)
class Head:
    """A generated head; all arrays are `(x, y, z)` to the right, to the front and upwards (RAS+).

    Attributes:
        labels: uint8, what fills most of each voxel: 0 outside of the head, else as in `LABELS`.
        ct: int16, HU, not below -1000.
        mr: int16, T1-weighted signal in a unit of its own, which differs from head to head.
        bias: float32, the uneven sensitivity that `mr` is multiplied with; its mean is 1.
        affine: float64 `(4, 4)`, from voxel index to mm.
    """

    labels: np.ndarray
    ct: np.ndarray
    mr: np.ndarray
    bias: np.ndarray
    affine: np.ndarray

    @property
    def spacing(self):
        """Distance of neighbouring voxels in mm along x, y and z."""
        return tuple(float(n) for n in np.linalg.norm(self.affine[:3, :3], axis=0))


def head(seed, size=128):
    """Generates a head.

    Args:
        seed: Whole number from 0, or a tuple of such: the same gives the same head.
        size: Voxels along each axis of the field of 250 mm, from 32 to 256.

    Returns:
        `Head`.

    Raises:
        InputError: If `seed` or `size` is none of these.
    """
    whole = isinstance(size, (int, np.integer)) and not isinstance(size, bool)
    if not whole or not 32 <= size <= 256:
        raise InputError(f"size must be a whole number from 32 to 256, received {size!r}.")
    # One stream each, so that a change in one image's noise leaves the other image alone.
    shape_rng, ct_rng, mr_rng = (np.random.default_rng(s) for s in _sequence(seed).spawn(3))
    space = anatomy.space(shape_rng, int(size))
    labels = np.zeros(space.x.shape, np.uint8)
    hounsfield, signal = _drawn(HOUNSFIELD, ct_rng), _drawn(SIGNAL, mr_rng)
    ct = np.full(labels.shape, hounsfield[0], np.float32)
    mr = np.full(labels.shape, signal[0], np.float32)
    for label, box, coverage in anatomy.layers(shape_rng, space):
        labels[box][coverage > 0.5] = label
        ct[box] += coverage * (hounsfield[label] - ct[box])
        mr[box] += coverage * (signal[label] - mr[box])
    bias = bias_field(mr_rng, labels.shape)
    affine = np.diag([space.voxel] * 3 + [1.0])
    affine[:3, 3] = np.array(anatomy.MIDDLE) - (size - 1) / 2.0 * space.voxel
    return Head(labels, _ct(ct, ct_rng), _mr(mr, bias, mr_rng), bias, affine)


def volumes(seed, size=128):
    """The same head as two volumes.

    Args:
        seed: As for `head`.
        size: As for `head`.

    Returns:
        `(mr, ct)`, each a `volume.Volume`.
    """
    drawn = head(seed, size)
    return tuple(
        volume.Volume(getattr(drawn, kind), drawn.affine, kind.upper()) for kind in ("mr", "ct")
    )


def write(folder, count, seed=0, *, size=128, paired=False):
    """Writes heads as NIfTI files, in the folders that `prepare.from_volumes` reads.

    `mr/sub-001_T1w.nii.gz`, `ct/sub-001_CT.nii.gz` and `labels/sub-001_labels.nii.gz`, of which
    `labels/labels.json` names the numbers.

    Args:
        folder: Where; files that exist are not replaced.
        count: How many volumes of each kind, at least 1.
        seed: Whole number from 0 that fixes the heads: subject n is `head((seed, n))`.
        size: As for `head`.
        paired: Whether MR and CT are of the same heads. If not, subjects 1 to `count` have an MR
            alone and the next `count` a CT alone.

    Raises:
        InputError: If an argument is another, or a file exists.
    """
    check_whole("count", count, 1)
    check_whole("seed", seed, 0)
    folder = Path(folder)
    for kind in ("mr", "ct", "labels"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for number in range(1, (count if paired else 2 * count) + 1):
        drawn = head((seed, number), size)
        kinds = [("labels", "labels", drawn.labels.astype(np.int16))]
        if number <= count:
            kinds.append(("mr", "T1w", drawn.mr))
        if paired or number > count:
            kinds.append(("ct", "CT", drawn.ct))
        for kind, word, voxels in kinds:
            like = volume.Volume(voxels, drawn.affine, "" if kind == "labels" else kind.upper())
            volume.write(folder / kind / f"sub-{number:03d}_{word}.nii.gz", voxels, like)
    (folder / "labels" / "labels.json").write_text(json.dumps(LABELS, indent=2), encoding="utf-8")


def bias_field(rng, shape, strength=0.18):
    """The uneven sensitivity of an MR coil: slow changes over the field.

    Args:
        rng: `numpy.random.Generator`.
        shape: `(x, y, z)` in voxels.
        strength: Standard deviation of its logarithm.

    Returns:
        float32 array of that shape and of mean 1.
    """
    field = np.exp(np.float32(strength) * smooth_noise(rng, shape, 3))
    return field / field.mean()


def rician(rng, signal, sigma):
    """Magnitude of a complex signal with Gaussian noise in both of its parts.

    Args:
        rng: `numpy.random.Generator`.
        signal: float32 array, not negative.
        sigma: Standard deviation of each part.

    Returns:
        float32 array of the same shape.

    Reference:
        Gudbjartsson and Patz 1995, "The Rician distribution of noisy MRI data".
    """
    noise = np.float32(sigma) * rng.standard_normal(signal.shape, np.float32)
    real = signal + noise
    rng.standard_normal(out=noise, dtype=np.float32)
    noise *= np.float32(sigma)
    return np.hypot(real, noise)


def _sequence(seed):
    numbers = seed if isinstance(seed, tuple) else (seed,)
    kinds = [isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in numbers]
    if not numbers or not all(kinds) or min(numbers) < 0:
        raise InputError(
            f"seed must be a whole number from 0, or a tuple of such, received {seed!r}."
        )
    return np.random.SeedSequence([int(n) for n in numbers])


def _drawn(table, rng):
    """One value per label, each off its mean as heads are."""
    means, spreads = np.array([table[label] for label in range(len(table))]).T
    offsets = np.clip(rng.standard_normal(len(means)), -2.0, 2.0)
    return (means + spreads * offsets).astype(np.float32)


def _ct(values, rng):
    """What a scanner makes of exact HU: uneven tissue, a little blur, quantum noise."""
    texture = smooth_noise(rng, values.shape, 14)
    values = values + texture * (1.0 + 0.05 * np.maximum(values, 0.0))
    values = _blur(values, 0.08)
    # Blurred noise is coarser and weaker, as a soft reconstruction kernel makes it.
    noise = _blur(rng.standard_normal(values.shape, np.float32), 0.15)
    values += np.float32(rng.uniform(5.0, 10.0)) * noise
    return np.rint(np.clip(values, -1000.0, 3071.0)).astype(np.int16)


def _mr(values, bias, rng):
    values = _blur(values, 0.1) * (1.0 + 0.03 * smooth_noise(rng, values.shape, 14))
    unit = math.exp(rng.uniform(math.log(3.0), math.log(20.0)))
    sigma = rng.uniform(1.2, 2.5)
    return np.rint(unit * rician(rng, np.maximum(values * bias, 0.0), sigma)).astype(np.int16)


def _blur(values, share):
    """Gives `share` of each voxel to both neighbours along each axis; edges repeat."""
    for axis in range(3):
        padded = np.pad(values, [(int(i == axis),) * 2 for i in range(3)], mode="edge")
        index = [slice(None)] * 3
        index[axis] = slice(None, -2)
        left = padded[tuple(index)]
        index[axis] = slice(2, None)
        values = values * np.float32(1.0 - 2.0 * share)
        values += np.float32(share) * (left + padded[tuple(index)])
    return values
