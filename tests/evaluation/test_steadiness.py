"""Steadiness on videos whose motion and noise are known."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io import sequences
from cyclegan_tf.evaluation.steadiness import of_files, steadiness

RNG = np.random.default_rng(0)


def scene(height=96, width=160):
    """Smooth noise: something to see everywhere."""
    noise = cv2.GaussianBlur(RNG.random((height, width, 3)).astype(np.float32), (0, 0), 3)
    noise = (noise - noise.min()) / (noise.max() - noise.min())
    return np.rint(noise * 255).astype(np.uint8)


def pan(image, count=6, pixels=3):
    """The image seen through a window that moves by whole pixels."""
    return [image[8:-8, 4 + pixels * i : 120 + pixels * i] for i in range(count)]


def noisy(frames, sigma=13):
    noise = RNG.normal(0, sigma, (len(frames), *frames[0].shape))
    return np.clip(np.rint(np.add(frames, noise)), 0, 255).astype(np.uint8)


def test_a_still_video_is_steady_whatever_its_type_and_channels():
    still = [scene()] * 4
    assert steadiness(still, still) == steadiness(still, still)
    result = steadiness(still, [frame[..., :1].astype(np.uint16) * 257 for frame in still])
    assert (result.error, result.source, result.share, result.pairs) == (0, 0, 1, 3)
    assert result.ratio == 1
    assert steadiness(still, [frame / np.float32(255) for frame in still]).error == 0


def test_motion_by_whole_pixels_is_steady_and_noise_is_not():
    moving = pan(scene())
    steady = steadiness(moving, [255 - frame for frame in moving])
    assert steady.error < 0.006 and steady.share > 0.8
    assert steady.error == pytest.approx(steady.source, rel=1e-4)
    noise = steadiness(moving, noisy(moving))
    assert noise.ratio > 8
    flicker = [frame // 2 + 40 * (i % 2) for i, frame in enumerate(moving)]
    assert steadiness(moving, flicker).error == pytest.approx(40 / 255, rel=0.02)


def test_noise_on_a_still_video_is_measured_as_it_is():
    still = [scene() // 2 + 64] * 6
    result = steadiness(still, noisy(still))
    assert result.error == pytest.approx(np.sqrt(2) * 13 / 255, rel=0.02)
    assert result.ratio == np.inf
    assert str(result).startswith("Steadiness: 0.07") and "in the source by 0.0%." in str(result)


def test_what_is_covered_and_cuts_are_left_out():
    image, block = scene(), scene(40, 40)[:24, :24]
    frames = [image.copy() for _ in range(5)]
    for i, frame in enumerate(frames):
        frame[40:64, 20 + 6 * i : 44 + 6 * i] = block
    result = steadiness(frames, frames)
    assert result.share < 0.99 and result.error < 0.03
    other = [*pan(image, 4), *pan(scene(), 4)]
    cut = steadiness(other, other)
    assert (cut.pairs, cut.cuts) == (7, 1) and cut.error < 0.006


def test_what_cannot_be_compared_is_refused():
    frames = pan(scene(), 3)
    with pytest.raises(InputError, match="one of them has 2, and the other more"):
        steadiness(frames, frames[:2])
    with pytest.raises(InputError, match="of one size, received 116x80 and 116x78"):
        steadiness(frames, [frame[2:] for frame in frames])
    with pytest.raises(InputError, match="received less than two frames"):
        steadiness(frames[:1], frames[:1])
    with pytest.raises(InputError, match="received 2 of as many scenes"):
        noise = RNG.integers(0, 256, (2, 48, 64, 3)).astype(np.uint8)
        steadiness(noise, noise)
    padded = [np.pad(frame, [(0, 1), (0, 1), (0, 0)]) for frame in frames]
    assert steadiness(frames, padded).error == steadiness(frames, frames).error


def test_files_are_compared_by_time(tmp_path):
    frames = pan(scene(), 4)
    images = [Image.fromarray(frame) for frame in (*frames, frames[-1], frames[-1])]
    for name, chosen in (("source.png", images), ("result.png", images[:4])):
        durations = [100] * 3 + [300 if len(chosen) == 4 else 100] * (len(chosen) - 3)
        images[0].save(tmp_path / name, save_all=True, append_images=chosen[1:], duration=durations)
    with sequences.opened(tmp_path / "result.png") as result:
        assert [frame.duration for frame in result][-1] == Fraction(3, 10)
    result = of_files(tmp_path / "source.png", tmp_path / "result.png", progress=False)
    assert result.error == result.source > 0
    images[0].save(tmp_path / "short.png", save_all=True, append_images=images[1:3], duration=50)
    with pytest.raises(InputError, match=r"short.png ends after 0.15 seconds, before its source"):
        of_files(tmp_path / "source.png", tmp_path / "short.png", progress=False)
