"""Tiled inference: large images in pieces, with the same result and little memory.

A network is computed piece by piece of the image, from one of its tensors to the next that is
*held*: kept for the whole image (`receptive_field.tensors` chooses them, among those of reduced
size). What lies between is computed wherever it is needed. Each piece has a border of pixels, as
wide as the receptive field of that pass reaches, that is cut off. Instance normalization goes by
the mean and variance of the whole image: they are put together from those of the pieces before the
next pass begins. So nothing is approximated, and there are no seams: only the rounding differs.
"""

import math
from fractions import Fraction

import numpy as np
import tensorflow as tf
from keras import layers as kl

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.inference import receptive_field

#: Channels from which pieces of a known shape, which allow Winograd, are faster: measured.
WIDE = 128


def can_tile(generator):
    """Whether `Tiled` can compute a generator; `Tiled` itself says why not.

    Args:
        generator: `keras.Model`.
    """
    try:
        receptive_field.tensors(generator)
    except InputError:
        return False
    return True


class Tiled:
    """Translates large images in little memory, as the generator itself would.

    What is kept for the whole image are a few tensors of reduced size: in float32 `4 * filters`
    bytes for each of its pixels with the ResNet and U-Net generators, else see
    `bytes_per_pixel`. The rest is bounded by the size of a tile. Nothing is remembered: it may be
    called from several threads at once.

    Args:
        generator: Functional `keras.Model` of convolutions on images `(1, height, width,
            channels)` of any size, with or without noise `(1, dimensions)` beside them. Its
            normalizations may be instance, group, batch and adaptive ones.
        tile: Height and width of the pieces in pixels, their overlap included. Multiples of 64
            are fastest.

    Attributes:
        passes: Number of times that it goes through all the pieces, each time a few layers.
        bytes_per_pixel: Most bytes that it keeps at a time for each pixel of the image.

    Raises:
        InputError: If `tile` is no positive whole number, or the generator has a layer that cannot
            be computed in pieces.
    """

    def __init__(self, generator, tile=576):
        if not isinstance(tile, (int, np.integer)) or tile < 1:
            raise InputError(f"tile must be a positive whole number of pixels, received {tile!r}.")
        tensors = receptive_field.tensors(generator)
        self._inputs = [tensors[id(x)] for x in generator.inputs]
        self._vectors = [t for t in tensors.values() if t.is_vector and t.layer is not None]
        self._passes = [_Pass(t, tile) for t in tensors.values() if t.is_held or t.is_measured]
        self.passes, self.bytes_per_pixel, kept = len(self._passes), 0, 0
        for i, this in enumerate(self._passes):
            later = set().union(*(other.begins for other in self._passes[i + 1 :]))
            this.ends = [t for t in this.begins if t.is_held and t not in later]
            kept += this.tensor.bytes_per_pixel if this.tensor.is_held else 0
            self.bytes_per_pixel = max(self.bytes_per_pixel, kept)
            kept -= sum(t.bytes_per_pixel for t in this.ends)
        self._multiple = math.lcm(*(each.step for each in self._passes))

    def __call__(self, *inputs):
        """Translates.

        Args:
            *inputs: float32 arrays as the generator takes them: an image `(1, height, width,
                channels)` in [-1, 1], its sides multiples of `generator_file.size_multiple`, and
                noise `(1, dimensions)` where it takes such.

        Returns:
            float32 array `(1, height, width, channels')` in [-1, 1].

        Raises:
            InputError: If there is more than one image, or its sides are no such multiples.
        """
        shape = next(np.shape(x) for x in inputs if np.ndim(x) == 4)
        if shape[0] != 1:
            raise InputError(f"inputs must hold one image, received {shape[0]}: give each alone.")
        if any(side % self._multiple for side in shape[1:3]):
            raise InputError(
                f"inputs must have sides that are multiples of {self._multiple} pixels, received "
                f"{shape[1:3]}: pad the image."
            )
        held, moments = dict(zip(self._inputs, inputs, strict=True)), {}
        for vector in self._vectors:
            held[vector] = vector.layer(
                receptive_field.one_or_all([held[t] for t in vector.sources])
            )
        for this in self._passes:
            this.compute(shape[1:3], held, moments)
            for tensor in this.ends:
                del held[tensor]
        return held[this.tensor].astype("float32", copy=False)


