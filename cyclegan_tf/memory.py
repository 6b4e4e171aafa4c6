"""How much memory a step of training takes, before it is tried; and how much there is.

Reference: Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost",
https://arxiv.org/abs/1604.06174, for what is kept and what can be computed again.
"""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from cyclegan_tf.layers import InstanceNormalization
from cyclegan_tf.precision import compute_type

GIB = 2**30


@dataclass(frozen=True)
class Estimate:
    """Bytes that a step of training needs at its peak, beside what TensorFlow itself takes.

    Attributes:
        weights: All networks' weights.
        updates: Their gradients, and the two moments that Adam keeps of each.
        activations: What the layers keep for the backward pass, in the generators' part of the step.
        working: Gradients of the pictures and copies that a convolution makes, at the largest layer.
        pools: The image pools.
    """

    weights: int
    updates: int
    activations: int
    working: int
    pools: int

    @property
    def total(self):
        """Sum of the parts."""
        return sum(dataclasses.astuple(self))


@dataclass(frozen=True)
class _Way:
    """How a step is computed."""

    pictures: int
    size: tuple[int, int]
    recompute: bool
    reduced: bool


def estimate(model, batch_size):
    """Estimates the memory of a step of `methods.cyclegan.CycleGAN`.

    Args:
        model: The model, compiled.
        batch_size: Pictures of each domain per step.

    Returns:
        An `Estimate`.
    """
    return _estimate(model, _way(model, batch_size))


def _way(model, batch_size):
    return _Way(
        pictures=batch_size // model.accumulate,
        size=tuple(model.pool_a.images.shape[1:3]),
        recompute=model.recompute,
        reduced=compute_type(model.gen_ab) != "float32",
    )


def _estimate(model, way):
    networks = [*model.generators, *model.discriminators]
    weights = 4 * sum(network.count_params() for network in networks)
    # Translated and cycled, and with identity loss translated to its own domain.
    calls = 3 if model.identity_weight else 2
    activations = sum(
        calls * kept(network, way.size, way.reduced, way.recompute) for network in model.generators
    ) + sum(kept(network, way.size, way.reduced) for network in model.discriminators)
    return Estimate(
        weights=weights,
        updates=3 * weights,
        activations=way.pictures * activations,
        working=0,
        pools=sum(4 * math.prod(pool.images.shape) for pool in (model.pool_a, model.pool_b)),
    )


def kept(network, size, reduced=False, recompute=False):
    """Bytes that a network's layers keep of one picture for the backward pass.

    A convolution keeps its (padded) input, a normalization its input and how far that is from the
    mean, both in float32, an activation one picture; all else keeps nothing.

    Args:
        network: Functional `keras.Model`, its input of any size.
        size: `(height, width)` of the picture.
        reduced: Whether it computes in 16 bits.
        recompute: Whether it keeps only what goes into each segment between two additions, and
            at a time one segment's inner pictures.

    Returns:
        Number of bytes.
    """
    width = 2 if reduced else 4
    probe = keras.Model(network.inputs, [layer.output for layer in network.layers])
    shapes = probe.compute_output_shape((1, *size, network.input_shape[-1]))
    numbers = {
        id(layer.output): math.prod(s) for layer, s in zip(network.layers, shapes, strict=True)
    }
    inner = [0]  # of each segment
    edges = [4 * numbers[id(network.input)]]
    for layer in network.layers:
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.Conv2DTranspose)):
            inner[-1] += width * numbers[id(layer.input)]
        elif isinstance(layer, InstanceNormalization):
            inner[-1] += 2 * 4 * numbers[id(layer.input)]
        elif isinstance(layer, (keras.layers.ReLU, keras.layers.LeakyReLU)):
            inner[-1] += width * numbers[id(layer.output)]
        elif isinstance(layer, keras.layers.Activation):
            inner[-1] += 4 * numbers[id(layer.output)]
        elif isinstance(layer, keras.layers.Add):
            inner.append(0)
            edges.append(width * numbers[id(layer.output)])
    return sum(edges) + max(inner) if recompute else sum(inner)
