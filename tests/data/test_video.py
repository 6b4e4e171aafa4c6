"""Videos: colours, times, rotation and sound as they are meant, or one sentence."""

import sys
from fractions import Fraction

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io import video, video_writing
from support.videos import moving, packets, write_clip

av = pytest.importorskip("av")


def read(path):
    with video.opened(path) as clip:
        return list(clip)


def copied(source, target):
    """Frames of a clip, and of what is written of them."""
    with video.opened(source) as clip:
        frames = list(clip)
        video_writing.write(target, frames, clip)
    return frames, read(target)


@pytest.mark.parametrize("suffix", video_writing.WRITABLE)
def test_frames_times_and_colours_are_kept(tmp_path, suffix):
    source = write_clip(tmp_path / "clip.mp4", sound="aac")
    before, after = copied(source, tmp_path / f"out{suffix}")
    assert [frame.start for frame in after] == [Fraction(i, 8) for i in range(8)]
    assert {frame.duration for frame in after} == {Fraction(1, 8)}
    for frame, same, drawn in zip(before, after, moving(), strict=True):
        assert np.abs(frame.image.astype(float) - same.image).mean() < 2
        assert np.abs(frame.image.astype(float) - drawn).mean() < 4


@pytest.mark.parametrize(
    ("codec", "source", "target", "becomes"),
    [
        ("aac", ".mp4", ".mov", "same"),
        ("aac", ".mp4", ".mkv", "same"),
        ("libopus", ".webm", ".mp4", "same"),
        ("pcm_s16le", ".avi", ".mkv", "same"),
        ("aac", ".mp4", ".webm", "opus"),
        ("pcm_s16le", ".avi", ".webm", "opus"),
    ],
)
def test_sound_is_copied_or_encoded_anew(tmp_path, codec, source, target, becomes):
    image = "libvpx-vp9" if source == ".webm" else "libx264"
    clip = write_clip(tmp_path / f"clip{source}", codec=image, sound=codec)
    out = tmp_path / f"out{target}"
    copied(clip, out)
    with av.open(str(out)) as container:
        (track,) = container.streams.audio
        name = track.codec_context.name
        heard = np.concatenate([f.to_ndarray()[0] for f in container.decode(track)])
        rate = track.codec_context.sample_rate
    if becomes == "same":
        ours, theirs = packets(clip), packets(out)
        assert theirs == ours[-len(theirs) :] and len(ours) - len(theirs) <= 1
    else:
        assert name.endswith(becomes)
    heard = heard[: rate * 3 // 4] / np.abs(heard).max()
    loudest = np.abs(np.fft.rfft(heard)).argmax() * rate / len(heard)
    assert abs(loudest - 440) < 3


def test_variable_frame_rates_and_frames_out_of_order_keep_their_times(tmp_path):
    stamps = [0, 1, 2, 5, 6, 10, 11, 12]
    uneven = write_clip(tmp_path / "uneven.mp4", rate=10, stamps=stamps)
    for suffix in (".mp4", ".mkv"):
        _, after = copied(uneven, tmp_path / f"out{suffix}")
        assert [frame.start for frame in after] == [Fraction(stamp, 10) for stamp in stamps]
        assert after[3].duration == Fraction(1, 10) and after[4].duration == Fraction(4, 10)
    in_avi = read(write_clip(tmp_path / "clip.avi", rate=10))  # which has no times of showing
    assert [frame.start for frame in in_avi] == [Fraction(i, 10) for i in range(8)]
    assert all(
        np.abs(f.image.astype(float) - m).mean() < 4 for f, m in zip(in_avi, moving(), strict=True)
    )


def test_times_begin_where_those_of_the_source_do(tmp_path):
    late = write_clip(tmp_path / "late.mkv", stamps=range(4, 12))
    _, after = copied(late, tmp_path / "out.mkv")
    assert after[0].start == Fraction(1, 2) and after[-1].start == Fraction(11, 8)


@pytest.mark.parametrize(
    ("matrix", "turned"),
    [
        ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),  # a phone held upright
        ((0, -1, 1, 0), np.rot90),
        ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
        ((-1, 0, 0, 1), np.fliplr),
        ((0, 1, 1, 0), lambda image: image.swapaxes(0, 1)),
    ],
)
def test_frames_are_turned_as_the_display_matrix_says(tmp_path, matrix, turned):
    path = write_clip(tmp_path / "clip.mp4", moving(2))
    (plain, _), data = read(path), bytearray(path.read_bytes())
    a, b, c, d = (65536 * number for number in matrix)
    at = data.index(b"tkhd") + 44  # a track's header ends with its matrix and size
    data[at : at + 36] = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], ">i4").tobytes()
    path.write_bytes(data)
    np.testing.assert_array_equal(read(path)[0].image, turned(plain.image))


