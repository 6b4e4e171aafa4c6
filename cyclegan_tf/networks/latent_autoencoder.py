"""Encoders and decoders: networks between images and the few numbers of a code.

The dense ones are for small images such as digits, the convolutional ones for any size. Images
are in [-1, 1]; a decoder ends without an activation, which belongs to the likelihood.
"""

import keras
import numpy as np
from keras.layers import (
    Activation,
    Concatenate,
    Dense,
    Flatten,
    LeakyReLU,
    Rescaling,
    Reshape,
    UpSampling2D,
)

from cyclegan_tf.networks.layers.convolutions import Conv2D

#: Images are halved while both sides are even and above this.
SMALLEST = 4


def _initializers(kind, seed):
    """Yields an initializer of one kind, with a seed of its own for each layer."""
    rng = np.random.default_rng(seed)
    while True:
        yield kind(seed=int(rng.integers(2**31)))


def dense_encoder(
    input_shapes, latent, heads=("mean", "log_variance"), hidden=(200, 200), seed=None, name=None
):
    """Fully connected layers from images to a code: two of 200 tanh units, as Burda et al.

    Args:
        input_shapes: List of `(height, width, channels)`, one for each input.
        latent: Numbers in a code.
        heads: Names of the outputs, each of which is linear in the last hidden layer.
        hidden: Units of each hidden layer.
        seed: Integer that fixes the initial weights (Glorot), or None.
        name: Name of the model.

    Returns:
        `keras.Model` from the inputs to as many tensors `(batch, latent)` as there are heads.

    Reference:
        Burda et al. 2016, https://arxiv.org/abs/1509.00519, section 5 and appendix
    """
    init = _initializers(keras.initializers.GlorotUniform, seed)
    inputs = [keras.Input(shape) for shape in input_shapes]
    # The paper's pixels are in [0, 1]: a background of -1 would drive the units to their limits.
    x = _joined([Flatten()(Rescaling(0.5, 0.5)(x)) for x in inputs])
    for units in hidden:
        x = Dense(units, "tanh", kernel_initializer=next(init))(x)
    return _with_heads(inputs, x, latent, heads, init, name)


def dense_decoder(
    output_shape, latent, condition_shape=None, bias=0.0, hidden=(200, 200), seed=None, name=None
):
    """Fully connected layers from a code to an image, the mirror of `dense_encoder`.

    Args:
        output_shape: `(height, width, channels)` of the image.
        latent: Numbers in a code.
        condition_shape: Shape of an image that the decoder sees as well, or None.
        bias: With what each output starts; see `likelihoods.Likelihood.bias`.
        hidden: Units of each hidden layer.
        seed: Integer that fixes the initial weights (Glorot), or None.
        name: Name of the model.

    Returns:
        `keras.Model` from `(batch, latent)`, or `[condition, code]`, to `(batch, *output_shape)`.
    """
    init = _initializers(keras.initializers.GlorotUniform, seed)
    inputs, x = _code(latent, condition_shape)
    for units in hidden:
        x = Dense(units, "tanh", kernel_initializer=next(init))(x)
    options = {"bias_initializer": keras.initializers.Constant(bias)}
    x = Dense(int(np.prod(output_shape)), kernel_initializer=next(init), **options)(x)
    return keras.Model(inputs, Reshape(output_shape)(x), name=name)


