"""The old address of `cyclegan_tf.inference.load` and `cyclegan_tf.inference.files`."""

from cyclegan_tf.inference.files import fit_for, translate_files
from cyclegan_tf.inference.load import load

__all__ = ["fit_for", "load", "translate_files"]
