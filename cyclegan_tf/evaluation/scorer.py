"""The scores of one direction of translation: where each applies, and its value."""

from dataclasses import dataclass

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.value_range import denormalize, normalize
from cyclegan_tf.evaluation import metrics
from cyclegan_tf.evaluation.metrics import arrays, features, masked
from cyclegan_tf.evaluation.registry import BODY, HIDDEN, METRICS, PAIRS, SET, SET_RANDOM, Score


@dataclass(frozen=True)
class Images:
    """Stored images of one domain.

    Attributes:
        images: Array `(n, height, width, channels)`.
        value_range: `(low, high)`: the stored values of black and white.
    """

    images: np.ndarray
    value_range: tuple[float, float]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return Images(self.images[index], self.value_range)

    @property
    def normalized(self):
        """float32 in [-1, 1]."""
        return normalize(self.images, self.value_range)

    @property
    def eight_bit(self):
        """uint8, as networks for 8-bit images want them."""
        if self.images.dtype == np.uint8 and self.value_range == (0.0, 255.0):
            return self.images
        return denormalize(self.normalized, (0, 255), np.uint8)

    def like(self, other):
        """The same images in the channels, range and type of `other`."""
        values, channels = self.normalized, other.images.shape[-1]
        if values.shape[-1] != channels:
            values = np.repeat(arrays.gray(values)[..., None], channels, axis=-1)
        return other.stored(values)

    def stored(self, normalized):
        """Images of this domain's range and type from values in [-1, 1]."""
        images = denormalize(normalized, self.value_range, self.images.dtype)
        return Images(images, self.value_range)


