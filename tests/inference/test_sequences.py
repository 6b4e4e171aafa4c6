"""Animations, pages and videos: every frame is translated, and times stay."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.cli.main import main
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.generator_metadata import Shapes, Translation
from cyclegan_tf.data.io import sequences as files
from cyclegan_tf.data.io import tiff
from cyclegan_tf.inference import load, sequences
from cyclegan_tf.inference.files import translate_files
from cyclegan_tf.inference.translator import Translator
from support.videos import moving, packets, write_clip

DURATIONS = [40, 120, 70, 30, 200]


class Inverting:
    """A generator without TensorFlow that turns every value around; notes what it is given."""

    name, multiple = "NumPy", 1

    def __init__(self, channels=3, noise=None):
        image = (None, None, None, channels)
        self.shapes, self.batches, self.noise = Shapes(image, noise, image), [], []

    def __call__(self, x, *noise):
        self.batches.append(len(x))
        self.noise += [row for rows in noise for row in rows]
        return -np.asarray(x)


def inverting(channels=3, dtype="uint8", noise=None):
    top = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    translation = Translation("A", "B", (0, top), (0, top), dtype, source_dtype=dtype)
    return Translator(Inverting(channels, noise), translation)


def animate(path, loop=0, alpha=False):
    """An animation of `moving`'s frames, or of a hole that moves over one."""
    frames = moving(len(DURATIONS), 32, 32) // 64 * 64
    if alpha:
        opacity = np.full((*frames.shape[:3], 1), 255, np.uint8)
        for i, frame in enumerate(opacity):
            frame[4:20, 4 * i : 4 * i + 8] = 0
        frames = np.concatenate([frames, opacity], -1)
    images = [Image.fromarray(frame) for frame in frames]
    options = {} if loop is None else {"loop": loop}
    images[0].save(
        path,
        **options,
        save_all=True,
        append_images=images[1:],
        duration=DURATIONS,
        lossless=True,
        disposal=2 if path.suffix == ".gif" else 0,
    )
    return frames


def read(path):
    """`(frames, milliseconds of each, how often it is played)`."""
    with files.opened(path) as images:
        frames = list(images)
        milliseconds = [round(1000 * frame.duration) for frame in frames]
        return [frame.image for frame in frames], milliseconds, images.plays


@pytest.mark.parametrize("source", [".gif", ".png", ".webp"])
@pytest.mark.parametrize("target", [".gif", ".png", ".webp", ".avif"])
def test_animations_keep_frames_times_and_repeats(tmp_path, source, target):
    frames = animate(tmp_path / f"in{source}", loop=3)
    sequences.translate_file(inverting(), tmp_path / f"in{source}", tmp_path / f"out{target}")
    results, milliseconds, plays = read(tmp_path / f"out{target}")
    assert milliseconds == DURATIONS
    assert plays == {".avif": 0}.get(target, 4 if source == ".gif" else 3)
    for frame, result in zip(frames, results, strict=True):
        off = np.abs(255.0 - frame - result[..., :3]).mean()
        assert off < 8 if target in (".webp", ".avif") else off == 0


def test_a_gif_that_is_played_once_stays_so(tmp_path):
    animate(tmp_path / "once.gif", loop=None)
    sequences.translate_file(inverting(), tmp_path / "once.gif", tmp_path / "out.gif")
    with Image.open(tmp_path / "out.gif") as image:
        assert "loop" not in image.info and image.n_frames == 5


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp"])
def test_transparency_is_put_back(tmp_path, suffix):
    frames = animate(tmp_path / f"in{suffix}", alpha=True)
    sequences.translate_file(inverting(), tmp_path / f"in{suffix}", tmp_path / f"out{suffix}")
    for frame, result in zip(frames, read(tmp_path / f"out{suffix}")[0], strict=True):
        np.testing.assert_array_equal(result[..., 3], frame[..., 3])
        seen = frame[..., 3] > 0
        off = np.abs(255.0 - frame[seen][:, :3] - result[seen][:, :3])
        assert off.mean() < (8 if suffix == ".webp" else 0.01)


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_pages_keep_their_type_and_may_differ_in_size(tmp_path, dtype):
    rng = np.random.default_rng(0)
    pages = [rng.random((size, 20, 1)) for size in (10, 12, 14)]
    pages = [(page * 65535 if dtype == "uint16" else page).astype(dtype) for page in pages]
    (tmp_path / "in.tif").write_bytes(tiff.encode(pages))
    sequences.translate_file(inverting(1, dtype), tmp_path / "in.tif", tmp_path / "out.tif")
    for page, result in zip(pages, read(tmp_path / "out.tif")[0], strict=True):
        assert result.dtype == page.dtype
        np.testing.assert_allclose(result, (65535 if dtype == "uint16" else 1) - page, atol=1e-6)
    with (
        pytest.warns(UserWarning, match="in.tif has no times"),
        pytest.raises(InputError, match="several sizes, which a TIFF alone can hold"),
    ):
        sequences.translate_file(inverting(1, dtype), tmp_path / "in.tif", tmp_path / "out.gif")
    assert not (tmp_path / "out.gif").exists()


@pytest.mark.parametrize("target", [".jpg", ".bmp", ".npy", ".heic"])
def test_a_file_of_one_image_is_refused(tmp_path, target):
    animate(tmp_path / "in.gif")
    with pytest.raises(InputError, match=r"one alone: give a name that ends in \.png, .* \.webm"):
        sequences.translate_file(inverting(), tmp_path / "in.gif", tmp_path / f"out{target}")


