"""Every score of one direction of translation: what it is called, where it applies, its value."""

from dataclasses import dataclass

import numpy as np

from cyclegan_tf import metrics
from cyclegan_tf.data.values import denormalize, normalize
from cyclegan_tf.errors import InputError
from cyclegan_tf.metrics import arrays, features

#: Resamplings behind each bootstrapped interval.
RESAMPLINGS = 1000


@dataclass(frozen=True)
class Metric:
    """How a score is shown.

    Attributes:
        title: Head of its column.
        group: What it compares: "set" (translations and real pictures as sets), "pairs" (each
            with its true partner), "input" (each with its input), "hidden" (each input with
            what comes back).
        better: "lower" or "higher".
        scale: Factor of the value in tables.
    """

    title: str
    group: str
    better: str
    scale: float = 1.0


_SET = {
    "fid": Metric("FID", "set", "lower"),
    "kid": Metric("KID", "set", "lower", 1000.0),
    "precision": Metric("precision", "set", "higher"),
    "recall": Metric("recall", "set", "higher"),
    "density": Metric("density", "set", "higher"),
    "coverage": Metric("coverage", "set", "higher"),
    "realism": Metric("realism", "set", "higher"),
}
#: The same quantities on untrained features: never called FID or KID.
_SET_RANDOM = {
    "frechet_random": Metric("Fréchet (random)", "set", "lower"),
    "kernel_random": Metric("kernel (random)", "set", "lower"),
    "precision_random": Metric("precision (random)", "set", "higher"),
    "recall_random": Metric("recall (random)", "set", "higher"),
    "density_random": Metric("density (random)", "set", "higher"),
    "coverage_random": Metric("coverage (random)", "set", "higher"),
    "realism_random": Metric("realism (random)", "set", "higher"),
}
_PAIRS = {
    "mae": Metric("MAE", "pairs", "lower"),
    "mse": Metric("MSE", "pairs", "lower"),
    "psnr": Metric("PSNR", "pairs", "higher"),
    "ssim": Metric("SSIM", "pairs", "higher"),
    "ms_ssim": Metric("MS-SSIM", "pairs", "higher"),
    "lpips": Metric("LPIPS", "pairs", "lower"),
}
_INPUT = {
    "edge_preservation": Metric("edges", "input", "higher"),
    "colour_consistency": Metric("colours", "input", "higher"),
    "structural_similarity": Metric("structure", "input", "higher"),
    "texture": Metric("texture", "input", "higher"),
    "perceptual_loss": Metric("perceptual loss", "input", "lower"),
    "cycle_consistency": Metric("cycle", "input", "higher"),
}
_HIDDEN = {
    "cycle_error": Metric("as it is", "hidden", "lower"),
    "cycle_error_rounded": Metric("rounded to 8 bits", "hidden", "lower"),
    "cycle_error_noisy": Metric("with noise", "hidden", "lower"),
}
#: Every score by its name in files, in the order of the tables.
METRICS = _SET | _SET_RANDOM | _PAIRS | _INPUT | _HIDDEN


@dataclass(frozen=True)
class Score:
    """One number with its uncertainty.

    Attributes:
        value: The score; of those that exist per picture, their mean (of realism, the median).
        interval: 95 % interval `(low, high)` over the choice of pictures, or None. Bootstrapped
            for means; 1.96 jackknife standard errors for kernel distances.
        standard_error: Of `value`, or None.
        pictures: Array `(n,)` with the score of each picture, or None.
    """

    value: float
    interval: tuple[float, float] | None = None
    standard_error: float | None = None
    pictures: np.ndarray | None = None

    @classmethod
    def of_pictures(cls, scores, seed=0):
        """The mean of one score per picture, with the percentile bootstrap of that mean.

        One picture tells nothing about others: then there is no interval. That of few is too
        narrow: of normal scores, 88 % instead of 95 % of intervals hold the mean at 8 pictures,
        and 94 % at 30.
        """
        scores, draw = np.asarray(scores, np.float64), np.random.default_rng(seed)
        if len(scores) < 2:
            return cls(float(scores.mean()), pictures=scores)
        # One after the other: all at once would take a thousand times the scores' memory.
        means = np.array(
            [scores[draw.integers(0, len(scores), len(scores))].mean() for _ in range(RESAMPLINGS)]
        )
        low, high = np.percentile(means, (2.5, 97.5)) if np.isfinite(means).all() else (np.nan,) * 2
        error = means.std() if np.isfinite(means).all() else np.nan
        return cls(float(scores.mean()), (float(low), float(high)), float(error), scores)


