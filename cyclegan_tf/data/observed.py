"""What images were found to hold, and what is worth a word about it."""

import collections
import dataclasses
import statistics
from pathlib import Path

import numpy as np

from cyclegan_tf.data.io.pixels import has_alpha

# Numbers that programs write where there is no data; beside them any of 1e20 and more.
_NO_DATA = (-999, -9999, -99999, -999999, -32767, -32768)
_HUGE = 1e20
#: Label maps have no more classes.
MOST_CLASSES = 256
# So many images make a crowd, of which one in ten or fewer may be odd, and sides so far apart.
_MANY, _ODD, _FAR = 8, 0.1, 4
_NAMED = 3


@dataclasses.dataclass(frozen=True)
class Values:
    """Which values occur.

    Attributes:
        low: The smallest.
        high: The largest.
        whole: Whether they are floats, and yet all whole numbers from 0 to 255.
        inner: The smallest and the largest of those that no program writes for "no data".
        counts: How often each of the others occurs.
        total: How many there are.
    """

    low: float
    high: float
    whole: bool
    inner: tuple[float, float]
    counts: dict[float, int]
    total: int

    @classmethod
    def of(cls, images):
        """Those of an array `(..., channels)`, of any type that a data set holds; NaN is none."""
        values = np.asarray(images)
        if getattr(images, "alpha", None):  # what is not seen is no value
            values = values[..., :-1][values[..., -1] > 0]
        elif values.dtype == np.uint16 and has_alpha(images):
            values = values[..., :-1]
        if values.dtype.kind == "f":
            values = values[np.isfinite(values)]
        if not values.size:
            return None
        low, high, inner, counts = values.min(), values.max(), values, {}
        if _may_be_no_data(np.stack([low, high])).any():
            there = _may_be_no_data(values)
            found, often = np.unique(values[there], return_counts=True)
            counts = dict(zip(found.tolist(), often.tolist(), strict=True))
            inner = values[~there]
        whole = values.dtype.kind == "f" and bool(low >= 0 and high <= 255)
        whole = whole and bool((values == np.rint(values)).all())
        ends = (float(inner.min()), float(inner.max())) if inner.size else (np.inf, -np.inf)
        return cls(float(low), float(high), whole, ends, counts, values.size)

    @classmethod
    def together(cls, parts):
        """Those of several arrays, from the `Values` of each; None where there are none."""
        parts = [part for part in parts if part is not None]
        if not parts:
            return None
        return cls(
            min(part.low for part in parts),
            max(part.high for part in parts),
            all(part.whole for part in parts),
            (min(part.inner[0] for part in parts), max(part.inner[1] for part in parts)),
            dict(sum((collections.Counter(part.counts) for part in parts), collections.Counter())),
            sum(part.total for part in parts),
        )

    def no_data(self, dtype):
        """The number at an end that is farther from the others than these from each other.

        Args:
            dtype: The images' type: of whole numbers, the others must be more than one.

        Returns:
            The number; None where there is none.
        """
        low, high = self.inner
        if low > high or (low == high and dtype.kind != "f"):
            return None
        ends = (value for value in (self.low, self.high) if value in self.counts)
        return next((v for v in ends if max(low - v, v - high) > high - low), None)


@dataclasses.dataclass(frozen=True)
class Observed:
    """What one image was found to be.

    Attributes:
        path: Its file.
        frame: Which of the file's frames it is, from 0; None if it is the only one.
        size: `(height, width)` in the file, in pixels.
        channels: How many it has there; None if that was not looked at.
        dtype: As `image_file.read` gives it.
        values: Its `Values`; None if they were not looked at.
        fitted: The smallest and the largest value of a float image at its place in the data set.
        alpha: Whether its last channel is transparency; None if that was not looked at.
        nodata: As `Pixels` have it.
        classes: Of a label map, the set of its values, at most one more than `MOST_CLASSES`.
    """

    path: Path
    frame: int | None
    size: tuple[int, int]
    channels: int | None
    dtype: np.dtype
    values: Values | None
    fitted: tuple[float, float] | None = None
    alpha: bool | None = None
    nodata: float | None = None
    classes: frozenset = frozenset()

    @property
    def name(self):
        """What messages call it."""
        return name_of(self.path, self.frame)


