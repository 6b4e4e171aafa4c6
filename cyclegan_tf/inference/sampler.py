"""Sampling: images from noise with a saved generator, of a class where it knows classes."""

from pathlib import Path

import numpy as np
from PIL import Image

from cyclegan_tf.common import plotting
from cyclegan_tf.common.atomic_files import replacing
from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.value_range import denormalize, normalize
from cyclegan_tf.data.io import formats, pillow
from cyclegan_tf.inference.compiled import CompiledGenerator
from cyclegan_tf.inference.files import check_replaceable
from cyclegan_tf.inference.source import locate
from cyclegan_tf.networks import generator_file

#: How many images are made at a time.
BATCH = 64


def load(path):
    """Loads a generator that makes images from noise.

    Args:
        path: Its `.keras` file, or the folder of a run of a method that samples, such as DCGAN, the
            conditional GAN or a variational autoencoder.

    Returns:
        `Sampler`, to be called with a number of images.

    Raises:
        InputError: If there is none that can be read.
    """
    source = locate(path)
    if source.format is not None:
        raise InputError(f"{path} is exported and translates images: give a .keras file.")
    if source.run is None:
        return Sampler(*generator_file.load(source.file))
    found = sorted(source.run.glob("*.keras"))
    for file in found:
        generator, translation = generator_file.load(file)
        if _samples(generator_file.shapes(generator)):
            return Sampler(generator, translation)
    what = f"only {', '.join(file.name for file in found)}" if found else "no generator"
    raise InputError(
        f"{path} holds {what}, and nothing that makes images from noise: give the folder of a "
        "run of dcgan, cgan, vae or cvae."
    )


class Sampler:
    """A generator that makes images of domain B from noise.

    Image i depends on the seed, on i and on its label alone, not on how many are made.

    Args:
        generator: `keras.Model` on noise `(batch, dimensions)`, or on one-hot images
            `(batch, 1, 1, classes)` of -1 and 1 and noise, to images in [-1, 1].
        translation: `generator_metadata.Translation`: names and value ranges.

    Attributes:
        classes: Number of classes that can be asked for; 0 for none.

    Raises:
        InputError: If the generator is made for something else.
    """

    def __init__(self, generator, translation):
        shapes = generator_file.shapes(generator)
        if not _samples(shapes):
            raise InputError(
                f"The network {translation.source} → {translation.target} makes nothing from noise "
                "alone: give the file of one that does, or translate images with this one."
            )
        self.generator = generator
        self.translation = translation
        self.classes = 0 if shapes.image is None else shapes.image[-1]
        self._network = CompiledGenerator(generator)

    def __str__(self):
        return f"{self.translation.source} → {self.translation.target}"

    def __call__(self, count, seed=0, label=None):
        """Makes images.

        Args:
            count: How many, at least 1.
            seed: Non-negative integer that fixes the noise.
            label: The class to make, a whole number from 0; by default each in turn, so that
                image i is of class i modulo their number. Only for generators that know classes.

        Returns:
            Array `(count, height, width, channels)` of the domain's stored type, such as uint8.

        Raises:
            InputError: If an argument is out of its range, or `label` asks for what is not there.
        """
        check_whole("count", count, 1)
        check_whole("seed", seed, 0)
        return self._make(generator_file.noise(self.generator, count, seed), label)

    def interpolate(self, count, seed=0, label=None):
        """Makes images on the way from the first sample of a seed to its second.

        The way is an arc: on the straight line noise would be shorter than any that the generator
        was trained with.

        Args:
            count: How many, both ends included, at least 2.
            seed: As for calls.
            label: As for calls; by default class 0.

        Returns:
            As for calls.

        Raises:
            InputError: As for calls.

        Reference:
            White 2016, "Sampling Generative Networks", section 2, https://arxiv.org/abs/1609.04468
        """
        check_whole("count", count, 2)
        check_whole("seed", seed, 0)
        first, last = generator_file.noise(self.generator, 2, seed)
        cosine = first @ last / (np.linalg.norm(first) * np.linalg.norm(last))
        angle = np.arccos(np.clip(cosine, -1, 1))
        shares = np.linspace(0, 1, count)[:, None]
        if np.sin(angle) > 1e-3:  # of noise of one number there is no arc
            shares = np.hstack([np.sin((1 - shares) * angle), np.sin(shares * angle)])
            shares /= np.sin(angle)
        else:
            shares = np.hstack([1 - shares, shares])
        noise = (shares @ np.stack([first, last])).astype(np.float32)
        return self._make(noise, 0 if self.classes and label is None else label)

    def _make(self, noise, label):
        given = [noise]
        if self.classes:
            labels = np.arange(len(noise)) % self.classes
            if label is not None:
                labels[:] = self._checked(label)
            one_hot = 2 * np.eye(self.classes, dtype=np.float32) - 1
            given = [one_hot[labels][:, None, None], noise]
        elif label is not None:
            raise InputError(
                f"label {label!r} has no use, since {self} knows no classes: leave it."
            )
        parts = [
            self._network(*(x[i : i + BATCH] for x in given)) for i in range(0, len(noise), BATCH)
        ]
        known = self.translation
        return denormalize(np.concatenate(parts), known.target_range, known.dtype)

    def _checked(self, label):
        whole = isinstance(label, (int, np.integer)) and not isinstance(label, bool)
        if not whole or not 0 <= label < self.classes:
            raise InputError(
                f"label must be a whole number from 0 to {self.classes - 1}, received {label!r}."
            )
        return label


def sheet(images, value_range=(0, 255), columns=8):
    """Lays samples out row by row.

    Args:
        images: Array `(n, height, width, channels)` of stored values.
        value_range: `(low, high)`: stored values of black and white.
        columns: How many in a row.

    Returns:
        `PIL.Image` in RGB.
    """
    return plotting.grid(normalize(images, value_range), columns)


def save(images, target, value_range=(0, 255), columns=8, overwrite=False):
    """Writes images as one sheet, or each as a file of its own, in 8 bits.

    Args:
        images: Array `(n, height, width, channels)` of stored values.
        target: The sheet's name with an image's suffix; or a folder for `0000.png`, `0001.png`...
        value_range: `(low, high)`: stored values of black and white.
        columns: Of the sheet.
        overwrite: Whether to replace files that exist.

    Returns:
        List of the paths that were written.

    Raises:
        InputError: If a file would be replaced, or cannot be written.
    """
    target = Path(target)
    kinds = [suffix for suffix in formats.IMAGES if suffix in formats.WRITABLE]
    if target.suffix.lower() in kinds and not target.is_dir():
        files = {target: sheet(images, value_range, columns)}
    else:
        if target.is_file() or formats.is_image_name(target):
            raise InputError(
                f"target must be a folder or end in {', '.join(kinds)}, received {target}."
            )
        width = max(4, len(str(len(images) - 1)))
        single = plotting.to_rgb(normalize(images, value_range))
        single = [Image.fromarray(image) for image in single]
        single = [image.convert("L") if images.shape[-1] < 3 else image for image in single]
        files = {target / f"{i:0{width}d}.png": image for i, image in enumerate(single)}
    for path in files:
        check_replaceable(path, overwrite)
    for path, image in files.items():
        with replacing(path) as temporary:
            pillow.save(image, temporary)
    return list(files)


def _samples(shapes):
    """Whether a network of such `metadata.Shapes` needs noise, and a class at most."""
    of_class = shapes.image is None or shapes.image[1:3] == (1, 1)
    return shapes.noise is not None and of_class and len(shapes.output) == 4
