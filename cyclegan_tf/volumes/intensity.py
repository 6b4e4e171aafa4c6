"""Intensity normalization: how the values of a volume become the stored values of a data set.

Each domain has one rule. Of a volume the rule finds a gain and an offset; then
`stored = (value - offset) / gain`, and the way back is exact. Of MR, whose scale differs from scan
to scan, a translation is given the scale of a typical training volume.
"""

import dataclasses

import numpy as np

from cyclegan_tf.common.errors import InputError

#: Bins of the histogram that percentiles are read from: enough for every 16-bit value.
BINS = 2**16
#: How many slices are looked at together.
_SLAB = 8


@dataclasses.dataclass(frozen=True)
class Histogram:
    """How often a volume's values occur, found slab by slab.

    Attributes:
        low: The smallest value.
        counts: How many values are in each bin.
        width: Width of a bin; 1 or less for whole numbers of 16 bits, which makes it exact.
    """

    low: float
    counts: np.ndarray
    width: float

    @classmethod
    def of(cls, voxels):
        """Counts the values of an array-like `(i, j, k)`.

        Raises:
            InputError: If one is NaN or infinite, or all are the same.
        """
        bad, low, high = 0, np.inf, -np.inf
        for slab in _slabs(voxels):
            finite = np.isfinite(slab)
            bad += slab.size - int(np.count_nonzero(finite))
            values = slab if finite.all() else slab[finite]
            if values.size:
                low, high = min(low, float(values.min())), max(high, float(values.max()))
        if bad:
            raise InputError(
                f"The volume holds {bad:,} voxels that are NaN or infinite: replace them, such as "
                "by the value of air."
            )
        if low == high:
            raise InputError(f"Every voxel of the volume is {low:g}: give a volume with an image.")
        whole = np.issubdtype(voxels.dtype, np.integer) and high - low < BINS
        width = 1.0 if whole else (high - low) / (BINS - 1)
        counts = np.zeros(BINS, np.int64)
        for slab in _slabs(voxels):
            bins = np.rint((slab.ravel().astype(np.float64) - low) / width).astype(np.int64)
            counts += np.bincount(bins, minlength=BINS)
        return cls(low, counts, width)

    def percentile(self, percent):
        """The smallest value that `percent` of the voxels do not exceed."""
        cumulative = np.cumsum(self.counts)
        needed = percent / 100 * cumulative[-1]
        return self.low + self.width * int(np.searchsorted(cumulative, max(needed, 1)))

    def foreground(self):
        """Mean and standard deviation of the values that lie above the mean of all."""
        values = self.low + self.width * np.arange(BINS)
        mean = np.average(values, weights=self.counts)
        counts = np.where(values > mean, self.counts, 0)
        mean = np.average(values, weights=counts)
        return float(mean), float(np.sqrt(np.average((values - mean) ** 2, weights=counts)))


def _slabs(voxels):
    for k in range(0, voxels.shape[2], _SLAB):
        yield np.asarray(voxels[:, :, k : k + _SLAB])


@dataclasses.dataclass(frozen=True)
class Scale:
    """The rule of a domain, found for one volume: `stored = (value - offset) / gain`.

    Attributes:
        gain: See above.
        offset: See above.
        lowest: The volume's smallest value, which is that of air around the body.
    """

    gain: float = 1.0
    offset: float = 0.0
    lowest: float = 0.0

    def store(self, values):
        """Stored values, float32, of the volume's."""
        values = np.asarray(values)
        return ((values - np.float64(self.offset)) / self.gain).astype(np.float32)

    def restore(self, stored):
        """The volume's values, float32, of stored ones: undoes `store`."""
        return (np.asarray(stored, np.float64) * self.gain + self.offset).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Window:
    """Values with a unit of their own, such as CT in HU: they are stored as they are.

    Args:
        low: Smallest value that networks see; what lies below is as good as this.
        high: Largest value that they see.
        unit: Its name.
        body: Above this value is body; by default a tenth of the window above its lower end, for HU
            -300, between air and fat.
    """

    low: float = -1000.0
    high: float = 2000.0
    unit: str = "HU"
    body: float | None = None

    kind = "window"

    def __post_init__(self):
        _check(self.low < self.high, f"window must be low < high, received {self.low}, {self.high}")

    @property
    def value_range(self):
        """Stored values `(low, high)` that stand for -1 and 1."""
        return self.low, self.high

    @property
    def body_level(self):
        """Stored value above which is body."""
        if self.body is not None:
            return self.body
        level = -300.0 if self.unit == "HU" else -np.inf
        return max(level, self.low + (self.high - self.low) / 10)

    def scale(self, voxels):
        """The same for all volumes; looks at every value, and raises InputError at NaN."""
        return Scale(lowest=Histogram.of(voxels).low)

    def typical(self):
        """What a translation is given; its `lowest` is that of air."""
        return Scale(lowest=self.low)

    def learned(self, scales):
        """The rule as it is written after training volumes with these scales were seen."""
        return self


