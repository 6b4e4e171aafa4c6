"""The training step that all adversarial methods share, and the learning-rate schedule."""

from abc import abstractmethod

import keras
import tensorflow as tf

from cyclegan_tf.accumulation import in_pieces


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

    def remember(self, fakes, seed):
        """Returns what the discriminators are shown: here the fakes, elsewhere from a pool.

        XLA never compiles this part of the step, so that variables may be exchanged in it.

        Args:
            fakes: What `generator_losses` made.
            seed: Tensor of two integers, different at each step.
        """
        return fakes

    @abstractmethod
    def discriminator_losses(self, batch, shown):
        """Returns named scalars whose sum is minimized.

        Args:
            batch: Tuple of tensors, pictures in [-1, 1].
            shown: What `remember` returned; no gradient flows into it.
        """

    def compile(self, gen_optimizer, disc_optimizer, jit_compile=None, accumulate=1, **kwargs):
        """Sets the optimizers and builds them, so that a saved state finds every variable.

        Args:
            gen_optimizer: `keras.optimizers.Optimizer` for all generators together.
            disc_optimizer: The same for all discriminators together.
            jit_compile: Whether XLA compiles the losses and gradients; by default where there
                is a GPU, since on a CPU it does not pay.
            accumulate: Number of equal pieces in which a batch is computed, one after another,
                before the one update: less memory, the same weights within rounding.
            **kwargs: Passed on to `keras.Model.compile`.
        """
        # XLA compiles the two parts alone: Keras's own switch fails on several devices.
        super().compile(optimizer=gen_optimizer, jit_compile=False, **kwargs)
        self.gen_optimizer = gen_optimizer
        self.disc_optimizer = disc_optimizer
        gen_optimizer.build(self._variables_of(self.generators))
        disc_optimizer.build(self._variables_of(self.discriminators))
        self._means = {name: keras.metrics.Mean(name=name) for name in self.loss_names}
        if jit_compile is None:
            jit_compile = bool(tf.config.list_physical_devices("GPU"))
        self.accumulate = accumulate
        self._generators_part, self._discriminators_part = (
            tf.function(in_pieces(part, accumulate), jit_compile=jit_compile)
            for part in (self._generator_gradients, self._discriminator_gradients)
        )

    @property
    def metrics(self):
        """The running mean of each named loss."""
        return list(getattr(self, "_means", {}).values())

    def train_step(self, batch):
        """One update of every network. Returns each loss's mean over the epoch so far."""
        step = tf.cast(self.gen_optimizer.iterations.value, tf.int32)
        seed = tf.stack([tf.constant(self.seed, tf.int32), step])
        gen_losses, gen_gradients, fakes = self._generators_part(batch)
        shown = self.remember(fakes, seed)
        disc_losses, disc_gradients = self._discriminators_part(batch, shown)
        self.gen_optimizer.apply(gen_gradients)
        self.disc_optimizer.apply(disc_gradients)
        for optimizer in (self.gen_optimizer, self.disc_optimizer):
            if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
                # A step that it leaves out counts, so that the draws and the rate go on.
                optimizer.iterations.assign(step + 1)
        losses = gen_losses | disc_losses
        for name, mean in self._means.items():
            mean.update_state(losses[name])
        return {name: mean.result() for name, mean in self._means.items()}

    # Each tape watches its own networks only: the other side is frozen, at no cost.

    def _generator_gradients(self, batch):
        variables = [v.value for v in self._variables_of(self.generators)]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            losses, fakes = self.generator_losses(batch)
            total = self.gen_optimizer.scale_loss(tf.add_n(list(losses.values())))
        return losses, tape.gradient(total, variables), fakes

    def _discriminator_gradients(self, batch, shown):
        variables = [v.value for v in self._variables_of(self.discriminators)]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            losses = self.discriminator_losses(batch, shown)
            total = self.disc_optimizer.scale_loss(tf.add_n(list(losses.values())))
        return losses, tape.gradient(total, variables)

    @staticmethod
    def _variables_of(networks):
        return [variable for network in networks for variable in network.trainable_variables]


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
