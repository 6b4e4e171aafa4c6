"""Videos, read frame by frame as they are to be seen."""

import contextlib
import warnings
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cyclegan_tf.common.errors import InputError

#: Suffixes of the videos that are read.
READABLE = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")

# FFmpeg's numbers of colours: a matrix that nobody said; primaries of BT.2020 and P3; PQ and HLG.
_UNSPECIFIED, _WIDE_PRIMARIES, _HDR_TRANSFERS = 2, (9, 11, 12), (16, 18)


class Frame(NamedTuple):
    """One of several images.

    Attributes:
        image: Array `(height, width, channels)`.
        start: When it is first seen, in seconds, a `Fraction`.
        duration: For how long, in seconds, a `Fraction`.
    """

    image: np.ndarray
    start: Fraction
    duration: Fraction


class Video:
    """An open video, whose frames are decoded while one iterates over it, once.

    Frames are uint8 `(height, width, 3)` in sRGB, or `(height, width, 4)` where the video has
    transparency: turned as the display matrix says (to the nearest right angle), without interlace,
    with square pixels; HDR and wide gamuts become what sRGB shows.

    Attributes:
        path: The file.
        count: How many frames there are, about.
        time_base: Unit of its times in seconds, a `Fraction`.
        rate: Frames per second on average, a `Fraction`.
        timed: Whether the file says how long a frame is seen.
        plays: How often the images are shown; 0 is for ever.
    """

    timed, plays = True, 0

    def __init__(self, container, path, times):
        self.path, self.count, self._container = path, len(times), container
        self._stream = stream = container.streams.best("video")
        stream.thread_type = "AUTO"
        self.time_base = stream.time_base
        self.rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        # AVI knows when a frame is decoded, not when it is shown: one after the other.
        self._times = times if container.format.name == "avi" else ()
        if stream.metadata.get("alpha_mode") == "1":
            warnings.warn(f"The transparency of {path} is not read.", stacklevel=3)

    def __iter__(self):
        """Yields each `Frame`."""
        before, read = None, 0
        try:
            for picture in self._seen():
                start = in_seconds(picture.pts, picture.time_base)
                if read < len(self._times):
                    start = self._times[read]
                elif start is None:
                    start = before.start + 1 / self.rate if before else Fraction(0)
                if before:
                    yield before._replace(duration=max(start - before.start, Fraction(0)))
                last = in_seconds(picture.duration, picture.time_base) or 1 / self.rate
                before, read = Frame(picture.to_ndarray(), start, last), read + 1
        except require(self.path).error.FFmpegError as error:
            raise _cut_short(self.path, read, self.count) from error
        if before is None:
            raise _cut_short(self.path, 0, self.count)
        yield before

    def _seen(self):
        """Frames of PyAV in sRGB, upright, with square pixels."""
        graph, kind, damaged = None, None, 0
        for picture in self._container.decode(self._stream):
            this = f"{picture.width}x{picture.height} {picture.format.name}"
            if graph is None:
                graph, kind = self._graph(picture), this
            if this != kind:
                raise InputError(
                    f"{self.path} changes from {kind} to {this} on its way: cut it in two there."
                )
            damaged += bool(picture.is_corrupt)
            graph.push(picture)
            yield from _pulled(graph)
        if graph is not None:
            graph.push(None)
            yield from _pulled(graph)
        if damaged:
            warnings.warn(
                f"{damaged} frames of {self.path} are damaged, and were mended while decoding.",
                stacklevel=2,
            )

    def _graph(self, picture):
        """FFmpeg's filters that make of a decoded frame what is to be seen."""
        graph = require(self.path).filter.Graph()
        node = graph.add_buffer(
            width=picture.width,
            height=picture.height,
            format=picture.format,
            time_base=picture.time_base or self.time_base,
        )
        has_alpha = any(part.is_alpha for part in picture.format.components)
        filters = [("bwdif", "send_frame")] if picture.interlaced_frame else []
        filters += [("scale", self._scale(picture)), ("format", "rgba" if has_alpha else "rgb24")]
        for name, arguments in (*filters, *_turns(picture), ("buffersink", None)):
            following = graph.add(name, arguments)
            node.link_to(following)
            node = following
        graph.configure()
        return graph

    def _scale(self, picture):
        """Arguments that make colours full-range RGB by the file's matrix, and pixels squares."""
        width, height, codec = picture.width, picture.height, self._stream.codec_context
        ratio = self._stream.sample_aspect_ratio or Fraction(1)
        seen = (round(width * ratio), height) if ratio > 1 else (width, round(height / ratio))
        if seen != (width, height):
            warnings.warn(
                f"{self.path} has pixels that are no squares ({ratio.numerator}:"
                f"{ratio.denominator}): {width}x{height} become {seen[0]}x{seen[1]}.",
                stacklevel=2,
            )
        words = [f"{seen[0]}:{seen[1]}:flags=bicubic+accurate_rnd+full_chroma_int:out_range=pc"]
        if picture.colorspace == _UNSPECIFIED:  # players go by the size
            large = width >= 1280 or height >= 720
            words.append(f"in_color_matrix={'bt709' if large else 'bt601'}")
        if codec.color_primaries in _WIDE_PRIMARIES or codec.color_trc in _HDR_TRANSFERS:
            words.append("out_primaries=bt709:out_transfer=bt709")
        return ":".join(words)


