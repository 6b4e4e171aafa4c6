"""Small clips whose frames, times and sound are known."""

from fractions import Fraction

import numpy as np


def moving(count=8, width=64, height=48):
    """Frames of a square that moves two pixels a time over a slope, uint8 RGB."""
    frames = np.zeros((count, height, width, 3), np.uint8)
    frames[..., 0] = np.linspace(40, 200, width).astype(np.uint8)
    frames[..., 1] = np.linspace(200, 40, height).astype(np.uint8)[:, None]
    for i, frame in enumerate(frames):
        frame[12:28, 4 + 2 * i : 20 + 2 * i] = (220, 60, 120)
    return frames


def write_clip(
    path,
    frames=None,
    rate=8,
    codec="libx264",
    pixels="yuv420p",
    sound=None,
    stamps=None,
    options=None,
    **tags,
):
    """Writes frames, and a sine of 440 Hz in a codec; `stamps` are times in ticks of the rate.

    Frames are arrays, or `av.VideoFrame`s; `tags` are set on the encoder.
    """
    import av

    frames = moving() if frames is None else frames
    with av.open(str(path), "w", options=options or {}) as out:
        stream = out.add_stream(codec, rate=rate)
        track = out.add_stream(sound, rate=48000, layout="mono") if sound else None
        for number, frame in enumerate(frames):
            if isinstance(frame, np.ndarray):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")
            if not number:
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, pixels
                for name, value in tags.items():
                    setattr(stream.codec_context, name, value)
            frame.pts = number if stamps is None else stamps[number]
            frame.time_base = Fraction(1, rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if track:
            times = np.arange(48000 * len(frames) // rate) / 48000
            wave = np.sin(2 * np.pi * 440 * times, dtype=np.float32)[None] / 4
            heard = av.AudioFrame.from_ndarray(wave, "fltp", "mono")
            heard.sample_rate, heard.pts, heard.time_base = 48000, 0, Fraction(1, 48000)
            out.mux(track.encode(heard))
            out.mux(track.encode(None))
    return path


def packets(path, kind="audio"):
    """Bytes of the packets of the first track of a kind."""
    import av

    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return [bytes(packet) for packet in container.demux(stream) if packet.size]
