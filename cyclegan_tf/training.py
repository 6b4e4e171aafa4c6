"""The training step that all adversarial methods share, and the learning-rate schedule."""

from abc import abstractmethod

import keras
import tensorflow as tf

from cyclegan_tf.layers import shared_kernels


class AdversarialModel(keras.Model):
    """Generators against discriminators: one simultaneous update of both from one set of fakes.

    A method derives from this class, names its networks and losses, and returns two
    dictionaries of named scalars. The step sums each dictionary, differentiates it with
    respect to its own networks alone, and applies both gradients. Since the fakes are made
    once, before either update, this equals "generators first, then discriminators on the
    same fakes". `fit` logs every named loss as its mean over the epoch.

    All randomness of a step is a function of `(seed, number of the step)`, and all state
    (weights, both optimizers, image pools) is variables: `save_weights` holds everything
    that a resumed run needs.

    Args:
        seed: Integer key of all random draws of the training step.
    """

    #: Names of the scalars that the two loss methods return, in the order of the log.
    loss_names: tuple[str, ...] = ()

    def __init__(self, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed

    @property
    @abstractmethod
    def generators(self):
        """The list of networks that the generators' losses train."""

    @property
    @abstractmethod
    def discriminators(self):
        """The list of networks that the discriminators' losses train."""

    @abstractmethod
    def generator_losses(self, batch):
        """Returns `(losses, fakes)`: named scalars whose sum is minimized, and what was made.

        Args:
            batch: Tuple of tensors, pictures in [-1, 1].
        """

    @abstractmethod
    def discriminator_losses(self, batch, fakes, seed):
        """Returns named scalars whose sum is minimized.

        Args:
            batch: Tuple of tensors, pictures in [-1, 1].
            fakes: What `generator_losses` made; no gradient flows into it.
            seed: Tensor of two integers, different at each step.
        """

    def compile(self, gen_optimizer, disc_optimizer, jit_compile=None, **kwargs):
        """Sets the optimizers and builds them, so that a saved state finds every variable.

        Args:
            gen_optimizer: `keras.optimizers.Optimizer` for all generators together.
            disc_optimizer: The same for all discriminators together.
            jit_compile: Whether XLA compiles the losses and gradients; by default where there
                is a GPU, since on a CPU it does not pay.
            **kwargs: Passed on to `keras.Model.compile`.
        """
        # XLA is asked for by `_gradients` alone: Keras's own switch fails on several devices.
        super().compile(optimizer=gen_optimizer, jit_compile=False, **kwargs)
        self.gen_optimizer = gen_optimizer
        self.disc_optimizer = disc_optimizer
        gen_optimizer.build(self._variables_of(self.generators))
        disc_optimizer.build(self._variables_of(self.discriminators))
        self._means = {name: keras.metrics.Mean(name=name) for name in self.loss_names}
        if jit_compile is None:
            jit_compile = bool(tf.config.list_physical_devices("GPU"))
        self._gradients = tf.function(self._losses_and_gradients, jit_compile=jit_compile)

    @property
    def metrics(self):
        """The running mean of each named loss."""
        return list(getattr(self, "_means", {}).values())

    def train_step(self, batch):
        """One update of every network. Returns each loss's mean over the epoch so far."""
        step = tf.cast(self.gen_optimizer.iterations.value, tf.int32)
        losses, gen_gradients, disc_gradients = self._gradients(batch, step)
        self.gen_optimizer.apply(gen_gradients)
        self.disc_optimizer.apply(disc_gradients)
        for name, mean in self._means.items():
            mean.update_state(losses[name])
        return {name: mean.result() for name, mean in self._means.items()}

    def _losses_and_gradients(self, batch, step):
        seed = tf.stack([tf.constant(self.seed, tf.int32), step])
        gen_variables = [v.value for v in self._variables_of(self.generators)]
        disc_variables = [v.value for v in self._variables_of(self.discriminators)]
        with shared_kernels(self.generators):
            return self._x(batch, seed, gen_variables, disc_variables)

    def _x(self, batch, seed, gen_variables, disc_variables):
        # Each tape watches its own networks only: the other side is frozen, at no cost.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(gen_variables)
            gen_losses, fakes = self.generator_losses(batch)
            gen_total = tf.add_n(list(gen_losses.values()))
        gen_gradients = tape.gradient(gen_total, gen_variables, unconnected_gradients="zero")
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(disc_variables)
            disc_losses = self.discriminator_losses(batch, fakes, seed)
            disc_total = tf.add_n(list(disc_losses.values()))
        disc_gradients = tape.gradient(disc_total, disc_variables, unconnected_gradients="zero")
        return gen_losses | disc_losses, gen_gradients, disc_gradients

    @staticmethod
    def _variables_of(networks):
        return [variable for network in networks for variable in network.trainable_variables]


class Adam(keras.optimizers.Adam):
    """Keras's Adam, each update of a weight in one pass over memory."""

    def update_step(self, gradient, variable, learning_rate):
        """Updates one weight and its two moments."""
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations.value + 1, tf.float32)
        first, second = self._momentums[index].value, self._velocities[index].value
        if isinstance(variable, keras.Variable):
            variable = variable.value
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=first.handle,
            v=second.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=learning_rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
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
