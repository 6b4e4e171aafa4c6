"""Discriminators: PatchGAN, single pixels, and several scales, as plain functions.

Every network is fully convolutional: with `input_shape=(None, None, channels)` it takes any
size that its strides divide. Values are in [-1, 1].
"""

import keras
from keras.layers import LeakyReLU

from cyclegan_tf.networks import initializers
from cyclegan_tf.networks.layers.convolutions import Conv2D
from cyclegan_tf.networks.layers.normalization import BatchNormalization, InstanceNormalization
from cyclegan_tf.networks.layers.resampling import HalvingAverage
from cyclegan_tf.networks.layers.spectral_norm import SpectralConv2D


def _normalize(x, norm, init):
    """Normalizes by instance or batch; a batch norm's initial `gamma` has a seed of its own."""
    if norm == "spectral":  # the convolutions are
        return x
    if norm == "batch":
        return BatchNormalization(seed=next(init).seed)(x)
    return InstanceNormalization()(x)


def patch_discriminator(
    input_shape=(None, None, 3),
    filters=64,
    layers=3,
    norm="instance",
    seed=None,
    name="discriminator",
):
    """The PatchGAN discriminator: one logit for each overlapping patch of the image.

    Args:
        input_shape: `(height, width, channels)`; height and width may be None.
        filters: Channels after the first convolution; doubled at each layer up to eightfold.
        layers: Number of stride-2 convolutions. 3 sees patches of 70x70 pixels, 2 of 34, 1 of 16.
        norm: "instance"; "batch" as in pix2pix: the convolutions before it have no bias; or
            "spectral": of the kernels in place of their outputs, so that colours are seen as they
            are, the brightness of the whole image with them.
        seed: Integer that fixes the initial weights, or None.
        name: Name of the model.

    Returns:
        `keras.Model` from `(batch, height, width, channels)` to logits
        `(batch, height', width', 1)`; 30x30 for 256x256 with 3 layers.

    Reference:
        Isola et al. 2017, https://arxiv.org/abs/1611.07004, section 6.1.2; "spectral": Miyato et
        al. 2018, https://arxiv.org/abs/1802.05957
    """
    image = keras.Input(input_shape)
    return keras.Model(image, patch_logits(image, filters, layers, norm, seed), name=name)


def patch_logits(image, filters=64, layers=3, norm="instance", seed=None):
    """The logits of `patch_discriminator` for a symbolic image, as part of a larger network."""
    init = initializers.normal(seed)

    def convolution(x, filters, strides, normalized=False):
        options = {"zeros": 1, "kernel_initializer": next(init)}
        if norm == "spectral":
            return SpectralConv2D(filters, 4, strides, **options)(x)
        options |= {"normalized": normalized, "use_bias": not normalized or norm == "instance"}
        return Conv2D(filters, 4, strides, **options)(x)

    x = LeakyReLU(0.2)(convolution(image, filters, 2))
    for level in range(1, layers + 1):
        strides = 2 if level < layers else 1
        x = convolution(x, filters * min(2**level, 8), strides, normalized=True)
        x = LeakyReLU(0.2)(_normalize(x, norm, init))
    return convolution(x, 1, 1)


def pixel_discriminator(
    input_shape=(None, None, 3), filters=64, norm="instance", seed=None, name="discriminator"
):
    """The 1x1 "PixelGAN" discriminator: judges each pixel by its colour alone.

    Args:
        input_shape: `(height, width, channels)`; height and width may be None.
        filters: Channels after the first convolution; doubled once.
        norm: As for `patch_discriminator`.
        seed: Integer that fixes the initial weights, or None.
        name: Name of the model.

    Returns:
        `keras.Model` from `(batch, height, width, channels)` to logits
        `(batch, height, width, 1)`.

    Reference:
        Isola et al. 2017, https://arxiv.org/abs/1611.07004, section 6.1.2
    """
    init, biased = initializers.normal(seed), norm != "batch"
    layer = SpectralConv2D if norm == "spectral" else Conv2D
    image = keras.Input(input_shape)
    x = layer(filters, 1, kernel_initializer=next(init))(image)
    x = layer(2 * filters, 1, use_bias=biased, kernel_initializer=next(init))(LeakyReLU(0.2)(x))
    x = LeakyReLU(0.2)(_normalize(x, norm, init))
    x = layer(1, 1, use_bias=biased, kernel_initializer=next(init))(x)
    return keras.Model(image, x, name=name)


def discriminator(input_shape=(None, None, 3), filters=64, layers=3, **options):
    """`patch_discriminator`, or `pixel_discriminator` for 0 layers."""
    if layers == 0:
        return pixel_discriminator(input_shape, filters, **options)
    return patch_discriminator(input_shape, filters, layers, **options)


def multiscale_discriminator(
    input_shape=(None, None, 3), filters=64, layers=4, scales=3, seed=None, name="discriminator"
):
    """Patch discriminators of the image and of smaller versions of it, without normalization.

    Args:
        input_shape: `(height, width, channels)`; height and width may be None, and must be at
            least `2 ** (layers + scales - 1)` in use.
        filters: Channels after the first convolution; doubled at each layer.
        layers: Number of stride-2 convolutions at each scale; a 1x1 convolution follows.
        scales: Number of sizes that are judged, each half of the one before.
        seed: Integer that fixes the initial weights, or None.
        name: Name of the model.

    Returns:
        `keras.Model` from `(batch, height, width, channels)` to a list of `scales` logits
        `(batch, height', width', 1)`, the largest first.

    Reference:
        Wang et al. 2018, https://arxiv.org/abs/1711.11585, section 3.2; layers as in Huang et al.
        2018, https://arxiv.org/abs/1804.04732, appendix B.2, where there are 3 scales of 4 layers.
    """
    init = initializers.normal(seed)
    image = keras.Input(input_shape)
    smaller, logits = image, []
    for scale in range(scales):
        if scale:
            smaller = HalvingAverage()(smaller)
        x = smaller
        for level in range(layers):
            options = {"reflect": 1, "kernel_initializer": next(init)}
            x = LeakyReLU(0.2)(Conv2D(filters * 2**level, 4, 2, **options)(x))
        logits.append(Conv2D(1, 1, kernel_initializer=next(init))(x))
    return keras.Model(image, logits, name=name)
