"""Receptive fields: how far a network's layers reach, and how its tensors lie on the image."""

import math
from collections import Counter
from fractions import Fraction

import keras
import numpy as np
import tensorflow as tf
from keras import layers as kl

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.networks import generator_file
from cyclegan_tf.networks.layers.dropout import Dropout
from cyclegan_tf.networks.layers.normalization import (
    AdaptiveInstanceNormalization,
    BatchNormalization,
    InstanceNormalization,
)
from cyclegan_tf.networks.layers.padding import ReflectionPadding2D
from cyclegan_tf.networks.layers.resampling import BilinearDoubling
from cyclegan_tf.networks.layers.residual_output import ResidualOutput

#: Layers that compute each pixel from that pixel alone, in use.
BY_PIXEL = (
    *(kl.Activation, kl.ReLU, kl.LeakyReLU, kl.ELU, kl.Identity, kl.Rescaling),
    *(kl.Add, kl.Subtract, kl.Multiply, kl.Average, kl.Maximum, kl.Minimum, kl.Concatenate),
    *(kl.BatchNormalization, kl.Dropout, kl.SpatialDropout2D, kl.GaussianNoise, ResidualOutput),
)


class Tensor:
    """One tensor of a network: what makes it of what, and how it lies on the image.

    Args:
        layer: Layer that makes it; None for an input.
        sources: List of `Tensor`, of which the layer makes it.
        symbolic: Keras's tensor.
        side: Height and width of an image to try the layers' shapes on.

    Attributes:
        layer, sources: As given.
        images: Those of the sources that have pixels.
        is_vector: Whether it has none itself.
        dtype: Its type, a string.
        wide: The type that its mean and variance are computed in.
        shape: Its shape for an image of that height and width.
        scale: Its pixels for each of the image's along a side, a `Fraction`; padding aside.
        bytes_per_pixel: Its bytes for each of the image's pixels.
        is_measured: Whether its mean and variance are asked for.
        is_held: Whether it is computed to be kept for the whole image.
    """

    def __init__(self, layer, sources, symbolic, side):
        self.layer, self.sources, self.dtype = layer, sources, symbolic.dtype
        self.wide = keras.backend.result_type(self.dtype, "float32")
        self.is_measured, self.is_held = False, False
        self.is_vector = len(symbolic.shape) == 2
        self.images = [source for source in sources if not source.is_vector]
        self.shape = (1, *[side] * (len(symbolic.shape) - 2), symbolic.shape[-1])
        self.scale = Fraction(1)
        if self.images:
            self.scale = self.images[0].scale * of(layer)[0]
            self.shape = layer.compute_output_shape(one_or_all([t.shape for t in sources]))
        size = tf.as_dtype(self.dtype).size * self.shape[-1]
        self.bytes_per_pixel = float(size * self.scale**2)

    @property
    def is_at_hand(self):
        """Whether it follows, pixel by pixel, from one tensor that is there for the whole."""
        if self.is_held or self.layer is None:
            return True
        by_pixel = of(self.layer) == (1, 0, 0)
        return by_pixel and len(self.images) == 1 and self.images[0].is_at_hand


def by_image(layer):
    """Whether a layer normalizes by the mean and variance of the whole image."""
    kinds = (InstanceNormalization, AdaptiveInstanceNormalization, kl.GroupNormalization)
    return isinstance(layer, kinds) or getattr(layer, "statistics", None) == "image"


def of(layer):
    """How a layer scales images, and how far it reaches.

    Args:
        layer: `keras.layers.Layer`.

    Returns:
        `(scale, before, after)`: if at some edge `n` pixels are wrong, then after the layer
        `ceil((n + before) * scale) + after` are, or fewer.

    Raises:
        InputError: If the layer is of a kind of which this is not known.
    """
    if by_image(layer) or isinstance(layer, (*BY_PIXEL, BatchNormalization)):
        return Fraction(1), 0, 0
    if isinstance(layer, Dropout) and not layer.always:
        return Fraction(1), 0, 0
    if isinstance(layer, (ReflectionPadding2D, kl.ZeroPadding2D)):
        return Fraction(1), int(np.max(layer.padding)), 0
    pair = getattr(layer, "strides", getattr(layer, "size", (0, 1)))
    if pair[0] == pair[1] and isinstance(layer, kl.Conv2D):
        added = getattr(layer, "reflect", 0) + getattr(layer, "zeros", 0)
        if layer.padding == "same":
            added += math.ceil((max(layer.kernel_size) - 1) * max(layer.dilation_rate) / 2)
        return Fraction(1, pair[0]), added, 0
    if pair[0] == pair[1] and isinstance(layer, kl.Conv2DTranspose):
        return Fraction(pair[0]), 0, max(layer.kernel_size)
    if pair[0] == pair[1] and getattr(layer, "interpolation", None) == "nearest":
        return Fraction(pair[0]), 0, 0
    if isinstance(layer, BilinearDoubling):
        return Fraction(2), 0, 1
    why = "drops at random" if isinstance(layer, Dropout) else "may reach any distance"
    raise _refusal(f"its layer {layer.name!r} ({type(layer).__name__}) {why}")


def tensors(generator):
    """The tensors of a network, and which of them to hold for the whole image.

    Held are the output and what is smaller than the image (half its height and width or less)
    and normalized; also what is used twice, unless it follows from something that is there.

    Args:
        generator: Functional `keras.Model` from an image, or an image and vectors, to one.

    Returns:
        Dict from the identity of Keras's tensors to `Tensor`, each after those it is made of.

    Raises:
        InputError: If it is no such model, takes images of one size, gives one that does not
            keep the proportions, or has a layer whose receptive field is not known.
    """
    if not hasattr(generator, "_nodes_by_depth") or len(generator.outputs) != 1:
        raise _refusal("it is no functional keras.Model of one output")
    for given in generator.inputs:
        if len(given.shape) == 4 and None not in given.shape[1:3]:
            raise _refusal(f"it takes no other images than those of {given.shape[1:3]} pixels")
    side = 64 * generator_file.size_multiple(generator)
    made = {}
    for depth in sorted(generator._nodes_by_depth, reverse=True):
        for node in generator._nodes_by_depth[depth]:
            symbolic, layer = node.outputs[0], None if node.is_input else node.operation
            sources = [made[id(x)] for x in node.input_tensors]
            tensor = made[id(symbolic)] = Tensor(layer, sources, symbolic, side)
            if sources and tensor.is_vector == bool(tensor.images):
                raise _refusal(f"its layer {layer.name!r} is between vectors and images")
            if by_image(layer):
                sources[0].is_measured = True
    computed = [t for t in made.values() if t.layer is not None and not t.is_vector]
    uses = Counter(source for tensor in computed for source in tensor.sources)
    made[id(generator.outputs[0])].is_held = True
    for tensor in computed:
        is_shared = uses[tensor] > 1 and not tensor.is_at_hand
        tensor.is_held |= is_shared or (tensor.scale < 1 and tensor.is_measured)
        proportional = set(tensor.shape[1:3]) == {side * tensor.scale}
        if (tensor.is_held or tensor.is_measured) and not proportional:
            raise _refusal(f"what its layer {tensor.layer.name!r} gives is cut off or padded")
    return made


def one_or_all(given):
    """What a layer is called on: a tensor, or a list of several."""
    return given[0] if len(given) == 1 else given


def _refusal(reason):
    return InputError(f"The generator cannot be tiled, since {reason}: translate it whole.")
