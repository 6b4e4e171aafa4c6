"""Large pictures in pieces: the same translation, without the memory for all of it at once.

A network is computed piece by piece of the picture, from one of its tensors to the next that is
*held*: kept for the whole picture. Held are those smaller than the picture (at half of its height
and width or less) that are normalized or used twice; what lies between is computed where it is
needed. Each piece is computed with a border of pixels around it, as wide as the few layers of
that pass reach, which is then cut off. Instance normalization goes by the mean and variance of
the whole picture: they are put together from those of the pieces before the next pass begins. So
nothing is approximated, and there are no seams: only the rounding differs.
"""

import math
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
    HalvingAverage,
    InstanceNormalization,
    ReflectionPadding2D,
)

#: Layers that compute each pixel from that pixel alone.
_BY_PIXEL = (
    *(kl.Activation, kl.ReLU, kl.LeakyReLU, kl.ELU, kl.Identity, kl.Rescaling),
    *(kl.Add, kl.Subtract, kl.Multiply, kl.Average, kl.Maximum, kl.Minimum, kl.Concatenate),
    *(kl.BatchNormalization, kl.Dropout, kl.SpatialDropout2D, kl.GaussianNoise),
)


def can_tile(generator):
    """Whether `Tiled` can compute a generator.

    Args:
        generator: `keras.Model`.

    Returns:
        True or False; `Tiled` says why not.
    """
    try:
        _passes(_tensors(generator))
    except InputError:
        return False
    return True


class Tiled:
    """Translates pictures of any size in little memory, as the generator itself would.

    What is kept of the whole picture are a few tensors of reduced size: for the ResNet generator
    three at a time of a quarter of the height and width, `12 * filters` bytes for each pixel of
    the picture. The rest is bounded by the size of a tile.

    There is no state: it may be called from several threads at once.

    Args:
        generator: Functional `keras.Model` of convolutions on pictures `(1, height, width,
            channels)` of any size, with or without noise `(1, dimensions)` beside them. It may
            be normalized by instance, group, batch or adaptively.
        tile: Height and width of the pieces in pixels, not counting the border of each.

    Raises:
        InputError: If `tile` is no positive whole number, or the generator has a layer that cannot
            be computed in pieces.
    """

    def __init__(self, generator, tile=512):
        if not isinstance(tile, (int, np.integer)) or tile < 1:
            raise InputError(f"tile must be a positive whole number of pixels, received {tile!r}.")
        self.tile = int(tile)
        self._tensors = _tensors(generator)
        self._inputs = [next(t for t in self._tensors if t.key == id(x)) for x in generator.inputs]
        self._passes = _passes(self._tensors)
        self.passes = len(self._passes)

    def __call__(self, *inputs):
        """Translates.

        Args:
            *inputs: float32 arrays as the generator takes them: a picture `(1, height, width,
                channels)` in [-1, 1], its sides multiples of `generators.size_multiple`, and noise
                `(1, dimensions)` where it takes such.

        Returns:
            float32 array `(1, height, width, channels')` in [-1, 1].
        """
        shape = next(x.shape for x in inputs if np.ndim(x) == 4)
        if shape[0] != 1:
            raise InputError(f"inputs must hold one picture, received {shape[0]}: give each alone.")
        held, moments = dict(zip(self._inputs, inputs, strict=True)), {}
        for tensor in self._tensors:
            if tensor.is_vector and tensor not in held:
                given = [held[source] for source in tensor.sources]
                held[tensor] = tensor.layer(given if len(given) > 1 else given[0])
        for i, target in enumerate(self._passes):
            target.compute(shape[1:3], self.tile, held, moments)
            needed = {tensor for later in self._passes[i + 1 :] for tensor in later.begins}
            for tensor in [t for t in held if not t.is_vector and t not in needed]:
                if tensor is not self._passes[-1].tensor:
                    del held[tensor]
        return held[self._passes[-1].tensor].astype("float32", copy=False)


