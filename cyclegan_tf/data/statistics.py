"""Data statistics and drift: a few cheap numbers, and how far an image is from the training's.

A generator makes nonsense, with a straight face, of images that it never saw the like of. The
numbers are simple on purpose: they tell a photo from a sketch and day from night, not one face
from another.
"""

import numpy as np

from cyclegan_tf.common.value_range import normalize
from cyclegan_tf.data.io import image_file

#: Side of the coarse image whose pixels are among the numbers.
COARSE_SIDE = 4
#: Differences below it, half a grey level of 255, are none.
SMALLEST_STEP = 1 / 255
#: Fewer training images say too little.
MIN_IMAGES = 20
#: How many are looked at.
MAX_IMAGES = 500
#: Of the training images, the share that is farther away than the alarm level.
ALARM_SHARE = 0.01
#: Variances between the mean images of two domains, below which one is drawn as the other is.
SMALL_GAP = 0.5


def image_statistics(image):
    """The numbers of one image.

    Args:
        image: float32 array `(height, width, channels)` in [-1, 1].

    Returns:
        float64 vector: mean and standard deviation of each channel; logarithms of their distance
        from gray and of the mean and the root mean square of differences between neighbours; and
        4x4 coarse pixels of the mean of all channels.
    """
    gray = image.mean(-1, dtype=np.float64)
    colour = np.abs(image - gray[..., None]).mean()
    steps = np.concatenate([np.abs(np.diff(gray, axis=axis)).ravel() for axis in (0, 1)])
    coarse = image_file.fit(gray[..., None].astype(np.float32), COARSE_SIDE, "stretch")
    return np.concatenate(
        [
            image.mean((0, 1), dtype=np.float64),
            image.std((0, 1), dtype=np.float64),
            np.log(np.maximum([colour, steps.mean(), np.sqrt((steps**2).mean())], SMALLEST_STEP)),
            coarse.ravel(),
        ]
    )


def training_statistics(images, value_range):
    """What images are like, to be kept with a generator that was trained on them.

    Args:
        images: Array of stored values `(n, height, width, channels)`, or what looks like one.
        value_range: `(low, high)` of the stored values.

    Returns:
        Dictionary for JSON: the mean of the numbers, the matrix that whitens them, and the distance
        that one in a hundred of the images exceeds (found on images that the mean and the
        matrix were not made from). None for fewer than 20 images, or tiny ones.
    """
    if len(images) < MIN_IMAGES or min(images.shape[1:3]) < 2 * COARSE_SIDE:
        return None
    chosen = np.unique(np.linspace(0, len(images) - 1, MAX_IMAGES).astype(int))
    numbers = np.stack(
        [image_statistics(normalize(np.asarray(images[[i]])[0], value_range)) for i in chosen]
    )
    halves = numbers[::2], numbers[1::2]
    pairs = halves, halves[::-1]
    distances = [_distances(one, *_mean_and_whitening(other)) for one, other in pairs]
    mean, whitening = _mean_and_whitening(numbers)
    return {
        "mean": [float(f"{value:.6g}") for value in mean],
        "whitening": [[float(f"{value:.6g}") for value in row] for row in whitening],
        "alarm": float(f"{np.quantile(np.concatenate(distances), 1 - ALARM_SHARE):.6g}"),
        "pictures": len(chosen),
    }


def drift(image, known):
    """How far an image has drifted from the training images.

    Args:
        image: As for `image_statistics`, with as many channels as the training images.
        known: What `training_statistics` gave.

    Returns:
        Mahalanobis distance, divided by the root of the number of dimensions: about 1 for a
        training image, and above `known["alarm"]` for one in a hundred of them.
    """
    return float(_distances(image_statistics(image)[None], known["mean"], known["whitening"])[0])


def domain_gap(dataset, most=1000):
    """How far the mean images of both domains are apart, in parts of the images' variance.

    Args:
        dataset: `npz.Dataset`; its training images are used.
        most: At most so many of each domain, at equal distances.

    Returns:
        Mean square of the difference of both mean images, divided by the mean variance of a
        pixel: 0.09 for horses and zebras, 1.7 for photos of faces and cartoons on white. None
        where the domains differ in channels.
    """
    if dataset.image_shape_a != dataset.image_shape_b:
        return None
    means, variances = [], []
    for image, ends in zip((dataset.train_a, dataset.train_b), dataset.ranges, strict=True):
        chosen = np.unique(np.linspace(0, len(image) - 1, min(most, len(image))).astype(int))
        images = normalize(np.asarray(image[chosen]), ends)
        means.append(images.mean(0))
        variances.append(images.var(0).mean())
    return float(np.mean((means[0] - means[1]) ** 2) / max(np.mean(variances), 1e-12))


def suits_residual_output(dataset):
    """Whether a translation is to change its input rather than to draw anew: a gap below 1/2."""
    gap = domain_gap(dataset)
    return gap is not None and gap < SMALL_GAP


def _mean_and_whitening(numbers):
    """Mean, and the matrix after which covariance is one (a little shrunk, to be invertible)."""
    mean, covariance = numbers.mean(0), np.cov(numbers, rowvar=False)
    # No direction counts as quieter than a thousandth of the average: nearly constant numbers,
    # such as white paper's, would otherwise decide alone.
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, max(values.mean() * 1e-3, 1e-6))
    return mean, vectors / np.sqrt(values)


def _distances(numbers, mean, whitening):
    whitened = (numbers - np.asarray(mean)) @ np.asarray(whitening)
    return np.sqrt((whitened**2).mean(-1))