def planes(yuv, pixels, width=64, height=48):
    """A frame of one colour, given as its stored numbers."""
    frame = av.VideoFrame(width, height, pixels)
    for plane, value in zip(frame.planes, yuv, strict=True):
        wide = np.uint16 if "10" in pixels else np.uint8
        plane.update(np.full(plane.buffer_size // np.dtype(wide).itemsize, value, wide).tobytes())
    return frame


def rgb(y, u, v, red, blue, full):
    """The colour by the formulas of ITU-R BT.601 and BT.709."""
    y = y / 255 if full else (y - 16) / 219
    u, v = ((chroma - 128) / (255 if full else 224) for chroma in (u, v))
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    return np.array([r, (y - red * r - blue * b) / (1 - red - blue), b]) * 255


@pytest.mark.parametrize(("space", "red", "blue"), [(5, 0.299, 0.114), (1, 0.2126, 0.0722)])
@pytest.mark.parametrize("full", [False, True])
def test_colours_follow_matrix_and_range(tmp_path, space, red, blue, full):
    tags = {"codec": "ffv1", "pixels": "yuv444p", "colorspace": space, "color_range": 1 + full}
    for yuv in ((81, 110, 170), (150, 100, 120), (200, 128, 128)):
        frames = [planes(yuv, "yuv444p")]
        (frame,) = read(write_clip(tmp_path / "clip.mkv", frames, **tags))
        assert np.abs(frame.image[20, 20] - rgb(*yuv, red, blue, full)).max() <= 0.51


def test_colours_without_a_matrix_go_by_size_as_in_players(tmp_path):
    yuv = (81, 110, 170)
    for height, red, blue in ((48, 0.299, 0.114), (720, 0.2126, 0.0722)):
        frames = [planes(yuv, "yuv420p", 64, height)]
        (frame,) = read(write_clip(tmp_path / "clip.mkv", frames, codec="ffv1"))
        assert np.abs(frame.image[20, 20] - rgb(*yuv, red, blue, False)).max() <= 0.51


def test_written_colours_are_bt_709_of_limited_range(tmp_path):
    source = write_clip(tmp_path / "clip.mkv", [planes((120, 128, 128), "yuv444p")], codec="ffv1")
    with video.opened(source) as clip:
        (frame,) = clip
        frame.image[:] = (200, 90, 40)
        video_writing.write(tmp_path / "out.mp4", [frame], clip)
    with av.open(str(tmp_path / "out.mp4")) as container:
        (stored,) = container.decode(video=0)
    codec = (stored.colorspace, stored.color_range)
    assert codec == (1, 1)
    yuv = [plane.mean() for plane in np.split(stored.to_ndarray().ravel(), [3072, 3840])]
    assert np.abs(rgb(*yuv, 0.2126, 0.0722, False) - (200, 90, 40)).max() < 3


def test_hdr_becomes_what_srgb_shows(tmp_path):
    # The reference white of HLG (ITU-R BT.2408) is 75 %, and gray stays gray.
    tags = {"colorspace": 9, "color_primaries": 9, "color_trc": 18, "color_range": 1}
    tags |= {"codec": "ffv1", "pixels": "yuv420p10le"}
    frames = [planes((721, 512, 512), "yuv420p10le")]
    (frame,) = read(write_clip(tmp_path / "clip.mkv", frames, **tags))
    assert frame.image.min() >= 250


def test_sides_become_even_where_they_must_and_pixels_square(tmp_path):
    odd = write_clip(tmp_path / "odd.mkv", moving(2, 61, 47), codec="ffv1", pixels="bgr0")
    assert read(odd)[0].image.shape == (47, 61, 3)
    with pytest.warns(UserWarning, match="even sides: 61x47 became 62x48"):
        before, after = copied(odd, tmp_path / "out.mp4")
    assert np.abs(after[0].image[:47, :61] - before[0].image.astype(float)).mean() < 8
    assert copied(odd, tmp_path / "out.webm")[1][0].image.shape == (47, 61, 3)
    wide = write_clip(tmp_path / "wide.mp4", moving(2), sample_aspect_ratio=Fraction(3, 2))
    with pytest.warns(UserWarning, match="no squares \\(3:2\\): 64x48 become 96x48"):
        assert read(wide)[0].image.shape == (48, 96, 3)


def test_what_was_cut_short_says_how_many_frames_there_are(tmp_path):
    front = write_clip(tmp_path / "front.mp4", moving(16), options={"movflags": "+faststart"})
    matroska = write_clip(tmp_path / "clip.mkv", moving(16))
    for path in (front, matroska):
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) - sum(map(len, packets(path, "video")[8:]))])
        with pytest.raises(InputError, match=r"short: \d+ of about 16 frames could be read"):
            read(path)
    end = write_clip(tmp_path / "end.mp4")
    end.write_bytes(end.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"end.mp4 is no video, or its .* not one frame"):
        read(end)
    heard = tmp_path / "heard.mkv"
    with av.open(str(heard), "w") as out:
        track = out.add_stream("pcm_s16le", rate=8000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        silence.sample_rate = 8000
        out.mux(track.encode(silence))
    with pytest.raises(InputError, match="heard.mkv holds no video"):
        read(heard)
    with pytest.raises(InputError, match=r"There is no file .*none.mp4"):
        read(tmp_path / "none.mp4")


def test_damage_within_is_told(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", moving(24, 160, 120))
    data, frames = bytearray(path.read_bytes()), packets(path, "video")
    at = data.index(frames[0]) + len(frames[0]) // 2
    data[at : at + 200] = bytes(200)
    path.write_bytes(data)
    with pytest.warns(UserWarning, match=r"frames of .*clip.mp4 are damaged, and were mended"):
        assert len(read(path)) == 24


def test_subtitles_are_named_that_are_left_out(tmp_path):
    spoken, path = tmp_path / "spoken.srt", tmp_path / "clip.mkv"
    spoken.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    clip = write_clip(tmp_path / "clip.mp4")
    with (
        av.open(str(clip)) as images,
        av.open(str(spoken)) as words,
        av.open(str(path), "w") as out,
    ):
        ways = [(c, out.add_stream_from_template(c.streams[0])) for c in (images, words)]
        for container, stream in ways:
            for packet in container.demux():
                if packet.dts is not None:
                    packet.stream = stream
                    out.mux(packet)
    with pytest.warns(UserWarning, match="clip.mkv has subtitles, which .mp4 does not get"):
        copied(path, tmp_path / "out.mp4")


def test_without_pyav_one_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=r"pip install 'cyclegan_tf\[video\]'"):
        read(tmp_path / "clip.mp4")