def test_what_holds_several_images_is_known_by_its_content(tmp_path):
    animate(tmp_path / "in.gif")
    Image.new("RGB", (8, 8)).save(tmp_path / "one.gif")
    np.save(tmp_path / "array.npy", np.zeros((4, 4, 3), np.uint8))
    assert files.are_several(tmp_path / "in.gif") and files.are_several("clip.mp4")
    assert not files.are_several(tmp_path / "one.gif")
    assert not files.are_several(tmp_path / "array.npy")


def test_all_frames_have_one_seed_or_style_and_come_in_small_batches(tmp_path):
    animate(tmp_path / "in.gif")
    translator = inverting(noise=(None, 4))
    sequences.translate_file(translator, tmp_path / "in.gif", tmp_path / "out.gif", seed=7)
    drawn = translator.generator.shapes.draw(1, 7)[0]
    np.testing.assert_array_equal(translator.generator.noise, [drawn] * 5)
    translator, style = inverting(noise=(None, 4)), np.arange(4, dtype=np.float32)
    sequences.translate_file(translator, tmp_path / "in.gif", tmp_path / "out.gif", style=style)
    np.testing.assert_array_equal(translator.generator.noise, [style] * 5)


def test_frames_are_taken_as_they_are_needed():
    taken = []

    def images():
        for i in range(40):
            taken.append(i)
            yield files.Frame(np.zeros((8, 8, 3), np.uint8), Fraction(i), Fraction(1))

    translator = inverting()
    results = sequences._translated(translator, images(), None, 0, None, exact=False)
    assert next(results).image[0, 0, 0] == 255 and len(taken) == sequences.BATCH
    assert len(list(results)) == 39 and translator.generator.batches == [8] * 5


av = pytest.importorskip("av")


def test_videos_keep_frames_times_and_sound(tmp_path):
    source = write_clip(tmp_path / "clip.mp4", sound="aac")
    sequences.translate_file(inverting(), source, tmp_path / "out.mkv", progress=False)
    images, milliseconds, _ = read(tmp_path / "out.mkv")
    assert milliseconds == [125] * 8
    for image, frame in zip(images, moving(), strict=True):
        assert np.abs(255.0 - frame - image).mean() < 4
    assert packets(tmp_path / "out.mkv") == packets(source)[1:]


def test_videos_become_animations_and_back(tmp_path):
    source = write_clip(tmp_path / "clip.mp4", rate=30)
    sequences.translate_file(inverting(), source, tmp_path / "out.gif")
    _, milliseconds, plays = read(tmp_path / "out.gif")
    assert set(milliseconds) == {30, 40} and sum(milliseconds) == 270 and plays == 0
    sequences.translate_file(inverting(), tmp_path / "out.gif", tmp_path / "back.mp4")
    images, back, _ = read(tmp_path / "back.mp4")
    assert back == milliseconds
    assert np.abs(images[3].astype(float) - moving()[3]).mean() < 8
    fast = write_clip(tmp_path / "fast.mp4", rate=60)
    with pytest.warns(UserWarning, match="50 images a second at most, and .* has 60"):
        sequences.translate_file(inverting(), fast, tmp_path / "out.gif")
    assert set(read(tmp_path / "out.gif")[1]) == {20}
    with pytest.warns(UserWarning, match="pages without times"):
        sequences.translate_file(inverting(), source, tmp_path / "out.tif")
    with pytest.warns(UserWarning, match=r"out.tif has no times: ten images"):
        sequences.translate_file(inverting(), tmp_path / "out.tif", tmp_path / "slow.mp4")
    assert read(tmp_path / "slow.mp4")[1] == [100] * 8


def test_a_video_that_breaks_off_replaces_nothing(tmp_path):
    source = write_clip(tmp_path / "clip.mp4", moving(16), options={"movflags": "+faststart"})
    source.write_bytes(source.read_bytes()[:-2000])
    (tmp_path / "out.mp4").write_text("something dear")
    with pytest.raises(InputError, match=r"\d+ of about 16 frames could be read"):
        sequences.translate_file(inverting(), source, tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_text() == "something dear"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4", "out.mp4"]


def test_folders_hold_videos_beside_images(tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    write_clip(source / "clip.avi")
    animate(source / "anim.gif")
    Image.new("RGB", (8, 8)).save(source / "photo.jpg")
    (source / "broken.mov").write_text("no video")
    written, failed = translate_files(inverting(), source, target, progress=False)
    assert [path.name for path in written] == ["anim.gif", "clip.mp4", "photo.jpg"]
    assert [len(read(path)[0]) for path in written] == [5, 8, 1]
    assert len(failed) == 1 and "broken.mov is no video" in failed[0]
    for suffix, becomes in ((".png", ".mp4"), (".gif", ".gif"), (".mkv", ".mkv")):
        translate_files(inverting(), source, target / suffix, suffix=suffix, progress=False)
        assert (target / suffix / f"clip{becomes}").exists()
    with pytest.raises(InputError, match="photo.jpg holds one image, and .* is a video"):
        translate_files(inverting(), source / "photo.jpg", tmp_path / "photo.mp4")
    with pytest.raises(InputError, match=r"end in .*\.webm, received .*out.avi"):
        translate_files(inverting(), source / "clip.avi", tmp_path / "out.avi")


def test_the_command_line_says_how_steady_a_video_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(load, "load", lambda *_, **__: inverting())
    source, target = write_clip(tmp_path / "clip.mp4"), tmp_path / "out.webm"
    assert main(["translate", source, target]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Translated A → B") and "Steadiness: 0.0" in said
    assert main(["evaluate", source, target]) == 0
    assert capsys.readouterr().out in said
    assert main(["translate", source, tmp_path / "out.jpg"]) == 2
    assert "holds several images, and a .jpg one alone" in capsys.readouterr().err