class Scorer:
    """Computes the scores that apply.

    Args:
        reference: `Images`: real ones of the target domain.
        inputs: `Images`: what is translated.
        partners: `Images`: the true translation of each input, or None.
        masks: Label maps of the partners, `(n, height, width, 1)`; 0 lies outside of the body. None
            without any.
        patients: A whole number for each input, of slices; None where all images are independent.
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
        masks=None,
        patients=None,
        names=None,
        extractor=None,
        perceptual=None,
        back=True,
        missing=None,
        seed=0,
        progress=False,
    ):
        self.reference, self.inputs, self.partners = reference, inputs, partners
        self.masks, self.patients = masks, patients
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
        unasked = SET if extractor and extractor.name != "inception" else SET_RANDOM
        if masks is None:
            unasked = unasked | BODY
        self.left_out = {
            name: reason
            for name, reason in reasons.items()
            if reason and names is None and name not in unasked
        }

        if self._wanted(*SET, *SET_RANDOM):
            # At once, so that weights that do not fit are told before any training.
            self._real = features.cached(extractor, reference.eight_bit, progress)

    @property
    def looks_for_hidden(self):
        """Whether `score` wants `hidden`."""
        return self._wanted(*HIDDEN)

    def score(self, images, cycled=None, hidden=None):
        """Scores images as translations.

        Args:
            images: `Images` in the target domain's range, at most as many as `inputs`.
            cycled: `Images`: the inputs after the way there and back, or None.
            hidden: What `metrics.hidden_information` gave, or None.

        Returns:
            Dictionary from each name to its `Score`, without those that need what is None.
        """
        scores = self._as_set(images) | self.as_pairs(images)
        scores |= self._as_translations(images, cycled)
        if hidden is not None:
            scores |= self._per_image(
                {
                    name: lambda kind=kind: hidden[kind]
                    for name, kind in zip(HIDDEN, ("as_is", "rounded", "noisy"), strict=True)
                }
            )
        return {name: scores[name] for name in self.names if name in scores}

    def as_pairs(self, images):
        """Only those of `score` that compare each image with its true partner."""
        if not self._wanted(*PAIRS, *BODY):
            return {}
        x, y = self.partners.images[: len(images)], images.images
        value_range = self.reference.value_range
        masks = None if self.masks is None else self.masks[: len(y)]
        compute = {
            "mae": lambda: metrics.mae(x, y),
            "mse": lambda: metrics.mse(x, y),
            "psnr": lambda: metrics.psnr(x, y, value_range),
            "ssim": lambda: metrics.ssim(x, y, value_range),
            "ms_ssim": lambda: metrics.ms_ssim(x, y, value_range, scales=self.scales),
            "lpips": lambda: self._perceptual(self.partners, images),
            "mae_body": lambda: masked.mae(x, y, masks),
            "psnr_body": lambda: masked.psnr(x, y, masks, value_range),
            "ssim_body": lambda: masked.ssim(x, y, masks, value_range),
        }
        scores = self._per_image(compute)
        return {name: scores[name] for name in self.names if name in scores}

    def by_label(self, cycled, masks, names):
        """How far the inputs after the way there and back are from the inputs, label by label.

        Args:
            cycled: `Images`: the inputs after the way there and back.
            masks: Label maps of the inputs `(n, height, width, 1)`.
            names: Mapping from labels, as strings, to their names.

        Returns:
            Dictionary from each label's name to its `Score`, the mean absolute error within it.
        """
        errors = masked.by_label(self.inputs.images, cycled.images, masks)
        return {names.get(str(n), f"label {n}"): self._score(e) for n, e in errors.items()}

    def _score(self, of_images):
        patients = None if self.patients is None else self.patients[: len(of_images)]
        return Score.of_images(of_images, self.seed, patients)

    def _wanted(self, *names):
        return any(name in self.names for name in names)

    def _as_set(self, images):
        if not self._wanted(*SET, *SET_RANDOM):
            return {}
        real = self._real
        fake = features.cached(self.extractor, images.eight_bit, self.progress)
        names = dict(zip(SET, SET_RANDOM, strict=True))
        if self.extractor.name == "inception":
            names = {name: name for name in SET}
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
            # A copy of a real image is infinitely real: the median bears it, the mean does not.
            scores[names["realism"]] = Score(float(np.median(inside)), images=inside)
        return scores

    def _as_translations(self, images, cycled):
        x, y = self.inputs.images[: len(images)], images.images
        ranges = self.inputs.value_range, images.value_range
        compute = {
            name: lambda function=function: function(x, y, *ranges)
            for name, function in (
                ("edge_preservation", metrics.edge_preservation),
                ("colour_consistency", metrics.colour_consistency),
                ("structural_similarity", metrics.structural_similarity),
                ("texture", metrics.texture),
            )
        }
        compute["perceptual_loss"] = lambda: self._perceptual(self.inputs, images)
        if cycled is not None:
            compute["cycle_consistency"] = lambda: metrics.cycle_consistency(
                x, cycled.images, ranges[0]
            )
        return self._per_image(compute)

    def _per_image(self, compute):
        return {
            name: self._score(function())
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
            return "the images of this split are not paired."
        if name in BODY and self.masks is None:
            return "the data hold no label maps of this split."
        if (name == "cycle_consistency" or metric.group == "hidden") and not back:
            return "there is no generator for the way back: give both."
        if name in ("ssim", "ssim_body", "structural_similarity") and not self.scales:
            return f"it needs images of at least 11 pixels, received {self.height}x{self.width}."
        if name == "texture" and min(self.height, self.width) < 3:
            return f"it needs images of at least 3 pixels, received {self.height}x{self.width}."
        if name == "ms_ssim" and self.scales < 2:
            return f"it needs images of at least 22 pixels, received {self.height}x{self.width}."
        if name in ("lpips", "perceptual_loss"):
            return self._reason_of_lpips(missing)
        return ""

    def _reason_of_set(self, name, missing):
        if self._reason_of_channels():
            return self._reason_of_channels()
        wanted = "inception" if name in SET else "random"
        if self.extractor is None or self.extractor.name != wanted:
            return missing.get("features", f"it needs features={wanted!r}.")
        least = 2 if name in ("fid", "frechet_random") else 3 if name.startswith("k") else 6
        for images in (self.reference, self.inputs):
            if len(images) < least:
                return f"it needs at least {least} images of each domain, received " + (
                    f"{len(images)}."
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
        for images in (self.reference, self.inputs):
            if images.images.shape[-1] not in (1, 3):
                return f"it needs 1 or 3 channels, received {images.images.shape[-1]}."
        return ""
