"""The registry of metrics, and one score with its uncertainty."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

#: What metrics compare, by the name of their group; there is a table for each.
GROUPS = {
    "set": "As a set, against real images of the target domain",
    "unseen": "As a set, in features that no training here looks at (EfficientNet-Lite0)",
    "pairs": "Each image against its true partner",
    "input": "Each image against its input",
    "hidden": "Hidden information: mean error of the cycle, as a share of the value range",
}
#: Resamplings behind each bootstrapped interval.
RESAMPLINGS = 1000


@dataclass(frozen=True)
class Metric:
    """One metric, as `metric` registers it.

    Attributes:
        title: Head of its column.
        group: One of `GROUPS`.
        better: "lower" or "higher".
        function: Computes it.
        takes: Dictionary from each argument of the function to the name of what it is given: one
            of `scorer.Scorer._materials`. Where that does not exist, the metric does not apply.
        pick: Function from what `function` returns to the metric's part of it: an array `(n,)`
            with a number for each image, one number, or a `Score`; None takes all of it.
        scale: Factor of the value in tables.
        features: "inception", "efficientnet" or "random" where it takes features; else None.
        least_images: How many images of each domain it needs.
        least_side: How many pixels the smaller side of an image needs.
        protocol: What to say beside the tables where the metric is in them.
    """

    title: str
    group: str
    better: str
    function: Callable | None = None
    takes: dict = field(default_factory=dict)
    pick: Callable | None = None
    scale: float = 1.0
    features: str | None = None
    least_images: int = 1
    least_side: int = 1
    protocol: dict = field(default_factory=dict)


#: Every metric by its name in files, in the order of the tables; complete once
#: `evaluation.metrics` is imported.
METRICS = {}


def metric(name, title, group, better, takes, **more):
    """Registers a function as a metric: a column of the tables, a key of the files, a choice.

    Of several such decorators of one function the lowest comes first in the tables.

    Args:
        name: Its name in files and arguments.
        title: As for `Metric`.
        group: As for `Metric`.
        better: As for `Metric`.
        takes: As for `Metric`.
        **more: Further attributes of `Metric`.

    Example:
        >>> @metric("bias", "bias", "pairs", "lower", {"x": "true", "y": "translated"})
        ... def bias(x, y):
        ...     return np.abs((y.astype(float) - x).mean(axis=(1, 2, 3)))
    """

    def register(function):
        METRICS[name] = Metric(title, group, better, function, takes, **more)
        return function

    return register


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