class _Pass:
    """Computes one tensor for the whole image, piece by piece, from those that are held.

    Attributes:
        tensor: The `receptive_field.Tensor`.
        begins, vectors: Lists of what is held, and of vectors, that it is computed from.
        measured: List of the tensors whose mean and variance that takes.
        convolutions: List of the layers among those of the pass.
        ends: List of what is held and not needed after it.
        step: Pixels of the image that pieces must begin and end at multiples of.
        border: Pixels of the image by which a piece is larger than what is right of it.
        length: Height and width of the pieces in pixels of the image.
    """

    def __init__(self, tensor, tile):
        self.tensor, self.step = tensor, 1
        self.begins, self.vectors, self.measured, self.ends = [], [], [], []
        self.convolutions = []
        self.border = _rounded_up(self._margin(tensor) / tensor.scale, self.step)
        # Of what is computed at least a quarter is used, also where the border is wide.
        self.length = _rounded_up(max(tile, 4 * self.border), self.step)
        self._any = tf.function(self._piece, self._signature(None), autograph=False)
        self._fixed = None
        if any(min(layer.kernel.shape[-2:]) >= WIDE for layer in self.convolutions):
            signature = self._signature(self.length)
            self._fixed = tf.function(self._piece, signature, autograph=False)

    def compute(self, image, held, moments):
        """Computes it, and puts it into `held` or its mean and variance into `moments`, or both.

        Args:
            image: Height and width of the image.
            held: Arrays of the tensors that are held, to which this one may be added.
            moments: Arrays `(2, channels)` of mean and variance, likewise.
        """
        tensor, parts = self.tensor, []
        if tensor.is_held:
            sides = [int(side * tensor.scale) for side in image]
            dtype = tf.as_dtype(tensor.dtype).as_numpy_dtype
            held[tensor] = np.empty((1, *sides, tensor.shape[-1]), dtype)
        is_fixed = self._fixed is not None and min(image) >= self.length
        call, least = (self._fixed, self.length) if is_fixed else (self._any, 0)
        vectors, measured = [held[t] for t in self.vectors], [moments[t] for t in self.measured]
        cuts = [pieces(side, self.length, self.border, least) for side in image]
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
        """Wrong pixels at a border within the image; notes what lies up to what is held."""
        self.step = math.lcm(self.step, tensor.scale.denominator)
        if tensor.layer is None or (tensor.is_held and tensor is not self.tensor):
            self.begins += [tensor] if tensor not in self.begins else []
            return 0
        self.vectors += [t for t in tensor.sources if t.is_vector and t not in self.vectors]
        self.measured += tensor.sources[:1] if receptive_field.by_image(tensor.layer) else []
        self.convolutions += [tensor.layer] if isinstance(tensor.layer, kl.Conv2D) else []
        scale, before, after = receptive_field.of(tensor.layer)
        margin = max(self._margin(source) for source in tensor.images)
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
            if receptive_field.by_image(tensor.layer):
                return _normalize(tensor.layer, moments[tensor.sources[0]], *given)
            return tensor.layer(receptive_field.one_or_all(given))

        tensor = self.tensor
        (top, left), (bottom, right) = tf.unstack(used[0]), tf.unstack(used[1])
        result = values(tensor)[:, top:bottom, left:right]
        # Row by row, since short sums round less.
        rows = tf.nn.moments(tf.cast(result[0], tensor.wide), 1) if tensor.is_measured else ()
        return [result, *rows] if tensor.is_held else [*rows]


def pieces(side, length, border, least=0):
    """Cuts one side of an image into pieces that overlap.

    Args:
        side: Pixels of the side.
        length: Pixels of a piece.
        border: Pixels of it that are not used, at either end that is not the image's own.
        least: Pixels that also the last piece must have, if the side has so many.

    Returns:
        List of `(start, stop, first, end)`: the piece is `start:stop`, of which `first:end` is
        used. All are multiples of what the arguments are multiples of.
    """
    cut, end = [], 0
    while end < side:
        first, start = end, max(min(end - border, side - least), 0)
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


def _normalize(layer, moments, x, style=None):
    """What a normalization makes of a part, given mean and variance of all."""
    mean, variance = tf.unstack(moments)
    if (groups := getattr(layer, "groups", 0)) > 0:
        size = mean.shape[0] // groups
        means, variances = (tf.reshape(m, (groups, size)) for m in (mean, variance))
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
    """Where rows and columns of the image, both `(start, stop)`, lie in a tensor's array."""
    sides = (slice(*(int(at * tensor.scale) for at in side)) for side in (rows, columns))
    return (slice(None), *sides)


def _rounded_up(pixels, step):
    return math.ceil(Fraction(pixels) / step) * step
