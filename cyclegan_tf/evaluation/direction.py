"""One direction of translation on held-out images: which ones, with what, and their scores."""

from importlib.metadata import version

import numpy as np
from tqdm import tqdm

from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.value_range import normalize
from cyclegan_tf.evaluation.metrics import hidden_information, inception_features, perceptual
from cyclegan_tf.evaluation.metrics.features import RandomFeatures
from cyclegan_tf.evaluation.registry import BODY, METRICS
from cyclegan_tf.evaluation.result import Result
from cyclegan_tf.evaluation.scorer import Images, Scorer
from cyclegan_tf.inference.compiled import CompiledGenerator
from cyclegan_tf.networks import generator_file

#: Standard deviation of the noise of the hidden-information check: two of 255 grey levels.
NOISE = 2 / 255
#: Images that a set must have for every score of sets to exist.
ENOUGH = 6


class Tools:
    """What scoring needs beside images: networks, names of metrics, seeds.

    Args:
        names: List or tuple of names of `scores.METRICS`, or None for all that apply.
        features: "inception", "random", "none", or None: inception where it can be had, and random
            where `names` has scores of that.
        weights: File of the Inception weights.
        resize: "clean" or "legacy".
        lpips: "alex", "vgg", "none", or None: alex where it can be had.
        lpips_weights: File of the LPIPS weights.
        seed: Of the choice of images, the noise and the bootstrap.
        progress: Whether to show progress bars.

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
            if features is None and any(name.endswith("_random") for name in names):
                features = "random"
        check_whole("seed", seed, 0)
        self.names, self.seed, self.progress = names, int(seed), progress
        #: Why what comes by default could not be loaded.
        self.missing = {}
        for name, value, choices in (
            ("features", features, ("inception", "random", "none")),
            ("resize", resize, ("clean", "legacy")),
            ("lpips", lpips, ("alex", "vgg", "none")),
        ):
            if value is not None and value not in choices:
                listed = ", ".join(repr(choice) for choice in choices)
                raise InputError(f"{name} must be one of {listed}, received {value!r}.")
        self.extractor = self.perceptual = None
        if names is None or any(name in METRICS and METRICS[name].group == "set" for name in names):
            self.extractor = self._load(
                "features",
                features,
                {"random": RandomFeatures},
                lambda: inception_features.load(weights, resize),
                weights,
            )
        if names is None or {"lpips", "perceptual_loss"} & set(names):
            self.perceptual = self._load(
                "lpips",
                lpips,
                {},
                lambda: perceptual.load(lpips or "alex", lpips_weights),
                lpips_weights,
            )

    def _load(self, kind, choice, others, load, weights):
        if choice == "none":
            self.missing[kind] = f"it was switched off by {kind}='none'."
            return None
        try:
            return others.get(choice, load)()
        except InputError as error:
            # What was asked for must be there; what comes by default may be missing.
            if choice is not None or weights is not None or self.names is not None:
                raise
            self.missing[kind] = str(error)
            return None

    def protocol(self, dataset, split, directions):
        """Everything that the scores depend on, but for the generators."""
        (first, *_) = directions.values()
        names = {name for direction in directions.values() for name in direction.scorer.names}
        units = ("", "")
        over = "images"
        if dataset.slices is not None:
            units = [f" {rule.get('unit', '')}".rstrip() for rule in dataset.slices.intensities]
            counts = (f"{len(set(one.patients))} {way}" for way, one in directions.items())
            over = f"patients, each with all their slices ({', '.join(counts)})"
        protocol = {
            "data": dataset.hash,
            "split": f"{split} ({'held out' if split == 'test' else 'NOT held out'})",
            "size": "x".join(str(side) for side in dataset.train_a.shape[1:3]),
            "stored values": {
                name: f"{dtype} in {low:g} to {high:g}{unit}"
                for name, dtype, (low, high), unit in zip(
                    dataset.names,
                    (dataset.train_a.dtype, dataset.train_b.dtype),
                    dataset.ranges,
                    units,
                    strict=True,
                )
            },
            "pictures": {
                direction: {
                    "translated": len(one.inputs),
                    "reference": len(one.reference),
                    "other real": len(one.other or ()),
                }
                for direction, one in directions.items()
            },
            "measured": "the translation as saved, rounded to its stored type",
            "intervals": f"95 %: percentile bootstrap over {over}; kernel distance 1.96 "
            "jackknife standard errors",
            "seed": self.seed,
        }
        if {name for name in names if METRICS[name].group == "set"}:
            protocol |= self.extractor.protocol
        quantities = {name.removesuffix("_random") for name in names}
        for alike, k in ((("precision", "recall", "realism"), 3), (("density", "coverage"), 5)):
            if quantities & set(alike):
                protocol[", ".join(alike)] = f"k = {k}"
        if {"lpips", "perceptual_loss"} & names:
            protocol["lpips"] = self.perceptual.protocol
        if names & BODY.keys():
            protocol["in body"] = "where the true image's label map is not 0; MAE in stored units"
        with_maps = any(one.source_masks is not None for one in directions.values())
        if names & BODY.keys() or (with_maps and "cycle_consistency" in names):
            protocol["label maps"] = dataset.slices.masks_from or "as they came with the data"
        if "ms_ssim" in names:
            protocol["ms_ssim"] = f"{first.scorer.scales} of 5 scales"
        if first.scorer.looks_for_hidden:
            protocol["noise"] = f"{NOISE * 255:.3g}/255 of the value range"
        packages = ("cyclegan_tf", "tensorflow", "keras", "numpy")
        return protocol | {"versions": {name: version(name) for name in packages}}


class Direction:
    """The images of one direction of translation, and their scorer."""

    def __init__(self, dataset, direction, split, limit, tools, back):
        source, target = direction
        if split not in ("train", "test"):
            raise InputError(f"split must be 'train' or 'test', received {split!r}.")
        if limit is not None:
            check_whole("images", limit, 1)
        sizes = [tuple(images.shape[1:3]) for images in (dataset.train_a, dataset.train_b)]
        if sizes[0] != sizes[1]:
            raise InputError(
                f"The images of both domains must have one size, received {sizes[0]} and "
                f"{sizes[1]}: prepare them so."
            )
        other_split = "train" if split == "test" else "test"
        self.names = dataset.names if direction == "ab" else dataset.names[::-1]
        self.tools = tools
        draw = np.random.default_rng(tools.seed)
        counts = [len(getattr(dataset, f"{split}_{domain}")) for domain in direction]
        for name, count in zip(self.names, counts, strict=True):
            if not count:
                raise InputError(
                    f"The data hold no {split} images of {name}: prepare them with some, or "
                    f"give split={other_split!r}."
                )
        paired = dataset.paired[split]
        self.index = _some(draw, counts[0], limit)
        self.inputs = _images(dataset, split, source, self.index)
        of_target = self.index if paired else _some(draw, counts[1], limit)
        self.reference = _images(dataset, split, target, of_target)
        # As many as there are translations: distances between sets depend on the number.
        chosen = _some(draw, len(getattr(dataset, f"{other_split}_{target}")), len(self.inputs))
        self.other = self.patients = self.source_masks = target_masks = None
        self.labels, self.neighbours = {}, (0, 0)
        if len(chosen) >= ENOUGH:
            self.other = _images(dataset, other_split, target, chosen)
        if (slices := dataset.slices) is not None:
            slices = slices if direction == "ab" else slices.swapped()
            self.labels, self.neighbours = slices.labels, slices.neighbours
            self.patients = np.array(slices.patients[f"{split}_a"])[self.index]
            masks = slices.masks or {}
            if f"{split}_a" in masks:
                self.source_masks = masks[f"{split}_a"][self.index]
            if f"{split}_b" in masks:
                target_masks = masks[f"{split}_b"][of_target]
        #: All training images of the target: their mean is the blindest of answers.
        self.training = getattr(dataset, f"train_{target}")
        reference = self._target(self.reference)
        self.scorer = Scorer(
            reference,
            self._source(self.inputs),
            reference if paired else None,
            masks=target_masks,
            patients=self.patients,
            names=tools.names,
            extractor=tools.extractor,
            perceptual=tools.perceptual,
            back=back,
            missing=tools.missing,
            seed=tools.seed,
            progress=tools.progress,
        )

    def _source(self, images):
        """Images of the source as they are scored: without neighbouring slices."""
        return _without_neighbours(images, self.neighbours[0])

    def _target(self, images):
        return _without_neighbours(images, self.neighbours[1])

    def quiet(self):
        """Shows no more progress bars."""
        self.tools.progress = self.scorer.progress = False

    def translated(self, there, back):
        """Translates, and scores the translations.

        Returns:
            `(scores, translations, cycles)`; the cycles are None without a way back.
        """
        _fits(there, self.inputs, self.reference, self.names)
        if back is not None:
            _fits(back, self.reference, self.inputs, self.names[::-1])
        progress = self.tools.progress

        def gen_there(images):
            return _apply(there, images, " → ".join(self.names), progress, self.tools.seed)

        def gen_back(images):
            names = self.names[::-1]
            return _apply(back, images, " → ".join(names), progress, self.tools.seed)

        normalized = self.inputs.normalized
        fake = gen_there(normalized)
        translations, cycles, hidden = self._target(self.reference.stored(fake)), None, None
        if back is not None:
            cycles = self._source(self.inputs.stored(gen_back(fake)))
            if self.scorer.looks_for_hidden:
                hidden = hidden_information(
                    lambda _: fake, gen_back, normalized, noise=NOISE, seed=self.tools.seed
                )
        return self.scorer.score(translations, cycles, hidden), translations, cycles

    def result(self, there, back):
        """Scores all rows."""
        scorer = self.scorer
        scores, translations, cycles = self.translated(there, back)
        rows = {"untranslated": scorer.score(scorer.inputs.like(scorer.reference))}
        if scorer.partners is not None:
            rows["training_mean"] = scorer.as_pairs(self._target(self._training_mean()))
        rows["translated"] = scores
        if self.other is not None:
            # Fewer than the inputs where there are no more; none are compared twice.
            rows["other_real"] = scorer.score(self._target(self.other))
        columns = [(self.names[0], scorer.inputs), (f"as {self.names[1]}", translations)]
        by_label = {}
        if cycles is not None:
            columns.append(("and back", cycles))
            if self.source_masks is not None and "cycle_consistency" in scorer.names:
                by_label = scorer.by_label(cycles, self.source_masks, self.labels)
        if scorer.partners is not None:
            columns.append(("truth", scorer.partners))
        return Result(self.names, rows, scorer.left_out, self.index, columns, by_label)

    def _training_mean(self):
        """The mean training image of the target, as the answer to every input."""
        count, total = len(self.training), 0.0
        for start in range(0, count, 64):
            some = self.training[np.arange(start, min(start + 64, count))]
            total = total + np.asarray(some).sum(axis=0, dtype=np.float64)
        mean = self.reference.stored(normalize(total / count, self.reference.value_range))
        images = np.broadcast_to(mean.images, self.reference.images.shape)
        return Images(images, mean.value_range)


def _fits(generator, source, target, names):
    """Raises InputError if the generator is none, or for other images."""
    found = generator_file.shapes(generator)
    if found.image is None or len(found.output) != 4:
        raise InputError(
            f"The generator {' → '.join(names)} must be from and to images (batch, height, "
            f"width, channels), received one of shapes {found.image} to {found.output}."
        )
    shape, wanted = source.images.shape[1:], found.image[1:]
    if any(side not in (None, own) for side, own in zip(wanted, shape, strict=True)):
        raise InputError(
            f"The generator takes images of shape {wanted}, and those of {names[0]} are "
            f"{shape}: give the data that it was trained on."
        )
    channels = target.images.shape[-1]
    if found.output[-1] != channels:
        raise InputError(
            f"The generator gives {found.output[-1]} channels, and {names[1]} has {channels}: give "
            "the data that it was trained on."
        )
    # A network of one size has been asked about it already.
    multiple = generator_file.size_multiple(generator) if None in wanted else 1
    if shape[0] % multiple or shape[1] % multiple:
        raise InputError(
            f"The generator takes sides that {multiple} divides, and the images are "
            f"{shape[0]}x{shape[1]}: prepare them with another size."
        )


def _images(dataset, split, domain, index):
    images = getattr(dataset, f"{split}_{domain}")[index]
    return Images(np.asarray(images), dataset.ranges["ab".index(domain)])


def _without_neighbours(images, neighbours):
    """The middle of the slices that are channels: the one that a label map is of."""
    if not neighbours:
        return images
    return Images(images.images[..., neighbours : neighbours + 1], images.value_range)


def _some(draw, count, limit):
    """Indices of at most `limit` of `count` images, in their order."""
    if limit is None or limit >= count:
        return np.arange(count)
    return np.sort(draw.permutation(count)[:limit])


def _apply(generator, images, label, progress, seed):
    """Calls the generator on a few images at a time."""
    results, network = [], CompiledGenerator(generator)
    given = generator_file.inputs(generator, images, seed)
    with tqdm(total=len(images), desc=label, unit="image", disable=not progress) as bar:
        for start in range(0, len(images), 16):
            batch = [x[start : start + 16] for x in given]
            results.append(network(*batch))
            bar.update(len(batch[0]))
    results = np.concatenate(results)
    if results.shape[:3] != images.shape[:3]:
        raise InputError(
            f"The generator {label} gives images of {results.shape[1:3]} pixels for those of "
            f"{images.shape[1:3]}: give one that keeps the size."
        )
    if not np.isfinite(results).all():
        raise InputError(
            f"The generator {label} gives NaN or infinite values: its training diverged, take an "
            "earlier one."
        )
    return results
