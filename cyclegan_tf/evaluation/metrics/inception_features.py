"""FID and KID, and the features of the published Inception network behind them."""

import functools

import numpy as np
import tensorflow as tf
from PIL import Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.progress import tqdm
from cyclegan_tf.evaluation.metrics import arrays, distribution, features
from cyclegan_tf.networks.pretrained import inception, weight_files
from cyclegan_tf.networks.pretrained import weights as weight_source
from cyclegan_tf.networks.pretrained.inception import SIDE

#: Images per step: bounds the memory, not the result.
BATCH = 32

_RESIZES = {
    "clean": "clean (PIL bicubic, antialias, float)",
    "legacy": "legacy (TensorFlow 1 bilinear)",
}


def fid(real, fake, *, weights=None, resize="clean", progress=False):
    """Fréchet Inception Distance.

    Args:
        real: uint8 images `(n, height, width, 1 or 3)`, n of at least 2.
        fake: uint8 images of any size and number; FID falls as their number grows, so compare
            scores of equal numbers only.
        weights: File of the Inception weights; by default from the cache, or downloaded.
        resize: How images get to 299x299: "clean" (Pillow's bicubic with antialias) or "legacy"
            (TensorFlow 1's bilinear, as in the paper's code). Name it beside the score.
        progress: Whether to show a progress bar.

    Returns:
        `distribution.frechet_distance` of the features, a float.

    Raises:
        InputError: If the weights cannot be had, or the images are others.

    Reference:
        Heusel et al. 2017, https://arxiv.org/abs/1706.08500; on resizing Parmar et al. 2022,
        "On Aliased Resizing and Surprising Subtleties in GAN Evaluation",
        https://arxiv.org/abs/2104.11222
    """
    return distribution.frechet_distance(*_features(real, fake, weights, resize, progress))


def kid(real, fake, *, weights=None, resize="clean", progress=False):
    """Kernel Inception Distance and its standard error.

    Args:
        real: uint8 images `(n, height, width, 1 or 3)`, n of at least 3.
        fake: uint8 images of any size and number.
        weights: As for `fid`.
        resize: As for `fid`.
        progress: As for `fid`.

    Returns:
        `(value, standard_error)` of `distribution.kernel_distance`. Often shown times 1,000.

    Raises:
        InputError: As for `fid`.

    Reference:
        Bińkowski et al. 2018, https://arxiv.org/abs/1801.01401
    """
    return distribution.kernel_distance(*_features(real, fake, weights, resize, progress))


def _features(real, fake, weights, resize, progress):
    extractor = load(weights, resize)
    return [features.cached(extractor, images, progress) for images in (real, fake)]


def load(weights=None, resize="clean"):
    """Gives the feature extractor of FID and KID.

    Args:
        weights: Weight file; by default as `networks.pretrained.weights.locate` finds it.
        resize: How images get to 299x299. "clean": Pillow's bicubic filter with antialias, in
            floating point, as Parmar et al. 2022 advise, https://arxiv.org/abs/2104.11222.
            "legacy": bilinear without antialias from the upper left corner on, as TensorFlow 1
            did inside of the published graph. Scores of the two must not be compared.

    Returns:
        `Inception`.

    Raises:
        InputError: If the weights cannot be had, or `resize` is another.
    """
    return Inception(weights, resize)


class Inception:
    """Features of images: the means over the last maps of the 2015-12-05 Inception.

    Args:
        weights: As for `load`.
        resize: As for `load`.

    Attributes:
        name: "inception".
        key: What tells extractors of other weights or another resize apart.
        protocol: Dictionary of strings to print beside a score: "features", "weights" (the
            SHA-256 of their file) and "resize".
    """

    name = "inception"

    def __init__(self, weights=None, resize="clean"):
        if resize not in _RESIZES:
            raise InputError(f'resize must be "clean" or "legacy", received {resize!r}.')
        (located,) = weight_source.locate("inception", weights)
        self._file, sha256 = located
        self.resize = resize
        self.key = f"inception {sha256} {resize}"
        self.protocol = {
            "features": "Inception 2015-12-05, pool3, 2048-d",
            "weights": sha256,
            "resize": _RESIZES[resize],
        }

    @functools.cached_property
    def _features(self):
        """The network, built when first needed: not where all features are cached."""
        model = inception.network(weight_files.read(self._file))
        # Of any number of images, so that the last batch needs no trace of its own.
        images = tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32)
        return tf.function(lambda x: model(x, training=False), [images])

    def __call__(self, images, progress=False):
        """Computes the features.

        Args:
            images: uint8 array `(n, height, width, 1 or 3)`; gray is taken as three equal
                channels.
            progress: Whether to show a progress bar.

        Returns:
            float32 array `(n, 2048)`, at least 0.

        Raises:
            InputError: If the images are others, or the weights are incomplete or do not fit.
        """
        images = arrays.check("images", images)
        if images.dtype != np.uint8:
            raise InputError(
                f"images must be uint8, received {images.dtype}: FID is defined on 8-bit images, "
                "convert them first."
            )
        images, parts = arrays.rgb(images), []
        with tqdm(total=len(images), unit="image", disable=not progress) as bar:
            for start in range(0, len(images), BATCH):
                batch = images[start : start + BATCH]
                parts.append(self._features(_RESIZE[self.resize](batch)).numpy())
                bar.update(len(batch))
        return np.concatenate(parts)


def clean_resize(images):
    """Pillow's bicubic filter with antialias, per channel in float32, clipped to 0..255."""
    resized = np.empty((len(images), SIDE, SIDE, 3), np.float32)
    for image, place in zip(images.astype(np.float32), resized, strict=True):
        for channel in range(3):
            plane = Image.fromarray(np.ascontiguousarray(image[..., channel]))
            place[..., channel] = plane.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return resized.clip(0, 255)


def legacy_resize(images):
    """TensorFlow 1's bilinear resize: output pixel i lies at i * (old side / new side)."""
    return tf.raw_ops.ResizeBilinear(
        images=images, size=(SIDE, SIDE), align_corners=False, half_pixel_centers=False
    )


_RESIZE = {"clean": clean_resize, "legacy": legacy_resize}