@dataclasses.dataclass(frozen=True)
class Percentiles:
    """Values without a unit, such as MR: two percentiles of each volume become 0 and 1.

    Args:
        low: Percent of the voxels that are at or below 0.
        high: Percent of the voxels that are at or below 1; what lies above is as good as 1.
        body: Share of the way from 0 to 1 above which is body.
        typical_values: `(low, high)`: what 0 and 1 stand for in a translation; by `learned`.
    """

    low: float = 0.5
    high: float = 99.5
    body: float = 0.1
    typical_values: tuple[float, float] | None = None

    kind = "percentiles"
    unit = ""
    value_range = (0.0, 1.0)

    def __post_init__(self):
        ordered = 0 <= self.low < self.high <= 100
        _check(ordered, f"percentiles must be 0 <= low < high <= 100, received {self}")

    @property
    def body_level(self):
        """Stored value above which is body."""
        return self.body

    def scale(self, voxels):
        """The scale of one volume.

        Raises:
            InputError: If a voxel is NaN or infinite, or both percentiles are one value.
        """
        histogram = Histogram.of(voxels)
        low, high = histogram.percentile(self.low), histogram.percentile(self.high)
        if low == high:
            raise InputError(
                f"{self.low:g} % and {self.high:g} % of the volume's voxels are at or below the "
                f"same value, {low:g}: choose percentiles further apart."
            )
        return Scale(high - low, low, histogram.low)

    def typical(self):
        """What a translation is given; its `lowest` is that of air."""
        low, high = self.typical_values or (0.0, 1.0)
        return Scale(high - low, low, low)

    def learned(self, scales):
        """The rule as it is written after training volumes with these scales were seen."""
        ends = [(scale.offset, scale.offset + scale.gain) for scale in scales]
        return dataclasses.replace(self, typical_values=tuple(np.median(ends, axis=0).tolist()))


@dataclasses.dataclass(frozen=True)
class ZScore:
    """Values without a unit, such as MR: of each volume's foreground the mean becomes 0.

    The foreground is what lies above the mean of all voxels; its standard deviation becomes 1.

    Args:
        limit: Networks see values from minus to plus this.
        body: Stored value above which is body.
        typical_values: `(mean, standard deviation, lowest)`: of the foreground of a translation,
            and the value of air; by `learned`.

    Reference:
        Nyúl and Udupa 1999, https://doi.org/10.1002/(SICI)1522-2594(199912)42:6<1072::AID-MRM11>3.0.CO;2-M,
        for the foreground
    """

    limit: float = 4.0
    body: float = -2.0
    typical_values: tuple[float, float, float] | None = None

    kind = "z-score"
    unit = ""

    def __post_init__(self):
        _check(self.limit > 0, f"limit must be above 0, received {self.limit}")

    @property
    def value_range(self):
        """Stored values `(low, high)` that stand for -1 and 1."""
        return -self.limit, self.limit

    @property
    def body_level(self):
        """Stored value above which is body."""
        return self.body

    def scale(self, voxels):
        """The scale of one volume; InputError if a voxel is NaN or infinite."""
        histogram = Histogram.of(voxels)
        mean, deviation = histogram.foreground()
        return Scale(deviation or 1.0, mean, histogram.low)

    def typical(self):
        """What a translation is given; its `lowest` is that of air."""
        mean, deviation, lowest = self.typical_values or (0.0, 1.0, -self.limit)
        return Scale(deviation, mean, lowest)

    def learned(self, scales):
        """The rule as it is written after training volumes with these scales were seen."""
        found = [(scale.offset, scale.gain, scale.lowest) for scale in scales]
        return dataclasses.replace(self, typical_values=tuple(np.median(found, axis=0).tolist()))


_KINDS = {rule.kind: rule for rule in (Window, Percentiles, ZScore)}


def to_json(rule):
    """A rule as what JSON can hold, and gives back as it is."""
    fields = dataclasses.asdict(rule).items()
    values = {name: list(v) if isinstance(v, tuple) else v for name, v in fields}
    return {"kind": rule.kind} | values


def from_json(description):
    """The rule that `to_json` wrote.

    Raises:
        InputError: If it is none.
    """
    try:
        fields = dict(description)
        rule = _KINDS[fields.pop("kind")]
        return rule(**{k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()})
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"intensities must be what training wrote, received {description!r}."
        ) from error


def from_words(text):
    """The rule that a command line asks for.

    Args:
        text: "window:-1000,2000", "percentiles:0.5,99.5" or "z-score:4", each also without numbers.

    Raises:
        InputError: If it is none of these.
    """
    kind, _, numbers = text.partition(":")
    try:
        values = [float(number) for number in numbers.split(",") if number]
        if kind not in _KINDS or len(values) not in (0, 1 if kind == "z-score" else 2):
            raise ValueError
    except ValueError:
        raise InputError(
            "An intensity must be like window:-1000,2000 (HU), percentiles:0.5,99.5 or z-score:4, "
            f"received {text!r}."
        ) from None
    return _KINDS[kind](*values)


def default_rule(modality):
    """The usual rule of a modality: a window of -1000 to 2000 HU for "CT", else percentiles."""
    return Window() if modality == "CT" else Percentiles()


def check_modality(volume, lowest, wanted):
    """Looks whether a volume can be what is wanted; NIfTI does not say what it holds.

    Args:
        volume: `volume.Volume`.
        lowest: Its smallest value.
        wanted: "CT", "MR" or "" for anything.

    Raises:
        InputError: If it says that it is something else, or is to be MR and has values that are
            below those of any MR.
    """
    if volume.modality and wanted and volume.modality != wanted:
        raise InputError(
            f"The volume is {volume.modality}, and {wanted} is wanted here: exchange both domains, "
            "or give another volume."
        )
    if wanted == "MR" and lowest < -200:
        raise InputError(
            f"The volume has values down to {lowest:g}, as CT in HU has and MR has not, and MR is "
            "wanted here: exchange both domains, say the modalities, or give another volume."
        )


def _check(condition, sentence):
    if not condition:
        raise InputError(f"{sentence}.")
