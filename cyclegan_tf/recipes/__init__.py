"""One function per method: the paper's defaults, wired into a compiled model."""

from cyclegan_tf.recipes.latent import munit, unit
from cyclegan_tf.recipes.unpaired import cyclegan

__all__ = ["cyclegan", "munit", "unit"]
