"""Large pictures in pieces: the same translation, without the memory for all of it at once.

A network is computed piece by piece of the picture, from one of its tensors to the next that is
*held*: kept for the whole picture. Held are those smaller than the picture (half its height and
width or less) that are normalized or used twice; what lies between is computed wherever it is
needed. Each piece has a border of pixels, as wide as the few layers of that pass reach, that is
cut off. Instance normalization goes by the mean and variance of the whole picture: they are put
together from those of the pieces before the next pass begins. So nothing is approximated, and
there are no seams: only the rounding differs.
"""

import math
from collections import Counter
from fractions import Fraction

import keras
import numpy as np
import tensorflow as tf
from keras import layers as kl

from cyclegan_tf import generators
from cyclegan_tf.errors import InputError
from cyclegan_tf.layers import (
    AdaptiveInstanceNormalization,
    BatchNormalization,
    Dropout,
    InstanceNormalization,
    ReflectionPadding2D,
)

#: Layers that compute each pixel from that pixel alone.
BY_PIXEL = (
    *(kl.Activation, kl.ReLU, kl.LeakyReLU, kl.ELU, kl.Identity, kl.Rescaling),
    *(kl.Add, kl.Subtract, kl.Multiply, kl.Average, kl.Maximum, kl.Minimum, kl.Concatenate),
    *(kl.BatchNormalization, kl.Dropout, kl.SpatialDropout2D, kl.GaussianNoise),
)


def can_tile(generator):
    """Whether `Tiled` can compute a generator; `Tiled` itself says why not.

    Args:
        generator: `keras.Model`.
    """
    try:
        _tensors(generator)
    except InputError:
        return False
    return True


class Tiled:
    """Translates large pictures in little memory, as the generator itself would.

    What is kept for the whole picture are at most three tensors of reduced size: for the ResNet
    generator `3 * filters` bytes for each pixel of the picture (a U-Net's skips may be more). The
    rest is bounded by the size of a tile. Nothing is remembered: it may be called from
    several threads at once.

    Args:
        generator: Functional `keras.Model` of convolutions on pictures `(1, height, width,
            channels)` of any size, with or without noise `(1, dimensions)` beside them. Its
            normalizations may be instance, group, batch and adaptive ones.
        tile: Height and width of the pieces in pixels, their overlap included. Multiples of 64
            are fastest.

    Attributes:
        passes: Number of times that it goes through all the pieces, each time a few layers.

    Raises:
        InputError: If `tile` is no positive whole number, or the generator has a layer that cannot
            be computed in pieces.
    """

    def __init__(self, generator, tile=576):
        if not isinstance(tile, (int, np.integer)) or tile < 1:
            raise InputError(f"tile must be a positive whole number of pixels, received {tile!r}.")
        tensors = _tensors(generator)
        self._inputs = [tensors[id(x)] for x in generator.inputs]
        self._vectors = [t for t in tensors.values() if t.is_vector and t.layer is not None]
        self._passes = [_Pass(t, tile) for t in tensors.values() if t.is_held or t.is_measured]
        self.passes = len(self._passes)
        self._multiple = math.lcm(*(each.step for each in self._passes))

    def __call__(self, *inputs):
        """Translates.

        Args:
            *inputs: float32 arrays as the generator takes them: a picture `(1, height, width,
                channels)` in [-1, 1], its sides multiples of `generators.size_multiple`, and noise
                `(1, dimensions)` where it takes such.

        Returns:
            float32 array `(1, height, width, channels')` in [-1, 1].

        Raises:
            InputError: If there is more than one picture, or its sides are no such multiples.
        """
        shape = next(np.shape(x) for x in inputs if np.ndim(x) == 4)
        if shape[0] != 1:
            raise InputError(f"inputs must hold one picture, received {shape[0]}: give each alone.")
        if any(side % self._multiple for side in shape[1:3]):
            raise InputError(
                f"inputs must have sides that are multiples of {self._multiple} pixels, received "
                f"{shape[1:3]}: pad the picture."
            )
        held, moments = dict(zip(self._inputs, inputs, strict=True)), {}
        for vector in self._vectors:
            held[vector] = vector.layer(_one_or_all([held[t] for t in vector.sources]))
        for i, this in enumerate(self._passes):
            this.compute(shape[1:3], held, moments)
            needed = {this.tensor, *self._vectors, *self._inputs}
            needed.update(*(later.begins for later in self._passes[i + 1 :]))
            held = {tensor: array for tensor, array in held.items() if tensor in needed}
        return held[this.tensor].astype("float32", copy=False)


