"""Features of images: a cache on disk, published networks, and an untrained one.

An extractor is a callable from uint8 images `(n, height, width, 1 or 3)` to float32 features
`(n, d)`, with `name`, `key` (tells extractors apart) and `protocol` (what to print beside a
score). `inception_features.load` and `efficientnet_features.load` give the published ones.
"""

import functools
import hashlib
import warnings
import zipfile

import numpy as np
import tensorflow as tf
from PIL import Image

from cyclegan_tf.common.atomic_files import replacing
from cyclegan_tf.common.cache import cache_folder
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.progress import tqdm
from cyclegan_tf.evaluation.metrics import arrays
from cyclegan_tf.networks.pretrained import weight_files
from cyclegan_tf.networks.pretrained import weights as weight_source

#: Bytes of features that are kept; beyond them the longest unused go.
KEPT = 2**30
#: Images per step of a network: bounds the memory, not the result.
BATCH = 32

_RESIZES = {
    "clean": "clean (PIL bicubic, antialias, float)",
    "legacy": "legacy (TensorFlow 1 bilinear)",
}


def cached(extractor, images, progress=False):
    """Returns the features of `images`, from the cache where they were computed before.

    Args:
        extractor: A callable as described above.
        images: uint8 array `(n, height, width, 1 or 3)`.
        progress: Whether to show a progress bar while computing.

    Returns:
        float32 array `(n, d)`.

    Raises:
        InputError: If the extractor cannot take the images.
    """
    images = np.ascontiguousarray(arrays.check("images", images))
    digest = hashlib.sha256(f"{extractor.key} {images.dtype} {images.shape} ".encode())
    digest.update(images)
    path = cache_folder() / "features" / f"{digest.hexdigest()}.npy"
    try:
        features = np.load(path, allow_pickle=False)
        path.touch()
        return features
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        pass  # not there, or damaged
    features = extractor(images, progress=progress)
    try:
        with replacing(path) as temporary:
            np.save(temporary, features)
        _forget_the_oldest(path.parent)
    except (InputError, OSError) as error:
        warnings.warn(f"Features are not kept for next time: {error}", stacklevel=2)
    return features


def _forget_the_oldest(folder):
    files = sorted(folder.glob("*.npy"), key=lambda path: path.stat().st_mtime, reverse=True)
    total = 0
    for path in files:
        total += path.stat().st_size
        if total > KEPT:
            path.unlink(missing_ok=True)


class Pretrained:
    """Features of a published network; subclasses say which.

    Args:
        weights: Weight file; by default as `networks.pretrained.weights.locate` finds it.
        resize: How images get to the network's size, "clean" or "legacy"; see
            `inception_features.load`.

    Attributes:
        name: What it is called, also in `weights.PUBLISHED`.
        described: What a protocol calls its features.
        network: Function from tensors to the Keras model.
        side: Height and width of the images that the model takes.
        key: What tells extractors of other weights or another resize apart.
        protocol: Dictionary of strings to print beside a score: "features", "weights" (the
            SHA-256 of their file) and "resize".
    """

    name = described = network = side = None

    def __init__(self, weights=None, resize="clean"):
        if resize not in _RESIZES:
            raise InputError(f'resize must be "clean" or "legacy", received {resize!r}.')
        (located,) = weight_source.locate(self.name, weights)
        self._file, sha256 = located
        self.resize = resize
        self.key = f"{self.name} {sha256} {resize}"
        self.protocol = {
            "features": self.described,
            "weights": sha256,
            "resize": _RESIZES[resize],
        }

    @functools.cached_property
    def _features(self):
        """The network, built when first needed: not where all features are cached."""
        model = self.network(weight_files.read(self._file))
        # Of any number of images, so that the last batch needs no trace of its own.
        images = tf.TensorSpec((None, self.side, self.side, 3), tf.float32)
        return tf.function(lambda x: model(x, training=False), [images])

    def __call__(self, images, progress=False):
        """Computes the features.

        Args:
            images: uint8 array `(n, height, width, 1 or 3)`; gray is taken as three equal
                channels.
            progress: Whether to show a progress bar.

        Returns:
            float32 array `(n, d)`, at least 0.

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
                batch = _RESIZE[self.resize](images[start : start + BATCH], self.side)
                parts.append(self._features(batch).numpy())
                bar.update(len(batch))
        return np.concatenate(parts)


def clean_resize(images, side):
    """Pillow's bicubic filter with antialias, per channel in float32, clipped to 0..255."""
    resized = np.empty((len(images), side, side, 3), np.float32)
    for image, place in zip(images.astype(np.float32), resized, strict=True):
        for channel in range(3):
            plane = Image.fromarray(np.ascontiguousarray(image[..., channel]))
            place[..., channel] = plane.resize((side, side), Image.Resampling.BICUBIC)
    return resized.clip(0, 255)


def legacy_resize(images, side):
    """TensorFlow 1's bilinear resize: output pixel i lies at i * (old side / new side)."""
    return tf.raw_ops.ResizeBilinear(
        images=images, size=(side, side), align_corners=False, half_pixel_centers=False
    )


_RESIZE = {"clean": clean_resize, "legacy": legacy_resize}


class RandomFeatures:
    """Features of a small convolutional network that was never trained.

    They need no file, and tell coarse differences of colour and texture. Distances between
    them have no published meaning and are not FID or KID: they serve tests, and comparing the
    epochs of one run where the published weights cannot be had.

    Three 3x3 convolutions of stride 2 with 32, 64 and 128 filters (He normal, fixed seed) and
    ReLU; the features are each filter's mean and standard deviation over the image.

    Reference:
        Naeem et al. 2020, section 3.3, on random embeddings, https://arxiv.org/abs/2002.09797
    """

    name = "random"
    key = "random 1"

    def __init__(self):
        rng = np.random.default_rng(0)
        self.protocol = {"features": "untrained convolutions (no published meaning)"}
        self.kernels = [
            (rng.standard_normal((3, 3, i, o)) * np.sqrt(2 / (9 * i))).astype(np.float32)
            for i, o in ((3, 32), (32, 64), (64, 128))
        ]

    def __call__(self, images, progress=False):
        """Returns the features.

        Args:
            images: uint8 array `(n, height, width, 1 or 3)`.
            progress: Taken for likeness with other extractors; this one is quick.

        Returns:
            float32 array `(n, 448)`.
        """
        images = arrays.rgb(arrays.check("images", images))
        parts = [self._batch(images[i : i + 64]) for i in range(0, len(images), 64)]
        return np.concatenate(parts)

    def _batch(self, images):
        x, features = tf.constant(images, tf.float32) / 127.5 - 1.0, []
        for kernel in self.kernels:
            x = tf.nn.relu(tf.nn.conv2d(x, kernel, strides=2, padding="SAME"))
            mean, variance = tf.nn.moments(x, axes=(1, 2))
            features += [mean, tf.sqrt(variance)]
        return tf.concat(features, axis=1).numpy()
