"""Folders that are read as they are needed."""

import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import npz, pipeline, prepare
from cyclegan_tf.data.io import image_file
from support.datasets import fill

QUIET = {"progress": False}


def test_streamed_images_are_those_of_from_folders(two_folders):
    for path in two_folders[0].iterdir():  # something to crop and to average
        noise = np.random.default_rng(int(path.stem)).integers(0, 256, (9, 14, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
    options = {"size": (4, 5), "channels": (1, 3), "test_fraction": 0.25, **QUIET}
    streamed = prepare.stream(*two_folders, **options)
    loaded = prepare.from_folders(*two_folders, **options)
    for name in ("train_a", "train_b", "test_a", "test_b"):
        lazy, array = getattr(streamed, name), getattr(loaded, name)
        assert (len(lazy), lazy.shape, lazy.dtype) == (len(array), array.shape, array.dtype)
        np.testing.assert_array_equal(lazy[np.arange(len(lazy))], array)
        np.testing.assert_array_equal(lazy[::-1], array[::-1])
        np.testing.assert_array_equal(lazy[np.array([1, 0, 1])], array[[1, 0, 1]])
        np.testing.assert_array_equal(lazy[np.array([], int)], array[:0])
        np.testing.assert_array_equal(lazy[1], array[1])
    for index in (len(streamed.train_a), np.array([len(streamed.train_a)])):
        with pytest.raises(IndexError):
            streamed.train_a[index]


def test_streamed_images_are_decoded_on_access_only(two_folders, monkeypatch):
    dataset = prepare.stream(*two_folders, size=4, **QUIET)
    decoded, read = [], image_file.of_frames
    monkeypatch.setattr(
        image_file, "of_frames", lambda *args: decoded.append(args[1:3]) or read(*args)
    )
    dataset.train_a[np.array([0])]
    assert decoded == [(0, dataset.train_a.paths[0])]


def test_the_streamed_hash_is_of_files_and_arguments(two_folders):
    def hash_of(**options):
        return prepare.stream(*two_folders, **{"size": 4, **options}, **QUIET).hash

    first = hash_of()
    assert len(first) == 64
    assert hash_of() == first
    others = [hash_of(size=5), hash_of(how="pad"), hash_of(channels=1), hash_of(seed=1)]
    fill(two_folders[0], [9], size=(300, 300), first=3)  # another size in bytes
    assert len({first, *others, hash_of()}) == 6


def test_a_streamed_file_that_goes_missing_is_named(two_folders):
    dataset = prepare.stream(*two_folders, size=4, test_fraction=0, **QUIET)
    (two_folders[0] / "7.png").unlink()
    with pytest.raises(InputError, match=r"no file .*7\.png"):
        dataset.train_a[np.array([7])]


def test_streamed_and_loaded_make_the_same_batches(two_folders):
    both = [make(*two_folders, size=8, **QUIET) for make in (prepare.from_folders, prepare.stream)]
    for loaded, streamed in zip(*(pipeline.batches(d, 2, steps=3) for d in both), strict=True):
        for one, other in zip(loaded, streamed, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_streamed_dataset_can_be_saved(tmp_path, two_folders):
    npz.save(tmp_path / "x.npz", prepare.stream(*two_folders, size=4, **QUIET))
    loaded = npz.load(tmp_path / "x.npz")
    assert loaded.hash == prepare.from_folders(*two_folders, size=4, **QUIET).hash
