"""How good a translation is, as numbers: pure functions on arrays of images or features."""

from cyclegan_tf.evaluation.metrics import masked
from cyclegan_tf.evaluation.metrics.distribution import (
    density_coverage,
    frechet_distance,
    kernel_distance,
    precision_recall,
    realism,
)
from cyclegan_tf.evaluation.metrics.diversity import diversity
from cyclegan_tf.evaluation.metrics.hidden_information import hidden_information
from cyclegan_tf.evaluation.metrics.inception_scores import fid, kid
from cyclegan_tf.evaluation.metrics.paired import mae, ms_ssim, ms_ssim_scales, mse, psnr, ssim
from cyclegan_tf.evaluation.metrics.perceptual import lpips
from cyclegan_tf.evaluation.metrics.report_card import (
    colour_consistency,
    cycle_consistency,
    edge_preservation,
    structural_similarity,
    texture,
)

__all__ = [
    "colour_consistency",
    "cycle_consistency",
    "density_coverage",
    "diversity",
    "edge_preservation",
    "fid",
    "frechet_distance",
    "hidden_information",
    "kernel_distance",
    "kid",
    "lpips",
    "mae",
    "masked",
    "ms_ssim",
    "ms_ssim_scales",
    "mse",
    "precision_recall",
    "psnr",
    "realism",
    "ssim",
    "structural_similarity",
    "texture",
]
