"""Networks: plain functions that return functional Keras models, and the files they are kept in.

Importing the package registers its layers, so that `keras.models.load_model` opens saved networks.
"""

from cyclegan_tf.networks import layers
from cyclegan_tf.networks.discriminators import (
    multiscale_discriminator,
    patch_discriminator,
    pixel_discriminator,
)
from cyclegan_tf.networks.generators import chained, resnet_generator, unet_generator

__all__ = [
    "chained",
    "layers",
    "multiscale_discriminator",
    "patch_discriminator",
    "pixel_discriminator",
    "resnet_generator",
    "unet_generator",
]