class _Tensor:
    """One tensor of a network: what makes it of what, and how it lies on the picture.

    Attributes:
        key: Identity of the symbolic tensor.
        layer: Layer that makes it; None for an input.
        sources: List of `_Tensor`, of which the layer makes it.
        shape: Its shape for a picture of a certain size.
        scale: Its pixels for each of the picture's, a `Fraction`; None if their number does not
            just grow with the picture's, as in the midst of padding, and for vectors.
        uses: Number of layers that take it.
        is_measured: Whether its mean and variance are asked for.
        is_held: Whether it is kept for the whole picture.
    """

    def __init__(self, key, layer, sources, shape, picture):
        self.key, self.layer, self.sources, self.shape = key, layer, sources, shape
        self.scale, self.uses = None, 0
        self.is_measured, self.is_held = False, layer is None
        if not self.is_vector:
            rows, columns = (Fraction(*pair) for pair in zip(shape[1:3], picture, strict=True))
            self.scale = rows if rows == columns else None

    @property
    def is_vector(self):
        """Whether it has no pixels."""
        return len(self.shape) == 2

    @property
    def pictures(self):
        """The sources that have pixels."""
        return [source for source in self.sources if not source.is_vector]

    @property
    def is_normalized(self):
        """Whether its layer needs the mean and variance of its first source."""
        by_batch = isinstance(self.layer, BatchNormalization)
        kinds = (InstanceNormalization, AdaptiveInstanceNormalization, kl.GroupNormalization)
        return isinstance(self.layer, kinds) or (by_batch and self.layer.statistics == "picture")

    @property
    def is_at_hand(self):
        """Whether it follows from one held tensor, pixel by pixel."""
        if self.is_held or self.is_vector:
            return True
        one = len(self.pictures) == 1 and self.spread(0) == 0
        return one and self.scale == self.pictures[0].scale and self.pictures[0].is_at_hand

    def spread(self, margin):
        """Wrong pixels at an artificial border after the layer, where before it are `margin`.

        Raises:
            InputError: If the layer is of a kind that is not known to reach only so far.
        """
        layer = self.layer
        if self.is_normalized or isinstance(layer, (*_BY_PIXEL, BatchNormalization)):
            return margin
        if isinstance(layer, Dropout) and not layer.always:
            return margin
        if isinstance(layer, kl.UpSampling2D) and layer.interpolation == "nearest":
            return margin * max(layer.size)
        if isinstance(layer, kl.Conv2DTranspose):
            return margin * max(layer.strides) + max(layer.kernel_size)
        if isinstance(layer, (ReflectionPadding2D, kl.ZeroPadding2D)):
            return margin + int(np.max(layer.padding))
        if isinstance(layer, HalvingAverage):
            return -(-(margin + 1) // 2)
        if isinstance(layer, kl.Conv2D):
            border = getattr(layer, "reflect", 0) + getattr(layer, "zeros", 0)
            if layer.padding == "same":
                longest = max(layer.kernel_size) - 1
                border += -(-longest * max(layer.dilation_rate) // 2)
            return -(-(margin + border) // min(layer.strides))
        kind = f"a {type(layer).__name__} layer ({layer.name!r})"
        why = "drops at random" if isinstance(layer, Dropout) else "may see all of the picture"
        raise InputError(f"The generator cannot be tiled: {kind} {why}; translate it whole.")


def _tensors(generator):
    """The tensors of a network, each after those that it is made of."""
    if not hasattr(generator, "_nodes_by_depth") or len(generator.outputs) != 1:
        raise InputError(
            "The generator cannot be tiled: give a functional keras.Model of one output, received "
            f"{type(generator).__name__}."
        )
    if any(None not in x.shape[1:3] for x in generator.inputs if len(x.shape) == 4):
        raise InputError(
            f"The generator cannot be tiled: it takes {generator.inputs[0].shape[1:3]} pixels alone."
        )
    multiple = generators.size_multiple(generator)
    picture = (64 * multiple, 65 * multiple)
    made = {}
    for depth in sorted(generator._nodes_by_depth, reverse=True):
        for node in generator._nodes_by_depth[depth]:
            output = node.outputs[0]
            sources = [made[id(x)] for x in node.input_tensors]
            layer = None if node.is_input else node.operation
            if layer is None:
                shape = (1, *picture, output.shape[-1]) if len(output.shape) == 4 else output.shape
            elif not output.shape[1:] or len(node.outputs) > 1 or len(output.shape) not in (2, 4):
                raise InputError(
                    f"The generator cannot be tiled: the layer {layer.name!r} gives no picture."
                )
            else:
                shapes = [source.shape for source in sources]
                shape = layer.compute_output_shape(shapes if len(shapes) > 1 else shapes[0])
            tensor = made[id(output)] = _Tensor(id(output), layer, sources, shape, picture)
            if sources and not tensor.is_vector:
                tensor.spread(0)
                for source in sources:
                    source.uses += 1
                sources[0].is_measured |= tensor.is_normalized
    output = made[id(generator.outputs[0])]
    for tensor in made.values():
        if tensor.is_vector or tensor.layer is None:
            continue
        is_small = tensor.scale is not None and tensor.scale < 1
        twice = tensor.uses > 1 and not tensor.is_at_hand
        tensor.is_held = tensor is output or twice or (is_small and tensor.is_measured)
        if (tensor.is_held or tensor.is_measured) and tensor.scale is None:
            raise InputError(
                f"The generator cannot be tiled: what the layer {tensor.layer.name!r} gives does "
                "not keep the picture's proportions; translate it whole."
            )
    return list(made.values())


def _passes(tensors):
    """One pass for each tensor that is held or measured, in the order of the network."""
    return [
        _Pass(t)
        for t in tensors
        if t.layer is not None and not t.is_vector and (t.is_held or t.is_measured)
    ]


class _Pass:
    """Computes one tensor for the whole picture, piece by piece, from those that are held.

    Attributes:
        tensor: The `_Tensor`.
        begins: Set of the held ones that it is computed from.
        step: Pixels of the picture that pieces must begin and end at multiples of.
        border: Pixels of the picture by which a piece is larger than what is right of it.
    """

    def __init__(self, tensor):
        self.tensor, self.begins = tensor, set()
        scales = set()

        def reach(t):
            scales.add(t.scale)
            if t.is_held and t is not tensor:
                self.begins.add(t)
                return 0
            return t.spread(max(reach(source) for source in t.pictures))

        margin = reach(tensor)
        self.step = math.lcm(*(scale.denominator for scale in scales if scale is not None))
        self.border = -(-math.ceil(margin / tensor.scale) // self.step) * self.step

    def compute(self, picture, tile, held, moments):
        """Computes it, and puts it into `held` or its mean and variance into `moments`, or both.

        Args:
            picture: Height and width of the picture.
            tile: Height and width of the pieces in pixels of the picture.
            held: Arrays of the tensors that are held, to which this one may be added.
            moments: `(mean, variance)` of the tensors that were measured.
        """
        tensor = self.tensor
        parts = []
        for rows in pieces(picture[0], tile, self.border, self.step):
            for columns in pieces(picture[1], tile, self.border, self.step):
                values = self._values(tensor, (rows[:2], columns[:2]), held, moments)
                (top, bottom), (left, right) = (
                    [int((side - piece[0]) * tensor.scale) for side in piece[2:]]
                    for piece in (rows, columns)
                )
                values = values[:, top:bottom, left:right]
                if tensor.is_measured:
                    wide = tf.cast(values, keras.backend.result_type(values.dtype, "float32"))
                    parts.append(((bottom - top) * (right - left), *tf.nn.moments(wide, (0, 1, 2))))
                if tensor.is_held:
                    values = values.numpy()
                    if tensor not in held:
                        sides = [int(side * tensor.scale) for side in picture]
                        held[tensor] = np.empty((1, *sides, values.shape[-1]), values.dtype)
                    held[tensor][_cut(tensor, rows[2:], columns[2:])] = values
        if parts:
            moments[tensor] = merge(*(np.stack(part) for part in zip(*parts, strict=True)))

    def _values(self, tensor, window, held, moments):
        """Values of a tensor in a window of the picture, wrong within `border` of its edges."""
        if tensor.is_vector:
            return held[tensor]
        if tensor in self.begins:
            return tf.convert_to_tensor(held[tensor][_cut(tensor, *window)])
        given = [self._values(source, window, held, moments) for source in tensor.sources]
        if tensor.is_normalized:
            return _normalize(tensor.layer, *given, *moments[tensor.sources[0]])
        return tensor.layer(given if len(given) > 1 else given[0])


def _cut(tensor, *sides):
    """Where sides of the picture, each `(start, stop)`, lie in a tensor's array."""
    return (slice(None), *(slice(*(int(x * tensor.scale) for x in side)) for side in sides))


def pieces(side, tile, border, step):
    """Cuts one side of a picture into pieces that overlap.

    Args:
        side: Pixels of the side, a multiple of `step`.
        tile: Pixels that a piece adds to the ones before it, rounded up to a multiple of `step`.
        border: Pixels that a piece has on both sides of them, where the picture goes on.
        step: Pixels that everything begins and ends at multiples of.

    Returns:
        List of `(start, stop, low, high)`: the piece is `start:stop`, of which `low:high` is used.
        All are of one length.
    """
    tile = -(-tile // step) * step
    length = min(side, tile + 2 * border)
    cut = []
    for low in range(0, side, tile):
        start = min(max(low - border, 0), side - length)
        cut.append((start, start + length, low, min(low + tile, side)))
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
    means, variances = np.float64(means), np.float64(variances)
    mean = np.average(means, 0, counts)
    return mean, np.average(variances + (means - mean) ** 2, 0, counts)


def _normalize(layer, x, *given):
    """What a normalization makes of part of a picture whose mean and variance are given."""
    *style, mean, variance = given
    if isinstance(layer, kl.GroupNormalization):
        groups = layer.groups if layer.groups > 0 else len(mean)
        mean, variance = (m.reshape(groups, -1).T for m in (mean, variance))
        mean, variance = merge(np.ones(len(mean)), mean, variance)
        mean, variance = (np.repeat(m, x.shape[-1] // groups) for m in (mean, variance))
    wide = keras.backend.result_type(x.dtype, "float32")
    x = tf.cast(x, wide) - tf.constant(mean, wide)
    scale = 1 / np.sqrt(variance + layer.epsilon)
    if style:
        shift, factor = tf.split(tf.cast(style[0], wide)[:, None, None, :], 2, -1)
    else:
        shift, factor = (getattr(layer, name, None) for name in ("beta", "gamma"))
    x *= tf.constant(scale, wide) * (1.0 if factor is None else tf.cast(factor, wide))
    if shift is not None:
        x += tf.cast(shift, wide)
    return tf.cast(x, layer.compute_dtype)
