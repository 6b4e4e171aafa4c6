"""The scores of images as translations in one direction: which apply, and their values."""

import functools
from dataclasses import dataclass

import numpy as np

from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.value_range import denormalize, normalize
from cyclegan_tf.evaluation import metrics
from cyclegan_tf.evaluation.metrics import (
    arrays,
    efficientnet_features,
    inception_features,
    perceptual,
)
from cyclegan_tf.evaluation.metrics.features import RandomFeatures, cached
from cyclegan_tf.evaluation.registry import METRICS, Score


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


class Tools:
    """What scoring needs beside images: names of metrics, pretrained networks, a seed.

    Args:
        names: List or tuple of names of `registry.METRICS`, or None for all that apply.
        features: "inception", "random", "none", or None: inception where it can be had, and random
            where `names` has scores of that. Of EfficientNet beside Inception's, unless it is
            "random" or "none".
        weights: File of the Inception weights.
        resize: "clean" or "legacy".
        lpips: "alex", "vgg", "none", or None: alex where it can be had.
        lpips_weights: File of the LPIPS weights.
        seed: Of the choice of images, the noise and the bootstrap.
        progress: Whether to show progress bars.

    Attributes:
        families: The families of features whose scores a reader expects.
        extractors: Dictionary from those that could be had to their extractors (see
            `metrics.features`).
        perceptual: `metrics.perceptual.Lpips`, or None.
        missing: Dictionary from a family of features and "lpips" to the sentence why there is
            none.

    Raises:
        InputError: If an argument is none of these, or weights that were asked for, by name or
            through a metric, cannot be had.
    """

    def __init__(
        self,
        names=None,
        *,
        features=None,
        weights=None,
        resize="clean",
        lpips=None,
        lpips_weights=None,
        seed=0,
        progress=False,
    ):
        if names is not None:
            listed = isinstance(names, (list, tuple)) and names
            if not listed or not all(isinstance(name, str) for name in names):
                raise InputError(
                    "metrics must name at least one score in a list, such as ['kid'], received "
                    f"{names!r}."
                )
            if unknown := [name for name in names if name not in METRICS]:
                raise InputError(
                    f"metrics must be among {', '.join(METRICS)}, received {', '.join(unknown)}."
                )
        check_whole("seed", seed, 0)
        for name, value, choices in (
            ("features", features, ("inception", "random", "none")),
            ("resize", resize, ("clean", "legacy")),
            ("lpips", lpips, ("alex", "vgg", "none")),
        ):
            if value is not None and value not in choices:
                listed = ", ".join(repr(choice) for choice in choices)
                raise InputError(f"{name} must be one of {listed}, received {value!r}.")
        self.names, self.seed, self.progress = names, int(seed), progress
        self.missing = {}
        self.perceptual = None
        wanted = [METRICS[name] for name in names or METRICS]
        kinds = {metric.features for metric in wanted} - {None}
        if features is None and names is not None and "random" in kinds:
            features = "random"
        self.families = ("random",) if features == "random" else ("inception", "efficientnet")
        load = functools.partial(inception_features.load, weights, resize)
        # Of the two, Inception alone is asked for by name and has weights that can be given.
        beside = "none" if features == "none" else None
        found = {
            kind: self._load(kind, "features", choice, load, given)
            for kind, choice, load, given in (
                ("inception", features, load, weights),
                ("efficientnet", beside, efficientnet_features.load, None),
                ("random", features, RandomFeatures, None),
            )
            if kind in kinds and kind in self.families
        }
        self.extractors = {kind: one for kind, one in found.items() if one is not None}
        if any("lpips" in metric.takes.values() for metric in wanted):
            load = functools.partial(perceptual.load, lpips or "alex", lpips_weights)
            self.perceptual = self._load("lpips", "lpips", lpips, load, lpips_weights)

    def _load(self, kind, argument, choice, load, weights):
        if choice == "none":
            self.missing[kind] = f"it was switched off by {argument}='none'."
            return None
        try:
            return load()
        except InputError as error:
            # What was asked for must be there; what comes by default may be missing.
            if choice is not None or weights is not None or self.names is not None:
                raise
            self.missing[kind] = str(error)
            return None


