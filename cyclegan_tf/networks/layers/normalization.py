"""Normalization layers: instance, layer, both adaptive, and pix2pix's of the batch."""

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable("cyclegan_tf")
class InstanceNormalization(keras.layers.Layer):
    """Normalizes each image and channel over its own pixels.

    Statistics are those of the image at hand (biased variance), in training and in use
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

    _axes = (1, 2)

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
        x = _normalize(x, self.epsilon, self._axes)
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


@keras.saving.register_keras_serializable("cyclegan_tf")
class LayerNormalization(InstanceNormalization):
    """Normalizes each image over its pixels and channels at once: group normalization of one group.

    What instance normalization takes away stays: how the channels' means differ, and so the
    colours of the image. It costs no more, where Keras's GroupNormalization costs several times as
    much on a CPU.

    Args:
        epsilon: Added to the variance.
        scale: If True, multiply by a learned `gamma` per channel.
        center: If True, add a learned `beta` per channel.

    Input and output shape: `(batch, height, width, channels)`.

    Reference:
        Ba et al. 2016, "Layer Normalization", https://arxiv.org/abs/1607.06450; Wu and He 2018,
        "Group Normalization", https://arxiv.org/abs/1803.08494
    """

    #: Groups of channels that are normalized together.
    groups = 1
    _axes = (1, 2, 3)

    def __init__(self, epsilon=1e-5, scale=True, center=True, **kwargs):
        super().__init__(epsilon, scale, center, **kwargs)


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
class AdaptiveInstanceNormalization(keras.layers.Layer):
    """Instance normalization whose shift and scale come from elsewhere, such as a style.

    Args:
        epsilon: Added to the variance; 1e-5 as in the MUNIT authors' code.

    Input: a pair of images `(batch, height, width, channels)` and of what is given for each,
    `(batch, 2 * channels)`: first the shift of every channel, then its scale.
    Output: the shape of the images.

    Reference:
        Huang and Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive Instance
        Normalization", equation 8, https://arxiv.org/abs/1703.06868
    """

    _axes = (1, 2)

    def __init__(self, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, inputs):
        x, given = inputs
        wide = keras.backend.result_type(x.dtype, "float32")
        shift, scale = ops.split(ops.cast(given, wide)[:, None, None, :], 2, axis=-1)
        x = _normalize(ops.cast(x, wide), self.epsilon, self._axes) * scale + shift
        return ops.cast(x, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("cyclegan_tf")
class AdaptiveLayerNormalization(AdaptiveInstanceNormalization):
    """Layer normalization whose shift and scale come from elsewhere: see the two above."""

    groups = 1
    _axes = (1, 2, 3)


@keras.saving.register_keras_serializable("cyclegan_tf")
class BatchNormalization(keras.layers.Layer):
    """Normalizes each channel over the batch in training, over the image alone in use.

    pix2pix goes on normalizing by the statistics of the batch at hand after training, with one
    image in it. So does this layer, image by image: what becomes of one never depends on
    what else is translated. `statistics` asks for the running averages of the training instead.

    Statistics are computed in float32 whatever the layer's compute type is. They are those of
    the part of the batch that the layer sees: under several replicas, or where a batch is
    computed in pieces, each part has its own, and the running averages are the first replica's.

    Args:
        statistics: "image" or "running": what normalizes outside of training. May be changed
            on the layer; see `set_test_time`.
        momentum: Share of the running averages that a training step keeps.
        epsilon: Added to the variance.
        seed: Integer that fixes the initial `gamma`, drawn from N(1, 0.02); or None.

    Input and output shape: `(batch, height, width, channels)`.

    Reference:
        Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167; Isola et al. 2017,
        https://arxiv.org/abs/1611.07004, section 3.4
    """

    def __init__(self, statistics="image", momentum=0.9, epsilon=1e-5, seed=None, **kwargs):
        super().__init__(**kwargs)
        # Older files say "picture".
        self.statistics = "image" if statistics == "picture" else statistics
        self.momentum, self.epsilon = momentum, epsilon
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
        elif self.statistics == "image":
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
