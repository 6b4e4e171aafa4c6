"""Videos, written frame by frame, with the times and the sound of another file."""

import contextlib
import warnings
from pathlib import Path

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io.video import in_seconds, is_video, require

# Of each kind of file: the encoder of images, its options, what its sides are multiples of, and the
# encoder of sound. H.264 has no frames here that wait for later ones: all files keep such times.
_H264 = ("libx264", {"crf": "18", "bf": "0"}, 2, "aac")
_VP9 = ("libvpx-vp9", {"crf": "24", "row-mt": "1"}, 1, "libopus")
_ENCODERS = {".mp4": _H264, ".mov": _H264, ".mkv": _H264, ".webm": _VP9}
#: Suffixes of the videos that are written.
WRITABLE = tuple(_ENCODERS)

# FFmpeg's numbers: of colours, and of swscale's flags bicubic, accurate_rnd and full_chr_h_int.
_BT709, _LIMITED, _FULL, _EXACT = 1, 1, 2, 0x4 | 0x40000 | 0x2000


def write(path, frames, like):
    """Writes a video: H.264 with AAC, in WebM VP9 with Opus; BT.709, as players expect.

    Sound is that of `like`, copied as it is where the file may hold it, else encoded anew. Times
    are kept (MKV and WebM round them to milliseconds). A warning says what is left out, and where
    a row or a column was added.

    Args:
        path: The file, whose suffix is among `WRITABLE`.
        frames: Iterable of `video.Frame` with uint8 arrays `(height, width, 1 to 4 channels)` of
            one size; transparency is left out. They are taken one by one.
        like: `video.Video`, or another with `path`, `time_base` and `rate`: what is translated.

    Raises:
        InputError: If PyAV is missing or lacks the encoder.
    """
    av, path = require(path), Path(path)
    encoder, options, multiple, of_sound = _ENCODERS[path.suffix.lower()]
    streamable = {"movflags": "+faststart"} if path.suffix.lower() in (".mp4", ".mov") else {}
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(av.open(str(path), "w", options=streamable))
        try:
            stream = out.add_stream(encoder, rate=like.rate, options=options)
        except (ValueError, av.error.FFmpegError) as error:
            raise InputError(
                f"This PyAV lacks the encoder {encoder}, which {path.suffix} needs: install "
                "another (pip install --force-reinstall av)."
            ) from error
        stack.enter_context(_told(av, path))
        sound = _Sound(stack, out, like.path, of_sound, path.suffix.lower())
        last, durations = None, {}
        for image, start, duration in frames:
            picture = _picture(av, image, multiple)
            if last is None:
                _describe(stream.codec_context, picture, image, like.time_base)
            stamp = round(start / like.time_base)
            last = stamp if last is None else max(stamp, last + 1)
            picture.pts, picture.time_base = last, like.time_base
            durations[last] = max(1, round(duration / like.time_base))
            _mux(out, stream.encode(picture), durations)
            sound.until(start)
        _mux(out, stream.encode(None), durations)
        sound.until(None)


@contextlib.contextmanager
def _told(av, path):
    """What the encoder or the file refuses becomes one sentence; a full disk stays an OSError."""
    try:
        yield
    except OSError:
        raise
    except av.error.FFmpegError as error:
        raise InputError(
            f"A {path.suffix} cannot hold these images and this sound ({error.strerror}): write "
            ".mkv, which holds most."
        ) from error


class _Sound:
    """The sound of a file on its way into another, as far as the images have come."""

    def __init__(self, stack, out, source, encoder, suffix):
        self._out, self._ways, self._packets = out, {}, iter(())
        # What is before the beginning is not heard, and only MP4 and MOV can say so.
        self._from = None if suffix in (".mp4", ".mov") else 0
        if source is None or not is_video(source):
            return
        container = stack.enter_context(require(source).open(str(source)))
        left_out = {"subtitles" for _ in container.streams.subtitles}
        for stream in container.streams.audio:
            codec = stream.codec_context
            if codec is None:
                left_out.add("a sound track of an unknown kind")
            elif codec.name in out.supported_codecs:
                self._ways[stream.index] = out.add_stream_from_template(stream), False
            else:
                rate = 48000 if encoder == "libopus" else codec.sample_rate
                made = out.add_stream(encoder, rate=rate, layout=codec.layout.name)
                self._ways[stream.index] = made, True
        if left_out:
            warnings.warn(
                f"{source} has {' and '.join(sorted(left_out))}, which {suffix} does not get.",
                stacklevel=3,
            )
        if self._ways:
            self._packets = container.demux([container.streams[index] for index in self._ways])

    def until(self, time):
        """Passes on what is heard up to a time in seconds; None: all the rest."""
        for packet in self._packets:
            stream, anew = self._ways[packet.stream.index]
            begins = in_seconds(packet.dts, packet.time_base)
            if anew:
                for frame in packet.decode():
                    self._out.mux(stream.encode(frame))
            elif begins is not None and (self._from is None or begins >= self._from):
                packet.stream = stream
                self._out.mux(packet)
            if time is not None and begins is not None and begins > time:
                return
        if time is None:
            for stream, anew in self._ways.values():
                if anew:
                    self._out.mux(stream.encode(None))


def _picture(av, image, multiple):
    """A frame of PyAV in BT.709, its sides multiples of a number."""
    image = np.asarray(image)
    image = image[..., :3] if image.shape[-1] > 2 else np.repeat(image[..., :1], 3, -1)
    missing = [(0, -side % multiple) for side in image.shape[:2]]
    image = np.ascontiguousarray(np.pad(image, [*missing, (0, 0)], mode="edge"))
    return av.VideoFrame.from_ndarray(image, "rgb24").reformat(
        format="yuv420p",
        dst_colorspace=_BT709,
        src_color_range=_FULL,
        dst_color_range=_LIMITED,
        interpolation=_EXACT,
    )


def _describe(codec, picture, image, time_base):
    """Tells an encoder what its frames are like, and the user where they grew."""
    codec.width, codec.height, codec.pix_fmt = picture.width, picture.height, "yuv420p"
    codec.time_base, codec.color_range = time_base, _LIMITED
    codec.colorspace = codec.color_primaries = codec.color_trc = _BT709
    height, width = image.shape[:2]
    if (picture.height, picture.width) != (height, width):
        warnings.warn(
            f"H.264 has even sides: {width}x{height} became {picture.width}x{picture.height}.",
            stacklevel=3,
        )


def _mux(out, packets, durations):
    for packet in packets:
        packet.duration = durations.pop(packet.pts, packet.duration)
        out.mux(packet)
