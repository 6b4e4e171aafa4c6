"""Hints: colours that a person paints where they are wanted, and the codes that give them.

A generator that starts from a linear prediction (`networks.layers.linear_prediction`) has codes
that are standard normal, and colours that are a line in them. Of painted colours, which code it is
follows from that as in any linear Gaussian model; what they leave open is still drawn. Nothing is
trained for it.

Reference: Bishop 2006, "Pattern Recognition and Machine Learning", equations 2.113 to 2.117; hints
for a generator: Zhang et al. 2017, https://arxiv.org/abs/1705.02999 (there learnt)
"""

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io.image_file import to_channels
from cyclegan_tf.data.io.pixels import Pixels, has_alpha, white
from cyclegan_tf.data.matching import shares

#: How exactly painted colours are taken: their standard deviation, in [-1, 1]. Much, as neighbours
#: are painted together; with less, codes become rare ones, of which nothing was learnt.
NOISE = 0.7


def check(hint, shape, channels):
    """Says what is wrong with a hint, before anything is computed.

    Args:
        hint: Array `(height, width, channels)` with transparency, of uint8 or uint16.
        shape: `(height, width)` of the image that it belongs to.
        channels: Of the result.

    Raises:
        InputError: If it has no transparency, another size, or nothing is painted, or its colours
            do not become those of the result.
    """
    if hint.ndim != 3 or not has_alpha(hint) or hint.dtype.kind != "u":
        raise InputError(
            f"hint must be transparent where nothing is painted, received shape {hint.shape} of "
            f"{hint.dtype}: give a PNG with transparency."
        )
    if hint.shape[:2] != tuple(shape):
        raise InputError(
            f"hint must be as large as the image, {shape[1]}x{shape[0]} pixels, received "
            f"{hint.shape[1]}x{hint.shape[0]}."
        )
    if not hint[..., -1].any():
        raise InputError("hint has nothing painted in it: it is transparent everywhere.")
    count = hint.shape[-1] - 1
    if count != channels and not {count, channels} <= {1, 3}:
        raise InputError(
            f"hint must have {channels} channels and transparency, received {count}: paint in the "
            "colours of the result."
        )


def checked(hint, shape, channels):
    """Colours and opacity of a hint; gray becomes colour, or colour gray, as the result needs.

    Args:
        hint: As for `check`.
        shape: As for `check`.
        channels: As for `check`.

    Returns:
        `(colours, opacity)`: float32 arrays `(height, width, channels)` in [-1, 1], and
        `(height, width, 1)` in [0, 1].

    Raises:
        InputError: As for `check`.
    """
    check(hint, shape, channels)
    colours = to_channels(Pixels(hint[..., :-1], False), channels, "hint")
    colours, opacity = (
        np.asarray(values, np.float32) / white(hint.dtype) for values in (colours, hint[..., -1:])
    )
    return 2 * colours - 1, opacity


def code(layer, image, colours, opacity, drawn):
    """The code whose prediction has the painted colours, where any is painted.

    Args:
        layer: The `LinearPrediction` of a generator.
        image: Its input `(height, width, channels)` in [-1, 1].
        colours: `(height', width', channels')` in [-1, 1], of the part of the image that is seen.
        opacity: `(height', width', 1)` in [0, 1].
        drawn: Standard normal numbers `(dimensions,)`, which decide what the hint leaves open.

    Returns:
        float32 array `(dimensions,)`.
    """
    from cyclegan_tf.networks.layers.linear_prediction import SIDE

    channels = layer.channels
    rows, columns = (shares(side, SIDE) for side in opacity.shape[:2])
    covered, painted = (
        np.einsum("ph,hwc,qw->pqc", rows, x, columns) for x in (opacity, opacity * colours)
    )
    where = (covered > 1e-3).ravel()
    wanted = (painted / np.maximum(covered, 1e-3)).reshape(-1, channels)[where]
    sure = np.repeat(covered.ravel()[where], channels) / NOISE**2
    # Of no code, and what each number of one adds.
    without = np.zeros((1, len(drawn)), np.float32)
    base = np.asarray(layer.predicted(image[None], without))[0]
    added = np.asarray(layer.kernel)[-len(drawn) :].reshape(len(drawn), -1, channels)[:, where]
    added = added.reshape(len(drawn), -1).astype("float64")
    missing = (wanted - base.reshape(-1, channels)[where]).ravel()
    precision = np.eye(len(drawn)) + (added * sure) @ added.T
    mean = np.linalg.solve(precision, added @ (sure * missing))
    # A draw of the precision's inverse as covariance: L^-T z where the precision is L L^T.
    rest = np.linalg.solve(np.linalg.cholesky(precision).T, drawn)
    return (mean + rest).astype("float32")
