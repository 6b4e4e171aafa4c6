"""How steady a translated video is: what stays the same in its source should stay the same in it.

The warping error of Lai et al. 2018, "Learning Blind Video Temporal Consistency": each frame is
moved along the source's motion onto the next one and compared with it, where the motion is sure.
"""

import contextlib
import dataclasses
import itertools

import cv2
import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.progress import tqdm
from cyclegan_tf.data.io import image_file, sequences
from cyclegan_tf.data.io.pixels import white

# Where the way there and back ends elsewhere than it began, or motion changes abruptly, something
# is covered or uncovered (Ruder et al. 2016, "Artistic Style Transfer for Videos"); pixels squared.
_RELATIVE, _ABSOLUTE, _EDGE_RELATIVE, _EDGE_ABSOLUTE = 0.01, 0.5, 0.01, 0.002
# Two frames are of two scenes if less of the source's pixels move along and change by less.
_IN_COMMON, _MUCH = 0.25, 0.1


@dataclasses.dataclass(frozen=True)
class Steadiness:
    """Warping errors of a translated video and of its source.

    Attributes:
        error: Root mean squared difference between a translated frame and the one before, moved
            along, of values in [0, 1]; 0 is steady. Its square is the paper's warping error.
        source: The same of the source itself: what noise, light and inexact motion amount to.
        share: Share of the pixels whose motion is sure, and that were compared.
        pairs: Number of pairs of frames.
        cuts: How many of these are of two scenes, and were left out.
    """

    error: float
    source: float
    share: float
    pairs: int
    cuts: int

    @property
    def ratio(self):
        """How many times as much as in the source a pixel changes; infinite if that is still."""
        return self.error / self.source if self.source else np.inf if self.error else 1.0

    def __str__(self):
        more = f": {self.ratio:.1f} times as much" if self.source else ""
        return (
            f"Steadiness: {self.error:.4f} (source {self.source:.4f}; 0 is best): from frame to "
            f"frame, what is seen changes its colour by {self.error:.1%}, in the source by "
            f"{self.source:.1%}{more}."
        )


def steadiness(source, translated):
    """Measures how steady translated frames are beside their source.

    Frames are taken one after the other: memory holds two of each. All compared pixels count alike.

    Args:
        source: Iterable of arrays `(height, width, channels)`: uint8 or uint16, or floats in
            [0, 1]. Transparency is laid over white.
        translated: Iterable of as many such arrays, of the same size but for a row or a column
            that was added; with as many channels as it likes.

    Returns:
        `Steadiness`.

    Raises:
        InputError: If numbers or sizes of frames differ, or no two frames show the same scene.

    Example:
        >>> frames = np.zeros((3, 48, 64, 3), np.uint8)
        >>> steadiness(frames, frames).error
        0.0
    """
    sums, compared, pairs, cuts, before = np.zeros(2), [], 0, 0, None
    for ours, theirs in itertools.zip_longest(source, translated):
        if ours is None or theirs is None:
            raise InputError(
                "source and translated must have as many frames as each other: one of them has "
                f"{pairs + (before is not None)}, and the other more."
            )
        values = _values(ours, theirs)
        gray = cv2.cvtColor(np.rint(values[0] * 255).astype(np.uint8), cv2.COLOR_RGB2GRAY)
        if before is not None:
            flow, sure = _motion(gray, before[0])
            pairs += 1
            changes = [_changes(*pair, flow) for pair in zip(before[1], values, strict=True)]
            if (sure & (changes[0] < _MUCH**2)).mean() < _IN_COMMON:
                cuts += 1
            else:
                sums += [change[sure].sum(dtype=np.float64) for change in changes]
                compared.append((sure.sum(), sure.size))
        before = gray, values
    if not compared:
        raise InputError(
            "Steadiness needs two frames that show the same scene, received "
            + (f"{pairs + 1} of as many scenes." if pairs else "less than two frames.")
        )
    count, size = np.sum(compared, 0)
    original, error = np.sqrt(sums / count)
    return Steadiness(float(error), float(original), float(count / size), pairs, cuts)


def of_files(source, result, progress=True):
    """Measures two files, of which the second is a translation of the first.

    Each frame of the source is compared with what the other file shows at that time.

    Args:
        source: A video or an animation.
        result: Another.
        progress: Whether to show a bar.

    Returns:
        `Steadiness`.

    Raises:
        InputError: If a file cannot be read, the second ends before the first, or as `steadiness`.
    """
    with contextlib.ExitStack() as stack:
        ours, theirs = (stack.enter_context(sequences.opened(path)) for path in (source, result))
        bar = tqdm(ours, "Steadiness", ours.count, unit="frame", leave=False, disable=not progress)
        ours, theirs = itertools.tee(_beside(bar, theirs, result))
        return steadiness((pair[0] for pair in ours), (pair[1] for pair in theirs))


def _beside(ours, theirs, name):
    """Yields each image of a file, and what another shows in the middle of its time."""
    theirs, begin = iter(theirs), None
    shown = next(theirs)
    late = shown.start
    for image, start, duration in ours:
        begin = start if begin is None else begin
        time = start - begin + duration / 2 + late
        while time >= shown.start + shown.duration:
            following = next(theirs, None)
            if following is None:
                if time > shown.start + 2 * shown.duration:
                    raise InputError(
                        f"{name} ends after {float(shown.start + shown.duration - late):g} "
                        "seconds, before its source does: give the whole translation."
                    )
                break
            shown = following
        yield image, shown.image


def _values(ours, theirs):
    """Both frames as RGB in [0, 1], float32, without what was added to even sides."""
    height, width = ours.shape[:2]
    extra = np.subtract(theirs.shape[:2], (height, width))
    if extra.min() < 0 or extra.max() > 1:
        raise InputError(
            f"The videos must be of one size, received {width}x{height} and "
            f"{theirs.shape[1]}x{theirs.shape[0]}."
        )
    return [
        np.asarray(image_file.to_channels(image, 3), np.float32) / white(image.dtype)
        for image in (ours, theirs[:height, :width])
    ]


def _motion(frame, before):
    """How far each pixel was before, in x and y `(height, width, 2)`, and where that is sure."""
    flow, forth = _flow(frame, before), _flow(before, frame)
    back = cv2.remap(forth, *_places(flow), cv2.INTER_LINEAR, borderValue=(1e6, 1e6))
    sure = _square(flow + back) <= _RELATIVE * (_square(flow) + _square(back)) + _ABSOLUTE
    slopes = sum(_square(slope) for slope in np.gradient(flow, axis=(0, 1)))
    return flow, sure & (slopes <= _EDGE_RELATIVE * _square(flow) + _EDGE_ABSOLUTE)


def _square(vectors):
    return np.einsum("...i,...i->...", vectors, vectors)


def _flow(frame, other):
    """Dense optical flow by inverse search (Kroeger et al. 2016)."""
    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(frame, other, None)


def _changes(before, now, flow):
    """Squared change of each pixel along the motion, `(height, width)`, a mean over channels."""
    moved = cv2.remap(before, *_places(flow), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return _square(now - moved) / now.shape[-1]


def _places(flow):
    """Maps of x and y for `cv2.remap`."""
    rows, columns = np.indices(flow.shape[:2], np.float32)
    return columns + flow[..., 0], rows + flow[..., 1]
