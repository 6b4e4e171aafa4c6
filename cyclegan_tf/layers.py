"""Keras layers that the networks and methods are built from."""

import keras
import tensorflow as tf
from keras import ops

from cyclegan_tf import devices
from cyclegan_tf.errors import InputError


@keras.saving.register_keras_serializable("cyclegan_tf")
class InstanceNormalization(keras.layers.Layer):
    """Normalizes each picture and channel over its own pixels.

    Statistics are those of the picture at hand (biased variance), in training and in use
    alike: there are no running averages. They are computed in float32 whatever the
    layer's compute type is.

    Args:
        epsilon: Added to the variance; 1e-5 as in the CycleGAN authors' code.
        scale: If True, multiply by a learned `gamma` per channel.
        center: If True, add a learned `beta` per channel.

    Input and output shape: `(batch, height, width, channels)`.

    Reference:
        Ulyanov et al. 2016, "Instance Normalization: The Missing Ingredient for Fast
        Stylization", https://arxiv.org/abs/1607.08022
    """

    def __init__(self, epsilon=1e-5, scale=False, center=False, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.scale = scale
        self.center = center

    def build(self, input_shape):
        channels = (input_shape[-1],)
        self.gamma = self.add_weight(shape=channels, initializer="ones") if self.scale else None
        self.beta = self.add_weight(shape=channels, initializer="zeros") if self.center else None

    def call(self, inputs):
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        x = _normalize(x, self.epsilon)
        if self.scale:
            x = x * ops.cast(self.gamma, x.dtype)
        if self.center:
            x = x + ops.cast(self.beta, x.dtype)
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "scale": self.scale,
            "center": self.center,
        }


def _normalize(x, epsilon, axes=(1, 2)):
    """Mean 0 and variance 1 over `axes`; keeps one tensor for the backward pass."""

    def mean(x):
        # One axis after the other: a sum of thousands rounds less than one of millions.
        for axis in reversed(axes):
            x = tf.reduce_mean(x, axis, keepdims=True)
        return x

    @tf.custom_gradient
    def normalize(x):
        centred = x - mean(x)
        scale = tf.math.rsqrt(mean(tf.square(centred)) + epsilon)
        normalized = centred * scale

        def gradient(upstream):
            along = normalized * mean(upstream * normalized)
            return scale * (upstream - mean(upstream) - along)

        return normalized, gradient

    return normalize(x)


