"""What the scores are called, and one score with its uncertainty."""

from dataclasses import dataclass

import numpy as np

#: Resamplings behind each bootstrapped interval.
RESAMPLINGS = 1000


@dataclass(frozen=True)
class Metric:
    """How a score is shown.

    Attributes:
        title: Head of its column.
        group: What it compares: "set" (translations and real images as sets), "pairs" (each
            with its true partner), "input" (each with its input), "hidden" (each input with
            what comes back).
        better: "lower" or "higher".
        scale: Factor of the value in tables.
    """

    title: str
    group: str
    better: str
    scale: float = 1.0


SET = {
    "fid": Metric("FID", "set", "lower"),
    "kid": Metric("KID", "set", "lower", 1000.0),
    "precision": Metric("precision", "set", "higher"),
    "recall": Metric("recall", "set", "higher"),
    "density": Metric("density", "set", "higher"),
    "coverage": Metric("coverage", "set", "higher"),
    "realism": Metric("realism", "set", "higher"),
}
#: The same quantities on untrained features: never called FID or KID.
SET_RANDOM = {
    "frechet_random": Metric("Fréchet (random)", "set", "lower"),
    "kernel_random": Metric("kernel (random)", "set", "lower"),
    "precision_random": Metric("precision (random)", "set", "higher"),
    "recall_random": Metric("recall (random)", "set", "higher"),
    "density_random": Metric("density (random)", "set", "higher"),
    "coverage_random": Metric("coverage (random)", "set", "higher"),
    "realism_random": Metric("realism (random)", "set", "higher"),
}
PAIRS = {
    "mae": Metric("MAE", "pairs", "lower"),
    "mse": Metric("MSE", "pairs", "lower"),
    "psnr": Metric("PSNR", "pairs", "higher"),
    "ssim": Metric("SSIM", "pairs", "higher"),
    "ms_ssim": Metric("MS-SSIM", "pairs", "higher"),
    "lpips": Metric("LPIPS", "pairs", "lower"),
}
#: Of slices of a body: what lies outside of it counts in none of these.
BODY = {
    "mae_body": Metric("MAE in body", "pairs", "lower"),
    "psnr_body": Metric("PSNR in body", "pairs", "higher"),
    "ssim_body": Metric("SSIM in body", "pairs", "higher"),
}
INPUT = {
    "edge_preservation": Metric("edges", "input", "higher"),
    "colour_consistency": Metric("colours", "input", "higher"),
    "structural_similarity": Metric("structure", "input", "higher"),
    "texture": Metric("texture", "input", "higher"),
    "perceptual_loss": Metric("perceptual loss", "input", "lower"),
    "cycle_consistency": Metric("cycle", "input", "higher"),
}
HIDDEN = {
    "cycle_error": Metric("as it is", "hidden", "lower"),
    "cycle_error_rounded": Metric("rounded to 8 bits", "hidden", "lower"),
    "cycle_error_noisy": Metric("with noise", "hidden", "lower"),
}
#: Every score by its name in files, in the order of the tables.
METRICS = SET | SET_RANDOM | PAIRS | BODY | INPUT | HIDDEN


@dataclass(frozen=True)
class Score:
    """One number with its uncertainty.

    Attributes:
        value: The score; of those that exist per image, their mean (of realism, the median).
        interval: 95 % interval `(low, high)` over the choice of images, of slices over that of
            patients, or None. Bootstrapped for means; 1.96 jackknife standard errors for kernel
            distances.
        standard_error: Of `value`, or None.
        images: Array `(n,)` with the score of each image, or None. One that has none is NaN and
            does not count.
    """

    value: float
    interval: tuple[float, float] | None = None
    standard_error: float | None = None
    images: np.ndarray | None = None

    @classmethod
    def of_images(cls, scores, seed=0, patients=None):
        """The mean of one score per image, with the percentile bootstrap of that mean.

        One image tells nothing about others: then there is no interval. That of few is too
        narrow: of normal scores, 88 % instead of 95 % of intervals hold the mean at 8 images,
        and 94 % at 30.

        Args:
            scores: Array `(n,)`; NaN where an image has no score.
            seed: Of the bootstrap.
            patients: A whole number for each image. Slices of one patient are alike: patients
                are then drawn, each with all its slices.
        """
        scores, draw = np.asarray(scores, np.float64), np.random.default_rng(seed)
        known = ~np.isnan(scores)
        if not known.any():
            return cls(float("nan"), images=scores)
        value = float(scores[known].mean())
        whose = np.arange(len(scores)) if patients is None else np.asarray(patients)
        _, whose = np.unique(whose[known], return_inverse=True)
        sums, counts = np.bincount(whose, scores[known]), np.bincount(whose)
        if len(sums) < 2:
            return cls(value, images=scores)

        def mean_of_some():
            drawn = draw.integers(0, len(sums), len(sums))
            return sums[drawn].sum() / counts[drawn].sum()

        # One after the other: all at once would take a thousand times the scores' memory.
        means = np.array([mean_of_some() for _ in range(RESAMPLINGS)])
        low, high = np.percentile(means, (2.5, 97.5)) if np.isfinite(means).all() else (np.nan,) * 2
        error = means.std() if np.isfinite(means).all() else np.nan
        return cls(value, (float(low), float(high)), float(error), scores)
