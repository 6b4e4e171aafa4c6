"""The variational autoencoder: a code with a known distribution, so that images can be drawn.

References: Kingma & Welling 2014, "Auto-Encoding Variational Bayes",
https://arxiv.org/abs/1312.6114; Rezende et al. 2014, https://arxiv.org/abs/1401.4082; networks,
rate and binarization: Burda et al. 2016, https://arxiv.org/abs/1509.00519, section 5 (L = k = 1)
"""

from dataclasses import dataclass

import keras
import tensorflow as tf

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.methods.autoencoder import AutoencoderOptions
from cyclegan_tf.methods.likelihoods import kl_divergence, log_normal
from cyclegan_tf.methods.options import loss_option
from cyclegan_tf.methods.registry import method
from cyclegan_tf.networks import generator_file
from cyclegan_tf.networks.latent_autoencoder import to_image
from cyclegan_tf.training.model import GenerativeModel


@dataclass(frozen=True, kw_only=True)
class VAEOptions(AutoencoderOptions):
    """Options of the VAE, which the CVAE shares."""

    binarize: bool | None = loss_option(
        None,
        "draw each pixel black or white, its brightness the probability, at every step; by default "
        "with the Bernoulli likelihood, which makes the loss a bound",
    )
    kl_weight: float = loss_option(
        1.0,
        "weight of the KL divergence of codes from their prior; 1 for a likelihood bound (the beta "
        "of Higgins et al. 2017)",
        low=0,
    )

    def resolve(self, shape_a, shape_b):
        """Whether pixels are drawn black or white, by the likelihood."""
        options = super().resolve(shape_a, shape_b)
        bernoulli = options.likelihood == "bernoulli"
        if options.binarize and not bernoulli:
            raise InputError(
                f"binarize must be False with the {options.likelihood} likelihood: leave it out."
            )
        return options.replace(binarize=bernoulli if options.binarize is None else options.binarize)


@method("vae", VAEOptions, batch=100, one_domain=True)
class VAE(GenerativeModel):
    """An encoder that says where an image's code lies, and a decoder that draws from a code.

    It learns images of domain B. Trained by the negative evidence lower bound (equation 10 with
    L = 1): the reconstruction's negative log-likelihood at one draw of the code, and the KL
    divergence of the code's distribution from N(0, I), which is computed exactly. Both are in
    nats per image, summed over pixels and dimensions; the logged `kl` is weighted.

    Attributes:
        encoder: From images of B to `[mean, log_variance]`, each `(batch, latent)`.
        decoder: From codes to what `likelihood` takes.
        likelihood: `likelihoods.Likelihood`.
        binarize: Whether each pixel is white with its brightness as probability, drawn anew at
            each step.
    """

    loss_names = ("reconstruction", "kl")
    generator_names = ("encoder", "decoder")
    augments = False

    def make_networks(self):
        """Encoder and decoder."""
        shape = self.image_shapes[1]
        encoder = self.options.encoder([shape], 0)
        return {"encoder": encoder, "decoder": self.options.decoder(shape)}

    def prepare(self):
        """The likelihood; reconstruction and sampling as networks of their own."""
        self.likelihood, self.binarize = self.options.made_likelihood(), self.options.binarize
        self.latent = self.decoder.input_shape[-1]
        image, code = keras.Input(self.image_shapes[1]), keras.Input((self.latent,))
        mean, _ = self.encoder(image)
        scale = self.likelihood.scale
        self.reconstructor = keras.Model(image, to_image(self.decoder(mean), scale), name="vae")
        self.sampler = keras.Model(code, to_image(self.decoder(code), scale), name="decoder")

    @property
    def saved(self):
        """The reconstruction from the mean code, and the decoder that draws images."""
        return {"vae": (self.reconstructor, "bb"), "decoder": (self.sampler, "zb")}

    def call(self, images):
        """Reconstructs images of B from their mean codes."""
        return self.reconstructor(images)

    def noise(self, count, seed):
        """What binarizes the images, if that is wanted, and what the codes are drawn with."""
        fold_in = tf.random.experimental.stateless_fold_in
        normal = tf.random.stateless_normal((count, self.latent), fold_in(seed, 0))
        if not self.binarize:
            return (normal,)
        shape = (count, *self.image_shapes[1])
        return tf.random.stateless_uniform(shape, fold_in(seed, 1)), normal

    def terms(self, batch):
        """What the bounds are made of, in nats, for each image.

        Args:
            batch: `(a, b, *noise)`; a is not looked at.

        Returns:
            Three tensors `(batch,)`: the negative log-likelihood given the code that was drawn;
            the divergence of the code's distribution from the prior; and the log weight of the
            draw, log p(b, z) - log q(z | b).
        """
        _, b, *thresholds, normal = batch
        if thresholds:
            b = tf.where(thresholds[0] < (b + 1) / 2, 1.0, -1.0)
        mean, log_variance = self.encoder(b, training=True)
        z = mean + tf.exp(0.5 * log_variance) * normal  # equation 4: the gradient passes the draw
        surprise = self.likelihood(b, self.decoder(z, training=True))
        weight = log_normal(z) - log_normal(z, mean, log_variance) - surprise
        return surprise, kl_divergence(mean, log_variance), weight

    def generator_losses(self, batch):
        """Both parts of the negative bound, means over the batch."""
        surprise, divergence, _ = self.terms(batch)
        losses = {
            "reconstruction": tf.reduce_mean(surprise),
            "kl": self.options.kl_weight * tf.reduce_mean(divergence),
        }
        return losses, ()

    def columns(self, a, b, names):
        """Images, their reconstructions, and images from four draws of the code."""
        drawn = [self.sampler(generator_file.noise(self.sampler, len(b), i)) for i in range(4)]
        return [
            (names[1], b),
            ("and back", self.reconstructor(b)),
            None,
            *(("drawn", images) for images in drawn),
        ]
