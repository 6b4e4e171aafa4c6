"""The old address of `cyclegan_tf.training.run`."""

from cyclegan_tf.training.run import train

__all__ = ["train"]
