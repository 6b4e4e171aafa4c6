"""Discriminators that judge an image's features in a trained network, beside its pixels.

What tells a horse from a zebra need not be learnt from a few hundred images: a classifier knows
it. The discriminators then teach from the first step on.

Reference: Sauer et al. 2021, "Projected GANs Converge Faster", https://arxiv.org/abs/2111.01007
"""

import keras
import numpy as np
from keras.layers import Concatenate, LeakyReLU, MaxPooling2D, ReLU, Rescaling

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.networks.discriminators import patch_logits
from cyclegan_tf.networks.initializers import normal
from cyclegan_tf.networks.layers.convolutions import Conv2D
from cyclegan_tf.networks.layers.resampling import BilinearDoubling, NearestResizing
from cyclegan_tf.networks.layers.spectral_norm import SpectralConv2D
from cyclegan_tf.networks.pretrained import classifiers

#: Channels of the small discriminators, one for each level of features.
WIDTH = 64
#: Levels of features, and what the layers are called that give them.
LEVELS, _LEVEL = 5, "level_{}"


def projected_discriminator(
    input_shape,
    filters=64,
    layers=3,
    network="alex",
    doublings=0,
    seed=None,
    name="discriminator",
):
    """A patch discriminator of the pixels, and small ones of the features at five depths.

    The trained network stays as it is. (The paper mixes its features by random projections; here
    each level is judged as it is, and the pixels with them, whose finest patterns AlexNet does
    not see.) All that learns is spectrally normalized.

    Args:
        input_shape: `(height, width, 1 or 3)`.
        filters: As for `networks.patch_discriminator`, of the pixels' part.
        layers: The same.
        network: "alex" or "vgg", the networks behind LPIPS, trained on ImageNet.
        doublings: How often the image is doubled before the trained network sees it; AlexNet's
            first layer, of a stride of 4, misses what repeats within fewer pixels than that.
        seed: Integer that fixes the initial weights, or None.
        name: Name of the model.

    Returns:
        `keras.Model` from `(batch, height, width, channels)` in [-1, 1] to logits
        `(batch, height', width', 6)`: the pixels' last, maps of fewer patches enlarged to the
        largest, so that each level counts as much as any other.

    Raises:
        InputError: If the images are too small or have other channels, or as from
            `metrics.perceptual.load`.
    """
    trained, least = classifiers.trunk(network)
    height, width, channels = input_shape
    smallest = -(-least // 2**doublings)
    if channels not in (1, 3) or min(height, width) < smallest:
        raise InputError(
            f"disc_features={network!r} needs images of 1 or 3 channels and at least {smallest} "
            f"pixels, received {height}x{width} of {channels}: prepare such, or train without it."
        )
    init = normal((*np.ravel(seed), 1) if seed is not None else None)

    def judged(x):
        for size in (1, 3):
            kernel = {"zeros": size // 2, "kernel_initializer": next(init)}
            x = LeakyReLU(0.2)(SpectralConv2D(WIDTH, size, **kernel)(x))
        return SpectralConv2D(1, 1, kernel_initializer=next(init))(x)

    image = keras.Input(input_shape)
    x = image if channels == 3 else Concatenate()([image] * 3)
    for _ in range(doublings):
        x = BilinearDoubling()(x)
    scale = 1 / classifiers.SCALE
    x = Rescaling(scale.tolist(), (-classifiers.SHIFT * scale).tolist())(x)
    frozen, logits = [], []
    for layer, kernel, bias in trained:
        if layer.pool:
            x = MaxPooling2D(layer.pool, 2)(x)
        options = {"zeros": layer.padding, "fast": False, "trainable": False}
        convolution = Conv2D(layer.shape[-1], layer.shape[:2], layer.stride, **options)
        frozen.append((convolution, [kernel, bias]))
        name_of = _LEVEL.format(len(logits)) if layer.compared else None
        x = ReLU(name=name_of)(convolution(x))
        if layer.compared:
            logits.append(judged(x))
    for convolution, weights in frozen:
        convolution.set_weights(weights)
    logits.append(patch_logits(image, filters, layers, "spectral", seed))
    largest = [max(x.shape[axis] for x in logits) for axis in (1, 2)]
    logits = [x if list(x.shape[1:3]) == largest else NearestResizing(largest)(x) for x in logits]
    return keras.Model(image, Concatenate()(logits), name=name)


def levels(discriminator):
    """What the trained network in a `projected_discriminator` finds, for others to use it, too.

    Args:
        discriminator: As `projected_discriminator` makes it, or a copy in reduced precision.

    Returns:
        List of `LEVELS` symbolic outputs `(batch, height, width, channels)`, each at least 0; the
        image's finest come first.
    """
    return [discriminator.get_layer(_LEVEL.format(i)).output for i in range(LEVELS)]
