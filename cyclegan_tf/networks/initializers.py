"""Initial weights, with a seed of its own for each layer of a network."""

import keras
import numpy as np


def normal(seed):
    """Yields the reference's initializer, N(0, 0.02), with a seed of its own for each layer."""
    rng = np.random.default_rng(seed)
    while True:
        yield keras.initializers.RandomNormal(0.0, 0.02, seed=int(rng.integers(2**31)))


def he_normal(seed):
    """Yields He et al.'s initializer, with a seed of its own for each layer.

    Args:
        seed: Integer, tuple of integers, or None.

    Reference:
        He et al. 2015, https://arxiv.org/abs/1502.01852, equation 10: N(0, 2 / inputs), not
        truncated.
    """
    rng = np.random.default_rng(seed)
    while True:
        draws = int(rng.integers(2**31))
        yield keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal", seed=draws)
