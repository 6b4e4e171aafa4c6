"""The conditional variational autoencoder: many pictures for one condition.

Reference: Sohn et al. 2015, "Learning Structured Output Representation using Deep Conditional
Generative Models", NeurIPS 28, equation 4
"""

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from cyclegan_tf import generators
from cyclegan_tf.convolutions import Conv2D
from cyclegan_tf.layers import InstanceNormalization
from cyclegan_tf.likelihoods import Likelihood, kl_divergence, log_normal
from cyclegan_tf.training import GenerativeModel
from cyclegan_tf.vector_coders import halvings, picture


class CVAE(GenerativeModel):
    """Draws pictures of B that belong to a picture of A, or to a class, as a VAE draws any.

    In training the code comes from the encoder, which sees A and B; in use from the prior, which
    sees A alone. The paper's other two parts, a first guess from A that is fed to all networks
    and a hybrid loss on codes from the prior, are left out: U-Net skips do the work of the first.

    Args:
        encoder: From `[a, b]` to `[mean, log_variance]`, each `(batch, latent)`: q(z | a, b).
        decoder: From `[a, code]` to what `likelihood` takes: p(b | a, z).
        prior: From `a` to `[mean, log_variance]`: p(z | a); None for N(0, I).
        likelihood: `likelihoods.Likelihood`; Bernoulli by default.
        binarize: As for `methods.vae.VAE`.
        kl_weight: As for `methods.vae.VAE`.
        seed: Key of all draws.
        strategy: As for `GenerativeModel`.
    """

    loss_names = ("reconstruction", "kl")
    needs_pairs = True

    def __init__(
        self,
        encoder,
        decoder,
        prior=None,
        likelihood=None,
        binarize=False,
        kl_weight=1.0,
        seed=0,
        strategy=None,
        **kwargs,
    ):
        super().__init__(seed=seed, strategy=strategy, **kwargs)
        self.encoder, self.decoder, self.prior = encoder, decoder, prior
        self.likelihood = Likelihood() if likelihood is None else likelihood
        self.binarize, self.kl_weight = binarize, kl_weight
        self.image_shapes = tuple(tuple(shape[1:]) for shape in encoder.input_shape)
        self.augments = max(self.image_shapes[0][:2]) > 1  # a class cannot be mirrored
        self.latent = decoder.input_shape[1][-1]
        a, noise = keras.Input(self.image_shapes[0]), keras.Input((self.latent,))
        code = noise
        if prior is not None:
            mean, log_variance = prior(a)
            deviation = layers.Activation("exponential")(layers.Rescaling(0.5)(log_variance))
            code = layers.Add()([mean, layers.Multiply()([deviation, noise])])
        fake_b = picture(decoder([a, code]), self.likelihood.scale)
        self.gen_ab = keras.Model([a, noise], fake_b, name="gen_ab")
        self.built = True

    @property
    def generators(self):
        """Encoder, decoder and prior, trained by one optimizer."""
        return [network for network in (self.encoder, self.decoder, self.prior) if network]

    @property
    def saved(self):
        """From a condition and noise to a picture of B."""
        return {"gen_ab": (self.gen_ab, "ab")}

    def call(self, inputs):
        """Draws pictures of B from `[a, noise]`."""
        return self.gen_ab(inputs)

    def noise(self, count, seed):
        """What binarizes the pictures, if that is wanted, and what the codes are drawn with."""
        fold_in = tf.random.experimental.stateless_fold_in
        normal = tf.random.stateless_normal((count, self.latent), fold_in(seed, 0))
        if not self.binarize:
            return (normal,)
        shape = (count, *self.image_shapes[1])
        return tf.random.stateless_uniform(shape, fold_in(seed, 1)), normal

    def terms(self, batch):
        """What the bounds of log p(b | a) are made of; as `methods.vae.VAE.terms`."""
        a, b, *thresholds, normal = batch
        if thresholds:
            b = tf.where(thresholds[0] < (b + 1) / 2, 1.0, -1.0)
        mean, log_variance = self.encoder([a, b], training=True)
        prior = (0.0, 0.0) if self.prior is None else self.prior(a, training=True)
        z = mean + tf.exp(0.5 * log_variance) * normal
        surprise = self.likelihood(b, self.decoder([a, z], training=True))
        weight = log_normal(z, *prior) - log_normal(z, mean, log_variance) - surprise
        return surprise, kl_divergence(mean, log_variance, *prior), weight

    def generator_losses(self, batch):
        """Both parts of the negative bound (equation 4), means over the batch."""
        surprise, divergence, _ = self.terms(batch)
        losses = {
            "reconstruction": tf.reduce_mean(surprise),
            "kl": self.kl_weight * tf.reduce_mean(divergence),
        }
        return losses, ()

    def reconstruct(self, a, b):
        """Pictures of B from the mean of their own codes.

        Args:
            a: Array `(n, height, width, channels)` in [-1, 1].
            b: As many of domain B.

        Returns:
            float32 array like `b`.
        """
        a, b = tf.convert_to_tensor(a), tf.convert_to_tensor(b)
        mean, _ = self.encoder([a, b], training=False)
        outputs = self.decoder([a, mean], training=False)
        return np.tanh(self.likelihood.scale * np.asarray(outputs))

    def columns(self, a, b, names):
        """Condition, picture, its reconstruction, and four draws for the condition alone."""
        shown = [] if max(a.shape[1:3]) == 1 else [(names[0], a)]  # a class is no picture
        drawn = [self.gen_ab(generators.inputs(self.gen_ab, a, seed=i)) for i in range(4)]
        return [
            *shown,
            (names[1], b),
            ("and back", self.reconstruct(a, b)),
            None,
            *(("drawn", pictures) for pictures in drawn),
        ]