def classes_of(image):
    """The values `(channels,)` that occur in an image, as a set, at most `MOST_CLASSES` + 1."""
    found = np.unique(np.asarray(image).reshape(-1, image.shape[-1]), axis=0)
    return frozenset(tuple(values) for values in found[: MOST_CLASSES + 1].tolist())


def name_of(path, frame=None):
    """What messages call a frame of a file, or its only image."""
    return str(path) if frame is None else f"{path} (frame {frame + 1})"


def odd_ones(domain, images):
    """A sentence about the few images that are unlike the many others.

    Args:
        domain: What the sentence calls the domain.
        images: List of `Observed`.

    Returns:
        The sentence; "" where all are alike, or none are usual.
    """
    reasons = {}
    if len(images) >= _MANY:
        usual = [statistics.median(image.size[axis] for image in images) for axis in (0, 1)]
        far = [any(_far(*pair) for pair in zip(image.size, usual, strict=True)) for image in images]
        channels = [image.channels for image in images]
        types = [image.dtype for image in images]
        for odd, said in (
            (far, lambda one: f"has {one.size[0]}x{one.size[1]} pixels"),
            (_rare(channels), lambda one: f"has {one.channels} channel" + "s" * (one.channels > 1)),
            (_rare(types), lambda one: f"holds {one.dtype}"),
        ):
            if 0 < sum(odd) <= len(images) * _ODD:
                for one, is_odd in zip(images, odd, strict=True):
                    if is_odd:
                        reasons.setdefault(one.name, []).append(said(one))
    if not reasons:
        return ""
    named = [f"{name} {' and '.join(why)}" for name, why in reasons.items()]
    verb = "is" if len(named) == 1 else "are"
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return (
        f"{len(named)} of the {len(images)} images of {domain} {verb} unlike the others: "
        f"{', '.join(named[:_NAMED])}{more}."
    )


def no_data(domain, dtype, values):
    """A sentence about a number that seems to stand for "no data"; "" if there is none."""
    value = values and values.no_data(dtype)
    if value is None:
        return ""
    share, (low, high) = 100 * values.counts[value] / values.total, values.inner
    return (
        f"{share:.2g} % of the values of {domain} are {value:.9g}, far from the others, which are "
        f"{low:g} to {high:g}: if it stands for no data, say nodata={value:.9g}."
    )


def dark(domain, dtype, values):
    """A sentence about whole numbers that use few of their bits; "" if they do not."""
    if values is None or dtype.kind != "u":
        return ""
    most = np.iinfo(dtype).max
    if values.high > (1 if dtype == np.uint8 else most // 4) or values.no_data(dtype) is not None:
        return ""
    full = 2 ** max(int(values.high).bit_length(), 1 if dtype == np.uint8 else 8) - 1
    return (
        f"The largest value of {domain} is {values.high:g} of {most}, so that most of its contrast "
        f"is lost: say ranges=(0, {full})."
    )


def _may_be_no_data(values):
    if values.dtype.kind == "f":
        return np.isin(values, np.array(_NO_DATA, values.dtype)) | (np.abs(values) >= _HUGE)
    return np.isin(values, (0, 65535)) & (values.dtype == np.uint16)


def _far(side, usual):
    return max(side / usual, usual / side) >= _FAR


def _rare(kinds):
    """Of each of a list whether it is not the most frequent; of None it is not known."""
    counts = collections.Counter(kind for kind in kinds if kind is not None)
    usual = counts.most_common(1)[0][0] if counts else None
    return [kind not in (usual, None) for kind in kinds]
