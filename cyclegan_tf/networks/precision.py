"""Reduced precision: the same network, computed in another number type.

Convolutions in float16 or bfloat16 need half of the memory and are what a GPU's tensor cores are
made for; weights, the statistics of a normalization, a network's output and the losses stay
float32.

Reference: Micikevicius et al. 2018, "Mixed Precision Training", https://arxiv.org/abs/1710.03740
"""

import keras
import tensorflow as tf

from cyclegan_tf.common.errors import InputError

POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")


def check(precision):
    """Raises InputError if `precision` is none of `POLICIES`."""
    if precision not in POLICIES:
        listed = " or ".join(repr(policy) for policy in POLICIES)
        raise InputError(f"precision must be {listed}, received {precision!r}.")


def compute_type(network):
    """The type that a network's layers compute in, its last one aside: "float32", "float16"..."""
    types = {layer.compute_dtype for layer in network.layers}
    return next((name for name in ("float16", "bfloat16", "float64") if name in types), "float32")


def in_precision(network, precision):
    """The network with every layer but the last in another number type.

    The last layer (a generator's tanh, a discriminator's last convolution) computes in and gives
    float32, since a step of float16 near 1 (0.001) is an eighth of a step of 8-bit colour, and
    squares of logits lose digits.

    Args:
        network: Functional `keras.Model` from images to images or logits.
        precision: "float32", "mixed_float16" or "mixed_bfloat16".

    Returns:
        `network` itself where float32 is asked for and it is not reduced; else a new model
        with layers of the same names and a copy of its (float32) weights.

    Raises:
        InputError: If `precision` is none of the three.

    Reference:
        Micikevicius et al. 2018, https://arxiv.org/abs/1710.03740
    """
    check(precision)
    if precision == "float32" and compute_type(network) not in ("float16", "bfloat16"):
        return network
    last = network.layers[-1]

    def rebuild(layer):
        policy = "float32" if layer is last else precision
        config = layer.get_config() | {"dtype": keras.DTypePolicy(policy)}
        return type(layer).from_config(config)

    rebuilt = keras.models.clone_model(network, clone_function=rebuild)
    rebuilt.set_weights(network.get_weights())
    return rebuilt


def with_loss_scale(optimizer, precision):
    """The optimizer, wrapped for float16, whose small gradients would vanish and large overflow.

    The loss is multiplied by a scale before differentiation and the gradients divided by it after.
    A step whose gradients are not finite is left out and halves the scale; 2000 good ones in
    a row double it. Scale and count are variables of the optimizer, so that they are saved.

    Args:
        optimizer: `keras.optimizers.Optimizer`, not yet built.
        precision: As for `in_precision`.

    Returns:
        `keras.optimizers.LossScaleOptimizer` for "mixed_float16"; else `optimizer` itself, since
        bfloat16 has the range of float32.
    """
    if precision != "mixed_float16":
        return optimizer
    return keras.optimizers.LossScaleOptimizer(optimizer)


def finite_on_all(gradients, strategy):
    """Gradients that are finite on every replica or on none, so that all leave out the same steps.

    Args:
        gradients: List of tensors of one replica.
        strategy: `tf.distribute.Strategy`, in whose replica context this is called.

    Returns:
        The list; its first tensor is NaN where another replica's gradients are not finite.
    """
    if strategy.num_replicas_in_sync == 1:
        return gradients
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(x)) for x in gradients])
    flag = tf.where(finite, 0.0, float("nan"))
    flag = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, flag)
    return [gradients[0] + flag, *gradients[1:]]
