"""One function per method: the paper's defaults, wired into a compiled model."""

from cyclegan_tf.recipes.autoencoding import autoencoder, cvae, vae
from cyclegan_tf.recipes.contrastive import cut, fastcut
from cyclegan_tf.recipes.fast import cyclegan_fast, fsesim_fast
from cyclegan_tf.recipes.latent import munit, unit
from cyclegan_tf.recipes.paired import pix2pix
from cyclegan_tf.recipes.sampling import cgan, dcgan
from cyclegan_tf.recipes.spatial import fsesim
from cyclegan_tf.recipes.unpaired import cyclegan, mri_to_ct

__all__ = [
    "autoencoder",
    "cgan",
    "cut",
    "cvae",
    "cyclegan",
    "cyclegan_fast",
    "dcgan",
    "fastcut",
    "fsesim",
    "fsesim_fast",
    "mri_to_ct",
    "munit",
    "pix2pix",
    "unit",
    "vae",
]