def unet_decoder(
    input_shape, output_shape, latent, filters=32, bias=0.0, seed=None, name="decoder"
):
    """A U-Net whose normalizations are steered by a code, at every level on the way up.

    The code goes through one hidden layer to the scale and shift of each channel after its
    instance normalization (conditional instance normalization; codes that are only concatenated
    to the input would be normalized away).

    Args:
        input_shape: `(height, width, channels)` of domain A.
        output_shape: The same of domain B, of the same height and width.
        latent: Numbers in a code.
        filters: Channels at full size; doubled at each level up to eightfold.
        bias: With what each output starts.
        seed: Integer that fixes the initial weights (He), or None.
        name: Name of the model.

    Returns:
        `keras.Model` from `[picture, code]` to `(batch, *output_shape)`, without an activation.

    References:
        Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597; Dumoulin et al. 2017, "A Learned
        Representation for Artistic Style", https://arxiv.org/abs/1610.07629, equation 5;
        Zhu et al. 2017, BicycleGAN, https://arxiv.org/abs/1711.11586, for the code at every level
    """
    rng = np.random.default_rng(seed)

    def options():
        return {"kernel_initializer": keras.initializers.HeNormal(seed=int(rng.integers(2**31)))}

    def dense(x, units, activation=None, bias=0.0):
        glorot = keras.initializers.GlorotUniform(seed=int(rng.integers(2**31)))
        start = keras.initializers.Constant(bias)
        return layers.Dense(units, activation, kernel_initializer=glorot, bias_initializer=start)(x)

    def steered(x):
        channels = x.shape[-1]
        scale = layers.Reshape((1, 1, channels))(dense(style, channels, bias=1.0))
        shift = layers.Reshape((1, 1, channels))(dense(style, channels))
        x = layers.Add()([layers.Multiply()([InstanceNormalization()(x), scale]), shift])
        return layers.Activation("relu")(x)

    image, code = keras.Input(input_shape), keras.Input((latent,))
    style = dense(code, 64, "relu")
    depth = halvings(*input_shape[:2])
    widths = [filters * min(2**level, 8) for level in range(depth + 1)]
    x, skips = layers.LeakyReLU(0.2)(Conv2D(filters, 3, reflect=1, **options())(image)), []
    for width in widths[1:]:
        skips.append(x)
        x = Conv2D(width, 4, 2, zeros=1, normalized=True, **options())(x)
        x = layers.LeakyReLU(0.2)(InstanceNormalization()(x))
    x = steered(Conv2D(widths[-1], 3, reflect=1, normalized=True, **options())(x))
    for width in reversed(widths[:-1]):
        x = layers.Concatenate()([layers.UpSampling2D(2)(x), skips.pop()])
        x = steered(Conv2D(width, 3, reflect=1, normalized=True, **options())(x))
    start = keras.initializers.Constant(bias)
    x = Conv2D(output_shape[-1], 3, reflect=1, bias_initializer=start, **options())(x)
    return keras.Model([image, code], x, name=name)
