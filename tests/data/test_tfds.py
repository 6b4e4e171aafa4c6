import sys
import warnings

import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import prepare
from cyclegan_tf.data import tfds as tfds_source

QUIET = {"progress": False}


@pytest.fixture
def mocked_tfds():
    """TensorFlow Datasets with eight images of noise per split, and no network."""
    tfds = pytest.importorskip("tensorflow_datasets")
    with warnings.catch_warnings(), tfds.testing.mock_data(num_examples=8):
        warnings.simplefilter("ignore")
        yield tfds


def test_tfds_with_domains(mocked_tfds):
    dataset = prepare.from_tfds("cycle_gan/horse2zebra", size=(8, 6), limit=5, **QUIET)
    assert dataset.train_a.shape == dataset.train_b.shape == (5, 8, 6, 3)
    assert dataset.test_a.shape == dataset.test_b.shape == (5, 8, 6, 3)
    assert dataset.train_a.dtype == np.uint8
    assert dataset.train_a.std() > 20  # noise, not emptiness
    assert dataset.names == ("A", "B")
    assert dataset.sources[0].startswith("cycle_gan/horse2zebra")


def test_tfds_of_two_datasets(mocked_tfds):
    dataset = prepare.from_tfds(
        "mnist", "cifar10", size=8, channels=(1, 3), test_fraction=0.25, **QUIET
    )
    assert dataset.train_a.shape == (6, 8, 8, 1)
    assert dataset.test_a.shape == (2, 8, 8, 1)
    assert dataset.train_b.shape == (6, 8, 8, 3)
    assert dataset.names == ("mnist", "cifar10")
    assert dataset.paired == {"train": False, "test": False}


def test_tfds_finds_the_image_by_its_kind(mocked_tfds):
    class Builder:
        class info:
            full_name = "pets/1.0.0"
            features = mocked_tfds.features.FeaturesDict(
                {
                    "label": mocked_tfds.features.ClassLabel(num_classes=2),
                    "photo": mocked_tfds.features.Image(shape=(None, None, 3)),
                }
            )

    assert tfds_source._image_key(Builder, mocked_tfds) == "photo"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("mnist",), "mnist has the splits .*name two data sets"),
        (("no_such_dataset",), "cannot open 'no_such_dataset'"),
        (("cycle_gan/nothing2nothing",), "cannot open 'cycle_gan/nothing2nothing'"),
        (("mnist", "ag_news_subset"), "ag_news_subset.* has no images"),
    ],
)
def test_tfds_refuses(mocked_tfds, arguments, reason):
    with pytest.raises(InputError, match=reason) as error:
        prepare.from_tfds(*arguments, size=8, **QUIET)
    assert "\n" not in str(error.value)


def test_tfds_that_cannot_be_downloaded(mocked_tfds, monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError("Failed to resolve the host\nand more")

    monkeypatch.setattr(
        mocked_tfds.core.DatasetBuilder, "download_and_prepare", unreachable, raising=True
    )
    with pytest.raises(InputError, match=r"mnist cannot be had \(Failed .*host\): check the net"):
        prepare.from_tfds("mnist", "cifar10", **QUIET)


def test_tfds_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(InputError, match=r'pip install "cyclegan_tf\[tfds\]"'):
        prepare.from_tfds("cycle_gan/horse2zebra", **QUIET)
