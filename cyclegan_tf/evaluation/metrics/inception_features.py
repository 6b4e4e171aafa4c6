"""FID and KID, and the features of the published Inception network behind them."""

from cyclegan_tf.evaluation.metrics import distribution, features
from cyclegan_tf.networks.pretrained import inception


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


class Inception(features.Pretrained):
    """Features of images: the means over the last maps of the 2015-12-05 Inception.

    Args:
        weights: As for `load`.
        resize: As for `load`.
    """

    name = "inception"
    described = "Inception 2015-12-05, pool3, 2048-d"
    network, side = staticmethod(inception.network), inception.SIDE
