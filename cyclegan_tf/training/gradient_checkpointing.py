"""Gradient checkpointing: only the inputs of a network's segments wait for the backward pass.

Reference: Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost",
https://arxiv.org/abs/1604.06174
"""

import itertools

import keras
import tensorflow as tf

from cyclegan_tf.common.errors import InputError


def segments(network):
    """Cuts a residual network behind each of its additions.

    Args:
        network: Functional `keras.Model`, a chain but for what an addition joins.

    Returns:
        List of `keras.Model`, which share the network's layers and together are the network:
        one more than it has `Add` layers.

    Raises:
        InputError: If it has none.
    """
    cuts = [layer.output for layer in network.layers if isinstance(layer, keras.layers.Add)]
    if not cuts:
        raise InputError(
            f"recompute needs residual blocks, and {network.name} has none: leave it out, or take "
            "a ResNet generator with blocks."
        )
    edges = [network.input, *cuts, network.output]
    return [keras.Model(*edge) for edge in itertools.pairwise(edges)]


def recomputed(network):
    """A function with the network's values and gradients, in less memory and more time.

    Only the segments' inputs are kept. What lies between them is computed a second time in the
    backward pass, one segment after the other: about a third more work.

    Args:
        network: As for `segments`; its gradients are those of its trainable weights and input.

    Returns:
        Function of `(images, training)`, to be called where the network would be.

    Raises:
        InputError: If the network has no residual blocks.
    """
    parts = segments(network)

    def call(x, training=None):
        for part in parts:
            x = tf.recompute_grad(lambda x, part=part: part(x, training=training))(x)
        return x

    return call
