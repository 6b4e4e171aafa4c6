"""The conditional variational autoencoder: many images for one condition.

Reference: Sohn et al. 2015, "Learning Structured Output Representation using Deep Conditional
Generative Models", NeurIPS 28, equation 4
"""

from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.methods.likelihoods import kl_divergence, log_normal
from cyclegan_tf.methods.options import network_option
from cyclegan_tf.methods.registry import method
from cyclegan_tf.methods.vae import VAE, VAEOptions
from cyclegan_tf.networks import generator_file
from cyclegan_tf.networks.latent_autoencoder import halvings, to_image
from cyclegan_tf.networks.layers.convolutions import Conv2D
from cyclegan_tf.networks.layers.normalization import InstanceNormalization
from cyclegan_tf.training.model import GenerativeModel


@dataclass(frozen=True, kw_only=True)
class CVAEOptions(VAEOptions):
    """Options of the conditional VAE."""

    network: Literal["dense", "convolutional", "unet"] | None = network_option(
        None,
        "networks of the VAE, or a U-Net as the decoder for images of A; by default the U-Net "
        "where A has the size of B, else as for vae",
    )
    prior: Literal["learned", "standard"] = network_option(
        "learned", "prior of the codes: p(z | a), the paper's, or N(0, I), as in BicycleGAN's VAE"
    )

    def resolve(self, shape_a, shape_b):
        """A U-Net where domain A holds images."""
        if shape_a[:2] not in ((1, 1), shape_b[:2]):
            raise InputError(
                "image_shape_a must be (1, 1, classes) or have B's height and width, received "
                f"{shape_a} and {shape_b}: prepare the data with one size."
            )
        images = shape_a[:2] == shape_b[:2] != (1, 1)
        if self.network == "unet" and not images:
            raise InputError(
                "network must be 'dense' or 'convolutional', received 'unet': that is for images "
                "of A, not for classes."
            )
        network = "unet" if images and self.network is None else self.network
        return super(CVAEOptions, self.replace(network=network)).resolve(shape_a, shape_b)


@method("cvae", CVAEOptions, batch=4)  # what suits images; no paper says
class CVAE(GenerativeModel):
    """Draws images of B that belong to an image of A, or to a class, as a VAE draws any.

    In training the code comes from the encoder, which sees A and B; in use from the prior, which
    sees A alone. The paper's other two parts, a first guess from A that is fed to all networks
    and a hybrid loss on codes from the prior, are left out: U-Net skips do the work of the first.

    Attributes:
        encoder: From `[a, b]` to `[mean, log_variance]`, each `(batch, latent)`: q(z | a, b).
        decoder: From `[a, code]` to what `likelihood` takes: p(b | a, z).
        prior: From `a` to `[mean, log_variance]`: p(z | a); None for N(0, I).
        likelihood: `likelihoods.Likelihood`.
        binarize: As for `methods.vae.VAE`.
    """

    loss_names = ("reconstruction", "kl")
    saves = (("gen_ab", "ab"),)
    needs_pairs = True
    prior = None

    def make_networks(self):
        """Encoder, decoder, and the prior where it is learned."""
        options, (shape_a, shape_b) = self.options, self.image_shapes
        made = {"encoder": options.encoder([shape_a, shape_b], 0)}
        if options.network == "unet":
            bias = options.made_likelihood().bias(options.brightness)
            own = {"bias": bias, "seed": (options.seed, 1), "name": "decoder"}
            sizes = (options.latent, options.filters)
            made["decoder"] = unet_decoder(shape_a, shape_b, *sizes, **own)
        else:
            made["decoder"] = options.decoder(shape_b, shape_a)
        if options.prior == "learned":
            made["prior"] = options.encoder([shape_a], 2, name="prior")
        return made

    def prepare(self):
        """The likelihood, and the way from a condition and noise to an image as one network."""
        self.likelihood, self.binarize = self.options.made_likelihood(), self.options.binarize
        shape_a = self.image_shapes[0]
        self.augments = max(shape_a[:2]) > 1  # a class cannot be mirrored
        self.latent = self.decoder.input_shape[1][-1]
        a, noise = keras.Input(shape_a), keras.Input((self.latent,))
        code = noise
        if self.prior is not None:
            mean, log_variance = self.prior(a)
            deviation = layers.Activation("exponential")(layers.Rescaling(0.5)(log_variance))
            code = layers.Add()([mean, layers.Multiply()([deviation, noise])])
        fake_b = to_image(self.decoder([a, code]), self.likelihood.scale)
        self.gen_ab = keras.Model([a, noise], fake_b, name="gen_ab")

    @property
    def generators(self):
        """Encoder, decoder and prior, trained by one optimizer."""
        return [network for network in (self.encoder, self.decoder, self.prior) if network]

    def call(self, inputs):
        """Draws images of B from `[a, noise]`."""
        return self.gen_ab(inputs)

    noise = VAE.noise
    generator_losses = VAE.generator_losses

    def terms(self, batch):
        """What the bounds of log p(b | a) (equation 4) are made of; as `methods.vae.VAE.terms`."""
        a, b, *thresholds, normal = batch
        if thresholds:
            b = tf.where(thresholds[0] < (b + 1) / 2, 1.0, -1.0)
        mean, log_variance = self.encoder([a, b], training=True)
        prior = (0.0, 0.0) if self.prior is None else self.prior(a, training=True)
        z = mean + tf.exp(0.5 * log_variance) * normal
        surprise = self.likelihood(b, self.decoder([a, z], training=True))
        weight = log_normal(z, *prior) - log_normal(z, mean, log_variance) - surprise
        return surprise, kl_divergence(mean, log_variance, *prior), weight

    def reconstruct(self, a, b):
        """Images of B from the mean of their own codes.

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
        """Condition, image, its reconstruction, and four draws for the condition alone."""
        shown = [] if max(a.shape[1:3]) == 1 else [(names[0], a)]  # a class is no image
        drawn = [self.gen_ab(generator_file.inputs(self.gen_ab, a, seed=i)) for i in range(4)]
        return [
            *shown,
            (names[1], b),
            ("and back", self.reconstruct(a, b)),
            None,
            *(("drawn", images) for images in drawn),
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
        `keras.Model` from `[image, code]` to `(batch, *output_shape)`, without an activation.

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
