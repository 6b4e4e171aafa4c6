"""Generators and discriminators: plain functions that return functional Keras models.

Every network is fully convolutional: with `input_shape=(None, None, channels)` it takes any
size that its strides divide. Values are in [-1, 1].
"""

import keras
import numpy as np
from keras.layers import (
    Activation,
    Add,
    Concatenate,
    LeakyReLU,
    ReLU,
    UpSampling2D,
)

from cyclegan_tf.convolutions import Conv2D, Conv2DTranspose
from cyclegan_tf.layers import AddToPicture, BatchNormalization, InstanceNormalization
from cyclegan_tf.resampling import BilinearDoubling, HalvingAverage
from cyclegan_tf.spectral import SpectralConv2D

UPSAMPLING = ("transposed", "resize", "bilinear")


def _check_upsampling(upsampling):
    if upsampling not in UPSAMPLING:
        listed = " or ".join(f'"{name}"' for name in UPSAMPLING)
        raise ValueError(f"upsampling must be {listed}, received {upsampling!r}.")


def _doubled(x, upsampling):
    return BilinearDoubling()(x) if upsampling == "bilinear" else UpSampling2D(2)(x)


def initializers(seed):
    """Yields the reference's initializer, N(0, 0.02), with a seed of its own for each layer."""
    rng = np.random.default_rng(seed)
    while True:
        yield keras.initializers.RandomNormal(0.0, 0.02, seed=int(rng.integers(2**31)))


def _normalize(x, norm, init):
    """Normalizes by instance or batch; a batch norm's initial `gamma` has a seed of its own."""
    if norm == "spectral":  # the convolutions are
        return x
    if norm == "batch":
        return BatchNormalization(seed=next(init).seed)(x)
    return InstanceNormalization()(x)


def resnet_generator(
    input_shape=(None, None, 3),
    filters=64,
    blocks=9,
    output_channels=None,
    upsampling="transposed",
    residual=False,
    fast=None,
    seed=None,
    name="generator",
):
    """The ResNet generator of Johnson et al. as CycleGAN uses it.

    Args:
        input_shape: `(height, width, channels)`; height and width may be None, and must be
            multiples of 4 in use.
        filters: Channels after the first convolution; 64 in the paper. Twice and four times
            as many follow.
        blocks: Number of residual blocks; the authors take 9 at 256 pixels and 6 at 128 and below.
        output_channels: Channels of the output; those of the input by default.
        upsampling: "transposed" (the paper's 3x3 transposed convolution), "resize" (nearest
            neighbour, then a 3x3 convolution: no checkerboard, see Odena et al. 2016) or "bilinear"
            (the same between the neighbours: no grid either).
        residual: Whether the network computes what to change of its input, so that it starts as a
            copy (`layers.AddToPicture`); the output has the input's channels then.
        fast: As for `convolutions.Conv2D`.
        seed: Integer that fixes the initial weights, or None.
        name: Name of the model.

    Returns:
        `keras.Model` from `(batch, height, width, channels)` to
        `(batch, height, width, output_channels)`, both in [-1, 1] (tanh).

    Raises:
        ValueError: If `upsampling` is none of the three, or a residual network is to change the
            number of channels.

    Reference:
        Zhu et al. 2017, https://arxiv.org/abs/1703.10593, section 7.1;
        Odena et al. 2016, "Deconvolution and Checkerboard Artifacts", https://distill.pub/2016/deconv-checkerboard
    """
    _check_upsampling(upsampling)
    init = initializers(seed)

    def convolution(x, filters, size, strides=1, **kwargs):
        kwargs = {"normalized": True, "fast": fast, "kernel_initializer": next(init)} | kwargs
        return Conv2D(filters, size, strides, **kwargs)(x)

    def norm_relu(x):
        return ReLU()(InstanceNormalization()(x))

    def residual_block(x):
        y = norm_relu(convolution(x, 4 * filters, 3, reflect=1))
        y = InstanceNormalization()(convolution(y, 4 * filters, 3, reflect=1))
        return Add()([x, y])

    def upsample(x, filters):
        if upsampling != "transposed":
            x = _doubled(x, upsampling)
            return norm_relu(convolution(x, filters, 3, reflect=1))
        # Padding 1 and output padding 1 of the reference: drop the first row and column.
        options = {"crop": 1, "normalized": True, "kernel_initializer": next(init)}
        return norm_relu(Conv2DTranspose(filters, 3, 2, **options)(x))

    image = keras.Input(input_shape)
    x = norm_relu(convolution(image, filters, 7, reflect=3))
    x = norm_relu(convolution(x, 2 * filters, 3, 2, zeros=1))
    x = norm_relu(convolution(x, 4 * filters, 3, 2, zeros=1))
    for _ in range(blocks):
        x = residual_block(x)
    x = upsample(upsample(x, 2 * filters), filters)
    channels = output_channels or input_shape[-1]
    if residual and channels != input_shape[-1]:
        raise ValueError(
            f"residual needs as many channels in as out, received {input_shape[-1]} and {channels}."
        )
    x = convolution(x, channels, 7, reflect=3, normalized=False)
    x = AddToPicture()([x, image]) if residual else Activation("tanh")(x)
    return keras.Model(image, x, name=name)


