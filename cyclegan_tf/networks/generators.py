"""Generators: plain functions that return functional Keras models.

Every network is fully convolutional: with `input_shape=(None, None, channels)` it takes any
size that its strides divide. Values are in [-1, 1].
"""

import keras
import numpy as np
from keras.layers import (
    Activation,
    Add,
    Concatenate,
    Dense,
    LeakyReLU,
    ReLU,
    UpSampling2D,
)

from cyclegan_tf.networks import initializers
from cyclegan_tf.networks.layers.convolutions import Conv2D, Conv2DTranspose
from cyclegan_tf.networks.layers.linear_prediction import LinearPrediction
from cyclegan_tf.networks.layers.normalization import (
    AdaptiveLayerNormalization,
    InstanceNormalization,
    LayerNormalization,
)
from cyclegan_tf.networks.layers.resampling import BilinearDoubling
from cyclegan_tf.networks.layers.residual_output import ResidualOutput

UPSAMPLING = ("transposed", "resize", "bilinear")
#: Normalizations of a generator by name.
NORMS = {"instance": InstanceNormalization, "layer": LayerNormalization}
#: Units between a code and the normalizations that it shifts and scales.
HIDDEN = 64


def _check_upsampling(upsampling):
    if upsampling not in UPSAMPLING:
        listed = " or ".join(f'"{name}"' for name in UPSAMPLING)
        raise ValueError(f"upsampling must be {listed}, received {upsampling!r}.")


def _doubled(x, upsampling):
    return BilinearDoubling()(x) if upsampling == "bilinear" else UpSampling2D(2)(x)


def resnet_generator(
    input_shape=(None, None, 3),
    filters=64,
    blocks=9,
    output_channels=None,
    upsampling="transposed",
    residual=False,
    norm="instance",
    code=0,
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
            copy (`layers.residual_output`); the output has the input's channels then.
        norm: "instance" (the paper's), or "layer", which leaves the network the colours of its
            input.
        code: Numbers of a second input (norm "layer" alone): what the image does not tell of its
            translation; 0 for none. They shift and scale all layers, and the network starts from a
            `LinearPrediction` of the output, whose weights are for the caller to set.
        seed: Integer that fixes the initial weights, or None.
        name: Name of the model.

    Returns:
        `keras.Model` from `(batch, height, width, channels)`, with a code from that and
        `(batch, code)`, to `(batch, height, width, output_channels)`, images in [-1, 1] (tanh).

    Raises:
        ValueError: If `upsampling` or `norm` is none of these, or a residual network is to change
            the number of channels.

    Reference:
        Zhu et al. 2017, https://arxiv.org/abs/1703.10593, section 7.1;
        Odena et al. 2016, "Deconvolution and Checkerboard Artifacts", https://distill.pub/2016/deconv-checkerboard
    """
    _check_upsampling(upsampling)
    if norm not in NORMS or (code and norm != "layer"):
        raise ValueError(f"norm must be one of {list(NORMS)}, with code layer, received {norm!r}.")
    init = initializers.normal(seed)
    # A mean over all channels leaves each its bias.
    normalized = norm == "instance"

    def convolution(x, filters, size, strides=1, **kwargs):
        kwargs = {"normalized": normalized, "kernel_initializer": next(init)} | kwargs
        return Conv2D(filters, size, strides, **kwargs)(x)

    def normalize(x):
        if not code:
            return NORMS[norm]()(x)
        given = Dense(2 * x.shape[-1], kernel_initializer=next(init))
        shift_and_scale = given(hidden)
        given.bias.assign(np.repeat([0.0, 1.0], x.shape[-1]))
        return AdaptiveLayerNormalization()([x, shift_and_scale])

    def norm_relu(x):
        return ReLU()(normalize(x))

    def residual_block(x):
        y = norm_relu(convolution(x, 4 * filters, 3, reflect=1))
        y = normalize(convolution(y, 4 * filters, 3, reflect=1))
        return Add()([x, y])

    def upsample(x, filters):
        if upsampling != "transposed":
            x = _doubled(x, upsampling)
            return norm_relu(convolution(x, filters, 3, reflect=1))
        # Padding 1 and output padding 1 of the reference: drop the first row and column.
        options = {"crop": 1, "normalized": normalized, "kernel_initializer": next(init)}
        return norm_relu(Conv2DTranspose(filters, 3, 2, **options)(x))

    image, codes = keras.Input(input_shape), keras.Input((code,)) if code else None
    if code:
        he = initializers.he_normal(seed)
        hidden = LeakyReLU(0.2)(Dense(HIDDEN, kernel_initializer=next(he))(codes))
    channels, x = output_channels or input_shape[-1], image
    if code:
        prediction = LinearPrediction(channels)([image, codes])
        x = Concatenate()([image, prediction])
    x = norm_relu(convolution(x, filters, 7, reflect=3))
    x = norm_relu(convolution(x, 2 * filters, 3, 2, zeros=1))
    x = norm_relu(convolution(x, 4 * filters, 3, 2, zeros=1))
    for _ in range(blocks):
        x = residual_block(x)
    x = upsample(upsample(x, 2 * filters), filters)
    if residual and channels != input_shape[-1]:
        raise ValueError(
            f"residual needs as many channels in as out, received {input_shape[-1]} and {channels}."
        )
    x = convolution(x, channels, 7, reflect=3, normalized=False)
    if code:
        x = Add()([x, prediction])
    x = ResidualOutput()([x, image]) if residual else Activation("tanh")(x)
    return keras.Model([image, codes] if code else image, x, name=name)


def unet_generator(
    input_shape=(None, None, 3),
    filters=64,
    depth=8,
    output_channels=None,
    upsampling="transposed",
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
    init = initializers.normal(seed)

    def upsample(x, filters):
        if upsampling != "transposed":
            options = {"reflect": 1, "kernel_initializer": next(init)}
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


def halvings(height, width, most=8):
    """How often both sides can be halved, at most 8 times: how deep a U-Net goes."""
    depth = 0
    while depth < most and height % 2 ** (depth + 1) == 0 and width % 2 ** (depth + 1) == 0:
        depth += 1
    return depth
