"""Encoders from images to a content code, and decoders back: what UNIT and MUNIT are made of.

Plain functions that return functional Keras models. A content code is a small image of many
channels: with two halvings and 64 filters, a quarter of the height and width, and 256.

Reference: Liu et al. 2017, https://arxiv.org/abs/1703.00848; Huang et al. 2018,
https://arxiv.org/abs/1804.04732, appendix B.2. The authors' code has the same encoders and decoders
for both methods, and these are they.
"""

import keras
from keras.layers import Activation, Add, Dense, GroupNormalization, ReLU, UpSampling2D

from cyclegan_tf.networks import initializers
from cyclegan_tf.networks.layers.convolutions import Conv2D
from cyclegan_tf.networks.layers.normalization import (
    AdaptiveInstanceNormalization,
    InstanceNormalization,
)


def encoder(
    input_shape=(None, None, 3),
    filters=64,
    downsamplings=2,
    blocks=4,
    seed=None,
    name="encoder",
):
    """The encoder: a convolution, halvings, residual blocks; all instance-normalized.

    Args:
        input_shape: `(height, width, channels)`; height and width may be None, and must be
            multiples of `2 ** downsamplings` in use.
        filters: Channels after the first convolution; doubled at each halving.
        downsamplings: Number of stride-2 convolutions.
        blocks: Number of residual blocks.
        seed: As for `initializers.he_normal`.
        name: Name of the model.

    Returns:
        `keras.Model` from images in [-1, 1] to content codes.
    """
    init = initializers.he_normal(seed)

    def convolution(x, filters, size, strides, reflect):
        options = {"normalized": True, "kernel_initializer": next(init)}
        x = Conv2D(filters, size, strides, reflect=reflect, **options)(x)
        return ReLU()(InstanceNormalization()(x))

    image = keras.Input(input_shape)
    x = convolution(image, filters, 7, 1, 3)
    for level in range(1, downsamplings + 1):
        x = convolution(x, filters * 2**level, 4, 2, 1)
    for _ in range(blocks):
        x = _residual(x, init)
    return keras.Model(image, x, name=name)


def residual_blocks(channels, blocks=1, seed=None, name="blocks"):
    """Instance-normalized residual blocks from code to code, to be shared by two networks.

    Args:
        channels: Channels of the code.
        blocks: Number of blocks; none gives the code back.
        seed: As for `initializers.he_normal`.
        name: Name of the model.

    Returns:
        `keras.Model` from `(batch, height, width, channels)` to the same shape.
    """
    init = initializers.he_normal(seed)
    code = keras.Input((None, None, channels))
    x = Activation("linear")(code)
    for _ in range(blocks):
        x = _residual(x, init)
    return keras.Model(code, x, name=name)


def decoder(
    output_channels=3,
    filters=64,
    upsamplings=2,
    blocks=4,
    style_dims=None,
    hidden=256,
    seed=None,
    name="decoder",
):
    """The decoder: residual blocks, doublings, a convolution.

    Where there is a style it sets shift and scale of every normalization in the residual blocks:
    a perceptron with two hidden layers computes them. What follows is layer-normalized (over all
    pixels and channels together), since instance normalization would take the style out again.

    The authors' layer normalization divides by the unbiased deviation plus 1e-5, this one by the
    root of the biased variance plus 1e-5. For 128 channels of 32x32 pixels they differ by 4e-6.

    Args:
        output_channels: Channels of the images.
        filters: Channels before the last convolution, and halved at each doubling down to them.
        upsamplings: Number of doublings of height and width.
        blocks: Number of residual blocks.
        style_dims: Numbers in a style code; None for a decoder without.
        hidden: Units of the perceptron's hidden layers.
        seed: As for `initializers.he_normal`.
        name: Name of the model.

    Returns:
        `keras.Model` from content codes, or from `[content, style]` with styles
        `(batch, style_dims)`, to images in [-1, 1] (tanh).
    """
    init = initializers.he_normal(seed)
    channels = filters * 2**upsamplings
    inputs = [keras.Input((None, None, channels))]
    x, given = inputs[0], None
    if style_dims is not None:
        inputs.append(keras.Input((style_dims,)))
        given = inputs[1]
        for _ in range(2):
            given = Dense(hidden, "relu", kernel_initializer=next(init))(given)
    for _ in range(blocks):
        x = _residual(x, init, given)
    for level in reversed(range(upsamplings)):
        options = {"reflect": 2, "kernel_initializer": next(init)}
        x = Conv2D(filters * 2**level, 5, **options)(UpSampling2D(2)(x))
        draws = keras.initializers.RandomUniform(0.0, 1.0, seed=next(init).seed)
        x = GroupNormalization(1, epsilon=1e-5, gamma_initializer=draws)(x)
        x = ReLU()(x)
    options = {"reflect": 3, "kernel_initializer": next(init)}
    x = Activation("tanh")(Conv2D(output_channels, 7, **options)(x))
    return keras.Model(inputs if given is not None else inputs[0], x, name=name)


def _residual(x, init, given=None):
    """A residual block, normalized with shifts and scales from `given` where there is such."""
    channels = x.shape[-1]

    def convolution(x):
        options = {"normalized": True, "kernel_initializer": next(init)}
        x = Conv2D(channels, 3, reflect=1, **options)(x)
        if given is None:
            return InstanceNormalization()(x)
        # The authors' perceptron has one last layer for all normalizations: the same weights.
        shift_and_scale = Dense(2 * channels, kernel_initializer=next(init))(given)
        return AdaptiveInstanceNormalization()([x, shift_and_scale])

    return Add()([x, convolution(ReLU()(convolution(x)))])