@keras.saving.register_keras_serializable("cyclegan_tf")
class BatchNormalization(keras.layers.Layer):
    """Normalizes each channel over the batch in training, over the picture alone in use.

    pix2pix goes on normalizing by the statistics of the batch at hand after training, with one
    picture in it. So does this layer, picture by picture: what becomes of one never depends on
    what else is translated. `statistics` asks for the running averages of the training instead.

    Statistics are computed in float32 whatever the layer's compute type is. They are those of
    the part of the batch that the layer sees: under several replicas, or where a batch is
    computed in pieces, each part has its own, and the running averages are the first replica's.

    Args:
        statistics: "picture" or "running": what normalizes outside of training. May be changed
            on the layer; see `set_test_time`.
        momentum: Share of the running averages that a training step keeps.
        epsilon: Added to the variance.
        seed: Integer that fixes the initial `gamma`, drawn from N(1, 0.02); or None.

    Input and output shape: `(batch, height, width, channels)`.

    Reference:
        Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167; Isola et al. 2017,
        https://arxiv.org/abs/1611.07004, section 3.4
    """

    def __init__(self, statistics="picture", momentum=0.9, epsilon=1e-5, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.statistics, self.momentum, self.epsilon = statistics, momentum, epsilon
        self.seed = seed

    def build(self, input_shape):
        channels = (input_shape[-1],)
        near_one = keras.initializers.RandomNormal(1.0, 0.02, seed=self.seed)
        self.gamma = self.add_weight(shape=channels, initializer=near_one, name="gamma")
        self.beta = self.add_weight(shape=channels, initializer="zeros", name="beta")
        # Each replica averages what it sees; the first one's averages are saved.
        running = {
            "trainable": False,
            "autocast": False,
            "synchronization": "on_read",
            "aggregation": "only_first_replica",
        }
        self.mean = keras.Variable("zeros", channels, name="mean", **running)
        self.variance = keras.Variable("ones", channels, name="variance", **running)

    def call(self, inputs, training=False):
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        if training:
            self._remember(tf.stop_gradient(x))
            x = _normalize(x, self.epsilon, (0, 1, 2))
        elif self.statistics == "picture":
            x = _normalize(x, self.epsilon)
        else:
            x = (x - self.mean) * ops.rsqrt(self.variance + self.epsilon)
        x = x * ops.cast(self.gamma, x.dtype) + ops.cast(self.beta, x.dtype)
        return ops.cast(x, self.compute_dtype)

    def _remember(self, x):
        mean, variance = tf.nn.moments(x, (0, 1, 2))
        count = tf.cast(tf.size(x) / tf.size(mean), x.dtype)
        # The running variance is the unbiased one, as PyTorch keeps it.
        variance *= count / tf.maximum(count - 1, 1)
        for average, new in ((self.mean, mean), (self.variance, variance)):
            average.assign(self.momentum * average + (1 - self.momentum) * new)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        own = ("statistics", "momentum", "epsilon", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}


@keras.saving.register_keras_serializable("cyclegan_tf")
class Dropout(keras.layers.Layer):
    """Sets numbers to zero at random, in training and in use, as a noise input says.

    The layer has no random state. One number per picture, of which every bit counts, is the
    key of the picture's mask: equal noise gives equal pictures, whatever else is in the batch
    and however many devices share it.

    Args:
        rate: Share of the numbers that become zero; the others are divided by `1 - rate`.
        number: Integer that tells the masks of a network's several dropout layers apart.
        always: Whether to drop outside of training, too. May be changed on the layer; see
            `set_test_time`.

    Input: `[x, noise]` of shapes `(batch, ...)` and `(batch, 1)`; noise is float32.
    Output shape: that of `x`.

    Reference:
        Srivastava et al. 2014, http://jmlr.org/papers/v15/srivastava14a.html; Isola et al. 2017,
        https://arxiv.org/abs/1611.07004, section 3.2: dropout at test time is pix2pix's noise
    """

    def __init__(self, rate=0.5, number=0, always=True, **kwargs):
        # Of noise that was cast to a shorter type few bits would be left.
        super().__init__(autocast=False, **kwargs)
        self.rate, self.number, self.always = rate, number, always

    def call(self, inputs, training=False):
        x, noise = inputs
        if not training and not self.always:
            return x
        shape = tf.shape(x)[1:]

        def draw(key):
            # Whole integers: XLA draws the same ones, which is not so of fractions.
            seed = tf.stack([key, self.number])
            return tf.random.stateless_uniform(shape, seed, None, None, tf.int32, alg="philox")

        keys = tf.bitcast(tf.cast(noise[:, 0], tf.float32), tf.int32)
        draws = tf.map_fn(draw, keys, fn_output_signature=tf.int32)
        dropped = tf.reshape(draws, tf.shape(x)) < round(self.rate * 2**32) - 2**31
        return tf.where(dropped, tf.zeros([], x.dtype), x / (1 - self.rate))

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        own = {"rate": self.rate, "number": self.number, "always": self.always}
        return {**super().get_config(), **own}


def set_test_time(network, dropout=None, statistics=None):
    """Changes what a loaded network does in use where pix2pix leaves a choice.

    Call it before the network's first use; it also goes into what is saved from then on.

    Args:
        network: Functional `keras.Model`.
        dropout: Whether to drop at random (True as in pix2pix); None leaves it.
        statistics: "picture" (as in pix2pix) or "running"; None leaves it. See
            `BatchNormalization`.

    Raises:
        InputError: If the network has no such layer, or `statistics` is neither.
    """
    if statistics not in (None, "picture", "running"):
        raise InputError(f"statistics must be 'picture' or 'running', received {statistics!r}.")
    for name, value, kind, attribute in (
        ("dropout", dropout, Dropout, "always"),
        ("statistics", statistics, BatchNormalization, "statistics"),
    ):
        layers = [layer for layer in network.layers if isinstance(layer, kind)]
        if value is not None and not layers:
            raise InputError(
                f"{name}={value!r} has no use here: the network has no {kind.__name__} layer; "
                "leave it out."
            )
        for layer in layers if value is not None else ():
            setattr(layer, attribute, value)


@keras.saving.register_keras_serializable("cyclegan_tf")
class ReflectionPadding2D(keras.layers.Layer):
    """Pads height and width by mirroring the picture at its border pixels.

    Args:
        padding: Number of pixels on each of the four sides, or `(vertical, horizontal)`.

    Input shape: `(batch, height, width, channels)`, height and width above `padding`.
    Output shape: `(batch, height + 2 * vertical, width + 2 * horizontal, channels)`.
    """

    def __init__(self, padding=1, **kwargs):
        super().__init__(**kwargs)
        self.padding = (padding, padding) if isinstance(padding, int) else tuple(padding)

    def call(self, inputs):
        v, h = self.padding
        return ops.pad(inputs, ((0, 0), (v, v), (h, h), (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        v, h = self.padding
        height = None if height is None else height + 2 * v
        width = None if width is None else width + 2 * h
        return (batch, height, width, channels)

    def get_config(self):
        return {**super().get_config(), "padding": self.padding}


@keras.saving.register_keras_serializable("cyclegan_tf")
class AdaptiveInstanceNormalization(keras.layers.Layer):
    """Instance normalization whose shift and scale come from elsewhere, such as a style.

    Args:
        epsilon: Added to the variance; 1e-5 as in the MUNIT authors' code.

    Input: a pair of pictures `(batch, height, width, channels)` and of what is given for each,
    `(batch, 2 * channels)`: first the shift of every channel, then its scale.
    Output: the shape of the pictures.

    Reference:
        Huang and Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive Instance
        Normalization", equation 8, https://arxiv.org/abs/1703.06868
    """

    def __init__(self, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, inputs):
        x, given = inputs
        wide = keras.backend.result_type(x.dtype, "float32")
        shift, scale = ops.split(ops.cast(given, wide)[:, None, None, :], 2, axis=-1)
        x = _normalize(ops.cast(x, wide), self.epsilon) * scale + shift
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("cyclegan_tf")
class AddToPicture(keras.layers.Layer):
    """A generator's last step where it is to change its input: tanh(x + artanh(0.95 picture)).

    Where x is 0, what comes out is the picture, a little less contrasted (artanh has no end).

    Input: `[x, picture]`, both `(batch, height, width, channels)`, the picture in [-1, 1].

    Reference:
        Kupyn et al. 2018, "DeblurGAN", https://arxiv.org/abs/1711.07064, section 3.2 (there as
        a plain sum)
    """

    def call(self, inputs):
        x, picture = inputs
        picture = 0.95 * ops.clip(picture, -1.0, 1.0)
        # By logarithms, which other runtimes know as well.
        return ops.tanh(x + 0.5 * (ops.log(1.0 + picture) - ops.log(1.0 - picture)))

    def compute_output_shape(self, input_shape):
        return input_shape[0]


class ImagePool(keras.layers.Layer):
    """A history of generated pictures, shown to the discriminator in place of the newest.

    Until the pool is full it stores each picture and returns it. Then, with probability
    one half per picture, it returns a random stored one and keeps the new one in its
    place; otherwise it returns the new one.

    The pool is a variable, so that it is saved and restored with the model, and its
    draws depend on `seed` alone.

    Under a `tf.distribute` strategy it is the pool of the whole batch, however many replicas
    share the work: each holds a copy, gathers the pictures of all replicas in their order and
    treats them as one device would. All copies start equal, see equal pictures and draw equal
    numbers, so that they stay equal; each replica is shown its own part of what is returned.

    Args:
        image_shape: `(height, width, channels)` of the pictures.
        size: Number of pictures kept; 0 returns every batch as it is.

    Reference:
        Shrivastava et al. 2017, "Learning from Simulated and Unsupervised Images through
        Adversarial Training", section 2.3, https://arxiv.org/abs/1612.07828
    """

    def __init__(self, image_shape, size=50, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        # Each replica writes its own copy; the first is saved, and all are restored from it.
        copies = {"synchronization": "on_read", "aggregation": "only_first_replica"}
        self.images = keras.Variable(
            "zeros", (size, *image_shape), trainable=False, name="images", **copies
        )
        self.filled = keras.Variable("zeros", (), "int32", trainable=False, name="filled", **copies)
        self.built = True

    def call(self, batch, seed):
        """Returns what the discriminator is to see instead of `batch`.

        Args:
            batch: Pictures `(batch, height, width, channels)` with a fixed batch size; under a
                strategy, those of one replica, as many on each.
            seed: Two integers, a tensor of shape `(2,)`: the key of this call's draws.

        Returns:
            Tensor of the same shape as `batch`.
        """
        if self.size == 0:
            return batch
        batch = devices.of_all_replicas(batch)
        count = batch.shape[0]
        fold_in = tf.random.experimental.stateless_fold_in
        swap_draws = tf.random.stateless_uniform((count,), fold_in(seed, 0))
        slot_draws = tf.random.stateless_uniform((count,), fold_in(seed, 1), 0, self.size, tf.int32)
        returned = []
        for image, swap_draw, random_slot in zip(
            tf.unstack(batch), tf.unstack(swap_draws), tf.unstack(slot_draws), strict=True
        ):
            full = self.filled.value >= self.size
            swap = full & (swap_draw > 0.5)
            slot = tf.where(full, random_slot, self.filled.value)
            # By handle: a variable with copies offers neither reading nor writing of a part.
            stored = tf.raw_ops.ResourceGather(
                resource=self.images.handle, indices=slot, dtype=batch.dtype
            )
            returned.append(tf.where(swap, stored, image))
            kept = tf.where(full & ~swap, stored, image)
            tf.raw_ops.ResourceScatterNdUpdate(
                ref=self.images.handle, indices=[[slot]], updates=kept[None]
            )
            self.filled.assign(tf.minimum(self.filled.value + 1, self.size))
        return devices.part_of_replica(tf.stack(returned))