class _Tensor:
    """One tensor of a network: what makes it of what, and how it lies on the picture.

    Attributes:
        layer: Layer that makes it; None for an input.
        sources: List of `_Tensor`, of which the layer makes it.
        pictures: Those of them that have pixels.
        is_vector: Whether it has none itself.
        dtype: Its type, a string.
        wide: The type that its mean and variance are computed in.
        shape: Its shape for a picture of a certain size.
        scale: Its pixels for each of the picture's along a side, a `Fraction`; padding aside.
        is_measured: Whether its mean and variance are asked for.
        is_held: Whether it is computed to be kept for the whole picture.
    """

    def __init__(self, layer, sources, symbolic, side):
        self.layer, self.sources, self.dtype = layer, sources, symbolic.dtype
        self.wide = keras.backend.result_type(self.dtype, "float32")
        self.is_measured, self.is_held = False, False
        self.is_vector = len(symbolic.shape) == 2
        self.pictures = [source for source in sources if not source.is_vector]
        self.shape = (1, *[side] * (len(symbolic.shape) - 2), symbolic.shape[-1])
        self.scale = Fraction(1)
        if self.pictures:
            self.scale = self.pictures[0].scale * _reach(layer)[0]
            self.shape = layer.compute_output_shape(_one_or_all([t.shape for t in sources]))

    @property
    def is_at_hand(self):
        """Whether it follows, pixel by pixel, from one tensor that is there for the whole."""
        if self.is_held or self.layer is None:
            return True
        by_pixel = _reach(self.layer) == (1, 0, 0)
        return by_pixel and len(self.pictures) == 1 and self.pictures[0].is_at_hand


