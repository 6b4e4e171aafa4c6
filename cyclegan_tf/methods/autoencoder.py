"""The autoencoder: images through a narrow code and back; and what VAE and CVAE share with it.

Reference: Hinton & Salakhutdinov 2006, "Reducing the Dimensionality of Data with Neural
Networks", Science 313, https://doi.org/10.1126/science.1127647
"""

from dataclasses import dataclass
from typing import Literal

import keras
import tensorflow as tf

from cyclegan_tf.methods.likelihoods import SPREAD, Likelihood
from cyclegan_tf.methods.options import (
    LinearDecay,
    check_sides,
    learning_option,
    loss_option,
    network_option,
)
from cyclegan_tf.methods.registry import method
from cyclegan_tf.networks import latent_autoencoder
from cyclegan_tf.networks.latent_autoencoder import to_image
from cyclegan_tf.training.model import GenerativeModel

#: Numbers in a code by the kind of networks: as Burda et al., our choice, as BicycleGAN.
LATENT = {"dense": 50, "convolutional": 128, "unet": 8}


@dataclass(frozen=True, kw_only=True)
class AutoencoderOptions(LinearDecay):
    """Options of the autoencoder, most of which VAE and CVAE share.

    Networks and learning rate are those of Burda et al. 2016, https://arxiv.org/abs/1509.00519,
    section 5. Their rate falls in eight stages over 3280 epochs; here along a line.
    """

    network: Literal["dense", "convolutional"] | None = network_option(
        None,
        "two hidden layers of 200 tanh units, or convolutions; by default dense for gray images "
        "of at most 32x32 pixels",
    )
    latent: int | None = network_option(
        None,
        "dimensions of the latent code; by default 50 of dense networks, 128 of convolutional ones "
        "and 8 of a U-Net",
        low=1,
    )
    filters: int = network_option(32, "channels of the convolutional networks at full size", low=1)
    likelihood: Literal["bernoulli", "gaussian", "laplace"] | None = loss_option(
        None,
        "distribution of a pixel, whose negative log-likelihood is the reconstruction loss; by "
        "default Bernoulli for gray images and Gaussian for others, of a U-Net Laplace",
    )
    spread: float = loss_option(
        SPREAD,
        "standard deviation of a Gaussian, or scale of a Laplace, pixel in [-1, 1]",
        low=1e-6,
    )
    brightness: float = network_option(
        0.5,
        "mean brightness of the output before training, best that of the training images: 0.13 "
        "for MNIST makes the start much faster",
        above=0,
        below=1,
    )
    learning_rate: float = learning_option(1e-3, "Adam's learning rate at the start", low=0)
    beta_1: float = learning_option(0.9, "Adam's decay rate of the first moment", low=0, below=1)

    def resolve(self, shape_a, shape_b):
        """Networks, code and likelihood by the shape of the images."""
        small = shape_b[-1] == 1 and max(shape_b[:2]) <= 32
        network = self.network or ("dense" if small else "convolutional")
        by_colour = "bernoulli" if shape_b[-1] == 1 else "gaussian"
        likelihood = self.likelihood or ("laplace" if network == "unet" else by_colour)
        if network == "dense":
            self.tell_unused("with network='dense'", "filters")
        else:
            check_sides(*shape_b[:2], 1, 4)
        if likelihood == "bernoulli":
            self.tell_unused("with the Bernoulli likelihood", "spread")
        latent = LATENT[network] if self.latent is None else self.latent
        return self.replace(network=network, latent=latent, likelihood=likelihood)

    def made_likelihood(self):
        """The `Likelihood` of the resolved options."""
        return Likelihood(self.likelihood, self.spread)

    def encoder(self, shapes, number, heads=("mean", "log_variance"), name="encoder"):
        """An encoder of one image or several to `heads`, each `(batch, latent)`."""
        seed = (self.seed, number)
        if self.network == "dense" or max(max(shape[:2]) for shape in shapes) == 1:
            own = {"seed": seed, "name": name}
            return latent_autoencoder.dense_encoder(shapes, self.latent, heads, **own)
        own = (self.filters, seed, name)
        return latent_autoencoder.convolutional_encoder(shapes, self.latent, heads, *own)

    def decoder(self, shape, condition=None):
        """A decoder from codes to what the likelihood takes."""
        own = {"bias": self.made_likelihood().bias(self.brightness), "seed": (self.seed, 1)}
        own |= {"name": "decoder"}
        if self.network == "dense":
            return latent_autoencoder.dense_decoder(shape, self.latent, condition, **own)
        own |= {"filters": self.filters}
        return latent_autoencoder.convolutional_decoder(shape, self.latent, condition, **own)


@method("autoencoder", AutoencoderOptions, batch=100, one_domain=True)
class Autoencoder(GenerativeModel):
    """An encoder to a code of few numbers and a decoder back, trained to lose little.

    It learns images of domain B. The paper trains layer by layer first (with restricted
    Boltzmann machines) and then all together; with today's initial weights and optimizer the second
    part alone suffices. Nothing says how codes are distributed: see `methods.vae` for that.

    Attributes:
        encoder: From images of B to codes `(batch, latent)`.
        decoder: From codes to what `likelihood` takes.
        likelihood: `likelihoods.Likelihood` whose negative logarithm is the loss, in nats per
            image; of gray images "bernoulli" is the cross-entropy of the paper.
    """

    loss_names = ("reconstruction",)
    generator_names = ("encoder", "decoder")
    augments = False

    def make_networks(self):
        """Encoder and decoder."""
        shape = self.image_shapes[1]
        encoder = self.options.encoder([shape], 0, heads=("code",))
        return {"encoder": encoder, "decoder": self.options.decoder(shape)}

    def prepare(self):
        """The likelihood, and the way there and back as one network."""
        self.likelihood = self.options.made_likelihood()
        image = keras.Input(self.image_shapes[1])
        cycled = to_image(self.decoder(self.encoder(image)), self.likelihood.scale)
        self.reconstructor = keras.Model(image, cycled, name="autoencoder")

    @property
    def saved(self):
        """The way there and back."""
        return {"autoencoder": (self.reconstructor, "bb")}

    def call(self, images):
        """Reconstructs images of B."""
        return self.reconstructor(images)

    def generator_losses(self, batch):
        """What is lost on the way, mean over the batch."""
        _, b, *_ = batch
        outputs = self.decoder(self.encoder(b, training=True), training=True)
        loss = self.likelihood(b, outputs)
        return {"reconstruction": tf.reduce_mean(loss)}, ()

    def columns(self, a, b, names):
        """Images and what comes back."""
        return [(names[1], b), ("and back", self.reconstructor(b))]
