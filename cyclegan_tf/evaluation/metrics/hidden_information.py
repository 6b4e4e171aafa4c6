"""Hidden information (steganography): cycle errors of whole and of disturbed translations."""

from operator import itemgetter

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.value_range import denormalize, normalize
from cyclegan_tf.evaluation.metrics import arrays
from cyclegan_tf.evaluation.registry import metric

#: Standard deviation of the noise, as a share of the value range: two of 255 grey levels.
NOISE = 2 / 255

_CYCLE = {
    "group": "hidden",
    "better": "lower",
    "takes": {"gen_there": "there", "gen_back": "back", "images": "seen", "seed": "seed"},
    "protocol": {"noise": f"{NOISE * 255:.3g}/255 of the value range"},
}


@metric("cycle_error_noisy", "with noise", pick=itemgetter("noisy"), **_CYCLE)
@metric("cycle_error_rounded", "rounded to 8 bits", pick=itemgetter("rounded"), **_CYCLE)
@metric("cycle_error", "as it is", pick=itemgetter("as_is"), **_CYCLE)
def hidden_information(gen_there, gen_back, images, *, noise=NOISE, seed=0):
    """Cycle errors when the translated image goes back whole, and slightly disturbed.

    Trained to give the input back, generators learn to write it into the translation as a faint
    high-frequency signal (Chu, Zhmoginov and Sandler 2017, https://arxiv.org/abs/1712.02950),
    which rounding or a little noise erases (Bashkirova, Usman and Saenko 2019,
    https://arxiv.org/abs/1908.01517). Where nothing is hidden, the three errors are nearly
    equal: the disturbances themselves amount to about 0.001 and 0.006 at the default, which a
    way back that amplifies nothing does not enlarge. Where "rounded" is several times "as_is",
    the small cycle error came from what no eye sees. "noisy" alone being large may also mean
    that the way back merely takes noise badly.

    Args:
        gen_there: Callable from float32 `(n, height, width, channels)` in [-1, 1] to its
            translation, the same kind of array, perhaps with other channels. It is given all
            images at once.
        gen_back: Callable from such a translation to images shaped as `images`; called three
            times.
        images: Floating-point array `(n, height, width, channels)` in [-1, 1].
        noise: Standard deviation of the Gaussian noise, as a share of the value range from -1
            to 1: the default is two grey levels of 255.
        seed: Whole number that the noise is drawn from.

    Returns:
        Dictionary of float64 arrays `(n,)`: mean over pixels and channels of
        |images - gen_back(translation)| / 2, a share of the value range, with the translation
        "as_is"; "rounded" to the nearest of 256 levels, as an 8-bit file stores it; and "noisy",
        with noise added independently to every value, then clipped to [-1, 1].

    Raises:
        InputError: If `images` or `noise` is no such thing, or a generator gives NaN or another
            shape.
    """
    images = arrays.check("images", images)
    if images.dtype.kind != "f" or np.abs(images).max() > 1.0 + 1e-6:
        raise InputError(
            f"images must be floats in [-1, 1], received {images.dtype} from {images.min()} to "
            f"{images.max()}: normalize them first."
        )
    if not 0.0 < noise < 1.0:
        raise InputError(
            f"noise must be a share of the value range between 0 and 1, received {noise}."
        )
    images = images.astype(np.float32)
    translated = arrays.check("What gen_there returns", gen_there(images)).astype(np.float32)
    drawn = np.random.default_rng(seed).standard_normal(translated.shape, dtype=np.float32)
    sent = {
        "as_is": translated,
        "rounded": normalize(denormalize(translated, (0, 255), np.uint8), (0, 255)),
        "noisy": np.clip(translated + np.float32(2.0 * noise) * drawn, -1.0, 1.0),
    }
    return {name: _errors(images, gen_back(image)) for name, image in sent.items()}


def _errors(images, cycled):
    cycled = arrays.check("What gen_back returns", cycled)
    if cycled.shape != images.shape:
        raise InputError(
            f"What gen_back returns must have the shape of images, {images.shape}, received "
            f"{cycled.shape}: are gen_there and gen_back of opposite directions?"
        )
    return np.mean(np.abs(images - cycled), axis=(1, 2, 3), dtype=np.float64) / 2.0