@dataclass(frozen=True)
class Pictures:
    """Stored pictures of one domain.

    Attributes:
        images: Array `(n, height, width, channels)`.
        value_range: `(low, high)`: the stored values of black and white.
    """

    images: np.ndarray
    value_range: tuple[float, float]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return Pictures(self.images[index], self.value_range)

    @property
    def normalized(self):
        """float32 in [-1, 1]."""
        return normalize(self.images, self.value_range)

    @property
    def eight_bit(self):
        """uint8, as networks for 8-bit pictures want them."""
        if self.images.dtype == np.uint8 and self.value_range == (0.0, 255.0):
            return self.images
        return denormalize(self.normalized, (0, 255), np.uint8)

    def like(self, other):
        """The same pictures in the channels, range and type of `other`."""
        values, channels = self.normalized, other.images.shape[-1]
        if values.shape[-1] != channels:
            values = np.repeat(arrays.gray(values)[..., None], channels, axis=-1)
        return other.stored(values)

    def stored(self, normalized):
        """Pictures of this domain's range and type from values in [-1, 1]."""
        images = denormalize(normalized, self.value_range, self.images.dtype)
        return Pictures(images, self.value_range)


class Scorer:
    """Computes the scores that apply.

    Args:
        reference: `Pictures`: real ones of the target domain.
        inputs: `Pictures`: what is translated.
        partners: `Pictures`: the true translation of each input, or None.
        names: Which scores; by default all that apply.
        extractor: Feature extractor (see `metrics.features`), or None.
        perceptual: `metrics.perceptual.Lpips`, or None.
        back: Whether there is a generator for the way back.
        missing: Mapping "features" and "lpips" to the sentence why there is none.
        seed: Of the bootstrap.
        progress: Whether to show progress bars.

    Attributes:
        names: The scores that it computes.
        left_out: Mapping from each other score to the reason; empty where `names` were given,
            since then nothing was left out.

    Raises:
        InputError: If a score of `names` is unknown or does not apply.
    """

    def __init__(
        self,
        reference,
        inputs,
        partners=None,
        *,
        names=None,
        extractor=None,
        perceptual=None,
        back=True,
        missing=None,
        seed=0,
        progress=False,
    ):
        self.reference, self.inputs, self.partners = reference, inputs, partners
        self.extractor, self.perceptual = extractor, perceptual
        self.seed, self.progress = seed, progress
        self.height, self.width = reference.images.shape[1:3]
        self.scales = metrics.ms_ssim_scales(self.height, self.width)
        unknown = [name for name in names or () if name not in METRICS]
        if unknown:
            raise InputError(
                f"metrics must be among {', '.join(METRICS)}, received {', '.join(unknown)}."
            )
        reasons = {name: self._reason(name, back, missing or {}) for name in METRICS}
        for name in names or ():
            if reasons[name]:
                raise InputError(f"{name} cannot be computed: {reasons[name]}")
        self.names = [name for name in METRICS if not reasons[name]] if names is None else names
        other_features = _SET if extractor and extractor.name != "inception" else _SET_RANDOM
        self.left_out = {
            name: reason
            for name, reason in reasons.items()
            if reason and names is None and name not in other_features
        }

        if self._wanted(*_SET, *_SET_RANDOM):
            # At once, so that weights that do not fit are told before any training.
            self._real = features.cached(extractor, reference.eight_bit, progress)

    @property
    def looks_for_hidden(self):
        """Whether `score` wants `hidden`."""
        return self._wanted(*_HIDDEN)

    def score(self, pictures, cycled=None, hidden=None):
        """Scores pictures as translations.

        Args:
            pictures: `Pictures` in the target domain's range, at most as many as `inputs`.
            cycled: `Pictures`: the inputs after the way there and back, or None.
            hidden: What `metrics.hidden_information` gave, or None.

        Returns:
            Dictionary from each name to its `Score`, without those that need what is None.
        """
        scores = self._as_set(pictures) | self._as_pairs(pictures)
        scores |= self._as_translations(pictures, cycled)
        if hidden is not None:
            scores |= self._per_picture(
                {
                    name: lambda kind=kind: hidden[kind]
                    for name, kind in zip(_HIDDEN, ("as_is", "rounded", "noisy"), strict=True)
                }
            )
        return {name: scores[name] for name in self.names if name in scores}

    def _wanted(self, *names):
        return any(name in self.names for name in names)

    def _as_set(self, pictures):
        if not self._wanted(*_SET, *_SET_RANDOM):
            return {}
        real = self._real
        fake = features.cached(self.extractor, pictures.eight_bit, self.progress)
        names = dict(zip(_SET, _SET_RANDOM, strict=True))
        if self.extractor.name == "inception":
            names = {name: name for name in _SET}
        scores = {}
        if self._wanted(names["fid"]):
            scores[names["fid"]] = Score(metrics.frechet_distance(real, fake))
        if self._wanted(names["kid"]):
            value, error = metrics.kernel_distance(real, fake)
            interval = (value - 1.96 * error, value + 1.96 * error)
            scores[names["kid"]] = Score(value, interval, error)
        if self._wanted(names["precision"], names["recall"]):
            precision, recall = metrics.precision_recall(real, fake)
            scores |= {names["precision"]: Score(precision), names["recall"]: Score(recall)}
        if self._wanted(names["density"], names["coverage"]):
            density, coverage = metrics.density_coverage(real, fake)
            scores |= {names["density"]: Score(density), names["coverage"]: Score(coverage)}
        if self._wanted(names["realism"]):
            inside = metrics.realism(real, fake)
            # A copy of a real picture is infinitely real: the median bears it, the mean does not.
            scores[names["realism"]] = Score(float(np.median(inside)), pictures=inside)
        return scores

    def _as_pairs(self, pictures):
        if not self._wanted(*_PAIRS):
            return {}
        x, y = self.partners.images[: len(pictures)], pictures.images
        value_range = self.reference.value_range
        compute = {
            "mae": lambda: metrics.mae(x, y),
            "mse": lambda: metrics.mse(x, y),
            "psnr": lambda: metrics.psnr(x, y, value_range),
            "ssim": lambda: metrics.ssim(x, y, value_range),
            "ms_ssim": lambda: metrics.ms_ssim(x, y, value_range, scales=self.scales),
            "lpips": lambda: self._perceptual(self.partners, pictures),
        }
        return self._per_picture(compute)

    def _as_translations(self, pictures, cycled):
        x, y = self.inputs.images[: len(pictures)], pictures.images
        ranges = self.inputs.value_range, pictures.value_range
        compute = {
            name: lambda function=function: function(x, y, *ranges)
            for name, function in (
                ("edge_preservation", metrics.edge_preservation),
                ("colour_consistency", metrics.colour_consistency),
                ("structural_similarity", metrics.structural_similarity),
                ("texture", metrics.texture),
            )
        }
        compute["perceptual_loss"] = lambda: self._perceptual(self.inputs, pictures)
        if cycled is not None:
            compute["cycle_consistency"] = lambda: metrics.cycle_consistency(
                x, cycled.images, ranges[0]
            )
        return self._per_picture(compute)

    def _per_picture(self, compute):
        return {
            name: Score.of_pictures(function(), self.seed)
            for name, function in compute.items()
            if name in self.names
        }

    def _perceptual(self, x, y):
        return self.perceptual(x[: len(y)].normalized, y.normalized)

    def _reason(self, name, back, missing):
        """Why a score does not apply; empty where it does."""
        metric = METRICS[name]
        if metric.group == "set":
            return self._reason_of_set(name, missing)
        if metric.group == "pairs" and self.partners is None:
            return "the pictures of this split are not paired."
        if (name == "cycle_consistency" or metric.group == "hidden") and not back:
            return "there is no generator for the way back: give both."
        if name in ("ssim", "structural_similarity") and not self.scales:
            return f"it needs pictures of at least 11 pixels, received {self.height}x{self.width}."
        if name == "texture" and min(self.height, self.width) < 3:
            return f"it needs pictures of at least 3 pixels, received {self.height}x{self.width}."
        if name == "ms_ssim" and self.scales < 2:
            return f"it needs pictures of at least 22 pixels, received {self.height}x{self.width}."
        if name in ("lpips", "perceptual_loss"):
            return self._reason_of_lpips(missing)
        return ""

    def _reason_of_set(self, name, missing):
        if self._reason_of_channels():
            return self._reason_of_channels()
        wanted = "inception" if name in _SET else "random"
        if self.extractor is None or self.extractor.name != wanted:
            return missing.get("features", f"it needs features={wanted!r}.")
        least = 2 if name in ("fid", "frechet_random") else 3 if name.startswith("k") else 6
        for pictures in (self.reference, self.inputs):
            if len(pictures) < least:
                return f"it needs at least {least} pictures of each domain, received " + (
                    f"{len(pictures)}."
                )
        return ""

    def _reason_of_lpips(self, missing):
        if self._reason_of_channels():
            return self._reason_of_channels()
        if self.perceptual is None:
            return missing.get("lpips", "it needs the LPIPS weights.")
        try:
            self._perceptual(self.inputs[:1], self.inputs[:1])
        except InputError as error:
            return str(error)
        return ""

    def _reason_of_channels(self):
        for pictures in (self.reference, self.inputs):
            if pictures.images.shape[-1] not in (1, 3):
                return f"it needs 1 or 3 channels, received {pictures.images.shape[-1]}."
        return ""
