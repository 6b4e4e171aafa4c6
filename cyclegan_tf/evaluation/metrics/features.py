"""Features of images: a cache on disk, and an untrained extractor beside Inception.

An extractor is a callable from uint8 images `(n, height, width, 1 or 3)` to float32 features
`(n, d)`, with `name`, `key` (tells extractors apart) and `protocol` (what to print beside a
score). `inception_features.load` gives the published one.
"""

import hashlib
import warnings
import zipfile

import numpy as np
import tensorflow as tf

from cyclegan_tf.common.atomic_files import replacing
from cyclegan_tf.common.cache import cache_folder
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.evaluation.metrics import arrays

#: Bytes of features that are kept; beyond them the longest unused go.
KEPT = 2**30


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
