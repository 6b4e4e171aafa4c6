"""Keras layers. Importing the package registers all of them, so that saved networks load."""

from cyclegan_tf.networks.layers import (
    convolutions,
    dropout,
    normalization,
    padding,
    resampling,
    residual_output,
    spectral_norm,
    winograd,
)

__all__ = [
    "convolutions",
    "dropout",
    "normalization",
    "padding",
    "resampling",
    "residual_output",
    "spectral_norm",
    "winograd",
]
