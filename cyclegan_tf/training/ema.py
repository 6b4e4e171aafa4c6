"""The exponential moving average of weights, which makes better images than the last weights."""

import contextlib

import keras
import tensorflow as tf


class MovingAverage(keras.layers.Layer):
    """Averages of weights over the steps of a training, later steps counting more.

    After step t the average moves by 1 - d towards the weights, d = min(decay, (1 + t) / (10 + t)):
    it starts as the initial weights, forgets them soon, and so is of use within the first epoch.
    (Keras's `use_ema` of optimizers keeps them with their full share.) Its variables are
    saved and restored with the model that it is an attribute of.

    Under a strategy of several replicas each keeps a copy; they see equal weights and stay equal.

    Args:
        weights: List of `keras.Variable`; made under the strategy's scope, as this must be.
        decay: The share that each step leaves of the average, from 0 to below 1; 0.999 is usual.

    Reference:
        Yazıcı et al. 2019, "The Unusual Effectiveness of Averaging in GAN Training",
        https://arxiv.org/abs/1806.04498; the start as in TensorFlow's `ExponentialMovingAverage`
    """

    def __init__(self, weights, decay=0.999, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.decay = decay
        # As the image pools: each replica writes its own copy, and the first is saved.
        copies = {"synchronization": "on_read", "aggregation": "only_first_replica"}
        self.averages = [
            keras.Variable(
                weight.numpy(), dtype=weight.dtype, trainable=False, name=f"average_{i}", **copies
            )
            for i, weight in enumerate(weights)
        ]
        self.built = True

    def update(self, weights, step):
        """Moves the averages towards the weights.

        Args:
            weights: The same list as at the start.
            step: Number of steps behind the weights, a tensor.
        """
        step = tf.cast(step, tf.float32)
        share = 1.0 - tf.minimum(self.decay, (1.0 + step) / (10.0 + step))
        for average, weight in zip(self.averages, weights, strict=True):
            move = tf.cast(share, average.dtype) * (weight.value - average.value)
            average.value.assign_add(move)

    @contextlib.contextmanager
    def in_place(self, weights):
        """Within, the weights, the same list as at the start, have the values of the averages."""
        own = [weight.numpy() for weight in weights]
        try:
            for weight, average in zip(weights, self.averages, strict=True):
                weight.assign(average.numpy())
            yield
        finally:
            for weight, value in zip(weights, own, strict=True):
                weight.assign(value)
