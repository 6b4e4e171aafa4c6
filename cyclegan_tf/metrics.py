"""The old address of `cyclegan_tf.evaluation.metrics`."""

from cyclegan_tf.evaluation.metrics import *  # noqa: F403
from cyclegan_tf.evaluation.metrics import __all__  # noqa: F401
