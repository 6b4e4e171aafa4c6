"""The old address of `cyclegan_tf.inference.load`."""

from cyclegan_tf.inference.load import fit_for, load, translate_files

__all__ = ["fit_for", "load", "translate_files"]
