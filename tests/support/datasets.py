"""Small data sets, folders and models that several tests need."""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image

from cyclegan_tf import recipes
from cyclegan_tf.data.npz import Dataset
from cyclegan_tf.data.slice_metadata import SPLITS, Slices
from cyclegan_tf.volumes import intensity

ROOT = Path(__file__).resolve().parents[2]


def make_dataset(count_a=7, count_b=5, size=16, channels=(1, 3), dtype="uint8", paired=False):
    """A dataset of noise, different for every image."""
    rng = np.random.default_rng(0)
    high = {"uint8": 255, "uint16": 65535}[dtype]

    def noise(count, channels):
        return rng.integers(0, high + 1, (count, size, size, channels)).astype(dtype)

    return Dataset(
        train_a=noise(count_a, channels[0]),
        train_b=noise(count_b, channels[1]),
        test_a=noise(3, channels[0]),
        test_b=noise(3, channels[1]),
        names=("sketch", "cartoon"),
        ranges=((0, high), (0, high)),
        paired={"train": paired, "test": True},
        sources=["noise"],
    )


def make_digits(count=12, size=8, classes=3):
    """Noise with a class each: domain A says which, as one-hot images of one pixel."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % classes

    def split():
        a = np.eye(classes, dtype="uint8")[labels].reshape(count, 1, 1, classes)
        return a, rng.integers(0, 256, (count, size, size, 1)).astype("uint8")

    (train_a, train_b), (test_a, test_b) = split(), split()
    return Dataset(
        train_a=train_a,
        train_b=train_b,
        test_a=test_a,
        test_b=test_b,
        names=("digit", "handwriting"),
        ranges=((0, 1), (0, 255)),
        paired={"train": True, "test": True},
        sources=["noise"],
    )


def make_slices(train=2, test=3, slices=4, size=16, neighbours=(0, 0), paired=True, masks=True):
    """Discs of flesh (label 1) around bone (2), in air (0): MR in [0, 1] and CT in HU, noisy.

    There are `train` patients of each domain for training, other ones in A than in B, and `test`
    for testing, whose CT and MR belong together if `paired`; each has so many slices.
    """
    row, column = np.mgrid[:size, :size] - (size - 1) / 2

    def patient(number, domain):
        rng = np.random.default_rng(number)
        radii = size * rng.uniform(0.25, 0.45, slices)[:, None, None]
        labels = (np.hypot(row, column) < radii) * 1 + (np.hypot(row, column) < radii / 2)
        noise = rng.normal(size=(2, *labels.shape))[domain]
        mr, ct = np.array([0, 0.7, 0.2])[labels], np.array([-1000, 40, 1000])[labels]
        stored = mr + 0.05 * noise if domain == 0 else ct + 20 * noise
        stored = np.clip(stored, *((0, 1), (-1000, 2000))[domain]).astype(np.float32)
        beside = np.arange(slices)[:, None] + np.arange(-neighbours[domain], neighbours[domain] + 1)
        stored = np.moveaxis(stored[np.clip(beside, 0, slices - 1)], 1, -1)
        return stored, labels[..., None].astype(np.uint8)

    who = [range(test, test + train), range(test + train, test + 2 * train), *[range(test)] * 2]
    drawn = {
        name: [np.concatenate(part) for part in zip(*(patient(n, i % 2) for n in w), strict=True)]
        for i, (name, w) in enumerate(zip(SPLITS, who, strict=True))
    }
    return Dataset(
        **{name: stored for name, (stored, _) in drawn.items()},
        names=("MR", "CT"),
        ranges=((0, 1), (-1000, 2000)),
        paired={"train": False, "test": paired},
        sources=["discs"],
        slices=Slices(
            modalities=("MR", "CT"),
            intensities=tuple(
                intensity.to_json(rule) for rule in (intensity.Percentiles(), intensity.Window())
            ),
            neighbours=neighbours,
            patients={n: np.repeat(w, slices).tolist() for n, w in zip(SPLITS, who, strict=True)},
            labels={"1": "flesh", "2": "bone"},
            masks={name: drawn[name][1] for name in ("test_a", "test_b")} if masks else None,
            masks_from="drawn with the discs",
        ),
    )


def make_model(dataset, **options):
    """The smallest CycleGAN that fits a dataset."""
    options = {"filters": 4, "blocks": 1, "disc_layers": 1, "pool_size": 3} | options
    return recipes.cyclegan(dataset.image_shape_a, dataset.image_shape_b, **options)


def all_variables(model):
    """Every number of the training state, in a fixed order."""
    variables = [*model.weights, *model.gen_optimizer.variables]
    if model.disc_optimizer is not None:
        variables += model.disc_optimizer.variables
    return [np.asarray(v.numpy()) for v in variables]


def fill(folder, values, *, size=(10, 8), suffix=".png", first=0):
    """Writes a plain image per value, named by its number."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, value in enumerate(values, first):
        Image.new("RGB", size, (value, value, value)).save(folder / f"{i}{suffix}")
    return folder
