"""Files that hold several images, read and written alike: animations, pages of a TIFF, videos."""

import contextlib
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io import formats, pillow, video, video_writing
from cyclegan_tf.data.io.video import Frame

#: Suffixes of files that may hold several images and are written.
WRITABLE = tuple(s for row in formats.FORMATS if row.frames and row.writable for s in row.suffixes)
WRITABLE += video_writing.WRITABLE

_MILLISECOND = Fraction(1, 1000)
# Of images without a time, or with none, as browsers show them; and the least that they heed.
_USUAL, _LEAST = 100 * _MILLISECOND, 20 * _MILLISECOND


class Images:
    """The frames of an open image file, with the attributes of `video.Video`.

    Frames are `Pixels` as from `image_file.read`; those without a time are seen for 0.1 seconds.
    """

    time_base = _MILLISECOND

    def __init__(self, frames, path):
        self.path, self.count, self._frames = Path(path), len(frames), frames
        self.timed, self.plays = frames.durations is not None, _plays(path)
        self._durations = [
            Fraction(round(duration)) * _MILLISECOND or _USUAL
            for duration in frames.durations or [0] * self.count
        ]
        self.rate = Fraction(self.count / sum(self._durations)).limit_denominator(1000)

    def __iter__(self):
        """Yields each `Frame`."""
        start = Fraction(0)
        for index, duration in enumerate(self._durations):
            yield Frame(self._frames[index], start, duration)
            start += duration


@contextlib.contextmanager
def opened(path):
    """Opens a video, an animation, a TIFF with pages, or one image.

    Args:
        path: The file.

    Yields:
        `video.Video` or `Images`.

    Raises:
        InputError: As `video.opened` and `formats.opened`.
    """
    if video.is_video(path):
        with video.opened(path) as opened_video:
            yield opened_video
    else:
        with formats.opened(path) as frames:
            yield Images(frames, path)


def are_several(path):
    """Whether a file is a video, or holds more than one image.

    Raises:
        InputError: If it is an image that cannot be read.
    """
    if video.is_video(path):
        return True
    if formats.is_array(path):
        return False
    with formats.opened(path) as frames:
        return len(frames) > 1


def write(path, frames, like):
    """Writes several images into one file, by its suffix.

    Times are kept where the file has any: GIF counts in hundredths of a second, and a browser heeds
    no less than two. Frames that are alike may become one that is seen for longer. A warning says
    what a file cannot keep.

    Args:
        path: The file, whose suffix is among `WRITABLE`.
        frames: Iterable of `Frame` of one size: uint8 `(height, width, 1 to 4 channels)`; for TIFF
            arrays as `formats.encode` takes them.
        like: What `opened` gave: times, repeats and sound are its own.

    Raises:
        InputError: If `video_writing.write` raises it.
    """
    path = Path(path)
    kind = formats.of(path).name
    if kind == "TIFF":
        from cyclegan_tf.data.io import tiff

        if like.timed:
            warnings.warn("A TIFF has pages without times: theirs are left out.", stacklevel=2)
        path.write_bytes(tiff.encode(frame.image for frame in frames))
        return
    if not like.timed:
        warnings.warn(f"{like.path} has no times: ten images are shown a second.", stacklevel=2)
    frames = _of_one_size(frames, like)
    if path.suffix.lower() in video_writing.WRITABLE:
        video_writing.write(path, frames, like)
    else:
        _write_animation(path, kind, frames, like)


def _write_animation(path, kind, frames, like):
    """Writes what Pillow writes; a GIF's frames one by one, after their duration is in the list."""
    durations, unit = [], 10 if kind == "GIF" else 1
    least = _LEAST if kind == "GIF" and isinstance(like, video.Video) else 0
    if least and like.rate > 1 / least:
        warnings.warn(
            f"A GIF shows 50 images a second at most, and {like.path} has {float(like.rate):g}: it "
            "plays slower.",
            stacklevel=3,
        )

    def images():
        passed = seen = Fraction(0)
        for array, _, duration in frames:
            passed += max(duration, least)
            durations.append(round((passed - seen) / _MILLISECOND / unit) * unit)
            seen += durations[-1] * _MILLISECOND
            yield _to_pil(np.asarray(array), kind)

    taken = images()
    first = next(taken)
    rest = taken if kind == "GIF" else list(taken)  # which Pillow goes through twice
    options = {"duration": durations, "append_images": rest, "save_all": True, "quality": 95}
    if kind != "GIF":
        options["loop"] = like.plays
    elif like.plays != 1:  # a GIF counts repeats
        options["loop"] = max(0, like.plays - 1)
    if kind == "GIF" and not isinstance(like, video.Video):
        options["disposal"] = 2  # no frame shines through the holes of the next
    pillow.save(first, path, **options)


def _to_pil(array, kind):
    """An image as Pillow writes it; the palette of a GIF is better without a needless alpha."""
    if array.shape[-1] == 2:
        array = array[..., [0, 0, 0, 1]]
    if kind == "GIF" and array.shape[-1] == 4 and array[..., 3].min() == 255:
        array = array[..., :3]
    return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else np.ascontiguousarray(array))


def _of_one_size(frames, like):
    size = None
    for frame in frames:
        size = size or frame.image.shape[:2]
        if frame.image.shape[:2] != size:
            raise InputError(
                f"{like.path} holds images of several sizes, which a TIFF alone can hold: give a "
                "name that ends in .tif."
            )
        yield frame


def _plays(path):
    """How often an animation is shown, 0 for ever: a GIF counts repeats, the others showings."""
    with contextlib.suppress(OSError), Image.open(path, formats=formats.PILLOW) as image:
        loop = image.info.get("loop")
        if image.format == "GIF":
            return 1 if loop is None else 0 if loop == 0 else loop + 1
        return loop or 0
    return 0
