"""Dropout as noise: masks that an input decides, so that a translation can be repeated."""

import warnings

import keras
import tensorflow as tf

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.networks.layers.normalization import BatchNormalization


@keras.saving.register_keras_serializable("cyclegan_tf")
class Dropout(keras.layers.Layer):
    """Sets numbers to zero at random, in training and in use, as a noise input says.

    The layer has no random state. One number per image, of which every bit counts, is the
    key of the image's mask: equal noise gives equal images, whatever else is in the batch
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
        statistics: "image" (as in pix2pix) or "running"; None leaves it. See
            `BatchNormalization`.

    Raises:
        InputError: If the network has no such layer, or `statistics` is neither.
    """
    if statistics == "picture":
        warnings.warn('statistics="picture" is now called "image".', FutureWarning, stacklevel=2)
        statistics = "image"
    if statistics not in (None, "image", "running"):
        raise InputError(f"statistics must be 'image' or 'running', received {statistics!r}.")
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
