"""The variational autoencoder: a code with a known distribution, so that pictures can be drawn.

References: Kingma & Welling 2014, "Auto-Encoding Variational Bayes",
https://arxiv.org/abs/1312.6114; Rezende et al. 2014, https://arxiv.org/abs/1401.4082
"""

import keras
import tensorflow as tf

from cyclegan_tf import generators
from cyclegan_tf.likelihoods import Likelihood, kl_divergence, log_normal
from cyclegan_tf.training import GenerativeModel
from cyclegan_tf.vector_coders import picture


class VAE(GenerativeModel):
    """An encoder that says where a picture's code lies, and a decoder that draws from a code.

    It learns pictures of domain B. Trained by the negative evidence lower bound (equation 10 with
    L = 1): the reconstruction's negative log-likelihood at one draw of the code, and the KL
    divergence of the code's distribution from N(0, I), which is computed exactly. Both are in
    nats per picture, summed over pixels and dimensions.

    Args:
        encoder: From pictures of B to `[mean, log_variance]`, each `(batch, latent)`.
        decoder: From codes to what `likelihood` takes.
        likelihood: `likelihoods.Likelihood`; Bernoulli by default.
        binarize: Whether each pixel is white with its brightness as probability, drawn anew at
            each step: what makes the bound of gray digits one of a Bernoulli likelihood.
        kl_weight: Weight of the divergence; other than 1 it is no bound (the beta of Higgins et
            al. 2017). The logged `kl` is weighted.
        seed: Key of all draws.
        strategy: As for `GenerativeModel`.
    """

    loss_names = ("reconstruction", "kl")
    augments = False

    def __init__(
        self,
        encoder,
        decoder,
        likelihood=None,
        binarize=False,
        kl_weight=1.0,
        seed=0,
        strategy=None,
        **kwargs,
    ):
        super().__init__(seed=seed, strategy=strategy, **kwargs)
        self.encoder, self.decoder = encoder, decoder
        self.likelihood = Likelihood() if likelihood is None else likelihood
        self.binarize, self.kl_weight = binarize, kl_weight
        self.image_shapes = (None, tuple(encoder.input_shape[1:]))
        self.latent = decoder.input_shape[-1]
        image, code = keras.Input(self.image_shapes[1]), keras.Input((self.latent,))
        mean, _ = encoder(image)
        scale = self.likelihood.scale
        self.reconstructor = keras.Model(image, picture(decoder(mean), scale), name="vae")
        self.sampler = keras.Model(code, picture(decoder(code), scale), name="decoder")
        self.built = True

    @property
    def generators(self):
        """Encoder and decoder, trained by one optimizer."""
        return [self.encoder, self.decoder]

    @property
    def saved(self):
        """The reconstruction from the mean code, and the decoder that draws pictures."""
        return {"vae": (self.reconstructor, "bb"), "decoder": (self.sampler, "zb")}

    def call(self, pictures):
        """Reconstructs pictures of B from their mean codes."""
        return self.reconstructor(pictures)

    def noise(self, count, seed):
        """What binarizes the pictures, if that is wanted, and what the codes are drawn with."""
        fold_in = tf.random.experimental.stateless_fold_in
        normal = tf.random.stateless_normal((count, self.latent), fold_in(seed, 0))
        if not self.binarize:
            return (normal,)
        shape = (count, *self.image_shapes[1])
        return tf.random.stateless_uniform(shape, fold_in(seed, 1)), normal

    def terms(self, batch):
        """What the bounds are made of, in nats, for each picture.

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
            "kl": self.kl_weight * tf.reduce_mean(divergence),
        }
        return losses, ()

    def columns(self, a, b, names):
        """Pictures, their reconstructions, and pictures from four draws of the code."""
        drawn = [self.sampler(generators.noise(self.sampler, len(b), i)) for i in range(4)]
        return [
            (names[1], b),
            ("and back", self.reconstructor(b)),
            None,
            *(("drawn", pictures) for pictures in drawn),
        ]
