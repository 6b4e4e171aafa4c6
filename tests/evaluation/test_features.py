"""The cache of features and the untrained extractor."""

import os

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.evaluation.metrics import features
from cyclegan_tf.evaluation.metrics.features import RandomFeatures, cached


class Counting:
    """Means per image; counts how often it is asked."""

    name, key, calls = "counting", "counting 1", 0

    def __call__(self, images, progress=False):
        self.calls += 1
        return images.mean(axis=(1, 2)).astype(np.float32)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CYCLEGAN_TF_CACHE", str(tmp_path))
    return tmp_path / "features"


def images(n=4, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 8, 8, 3)).astype(np.uint8)


def test_the_second_call_computes_nothing():
    extractor = Counting()
    first, second = cached(extractor, images()), cached(extractor, images())
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, images().mean(axis=(1, 2)).astype(np.float32))
    assert extractor.calls == 1


def test_other_images_shapes_and_extractors_are_computed_anew():
    extractor, other = Counting(), Counting()
    other.key = "counting 2"
    cached(extractor, images())
    cached(extractor, images(seed=1))
    cached(extractor, images().reshape(4, 4, 16, 3))
    cached(other, images())
    assert (extractor.calls, other.calls) == (3, 1)


def test_a_damaged_file_is_computed_anew(cache):
    extractor = Counting()
    cached(extractor, images())
    (file,) = cache.glob("*.npy")
    file.write_bytes(file.read_bytes()[:60])
    np.testing.assert_array_equal(cached(extractor, images()), extractor(images()))
    assert extractor.calls == 3


def test_the_longest_unused_go_first(cache, monkeypatch):
    monkeypatch.setattr(features, "KEPT", 600)  # each file takes 128 + 4 * 3 * 4 = 176 bytes
    extractor = Counting()
    for seed in range(3):
        cached(extractor, images(seed=seed))
    old = sorted(cache.glob("*.npy"), key=lambda path: path.stat().st_mtime_ns)
    for age, path in zip((30, 20, 10), old, strict=True):
        os.utime(path, (1e9 - age, 1e9 - age))
    cached(extractor, images(seed=3))
    assert len(list(cache.glob("*.npy"))) == 3
    assert not old[0].exists()


def test_a_cache_that_cannot_be_written_is_a_warning(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("CYCLEGAN_TF_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="not kept for next time"):
        found = cached(Counting(), images())
    assert found.shape == (4, 3)


def test_random_features_are_fixed_and_tell_images_apart():
    extractor = RandomFeatures()
    found = extractor(images())
    assert found.shape == (4, 448)
    np.testing.assert_allclose(found, RandomFeatures()(images()), rtol=1e-6)
    # In float64 NumPy: the first filter over the first image, padded by one below and right.
    x = np.pad(images()[0] / 127.5 - 1, ((0, 1), (0, 1), (0, 0)))
    kernel = extractor.kernels[0][..., 0]
    convolved = [
        max((x[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] * kernel).sum(), 0)
        for i in range(4)
        for j in range(4)
    ]
    assert found[0, 0] == pytest.approx(np.mean(convolved), rel=1e-5)
    assert found[0, 32] == pytest.approx(np.std(convolved), rel=1e-5)


def test_gray_counts_as_three_equal_channels():
    gray = images()[..., :1]
    extractor = RandomFeatures()
    np.testing.assert_array_equal(extractor(gray), extractor(np.repeat(gray, 3, -1)))


def test_two_channels_are_refused():
    with pytest.raises(InputError, match="1 or 3 channels"):
        RandomFeatures()(images()[..., :2])
