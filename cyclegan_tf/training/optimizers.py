"""Adam in one pass over memory, and the learning-rate schedule."""

import keras
import tensorflow as tf


class Adam(keras.optimizers.Adam):
    """Keras's Adam, each update of a weight in one pass over memory.

    Same arguments, same variables, same numbers but for rounding; `amsgrad` is not in it.

    Args:
        *args: As for `keras.optimizers.Adam`.
        l2: What is added to each gradient, times the weight: what PyTorch's Adam means by weight
            decay. (Keras's `weight_decay` shrinks the weights themselves.)
        **kwargs: As for `keras.optimizers.Adam`.
    """

    def __init__(self, *args, l2=0.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.l2 = l2

    def get_config(self):
        """Returns the constructor's arguments."""
        return {**super().get_config(), "l2": self.l2}

    def update_step(self, gradient, variable, learning_rate):
        """Updates one weight and its two moments."""
        index = self._get_variable_index(variable)
        dtype = variable.dtype  # the operation takes one type, and does not check it
        step = tf.cast(self.iterations.value + 1, dtype)
        first, second = self._momentums[index].value, self._velocities[index].value
        if isinstance(variable, keras.Variable):
            variable = variable.value
        if self.l2:
            gradient = tf.cast(gradient, dtype) + self.l2 * variable
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=first.handle,
            v=second.handle,
            beta1_power=tf.pow(tf.cast(self.beta_1, dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, dtype), step),
            lr=tf.cast(learning_rate, dtype),
            beta1=tf.cast(self.beta_1, dtype),
            beta2=tf.cast(self.beta_2, dtype),
            epsilon=tf.cast(self.epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )


@keras.saving.register_keras_serializable("cyclegan_tf")
class ConstantThenLinear(keras.optimizers.schedules.LearningRateSchedule):
    """A constant learning rate, then a straight line down to zero.

    Args:
        rate: The constant learning rate.
        total_steps: The step at which the rate reaches zero.
        decay_from: The share of `total_steps` after which it starts to fall; 0.5 in CycleGAN.

    Reference:
        Zhu et al. 2017, https://arxiv.org/abs/1703.10593, section 4. (The authors' code lowers
        the rate once an epoch; here it falls at every step, along the same line.)
    """

    def __init__(self, rate, total_steps, decay_from=0.5):
        self.rate = rate
        self.total_steps = total_steps
        self.decay_from = decay_from

    def __call__(self, step):
        """Returns the rate at `step`, a scalar tensor."""
        start = self.decay_from * self.total_steps
        length = max(self.total_steps - start, 1.0)
        left = (self.total_steps - tf.cast(step, tf.float32)) / length
        return self.rate * tf.clip_by_value(left, 0.0, 1.0)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {
            "rate": self.rate,
            "total_steps": self.total_steps,
            "decay_from": self.decay_from,
        }