class Scorer:
    """Computes the scores that apply.

    Args:
        tools: `Tools`.
        reference: `Images`: real ones of the target domain.
        inputs: `Images`: what is translated.
        partners: `Images`: the true translation of each input, or None.
        masks: Label maps of the partners, `(n, height, width, 1)`; 0 lies outside of the body. None
            without any.
        patients: A whole number for each input, of slices; None where all images are independent.
        back: Whether there is a generator for the way back.

    Attributes:
        names: The scores that it computes.
        left_out: Dictionary from each other score to the reason; empty where the tools name the
            scores, since then nothing was left out.

    Raises:
        InputError: If a score that the tools name does not apply.
    """

    def __init__(
        self, tools, reference, inputs, partners=None, *, masks=None, patients=None, back=True
    ):
        self.tools, self.reference, self.inputs, self.partners = tools, reference, inputs, partners
        self.masks, self.patients = masks, patients
        self.height, self.width = reference.images.shape[1:3]
        reasons = {name: self._reason(METRICS[name], back) for name in METRICS}
        for name in tools.names or ():
            if reasons[name]:
                raise InputError(f"{name} cannot be computed: {reasons[name]}")
        self.left_out = {}
        self.names = tools.names
        if self.names is None:
            self.names = [name for name in METRICS if not reasons[name]]
            self.left_out = {n: r for n, r in reasons.items() if r and self._expected(METRICS[n])}
        families = {METRICS[name].features for name in self.names} - {None}
        # At once, so that weights that do not fit are told before any training.
        self._real = {family: self._features(reference, family) for family in sorted(families)}

    def score(self, images, *, cycled=None, there=None, back=None, seen=None, group=None):
        """Scores images as translations.

        Args:
            images: `Images` in the target domain's range, at most as many as `inputs`.
            cycled: `Images`: the inputs after the way there and back, or None.
            there: As for `metrics.hidden_information`, or None, as the next two.
            back: As for `metrics.hidden_information`.
            seen: The inputs as the generators see them, in [-1, 1].
            group: Only scores of this group; by default all.

        Returns:
            Dictionary from each name to its `Score`, without those that need what is None, or more
            images.
        """
        results, scores = {}, {}
        made = functools.partial(self._materials, images, cycled, there, back, seen)
        made = functools.cache(made)
        for name in self.names:
            metric = METRICS[name]
            materials, unlike = made(metric.features), group not in (None, metric.group)
            few = len(images) < metric.least_images
            if unlike or few or not materials.keys() >= set(metric.takes.values()):
                continue
            # Metrics that are parts of one result share it.
            key = metric.function, metric.features, *metric.takes.items()
            if key not in results:
                given = {argument: materials[one]() for argument, one in metric.takes.items()}
                results[key] = metric.function(**given)
            found = results[key] if metric.pick is None else metric.pick(results[key])
            scores[name] = self._as_score(found)
        return scores

    def protocol(self):
        """What the scores depend on, beside the images and the generators: a dictionary."""
        used = [METRICS[name] for name in METRICS if name in self.names]
        taken = {one for metric in used for one in metric.takes.values()}
        protocol, families = {}, {metric.features for metric in used}
        for name, extractor in self.tools.extractors.items():
            protocol |= extractor.protocol if name in families else {}
        for metric in used:
            protocol = protocol | metric.protocol
        if "lpips" in taken:
            protocol["lpips"] = self.tools.perceptual.protocol
        if "masks" in taken:
            protocol["in body"] = "where the true image's label map is not 0; MAE in stored units"
        if "ms_ssim_scales" in taken:
            scales = metrics.ms_ssim_scales(self.height, self.width)
            protocol["ms_ssim"] = f"{scales} of 5 scales"
        return protocol

    def _materials(self, images, cycled, there, back, seen, family):
        """All that metrics may take, by name: functions, so that only what is used is made.

        Features are those of the family; None has none.
        """
        some = slice(len(images))
        inputs, tools = self.inputs[some], self.tools
        made = {
            # Stored values, and what is black and white in them.
            "inputs": lambda: inputs.images,
            "translated": lambda: images.images,
            "reference": lambda: self.reference.images,
            "input_range": lambda: inputs.value_range,
            "target_range": lambda: self.reference.value_range,
            # float32 in [-1, 1].
            "normalized_inputs": lambda: inputs.normalized,
            "normalized_translated": lambda: images.normalized,
            # Of the reference and of the translations.
            "real_features": lambda: self._real[family],
            "fake_features": lambda: self._features(images, family),
            "lpips": lambda: tools.perceptual,
            "ms_ssim_scales": lambda: metrics.ms_ssim_scales(self.height, self.width),
            "seed": lambda: tools.seed,
        }
        if self.partners is not None:
            true = self.partners[some]
            made |= {"true": lambda: true.images, "normalized_true": lambda: true.normalized}
        if self.masks is not None:
            made["masks"] = lambda: self.masks[some]
        if cycled is not None:
            made["cycled"] = lambda: cycled.images
        if back is not None:
            made |= {"there": lambda: there, "back": lambda: back, "seen": lambda: seen}
        return {name: functools.cache(make) for name, make in made.items()}

    def by_label(self, cycled, masks, names):
        """How far the inputs after the way there and back are from the inputs, label by label.

        Args:
            cycled: `Images`: the inputs after the way there and back.
            masks: Label maps of the inputs `(n, height, width, 1)`.
            names: Dictionary from labels, as strings, to their names.

        Returns:
            Dictionary from each label's name to its `Score`, the mean absolute error within it.
        """
        errors = metrics.masked.by_label(self.inputs.images, cycled.images, masks)
        return {names.get(str(n), f"label {n}"): self._as_score(e) for n, e in errors.items()}

    def _as_score(self, found):
        if isinstance(found, Score):
            return found
        if np.ndim(found) == 0:
            return Score(float(found))
        patients = None if self.patients is None else self.patients[: len(found)]
        return Score.of_images(found, self.tools.seed, patients)

    def _features(self, images, family):
        return cached(self.tools.extractors[family], images.eight_bit, self.tools.progress)

    def _expected(self, metric):
        """Whether a reader asks why there is no such score."""
        if "masks" in metric.takes.values():
            return self.masks is not None
        return metric.features in (None, *self.tools.families)

    def _reason(self, metric, back):
        """Why a score does not apply; empty where it does."""
        takes, missing = set(metric.takes.values()), self.tools.missing
        if takes & {"true", "normalized_true"} and self.partners is None:
            return "the images of this split are not paired."
        if "masks" in takes and self.masks is None:
            return "the data hold no label maps of this split."
        if takes & {"cycled", "back"} and not back:
            return "there is no generator for the way back: give both."
        if min(self.height, self.width) < metric.least_side:
            return (
                f"it needs images of at least {metric.least_side} pixels, received "
                f"{self.height}x{self.width}."
            )
        channels = [images.images.shape[-1] for images in (self.reference, self.inputs)]
        other = [count for count in channels if count not in (1, 3)]
        if other and takes & {"real_features", "lpips"}:
            return f"it needs 1 or 3 channels, received {other[0]}."
        if metric.features and metric.features not in self.tools.extractors:
            family = "random" if metric.features == "random" else "inception"
            return missing.get(metric.features, f"it needs features={family!r}.")
        count = min(len(self.reference), len(self.inputs))
        if count < metric.least_images:
            return (
                f"it needs at least {metric.least_images} images of each domain, received {count}."
            )
        if "lpips" in takes:
            if self.tools.perceptual is None:
                return missing.get("lpips", "it needs the LPIPS weights.")
            one = self.inputs[:1].normalized
            try:
                self.tools.perceptual(one, one)
            except InputError as error:
                return str(error)
        return ""
