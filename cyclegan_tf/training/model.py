"""The training step that all methods share."""

import contextlib
from abc import abstractmethod

import keras
import tensorflow as tf

from cyclegan_tf.networks import precision
from cyclegan_tf.networks.layers import spectral_norm
from cyclegan_tf.networks.layers.convolutions import set_fast, shared_kernels
from cyclegan_tf.training import distribute
from cyclegan_tf.training.ema import MovingAverage
from cyclegan_tf.training.gradient_accumulation import in_pieces


class GenerativeModel(keras.Model):
    """Generators, and discriminators where the method has an adversary, updated together.

    A method derives from this class, makes its networks, and returns two dictionaries of named
    losses. The step sums each dictionary, differentiates it with respect to its own networks
    alone, and applies both gradients. Since the fakes are made once, before either update, this
    equals "generators first, then discriminators on the same fakes". `fit` logs every named loss
    as its mean over the epoch. A method without discriminators leaves out what is about them.

    All randomness of a step is a function of `(seed, number of the step)`, and all state
    (weights, both optimizers, image pools) is variables: `save_weights` holds everything
    that a resumed run needs.

    Under a strategy of several replicas each takes its part of the batch, and the weights
    become those that one device would reach with the whole batch, up to rounding.

    Args:
        options: The method's `methods.options.Options`.
        image_shapes: `(height, width, channels)` of the training images of A and of B; None for a
            domain that is not looked at.
        strategy: `tf.distribute.Strategy` in whose scope the networks are made; None for one
            device. The model itself is made outside of the scope.
        networks: Networks by the names of their attributes, in place of those that
            `make_networks` would make.
    """

    #: Names of the scalars that the two loss methods return, in the order of the log.
    loss_names: tuple[str, ...] = ()
    #: Attributes that hold the networks which each side trains.
    generator_names: tuple[str, ...] = ()
    discriminator_names: tuple[str, ...] = ()
    #: What a run saves: pairs of an attribute, also the name of the file, and a direction.
    saves: tuple = ()
    #: Whether image i of A must belong to image i of B in training.
    needs_pairs = False
    #: Whether images are enlarged, cropped and mirrored unless the user says otherwise; "mirror"
    #: mirrors alone.
    augments = True
    #: How often a step calls each generator before and after its output is fed back, for
    #: `training.memory`; None where it is not known.
    generator_calls = None

    def __init__(self, options, image_shapes, strategy=None, networks=None):
        super().__init__()
        self.image_shapes = tuple(shape and tuple(shape) for shape in image_shapes)
        self.options = options.resolve(*self.image_shapes)
        self.seed = self.options.seed
        self.strategy = tf.distribute.get_strategy() if strategy is None else strategy
        self._steps_per_epoch = None
        self.average = None
        with self.strategy.scope():
            if networks is not None:
                self._check_channels(networks)
            for name, network in (self.make_networks() if networks is None else networks).items():
                network = precision.in_precision(network, self.options.precision)
                setattr(self, name, network)
            self.prepare()
        fast = self.options.fast_convolutions
        set_fast(self.generators, False if fast is None and self.options.recompute else fast)
        self.built = True

    def _check_channels(self, networks):
        """Raises ValueError if a given translator has other channels than the domains."""
        channels = dict(
            zip("ab", (shape and shape[-1] for shape in self.image_shapes), strict=True)
        )
        for name, direction in self.saves:
            if name in networks and set(direction) <= set("ab"):
                wanted = [channels[domain] for domain in direction]
                found = [networks[name].inputs[0].shape[-1], networks[name].output_shape[-1]]
                if found != wanted:
                    raise ValueError(
                        f"{name} must take {wanted[0]} channels and give {wanted[1]}, received "
                        f"{found[0]} and {found[1]}."
                    )

    @abstractmethod
    def make_networks(self):
        """Returns the networks that `self.options` ask for, by the names of their attributes."""

    def prepare(self):
        """What a method sets up once its networks are there."""

    @property
    def generators(self):
        """The list of networks that the generators' losses train."""
        return [getattr(self, name) for name in self.generator_names]

    @property
    def discriminators(self):
        """The list of networks that the discriminators' losses train."""
        return [getattr(self, name) for name in self.discriminator_names]

    @property
    def saved(self):
        """What a run saves: dictionary from a file's name to `(network, direction)`.

        A network is a functional `keras.Model` of at most one image and one vector of noise, in
        this order. Its direction says from what to what: domains "a" and "b", noise "z", as in
        "ab", "bb" (a reconstruction) or "zb" (samples).
        """
        return {name: (getattr(self, name), direction) for name, direction in self.saves}

    @abstractmethod
    def columns(self, a, b, names):
        """What to show after an epoch: list of `(label, images)`, or None for a gap.

        Args:
            a: Images of domain A, an array `(n, height, width, channels)` in [-1, 1].
            b: As many of domain B.
            names: What the domains are called.
        """

    def noise(self, count, seed):
        """Returns what a step draws: a tuple of tensors `(count, ...)`, here none.

        It is drawn for the whole batch and follows the images in it, so that each replica and
        each piece gets its part, and the result does not depend on the layout.

        Args:
            count: Number of images in the batch, on all devices together.
            seed: Tensor of two integers, different at each step.
        """
        return ()

    def partners(self, dataset):
        """For each training image of A the number of that of B to come with it in a batch.

        Args:
            dataset: `npz.Dataset` to be trained on.

        Returns:
            Integer array, for `pipeline.batches`; None, as here, where any will do.
        """

    @abstractmethod
    def generator_losses(self, batch):
        """Returns `(losses, fakes)`: named scalars whose sum is minimized, and what was made.

        Args:
            batch: Tuple of tensors: images in [-1, 1], then what `noise` drew.
        """

    def remember(self, fakes, seed):
        """Returns what the discriminators are shown: here the fakes, elsewhere from a pool.

        XLA never compiles this part of the step, so that variables may be exchanged in it.

        Args:
            fakes: What `generator_losses` made.
            seed: Tensor of two integers, different at each step.
        """
        return fakes

    def discriminator_losses(self, batch, shown):
        """Returns named scalars whose sum is minimized.

        Args:
            batch: As for `generator_losses`.
            shown: What `remember` returned; no gradient flows into it.
        """
        return {}

    def compile(
        self,
        gen_optimizer,
        disc_optimizer=None,
        jit_compile=None,
        accumulate=1,
        ema_decay=0.0,
        **kwargs,
    ):
        """Sets the optimizers and builds them, so that a saved state finds every variable.

        Args:
            gen_optimizer: `keras.optimizers.Optimizer` for all generators together.
            disc_optimizer: The same for all discriminators together; None without any.
            jit_compile: Whether XLA compiles the losses and gradients; by default where there
                is a GPU, since on a CPU it does not pay.
            accumulate: Number of equal pieces in which a batch is computed, one after another,
                before the one update: less memory, the same weights within rounding.
            ema_decay: Decay of the exponential moving average of the generators' weights; 0 keeps
                none. With one, what is shown, scored and saved has the averages as its weights.
            **kwargs: Passed on to `keras.Model.compile`.
        """
        # XLA compiles the two parts alone: Keras's own switch fails on several devices.
        super().compile(optimizer=gen_optimizer, jit_compile=False, **kwargs)
        self.gen_optimizer = gen_optimizer
        self.disc_optimizer = disc_optimizer
        with self.strategy.scope():
            gen_optimizer.build(self._variables_of(self.generators))
            if disc_optimizer is not None:
                disc_optimizer.build(self._variables_of(self.discriminators))
            self.average = MovingAverage(self._averaged, ema_decay) if ema_decay else None
        self.built = True
        self._means = {name: keras.metrics.Mean(name=name) for name in self.loss_names}
        if jit_compile is None:
            jit_compile = bool(tf.config.list_physical_devices("GPU"))
        self.accumulate = accumulate
        self._generators_part, self._discriminators_part = (
            tf.function(in_pieces(part, accumulate), jit_compile=jit_compile)
            for part in (self._generator_gradients, self._discriminator_gradients)
        )

    def compile_by_options(self):
        """Compiles with the optimizers and settings that `options` declare."""
        options = self.options
        with self.strategy.scope():
            gen_optimizer, disc_optimizer = options.optimizer(), None
            if self.discriminator_names:
                disc_optimizer = options.optimizer(options.disc_learning_rate)
        self.compile(
            gen_optimizer,
            disc_optimizer,
            jit_compile=options.jit_compile,
            accumulate=options.accumulate,
            ema_decay=options.ema_decay,
        )

    @property
    def _averaged(self):
        return [weight for network in self.generators for weight in network.weights]

    @contextlib.contextmanager
    def averaged(self):
        """Within, the generators have their averaged weights, if they are averaged."""
        with contextlib.ExitStack() as stack:
            if self.average is not None:
                stack.enter_context(self.average.in_place(self._averaged))
            yield self

    @property
    def metrics(self):
        """The running mean of each named loss."""
        return list(getattr(self, "_means", {}).values())

    def fit(self, *args, steps_per_epoch=None, **kwargs):
        """As `keras.Model.fit`; call it outside of the strategy's scope.

        There, what callbacks of the chief make is the chief's alone.
        """
        self._steps_per_epoch = steps_per_epoch
        return super().fit(*args, steps_per_epoch=steps_per_epoch, **kwargs)

    def make_train_function(self, force=False):
        """Makes what `fit` calls: `steps_per_execution` steps, as many as the epoch has left.

        Keras's own fails under several workers, and takes steps of the next epoch.
        """
        if self.train_function is not None and not force:
            return
        compiled = (lambda f: f) if self.run_eagerly else tf.function(autograph=False)

        @compiled
        def one(iterator):
            return self.train_step(iterator.get_next())

        @compiled
        def several(iterator, count):
            def step(i):
                self.train_step(iterator.get_next())
                return (i + 1,)

            tf.while_loop(lambda i: i < count, step, [tf.constant(0)])
            return self._logs()

        def train_function(iterator):
            count = self.steps_per_execution
            if count > 1 and self._steps_per_epoch:
                # The means know how many steps the epoch has behind it.
                done = int(self.metrics[0].count)
                count = min(count, self._steps_per_epoch - done)
            return one(iterator) if count == 1 else several(iterator, tf.constant(count))

        self.train_function = train_function

    def train_step(self, batch):
        """One update of every network. Returns each loss's mean over the epoch so far.

        Args:
            batch: Tuple of tensors; of values per replica where there are several.
        """
        losses = self.strategy.run(self._update, args=(batch,))
        losses = self.strategy.reduce(tf.distribute.ReduceOp.MEAN, losses, axis=None)
        for name, value in zip(self.loss_names, tf.unstack(losses), strict=True):
            self._means[name].update_state(value)
        return self._logs()

    def _logs(self):
        return {name: mean.result() for name, mean in self._means.items()}

    def _update(self, batch):
        """One replica's part of the step. Returns its losses in the order of `loss_names`."""
        step = tf.cast(self.gen_optimizer.iterations.value, tf.int32)
        seed = tf.stack([tf.constant(self.seed, tf.int32), step])
        batch = (*batch, *self._own_noise(batch[0].shape[0], seed))
        losses, gradients, fakes = self._generators_part(batch)
        updates = [(self.gen_optimizer, gradients)]
        if self.disc_optimizer is not None:
            shown = self.remember(fakes, seed)
            disc_losses, gradients = self._discriminators_part(batch, shown)
            losses = losses | disc_losses
            updates.append((self.disc_optimizer, gradients))
        for optimizer, gradients in updates:
            if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
                optimizer.apply(gradients)
                continue
            optimizer.apply(precision.finite_on_all(gradients, self.strategy))
            # A step that it leaves out counts, so that the draws and the rate go on.
            optimizer.iterations.assign(step + 1)
        for layer in spectral_norm.layers_of(self.discriminators):
            layer.iterate()
        if self.average is not None:
            self.average.update(self._averaged, step + 1)
        return tf.stack([losses[name] for name in self.loss_names])

    def _own_noise(self, count, seed):
        """This replica's part of what the whole batch draws."""
        replicas = self.strategy.num_replicas_in_sync
        # A key that no other draw of the step has.
        seed = tf.random.experimental.stateless_fold_in(seed, tf.int32.max)
        drawn = self.noise(count * replicas, seed)
        return tuple(
            tf.ensure_shape(distribute.part_of_replica(x), [count, *x.shape[1:]]) for x in drawn
        )

    # Each tape watches its own networks only: the other side is frozen, at no cost. Optimizers
    # add up the replicas' gradients: divided by the replicas' number, means of parts give the
    # gradient of the whole batch's mean. The losses themselves are logged undivided.

    def _generator_gradients(self, batch):
        variables = [v.value for v in self._variables_of(self.generators)]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            with shared_kernels(self.generators):
                losses, fakes = self.generator_losses(batch)
            mean = tf.add_n(list(losses.values())) / self.strategy.num_replicas_in_sync
            total = self.gen_optimizer.scale_loss(mean)
        return losses, _gradients(tape, total, variables), fakes

    def _discriminator_gradients(self, batch, shown):
        variables = [v.value for v in self._variables_of(self.discriminators)]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            losses = self.discriminator_losses(batch, shown)
            mean = tf.add_n(list(losses.values())) / self.strategy.num_replicas_in_sync
            total = self.disc_optimizer.scale_loss(mean)
        return losses, _gradients(tape, total, variables)

    @staticmethod
    def _variables_of(networks):
        return [variable for network in networks for variable in network.trainable_variables]


def _gradients(tape, total, variables):
    """The gradient of each variable: zeros for a bias that a normalization takes out.

    Raises:
        RuntimeError: If anything else has no part in `total`, and would never be trained.
    """
    gradients = tape.gradient(total, variables)
    for i, (gradient, variable) in enumerate(zip(gradients, variables, strict=True)):
        if gradient is None:
            if len(variable.shape) != 1:
                raise RuntimeError(
                    f"{variable.name} of {variable.shape} has no part in the losses."
                )
            gradients[i] = tf.zeros(variable.shape, variable.dtype)
    return gradients
