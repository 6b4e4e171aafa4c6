"""How good a translation is, as numbers: pure functions on arrays of images or features.

Each says in its decorator, `registry.metric`, what it is called in tables and what it takes, and
has its address here: `metrics.psnr`.
"""

from cyclegan_tf.evaluation.registry import METRICS

# isort: off
# The order of these imports is that of the tables' columns.
from cyclegan_tf.evaluation.metrics.distribution import (
    density_coverage,
    frechet_distance,
    kernel_distance,
    precision_recall,
)
from cyclegan_tf.evaluation.metrics import palette
from cyclegan_tf.evaluation.metrics.paired import ms_ssim_scales
from cyclegan_tf.evaluation.metrics.perceptual import lpips
from cyclegan_tf.evaluation.metrics import masked
from cyclegan_tf.evaluation.metrics import report_card
from cyclegan_tf.evaluation.metrics.hidden_information import hidden_information

# isort: on
from cyclegan_tf.evaluation.metrics import recognition
from cyclegan_tf.evaluation.metrics.diversity import diversity
from cyclegan_tf.evaluation.metrics.inception_features import fid, kid

_OWN = {name: one.function for name, one in METRICS.items() if one.function.__name__ == name}
globals().update(_OWN)

__all__ = [
    *_OWN,
    "density_coverage",
    "diversity",
    "fid",
    "frechet_distance",
    "hidden_information",
    "kernel_distance",
    "kid",
    "lpips",
    "masked",
    "ms_ssim_scales",
    "palette",
    "precision_recall",
    "recognition",
    "report_card",
]
