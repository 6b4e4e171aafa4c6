"""TensorFlow Datasets as a source of data sets."""

import functools
from collections.abc import Sequence
from typing import Literal

import numpy as np

from cyclegan_tf.common import types
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.progress import tqdm
from cyclegan_tf.data import assembly
from cyclegan_tf.data.npz import Dataset


def from_tfds(
    name: str,
    name_b: str | None = None,
    *,
    split: str = "train",
    data_dir: types.Path | None = None,
    size: types.Size = 64,
    channels: types.Channels = 3,
    how: Literal["crop", "pad", "stretch"] = "crop",
    test_fraction: float = 0.1,
    names: Sequence[str] | None = None,
    strict: bool = False,
    limit: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Dataset:
    """Makes an unpaired data set of TensorFlow Datasets (`pip install "cyclegan_tf[tfds]"`).

    Args:
        name: A data set with the splits `trainA`, `trainB`, `testA`, `testB`, such as
            "cycle_gan/horse2zebra"; or, with `name_b`, any data set with images, for domain A.
        name_b: The data set of domain B.
        split: Of two data sets, the split to take, such as "train" or "train[:10%]".
        data_dir: Where data sets are kept; `~/tensorflow_datasets` by default.
        size: As in `prepare.from_folders`.
        channels: As in `prepare.from_folders`.
        how: As in `prepare.from_folders`.
        test_fraction: As in `prepare.from_folders`; of two data sets.
        names: Two names for the domains; by default those of two data sets, or "A" and "B".
        strict: Whether an image that cannot be used is an error.
        limit: Takes only the first so many images of each split.
        seed: As in `prepare.from_folders`.
        progress: Whether to show a progress bar.

    Returns:
        `npz.Dataset`.

    Raises:
        InputError: If an argument cannot be used, TensorFlow Datasets is not installed, or the
            data cannot be had.

    Reference:
        - [TensorFlow Datasets, cycle_gan](https://www.tensorflow.org/datasets/catalog/cycle_gan)
    """
    shapes = assembly.image_shapes(size, channels, how)
    assembly.check_division(test_fraction, limit, seed)
    if names is None and name_b is not None and name != name_b:
        names = (name, name_b)
    names = assembly.domain_names(names)
    builders = [_builder(each, data_dir) for each in (name, name_b) if each is not None]
    if name_b is None:
        splits = builders[0].info.splits
        if name.split("/")[0] != "cycle_gan" and "trainA" not in splits:
            raise InputError(
                f"{name} has the splits {', '.join(splits) or 'none'}, not trainA and trainB: "
                "name two data sets, one per domain."
            )
    arrays, skipped = {}, []
    for i, (domain, shape) in enumerate(zip("ab", shapes, strict=True)):
        builder, label = builders[i * (name_b is not None)], domain.upper()
        fetch = functools.partial(
            _images, builder, limit, shape=shape, how=how, strict=strict, progress=progress
        )
        if name_b is None:
            train, unreadable = fetch(f"train{label}")
            test, more = fetch(f"test{label}")
            unreadable += more
        else:
            train, unreadable = fetch(split)
            train, test = assembly.hold_out(train, test_fraction, [seed, i])
        assembly.require_training(train, unreadable, builder.info.full_name)
        arrays[f"train_{domain}"], arrays[f"test_{domain}"] = assembly.stack(train, test, shape)
        skipped += unreadable
    assembly.warn_skipped(skipped)
    return Dataset(
        **arrays,
        names=names,
        sources=[builder.info.full_name for builder in builders],
        skipped=skipped,
    )


def labelled_images(name, split, limit=None, data_dir=None):
    """Reads the images and labels of one split of a data set.

    Args:
        name: Any data set that has images of one size and a feature "label".
        split: The split, such as "train".
        limit: Takes only the first so many.
        data_dir: As in `from_tfds`.

    Returns:
        Two arrays: images `(n, height, width, channels)` and integers `(n,)`.

    Raises:
        InputError: If it cannot be had, has no labels, or images of several sizes.
    """
    builder = _builder(name, data_dir)
    key, examples = _examples(builder, split, limit)
    examples = list(examples)
    if not examples or "label" not in examples[0]:
        raise InputError(f"{name} has no labelled images in {split}: name another data set.")
    images = [example[key] for example in examples]
    if len({image.shape for image in images}) > 1:
        raise InputError(f"{name} has images of several sizes: name another data set.")
    return np.stack(images), np.array([example["label"] for example in examples])


def _builder(name, data_dir):
    """Finds a data set by name, downloading it where it is not there yet."""
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise InputError(
            'TensorFlow Datasets is not installed: run `pip install "cyclegan_tf[tfds]"`.'
        ) from error
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    # Its messages list every data set there is: one line will do.
    except Exception as error:
        raise InputError(
            f"TensorFlow Datasets cannot open {name!r}: {_first_line(error)}."
        ) from error
    try:
        builder.download_and_prepare()
    except Exception as error:
        raise InputError(
            f"The data set {name} cannot be had ({_first_line(error)}): check the network, or "
            "give a data_dir where it has been prepared."
        ) from error
    return builder


def _images(builder, limit, split, *, shape, how, strict, progress):
    """The images of a split, each at its place, and a sentence about each that cannot be used."""
    key, examples = _examples(builder, split, limit)
    source = builder.info.full_name
    images, unusable = [], []
    bar = tqdm(examples, split, unit="image", disable=not progress)
    for i, example in enumerate(bar):
        image = example[key]
        if image.dtype in (np.uint8, np.uint16):
            images.append(assembly.Place(shape, how).fit(image))
            continue
        unusable.append(f"Image {i} of {source} holds {image.dtype}, not uint8 or uint16.")
        if strict:
            raise InputError(unusable[-1])
    return images, unusable


def _examples(builder, split, limit):
    """The name under which an example keeps its image, and the examples of a split."""
    import tensorflow_datasets as tfds

    key, source = _image_key(builder, tfds), builder.info.full_name
    try:
        examples = builder.as_dataset(split=split)
    except Exception as error:
        raise InputError(f"{source} has no split {split!r}: {_first_line(error)}.") from error
    return key, tfds.as_numpy(examples.take(-1 if limit is None else limit))


def _image_key(builder, tfds):
    """The name under which an example keeps its image."""
    features = builder.info.features
    features = dict(features.items()) if hasattr(features, "items") else {}
    keys = [key for key, kind in features.items() if isinstance(kind, tfds.features.Image)]
    if not keys:
        raise InputError(f"{builder.info.full_name} has no images: name another data set.")
    return "image" if "image" in keys else keys[0]


def _first_line(error):
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rstrip(".: ")[:300]