def convolutional_encoder(
    input_shapes, latent, heads=("mean", "log_variance"), filters=32, seed=None, name=None
):
    """Stride-2 convolutions from images to a code, by rule for any size.

    Height and width are halved while both are even and above 4. There is no normalization, which
    would take an image's brightness and colour from its code.

    Args:
        input_shapes: List of `(height, width, channels)`, one for each input. One of 1x1 pixel,
            such as a class, is seen at every pixel of the others.
        latent: Numbers in a code.
        heads: Names of the outputs, each of which is linear in the last feature map.
        filters: Channels after the first convolution; doubled at each level up to eightfold.
        seed: Integer that fixes the initial weights (He), or None.
        name: Name of the model.

    Returns:
        `keras.Model` from the inputs to as many tensors `(batch, latent)` as there are heads.
    """
    init = _initializers(keras.initializers.HeNormal, seed)
    height, width = size = max(tuple(shape[:2]) for shape in input_shapes)
    inputs = [keras.Input(shape) for shape in input_shapes]
    x = _joined([x if x.shape[1:3] == size else UpSampling2D(size)(x) for x in inputs])
    for level in range(halvings(height, width)):
        channels = filters * min(2**level, 8)
        x = LeakyReLU(0.2)(Conv2D(channels, 4, 2, zeros=1, kernel_initializer=next(init))(x))
    glorot = _initializers(keras.initializers.GlorotUniform, seed)
    return _with_heads(inputs, Flatten()(x), latent, heads, glorot, name)


def convolutional_decoder(
    output_shape, latent, condition_shape=None, bias=0.0, filters=32, seed=None, name=None
):
    """The mirror of `convolutional_encoder`: doubles the size by nearest neighbour, then convolves.

    Args:
        output_shape: `(height, width, channels)` of the image.
        latent: Numbers in a code.
        condition_shape: Shape of a small image, such as a class, that the decoder sees as well,
            or None.
        bias: With what each output starts.
        filters: Channels before the last convolution; doubled at each level up to eightfold.
        seed: Integer that fixes the initial weights (He), or None.
        name: Name of the model.

    Returns:
        `keras.Model` from `(batch, latent)`, or `[condition, code]`, to `(batch, *output_shape)`.
    """
    init = _initializers(keras.initializers.HeNormal, seed)
    height, width, channels = output_shape
    depth = halvings(height, width)
    widths = [filters * min(2**level, 8) for level in range(depth)]
    smallest = (height >> depth, width >> depth, widths[-1] if depth else filters)
    inputs, x = _code(latent, condition_shape)
    x = Dense(int(np.prod(smallest)), kernel_initializer=next(init))(x)
    x = Activation("relu")(Reshape(smallest)(x))
    for level in reversed(range(depth)):
        options = {"reflect": 1, "kernel_initializer": next(init)}
        x = Conv2D(widths[max(level - 1, 0)], 3, **options)(UpSampling2D(2)(x))
        x = Activation("relu")(x)
    options = {"reflect": 1, "bias_initializer": keras.initializers.Constant(bias)}
    x = Conv2D(channels, 3, kernel_initializer=next(init), **options)(x)
    return keras.Model(inputs, x, name=name)


def to_image(outputs, scale=1.0):
    """Makes an image in [-1, 1] of a decoder's output: tanh of `scale` times it.

    Args:
        outputs: Keras tensor `(batch, height, width, channels)`.
        scale: `likelihoods.Likelihood.scale`.
    """
    return Activation("tanh")(Rescaling(scale)(outputs))


def halvings(height, width):
    """How often both sides are even and above `SMALLEST`."""
    if height % 2 or width % 2 or min(height, width) <= SMALLEST:
        return 0
    return 1 + halvings(height // 2, width // 2)


def _code(latent, condition_shape):
    """The inputs of a decoder, and what its first layer sees."""
    code = keras.Input((latent,))
    if condition_shape is None:
        return code, code
    condition = keras.Input(condition_shape)
    return [condition, code], Concatenate()([Flatten()(condition), code])


def _joined(tensors):
    return tensors[0] if len(tensors) == 1 else Concatenate()(tensors)


def _with_heads(inputs, x, latent, heads, init, name):
    outputs = [Dense(latent, kernel_initializer=next(init), name=head)(x) for head in heads]
    single = len(inputs) == 1, len(outputs) == 1
    inputs, outputs = (y[0] if one else y for y, one in zip((inputs, outputs), single, strict=True))
    return keras.Model(inputs, outputs, name=name)