def unet_generator(
    input_shape=(None, None, 3),
    filters=64,
    depth=8,
    output_channels=None,
    upsampling="transposed",
    fast=None,
    seed=None,
    name="generator",
):
    """The U-Net generator: an encoder and decoder with skip connections, instance-normalized.

    Args:
        input_shape: `(height, width, channels)`; height and width may be None, and must be
            multiples of `2 ** depth` in use.
        filters: Channels after the first convolution; doubled at each level up to eightfold.
        depth: Number of halvings; 8 takes 256 pixels down to one, 7 takes 128.
        output_channels: Channels of the output; those of the input by default.
        upsampling: "transposed" (4x4 transposed convolution, the paper's), "resize"
            (nearest neighbour, then a 3x3 convolution) or "bilinear" (the same between them).
        fast: As for `convolutions.Conv2D`.
        seed: Integer that fixes the initial weights, or None.
        name: Name of the model.

    Returns:
        `keras.Model` from `(batch, height, width, channels)` to
        `(batch, height, width, output_channels)`, both in [-1, 1] (tanh).

    Raises:
        ValueError: If `upsampling` is none of the three, or `depth` is below 1.

    Reference:
        Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597;
        Isola et al. 2017, https://arxiv.org/abs/1611.07004, section 6.1.1
    """
    _check_upsampling(upsampling)
    if depth < 1:
        raise ValueError(f"depth must be at least 1, received {depth}.")
    init = initializers(seed)

    def upsample(x, filters):
        if upsampling != "transposed":
            options = {"reflect": 1, "fast": fast, "kernel_initializer": next(init)}
            return Conv2D(filters, 3, **options)(_doubled(x, upsampling))
        return Conv2DTranspose(filters, 4, 2, padding="same", kernel_initializer=next(init))(x)

    image = keras.Input(input_shape)
    x, skips = image, []
    for level in range(depth):
        if level > 0:
            skips.append(x)
            x = LeakyReLU(0.2)(x)
        x = Conv2D(filters * min(2**level, 8), 4, 2, zeros=1, kernel_initializer=next(init))(x)
        # The innermost map may be a single pixel, which has no statistics of its own.
        if 0 < level < depth - 1:
            x = InstanceNormalization()(x)
    for level in reversed(range(depth - 1)):
        x = InstanceNormalization()(upsample(ReLU()(x), filters * min(2**level, 8)))
        x = Concatenate()([skips.pop(), x])
    x = upsample(ReLU()(x), output_channels or input_shape[-1])
    return keras.Model(image, Activation("tanh")(x), name=name)


def patch_discriminator(
    input_shape=(None, None, 3),
    filters=64,
    layers=3,
    norm="instance",
    seed=None,
    name="discriminator",
):
    """The PatchGAN discriminator: one logit for each overlapping patch of the picture.

    Args:
        input_shape: `(height, width, channels)`; height and width may be None.
        filters: Channels after the first convolution; doubled at each layer up to eightfold.
        layers: Number of stride-2 convolutions. 3 sees patches of 70x70 pixels, 2 of 34, 1 of 16.
        norm: "instance"; "batch" as in pix2pix: the convolutions before it have no bias; or
            "spectral": of the kernels in place of their outputs, so that colours are seen as they
            are, the brightness of the whole picture with them.
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
    """The logits of `patch_discriminator` for a symbolic picture, as part of a larger network."""
    init = initializers(seed)

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
    init, biased = initializers(seed), norm != "batch"
    layer = SpectralConv2D if norm == "spectral" else Conv2D
    image = keras.Input(input_shape)
    x = layer(filters, 1, kernel_initializer=next(init))(image)
    x = layer(2 * filters, 1, use_bias=biased, kernel_initializer=next(init))(LeakyReLU(0.2)(x))
    x = LeakyReLU(0.2)(_normalize(x, norm, init))
    x = layer(1, 1, use_bias=biased, kernel_initializer=next(init))(x)
    return keras.Model(image, x, name=name)


def multiscale_discriminator(
    input_shape=(None, None, 3), filters=64, layers=4, scales=3, seed=None, name="discriminator"
):
    """Patch discriminators of the picture and of smaller versions of it, without normalization.

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
    init = initializers(seed)
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


def chained(networks, name=None):
    """One network of several, each taking what the one before gives; they share their layers.

    Args:
        networks: Functional models of one output. Inputs that they have beside the first are
            inputs of the result, in their order.
        name: Name of the model.

    Returns:
        `keras.Model` without networks inside, so that it is saved, cloned and counted as any.
    """
    inputs = [keras.Input(networks[0].inputs[0].shape[1:])]
    x = inputs[0]
    for network in networks:
        others = [keras.Input(other.shape[1:]) for other in network.inputs[1:]]
        inputs += others
        # Layer by layer: calling the network itself would nest it.
        x = keras.Function.call(network, [x, *others] if others else x)
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], x, name=name)
