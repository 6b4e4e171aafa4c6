"""One function per method: the paper's defaults, wired into a compiled model."""

from cyclegan_tf.recipes.autoencoding import autoencoder, cvae, vae
from cyclegan_tf.recipes.unpaired import cyclegan

__all__ = ["autoencoder", "cvae", "cyclegan", "vae"]