class _Pass:
    """Computes one tensor for the whole picture, piece by piece, from those that are held.

    Attributes:
        tensor: The `_Tensor`.
        begins: List of the held ones that it is computed from.
        vectors: List of the vectors that it is computed from.
        measured: List of the tensors whose mean and variance that takes.
        step: Pixels of the picture that pieces must begin and end at multiples of.
        border: Pixels of the picture by which a piece is larger than what is right of it.
        length: Height and width of the pieces in pixels of the picture.
    """

    def __init__(self, tensor, tile):
        self.tensor, self.begins, self.vectors, self.measured = tensor, [], [], []
        self.step = 1
        margin = self._margin(tensor)
        self.border = _rounded_up(margin / tensor.scale, self.step)
        # Of what is computed at least a quarter is used, also where the border is wide.
        self.length = _rounded_up(max(tile, 4 * self.border), self.step)
        # Shapes that are known allow faster convolutions; pictures below a tile have any.
        self._fixed, self._any = (
            tf.function(self._piece, self._signature(length), autograph=False)
            for length in (self.length, None)
        )

    def compute(self, picture, held, moments):
        """Computes it, and puts it into `held` or its mean and variance into `moments`, or both.

        Args:
            picture: Height and width of the picture.
            held: Arrays of the tensors that are held, to which this one may be added.
            moments: Arrays `(2, channels)` of mean and variance, likewise.
        """
        tensor, parts = self.tensor, []
        if tensor.is_held:
            sides = [int(side * tensor.scale) for side in picture]
            dtype = tf.as_dtype(tensor.dtype).as_numpy_dtype
            held[tensor] = np.empty((1, *sides, tensor.shape[-1]), dtype)
        call = self._fixed if min(picture) >= self.length else self._any
        vectors, measured = [held[t] for t in self.vectors], [moments[t] for t in self.measured]
        cuts = [pieces(side, self.length, self.border, self.step) for side in picture]
        for window in ((rows, columns) for rows in cuts[0] for columns in cuts[1]):
            begins = [held[t][_part(t, *(side[:2] for side in window))] for t in self.begins]
            used = [[int((at - side[0]) * tensor.scale) for at in side[2:]] for side in window]
            result = call(begins, vectors, measured, np.transpose(used).astype("int32"))
            if tensor.is_held:
                held[tensor][_part(tensor, *(side[2:] for side in window))] = result.pop(0)
            if tensor.is_measured:
                counts = np.full(len(result[0]), used[1][1] - used[1][0])
                parts.append((counts, *result))
        if parts:
            merged = merge(*(np.concatenate(part) for part in zip(*parts, strict=True)))
            moments[tensor] = np.stack(merged).astype(tensor.wide)

    def _margin(self, tensor):
        """Wrong pixels at a border within the picture; notes what lies up to what is held."""
        self.step = math.lcm(self.step, tensor.scale.denominator)
        if tensor.layer is None or (tensor.is_held and tensor is not self.tensor):
            self.begins += [tensor] if tensor not in self.begins else []
            return 0
        self.vectors += [t for t in tensor.sources if t.is_vector and t not in self.vectors]
        self.measured += tensor.sources[:1] if _by_picture(tensor.layer) else []
        scale, before, after = _reach(tensor.layer)
        margin = max(self._margin(source) for source in tensor.pictures)
        return math.ceil((margin + before) * scale) + after

    def _signature(self, length):
        def side(tensor):
            return None if length is None else int(length * tensor.scale)

        return (
            [tf.TensorSpec((1, side(t), side(t), t.shape[-1]), t.dtype) for t in self.begins],
            [tf.TensorSpec((1, t.shape[-1]), t.dtype) for t in self.vectors],
            [tf.TensorSpec((2, t.shape[-1]), t.wide) for t in self.measured],
            tf.TensorSpec((2, 2), tf.int32),
        )

    def _piece(self, begins, vectors, measured, used):
        """What a piece gives: its pixels if held; mean and variance of its rows if measured."""
        known = dict(zip(self.begins + self.vectors, begins + vectors, strict=True))
        moments = dict(zip(self.measured, measured, strict=True))

        def values(tensor):
            if tensor in known:
                return known[tensor]
            given = [values(source) for source in tensor.sources]
            if _by_picture(tensor.layer):
                return _normalize(tensor.layer, moments[tensor.sources[0]], *given)
            return tensor.layer(_one_or_all(given))

        tensor = self.tensor
        (top, left), (bottom, right) = tf.unstack(used[0]), tf.unstack(used[1])
        result = values(tensor)[:, top:bottom, left:right]
        # Row by row, since short sums round less.
        rows = tf.nn.moments(tf.cast(result[0], tensor.wide), 1) if tensor.is_measured else ()
        return [result, *rows] if tensor.is_held else [*rows]


def pieces(side, length, border, step):
    """Cuts one side of a picture into pieces that overlap.

    Args:
        side: Pixels of the side, a multiple of `step`.
        length: Pixels of a piece, a multiple of `step`.
        border: Pixels of it that are not used, at either end that is not the picture's own.
        step: Pixels that everything begins and ends at multiples of.

    Returns:
        List of `(start, stop, first, end)`: the piece is `start:stop`, of which `first:end` is
        used. All have one length, the side's where that is less.
    """
    cut, end = [], 0
    while end < side:
        first, start = end, max(min(end - border, side - length), 0)
        stop = min(start + length, side)
        end = stop if stop == side else stop - border
        cut.append((start, stop, first, end))
    return cut


def merge(counts, means, variances):
    """Mean and variance of all from those of parts.

    Args:
        counts: Array `(parts,)`.
        means: Array `(parts, channels)`.
        variances: The same, biased.

    Returns:
        `(mean, variance)`, float64 arrays `(channels,)`.

    Reference:
        Chan, Golub and LeVeque 1983, "Algorithms for Computing the Sample Variance",
        https://doi.org/10.2307/2683386
    """
    mean = np.average(np.float64(means), 0, counts)
    return mean, np.average(variances + (means - mean) ** 2, 0, counts)


def _by_picture(layer):
    """Whether a layer normalizes by the mean and variance of the whole picture."""
    kinds = (InstanceNormalization, AdaptiveInstanceNormalization, kl.GroupNormalization)
    return isinstance(layer, kinds) or getattr(layer, "statistics", None) == "picture"