@contextlib.contextmanager
def opened(path):
    """Opens a video.

    It is gone through once before, without decoding: a file that was cut short is found before
    hours of work.

    Args:
        path: The file.

    Yields:
        `Video`.

    Raises:
        InputError: If PyAV is missing, or the file is missing, no video, or damaged; then it says
            how many frames could be read.

    Example:
        >>> with opened("clip.mp4") as video:
        ...     for image, start, duration in video:
        ...         print(image.shape, float(start))
    """
    av, path = require(path), Path(path)
    if not path.is_file():
        raise InputError(f"There is no file {path}: check its name.")
    try:
        times = _times(av, path)
        container = av.open(str(path))
    except av.error.FFmpegError as error:
        raise InputError(
            f"{path} is no video, or its beginning or end is missing: not one frame could be read "
            f"({error.strerror})."
        ) from error
    with container:
        yield Video(container, path, times)


def is_video(path):
    """Whether a file's name ends as that of a video."""
    return Path(path).suffix.lower() in READABLE


def require(path):
    """The module of PyAV, or an InputError that says how to get it."""
    try:
        import av
    except ImportError:
        raise InputError(
            f"{path} is a video, which needs a package: pip install 'cyclegan_tf[video]'."
        ) from None
    return av


def in_seconds(count, time_base):
    """A time of PyAV's in seconds, a `Fraction`; None where there is none."""
    return None if count is None or time_base is None else count * time_base


def _times(av, path):
    """When each frame is decoded, in seconds; an InputError where the file was cut short."""
    times, reached, whole = [], Fraction(0), True
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        if stream is None:
            raise InputError(f"{path} holds no video: check its name.")
        try:
            for packet in container.demux():
                whole = whole and not packet.is_corrupt
                shown = packet.dts if packet.pts is None else packet.pts
                if shown is None or packet.is_corrupt:
                    continue
                reached = max(reached, (shown + (packet.duration or 0)) * packet.time_base)
                if packet.stream.index == stream.index and not packet.is_discard:
                    times.append((shown if packet.dts is None else packet.dts) * packet.time_base)
        except av.error.FFmpegError:
            whole = False
        rate = stream.average_rate or Fraction(25)
        promised = Fraction(container.duration or 0, av.time_base)
        if not whole or reached + 1 / rate + Fraction(1, 10) < promised:
            raise _cut_short(path, len(times), stream.frames or round(promised * rate))
    return times


def _cut_short(path, read, promised):
    return InputError(
        f"{path} is damaged or was cut short: {read} of about {promised} frames could be read; "
        f"copy it again, or keep what plays (ffmpeg -i {path.name} -c copy part{path.suffix})."
    )


def _turns(picture):
    """Filters that turn a frame as its display matrix says."""
    if "DISPLAYMATRIX" not in {data.type.name for data in picture.side_data}:
        return
    a, b, _, c, d = np.frombuffer(picture.side_data["DISPLAYMATRIX"], "<i4")[:5]
    across, down = a, d
    if abs(b) > abs(a):
        yield "transpose", "cclock_flip"  # rows become columns, and nothing else
        across, down = c, b
    if across < 0:
        yield "hflip", None
    if down < 0:
        yield "vflip", None


def _pulled(graph):
    with contextlib.suppress(BlockingIOError, EOFError):
        while True:
            yield graph.pull()
