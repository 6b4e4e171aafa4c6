"""The autoencoder: pictures through a narrow code and back.

Reference: Hinton & Salakhutdinov 2006, "Reducing the Dimensionality of Data with Neural
Networks", Science 313, https://doi.org/10.1126/science.1127647
"""

import keras
import tensorflow as tf

from cyclegan_tf.likelihoods import Likelihood
from cyclegan_tf.training import GenerativeModel
from cyclegan_tf.vector_coders import picture


class Autoencoder(GenerativeModel):
    """An encoder to a code of few numbers and a decoder back, trained to lose little.

    It learns pictures of domain B. The paper trains layer by layer first (with restricted
    Boltzmann machines) and then all together; with today's initial weights and optimizer the second
    part alone suffices. Nothing says how codes are distributed: see `methods.vae` for that.

    Args:
        encoder: From pictures of B to codes `(batch, latent)`.
        decoder: From codes to what `likelihood` takes.
        likelihood: `likelihoods.Likelihood` whose negative logarithm is the loss, in nats per
            picture; "bernoulli" by default, the cross-entropy of the paper.
        seed: Part of the run's name; nothing is drawn.
        strategy: As for `GenerativeModel`.
    """

    loss_names = ("reconstruction",)
    augments = False

    def __init__(self, encoder, decoder, likelihood=None, seed=0, strategy=None, **kwargs):
        super().__init__(seed=seed, strategy=strategy, **kwargs)
        self.encoder, self.decoder = encoder, decoder
        self.likelihood = Likelihood() if likelihood is None else likelihood
        self.image_shapes = (None, tuple(encoder.input_shape[1:]))
        image = keras.Input(self.image_shapes[1])
        cycled = picture(decoder(encoder(image)), self.likelihood.scale)
        self.reconstructor = keras.Model(image, cycled, name="autoencoder")
        self.built = True

    @property
    def generators(self):
        """Encoder and decoder, trained by one optimizer."""
        return [self.encoder, self.decoder]

    @property
    def saved(self):
        """The way there and back."""
        return {"autoencoder": (self.reconstructor, "bb")}

    def call(self, pictures):
        """Reconstructs pictures of B."""
        return self.reconstructor(pictures)

    def generator_losses(self, batch):
        """What is lost on the way, mean over the batch."""
        _, b, *_ = batch
        outputs = self.decoder(self.encoder(b, training=True), training=True)
        loss = self.likelihood(b, outputs)
        return {"reconstruction": tf.reduce_mean(loss)}, ()

    def columns(self, a, b, names):
        """Pictures and what comes back."""
        return [(names[1], b), ("and back", self.reconstructor(b))]
