"""One direction of translation on held-out images: which ones, with what, and their scores."""

from importlib.metadata import version

import numpy as np

from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.progress import tqdm
from cyclegan_tf.common.value_range import normalize
from cyclegan_tf.evaluation.result import Result
from cyclegan_tf.evaluation.scorer import Images, Scorer
from cyclegan_tf.inference.compiled import CompiledGenerator
from cyclegan_tf.networks import generator_file

#: A to B, and back.
DIRECTIONS = ("ab", "ba")
#: Images that a set must have for every score of sets to exist.
ENOUGH = 6
#: Images that a generator is called on at a time.
TOGETHER = 16


def protocol(dataset, split, directions):
    """Everything that the scores of all directions depend on, but for the generators.

    Args:
        dataset: `npz.Dataset`.
        split: "train" or "test".
        directions: Dictionary from "ab" and "ba", or one of them, to `Direction`.

    Returns:
        Dictionary of strings, numbers and such dictionaries.
    """
    units, over = ("", ""), "images"
    if dataset.slices is not None:
        units = [f" {rule.get('unit', '')}".rstrip() for rule in dataset.slices.intensities]
        counts = (f"{len(set(one.patients))} {way}" for way, one in directions.items())
        over = f"patients, each with all their slices ({', '.join(counts)})"
    stored = zip(
        dataset.names,
        (dataset.train_a.dtype, dataset.train_b.dtype),
        dataset.ranges,
        units,
        strict=True,
    )
    (first, *_) = directions.values()
    said = {
        "data": dataset.hash,
        "split": f"{split} ({'held out' if split == 'test' else 'NOT held out'})",
        "size": "x".join(str(side) for side in dataset.train_a.shape[1:3]),
        "stored values": {
            name: f"{dtype} in {low:g} to {high:g}{unit}"
            for name, dtype, (low, high), unit in stored
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
        "seed": first.tools.seed,
    }
    for one in directions.values():
        said |= one.scorer.protocol()
    if "in body" in said or any(one.measures_labels for one in directions.values()):
        said["label maps"] = dataset.slices.masks_from or "as they came with the data"
    packages = ("cyclegan_tf", "tensorflow", "keras", "numpy")
    return said | {"versions": {name: version(name) for name in packages}}


class Direction:
    """The images of one direction of translation, and their scorer.

    Args:
        dataset: `npz.Dataset`.
        direction: "ab" or "ba".
        split: "train" or "test".
        limit: At most so many images of each domain; None for all.
        tools: `scorer.Tools`.
        back: Whether there is a generator for the way back.

    Raises:
        InputError: If the data hold no such images, or a score that the tools name does not apply.
    """

    def __init__(self, dataset, direction, split, limit, tools, back):
        if split not in ("train", "test"):
            raise InputError(f"split must be 'train' or 'test', received {split!r}.")
        if limit is not None:
            check_whole("images", limit, 1)
        if direction == "ba":
            dataset = dataset.swapped()
        sizes = [tuple(images.shape[1:3]) for images in (dataset.train_a, dataset.train_b)]
        if sizes[0] != sizes[1]:
            raise InputError(
                f"The images of both domains must have one size, received {sizes[0]} and "
                f"{sizes[1]}: prepare them so."
            )
        other_split = "train" if split == "test" else "test"
        self.names, self.tools = dataset.names, tools
        counts = [len(getattr(dataset, f"{split}_{domain}")) for domain in "ab"]
        for name, count in zip(self.names, counts, strict=True):
            if not count:
                raise InputError(
                    f"The data hold no {split} images of {name}: prepare them with some, or "
                    f"give split={other_split!r}."
                )

        def images(split, domain, index):
            stored = getattr(dataset, f"{split}_{domain}")[index]
            return Images(np.asarray(stored), dataset.ranges["ab".index(domain)])

        draw, paired = np.random.default_rng(tools.seed), dataset.paired[split]
        self.index = _drawn(draw, counts[0], limit)
        self.inputs = images(split, "a", self.index)
        of_target = self.index if paired else _drawn(draw, counts[1], limit)
        self.reference = images(split, "b", of_target)
        # As many as there are translations: distances between sets depend on the number.
        others = _drawn(draw, len(getattr(dataset, f"{other_split}_b")), len(self.inputs))
        self.other = images(other_split, "b", others) if len(others) >= ENOUGH else None
        self.patients = self.source_masks = target_masks = None
        self.labels, self.neighbours = {}, (0, 0)
        if (slices := dataset.slices) is not None:
            self.labels, self.neighbours = slices.labels, slices.neighbours
            self.patients = np.array(slices.patients[f"{split}_a"])[self.index]
            masks = slices.masks or {}
            if f"{split}_a" in masks:
                self.source_masks = masks[f"{split}_a"][self.index]
            if f"{split}_b" in masks:
                target_masks = masks[f"{split}_b"][of_target]
        #: All training images of the target: their mean is the blindest of answers.
        self.training = dataset.train_b
        reference = self._target(self.reference)
        self.scorer = Scorer(
            tools,
            reference,
            self._source(self.inputs),
            reference if paired else None,
            masks=target_masks,
            patients=self.patients,
            back=back,
        )

    def _source(self, images):
        """Images of the source as they are scored: without neighbouring slices."""
        return _without_neighbours(images, self.neighbours[0])

    def _target(self, images):
        return _without_neighbours(images, self.neighbours[1])

    @property
    def measures_labels(self):
        """Whether cycles are scored label by label."""
        return self.source_masks is not None and "cycle_consistency" in self.scorer.names

    def translated(self, there, back):
        """Translates, and scores the translations.

        Args:
            there: Generator of this direction.
            back: Generator of the other direction, or None.

        Returns:
            `(scores, translations, cycles)`; the cycles are None without a way back.
        """
        there = _function(there, self.inputs, self.reference, self.names, self.tools)
        if back is not None:
            back = _function(back, self.reference, self.inputs, self.names[::-1], self.tools)
        seen = self.inputs.normalized
        fake = there(seen)
        translations, cycles, way = self._target(self.reference.stored(fake)), None, {}
        if back is not None:
            cycles = self._source(self.inputs.stored(back(fake)))
            way = {"cycled": cycles, "there": lambda _: fake, "back": back, "seen": seen}
        return self.scorer.score(translations, **way), translations, cycles

    def result(self, there, back):
        """Scores all rows."""
        scorer = self.scorer
        scores, translations, cycles = self.translated(there, back)
        rows = {"untranslated": scorer.score(scorer.inputs.like(scorer.reference))}
        if scorer.partners is not None:
            rows["training_mean"] = scorer.score(self._target(self._training_mean()), group="pairs")
        rows["translated"] = scores
        if self.other is not None:
            # Fewer than the inputs where there are no more; none are compared twice.
            rows["other_real"] = scorer.score(self._target(self.other))
        columns = [(self.names[0], scorer.inputs), (f"as {self.names[1]}", translations)]
        by_label = {}
        if cycles is not None:
            columns.append(("and back", cycles))
            if self.measures_labels:
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


def _function(generator, source, target, names, tools):
    """A function that translates images in [-1, 1]; InputError if the generator does not fit."""
    label, found = " → ".join(names), generator_file.shapes(generator)
    if found.image is None or len(found.output) != 4:
        raise InputError(
            f"The generator {label} must be from and to images (batch, height, width, channels), "
            f"received one of shapes {found.image} to {found.output}."
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
    network = CompiledGenerator(generator)

    def translate(images):
        given, results = generator_file.inputs(generator, images, tools.seed), []
        hidden = not tools.progress
        with tqdm(total=len(images), desc=label, unit="image", disable=hidden) as bar:
            for start in range(0, len(images), TOGETHER):
                results.append(network(*(x[start : start + TOGETHER] for x in given)))
                bar.update(len(results[-1]))
        results = np.concatenate(results)
        if results.shape[:3] != images.shape[:3]:
            raise InputError(
                f"The generator {label} gives images of {results.shape[1:3]} pixels for those of "
                f"{images.shape[1:3]}: give one that keeps the size."
            )
        if not np.isfinite(results).all():
            raise InputError(
                f"The generator {label} gives NaN or infinite values: its training diverged, take "
                "an earlier one."
            )
        return results

    return translate


def _without_neighbours(images, neighbours):
    """The middle of the slices that are channels: the one that a label map is of."""
    if not neighbours:
        return images
    return Images(images.images[..., neighbours : neighbours + 1], images.value_range)


def _drawn(draw, count, limit):
    """Indices of at most `limit` of `count` images, in their order."""
    if limit is None or limit >= count:
        return np.arange(count)
    return np.sort(draw.permutation(count)[:limit])