def _reach(layer):
    """How a layer scales pictures, and how far it reaches.

    Returns:
        `(scale, before, after)`: if at some border `n` pixels are wrong, then after the layer
        `ceil((n + before) * scale) + after` are, or fewer.

    Raises:
        InputError: If the layer is of a kind of which this is not known.
    """
    if _by_picture(layer) or isinstance(layer, (*BY_PIXEL, BatchNormalization)):
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
    why = "drops at random" if isinstance(layer, Dropout) else "may reach any distance"
    raise _refusal(f"its layer {layer.name!r} ({type(layer).__name__}) {why}")


def _tensors(generator):
    """The tensors of a network by the identity of Keras's, each after those it is made of."""
    if not hasattr(generator, "_nodes_by_depth") or len(generator.outputs) != 1:
        raise _refusal("it is no functional keras.Model of one output")
    for given in generator.inputs:
        if len(given.shape) == 4 and None not in given.shape[1:3]:
            raise _refusal(f"it takes no other pictures than those of {given.shape[1:3]} pixels")
    side = 64 * generators.size_multiple(generator)
    made = {}
    for depth in sorted(generator._nodes_by_depth, reverse=True):
        for node in generator._nodes_by_depth[depth]:
            symbolic, layer = node.outputs[0], None if node.is_input else node.operation
            sources = [made[id(x)] for x in node.input_tensors]
            tensor = made[id(symbolic)] = _Tensor(layer, sources, symbolic, side)
            if sources and tensor.is_vector == bool(tensor.pictures):
                raise _refusal(f"its layer {layer.name!r} is between vectors and pictures")
            if _by_picture(layer):
                sources[0].is_measured = True
    tensors = [t for t in made.values() if t.layer is not None and not t.is_vector]
    uses = Counter(source for tensor in tensors for source in tensor.sources)
    made[id(generator.outputs[0])].is_held = True
    for tensor in tensors:
        is_shared = uses[tensor] > 1 and not tensor.is_at_hand
        tensor.is_held |= is_shared or (tensor.scale < 1 and tensor.is_measured)
        proportional = set(tensor.shape[1:3]) == {side * tensor.scale}
        if (tensor.is_held or tensor.is_measured) and not proportional:
            raise _refusal(f"what its layer {tensor.layer.name!r} gives is cut off or padded")
    return made


def _normalize(layer, moments, x, style=None):
    """What a normalization makes of a part, given mean and variance of all."""
    mean, variance = tf.unstack(moments)
    if isinstance(layer, kl.GroupNormalization) and layer.groups > 0:
        size = mean.shape[0] // layer.groups
        means, variances = (tf.reshape(m, (layer.groups, size)) for m in (mean, variance))
        mean = tf.repeat(tf.reduce_mean(means, 1), size)
        apart = tf.square(means - tf.reshape(mean, means.shape))
        variance = tf.repeat(tf.reduce_mean(variances + apart, 1), size)
    shift, factor = (getattr(layer, name, None) for name in ("beta", "gamma"))
    if style is not None:
        shift, factor = tf.split(style[:, None, None, :], 2, -1)
    scale = tf.math.rsqrt(variance + layer.epsilon)
    if factor is not None:
        scale *= tf.cast(factor, scale.dtype)
    x = (tf.cast(x, scale.dtype) - mean) * scale
    return tf.cast(x if shift is None else x + tf.cast(shift, x.dtype), layer.compute_dtype)


def _part(tensor, rows, columns):
    """Where rows and columns of the picture, both `(start, stop)`, lie in a tensor's array."""
    sides = (slice(*(int(at * tensor.scale) for at in side)) for side in (rows, columns))
    return (slice(None), *sides)


def _rounded_up(pixels, step):
    return math.ceil(Fraction(pixels) / step) * step


def _one_or_all(given):
    """What a layer is called on: a tensor, or a list of several."""
    return given[0] if len(given) == 1 else given


def _refusal(reason):
    return InputError(f"The generator cannot be tiled, since {reason}: translate it whole.")
