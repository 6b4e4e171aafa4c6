"""The fused Adam moves weights and moments as Keras's does."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.training.optimizers import Adam, ConstantThenLinear


def trained(kind, dtype, steps=6):
    rng = np.random.default_rng(0)
    variables = [keras.Variable(rng.normal(size=s), dtype=dtype) for s in ((3, 4), (5,))]
    optimizer = kind(ConstantThenLinear(1e-2, 8), beta_1=0.5, epsilon=1e-8)
    optimizer.build(variables)

    @tf.function
    def step(gradients):
        optimizer.apply(gradients)

    for _ in range(steps):
        step([tf.constant(rng.normal(size=v.shape), dtype) for v in variables])
    return [np.asarray(v) for v in (*variables, *optimizer.variables)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fused_adam_equals_keras_adam(dtype):
    ours, theirs = trained(Adam, dtype), trained(keras.optimizers.Adam, dtype)
    assert len(ours) == len(theirs) == 2 + 1 + 4  # weights, step, moments
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    still = [np.random.default_rng(0).normal(size=(3, 4))]
    assert np.abs(ours[0] - still[0]).max() > 1e-2


def test_l2_is_added_to_the_gradient_as_in_pytorch():
    # First step of Adam: the rate times the sign of gradient + l2 * weight.
    variable = keras.Variable([2.0, 2.0, -2.0])
    optimizer = Adam(0.1, epsilon=1e-8, l2=0.5)
    optimizer.build([variable])
    optimizer.apply([tf.constant([0.0, -1.5, 0.5])])
    np.testing.assert_allclose(variable, [1.9, 2.1, -1.9], rtol=1e-6)
    # The moments hold it, too: 0.1 * (gradient + l2 * weight).
    np.testing.assert_allclose(optimizer._momentums[0], [0.1, -0.05, -0.05], rtol=1e-5)
    assert Adam.from_config(optimizer.get_config()).l2 == 0.5
