"""Comparison of methods on the same images with the same budgets of steps and of seconds."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from cyclegan_tf.common import plotting, renamed
from cyclegan_tf.common.atomic_files import replacing, write_text
from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.evaluation.direction import DIRECTIONS, Direction, protocol
from cyclegan_tf.evaluation.metrics import diversity, mae
from cyclegan_tf.evaluation.registry import METRICS, Score
from cyclegan_tf.evaluation.result import ROWS, cell, head, markdown, protocol_text
from cyclegan_tf.evaluation.scorer import Tools
from cyclegan_tf.inference.compiled import CompiledGenerator
from cyclegan_tf.networks import generator_file
from cyclegan_tf.training.callbacks import read_history, save_generators
from cyclegan_tf.training.run import train

BUDGETS = ("steps", "seconds")
#: The scores of the tables, of those that could be computed.
SHOWN = ("psnr", "ssim", "lpips", "fid", "kid", "recall", "kid_efficientnet", "frechet_random")
SHOWN += ("variation", "follow", "edge_preservation")
#: Inputs, and translations of each, from which diversity is measured.
INPUTS, SAMPLES = 20, 5
#: Epochs into which the budget of steps is divided: seconds are looked at after each.
EPOCHS = 10


class Budget(keras.callbacks.Callback):
    """Keeps the generators of when a run has had so many steps, and of when so many seconds.

    Writes them to `at_steps/` and `at_seconds/` in the run's folder after the first epoch in which
    the budget is used up, and stops when both are.

    Args:
        folder: The run's folder.
        dataset: `npz.Dataset` that it is trained on.
        steps: First budget.
        seconds: Second budget, of training alone, the slow first step and the images included.
        steps_per_epoch: Steps of an epoch.
    """

    def __init__(self, folder, dataset, steps, seconds, steps_per_epoch):
        super().__init__()
        self.folder, self.dataset = Path(folder), dataset
        self.limits, self.steps_per_epoch = {"steps": steps, "seconds": seconds}, steps_per_epoch

    def on_epoch_begin(self, epoch, logs=None):
        """Looks at what earlier epochs used, also those before the run was resumed."""
        rows = [row for row in read_history(self.folder) if row["epoch"] <= epoch]
        self.before, self.began = sum(row["seconds"] for row in rows), time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Keeps the generators where a budget was used up by this epoch."""
        spent = self.before + time.perf_counter() - self.began
        used = {"steps": (epoch + 1) * self.steps_per_epoch, "seconds": round(spent, 1)}
        for name, limit in self.limits.items():
            if used[name] >= limit and not self._mark(name).exists():
                save_generators(self.model, self._mark(name).parent, self.dataset, epoch + 1)
                write_text(self._mark(name), json.dumps(used) + "\n")
        self.model.stop_training = self._all_used()

    def stopped_after(self, epoch):
        """Says why a run is not to go on after `epoch`; None where it is."""
        return f"{self.folder} has used up its budgets." if epoch and self._all_used() else None

    def _all_used(self):
        return all(self._mark(name).exists() for name in self.limits)

    def _mark(self, name):
        """The file that is there once the generators of a budget are."""
        return self.folder / f"at_{name}" / "used.json"


@dataclass(frozen=True)
class Entry:
    """What one method reached in one direction with one budget.

    Attributes:
        learns_from: "pairs" or "unpaired".
        used: Dictionary of the steps and seconds of training behind it.
        step_seconds: Median seconds per step of the epochs after the first.
        parameters: Of the network that translates.
        trained: Of everything that was trained for it.
        diversity: `Score`, or None where an input has one translation.
        scores: Dictionary from the metric to its `Score`.
        images: `scorer.Images`: the translations.
    """

    learns_from: str
    used: dict
    step_seconds: float
    parameters: int
    trained: int
    diversity: Score | None
    scores: dict
    images: object


@dataclass(frozen=True)
class Comparison:
    """Every method's results, beside the floor and the ceiling.

    Attributes:
        protocol: Dictionary of everything that the scores depend on.
        bounds: Dictionary from direction to the `result.Result` of the first method, for its
            rows "untranslated" and "other_real".
        entries: Dictionary from `(budget, direction, method)` to `Entry`.
    """

    protocol: dict
    bounds: dict
    entries: dict

    def table(self, budget, direction):
        """One table in Markdown.

        Args:
            budget: "steps" or "seconds".
            direction: "ab" or "ba".

        Returns:
            String.
        """
        bounds = self.bounds[direction]
        shown = {name: METRICS[name] for name in SHOWN if name in bounds.rows["translated"]}

        def row(name, learns_from, scores, *more):
            cells = [cell(scores.get(name), metric) for name, metric in shown.items()]
            return [name, learns_from, *cells, *(more or [""] * 6)]

        def bound(which):
            scores = bounds.rows.get(which)
            return [] if scores is None else [row(ROWS[which].format(*bounds.names), "", scores)]

        heads = [head(metric) for metric in shown.values()]
        titles = ["", "learns from", *heads, "diversity ↑"]
        titles += ["parameters", "trained", "s/step", "steps", "s"]
        rows = [
            row(
                method,
                entry.learns_from,
                entry.scores,
                "0" if entry.diversity is None else f"{entry.diversity.value:.3f}",
                f"{entry.parameters / 1e6:.2f} M",
                f"{entry.trained / 1e6:.2f} M",
                f"{entry.step_seconds:.3f}",
                str(entry.used["steps"]),
                f"{entry.used['seconds']:.0f}",
            )
            for method, entry in self._of(budget, direction).items()
        ]
        return markdown([titles, *bound("untranslated"), *rows, *bound("other_real")])

    def _of(self, budget, direction):
        """The entries of one table, by their methods."""
        found = self.entries.items()
        return {method: e for (of, way, method), e in found if (of, way) == (budget, direction)}

    def strip(self, budget, direction, count=6):
        """Translations of the same inputs, one row per method.

        Args:
            budget: "steps" or "seconds".
            direction: "ab" or "ba".
            count: How many inputs.

        Returns:
            `PIL.Image`.
        """
        columns = self.bounds[direction].columns
        rows = [*columns[:1]]
        rows += [(method, entry.images) for method, entry in self._of(budget, direction).items()]
        rows += [column for column in columns if column[0] == "truth"]
        return plotting.rows([(label, images[:count].normalized) for label, images in rows])

    def save(self, folder, count=6):
        """Writes `comparison.md` and a `comparison_*.png` per budget and direction.

        Args:
            folder: Made if missing.
            count: How many inputs the images show.
        """
        folder = Path(folder)
        write_text(folder / "comparison.md", f"{self}\n")
        for budget in BUDGETS:
            for direction in self.bounds:
                path = folder / f"comparison_{budget}_{direction}.png"
                with replacing(path) as temporary:
                    self.strip(budget, direction, count).save(temporary)

    def __str__(self):
        """All tables, and the protocol."""
        parts = []
        for direction, bounds in self.bounds.items():
            for budget in BUDGETS:
                title = f"## {' → '.join(bounds.names)}, the same {budget}"
                parts += [title, self.table(budget, direction)]
        return "\n\n".join([*parts, protocol_text(self.protocol)])

    __repr__ = __str__


@renamed.argument("pictures", "images")
def compare(
    makers,
    dataset,
    folder,
    *,
    steps,
    seconds,
    batch_size=1,
    images=None,
    seed=0,
    verbose=0,
    **measuring,
):
    """Trains every method with two budgets, and scores all alike on held-out images.

    Each run goes on until it has had `steps` steps and `seconds` seconds, and is scored as it was
    when it had used up the one and the other. A method that translates both ways has the whole
    time for one run; one that translates one way trains a run for each, in half of the time.
    Called again it goes on where it was stopped, and trains nothing that is there.

    Args:
        makers: Dictionary from a name to a function of `(image_shape_a, image_shape_b)` that
            makes the model anew: a recipe, perhaps with some arguments fixed.
        dataset: `npz.Dataset`, paired in training if a method learns from pairs. The others are
            shown its images unpaired.
        folder: Where the runs go, each in a folder of its own.
        steps: Budget of steps.
        seconds: Budget of seconds of training for both directions.
        batch_size: Images of each domain per step.
        images: At most so many test images.
        seed: Of the choice of images, of noise and of bootstraps.
        verbose: As in `keras.Model.fit`.
        **measuring: `features`, `weights`, `resize`, `lpips`, `lpips_weights` as in
            `evaluate.evaluate`.

    Returns:
        `Comparison`.

    Raises:
        InputError: If an argument is out of its range, or the data do not suit a method.
    """
    check_whole("steps", steps, EPOCHS)
    if not makers:
        raise InputError("makers names no method: give at least one.")
    runs = []
    for name, make in makers.items():
        model, path = make(dataset.image_shape_a, dataset.image_shape_b), Path(folder) / name
        files = {way: file for file, (_, way) in model.saved.items() if way in DIRECTIONS}
        if not files:
            raise InputError(f"{name} does not translate images: leave it out.")
        parts = [(path, dataset, model, files)]
        if len(files) == 1:
            # The way back is the way there with the domains exchanged.
            back = make(dataset.image_shape_b, dataset.image_shape_a)
            parts = [(path / "ab", dataset, model, {"ab": files["ab"]})]
            parts += [(path / "ba", dataset.swapped(), back, {"ba": files["ab"]})]
        for path, data, model, files in parts:
            train(
                model,
                data,
                path,
                epochs=10**6,
                batch_size=batch_size,
                steps_per_epoch=steps // EPOCHS,
                callbacks=[Budget(path, data, steps, seconds / len(parts), steps // EPOCHS)],
                verbose=verbose,
            )
            runs += [(name, path, model, way, file) for way, file in files.items()]
    tools = Tools(None, seed=seed, progress=bool(verbose), **measuring)
    directions = {way: Direction(dataset, way, "test", images, tools, False) for way in DIRECTIONS}
    bounds, entries = {}, {}
    for budget in BUDGETS:
        for name, path, model, way, file in runs:
            saved = path / f"at_{budget}" / f"{file}.keras"
            network, _ = generator_file.load(saved)
            if way not in bounds:
                bounds[way] = directions[way].result(network, None)
            scores, translations, _ = directions[way].translated(network, None)
            entries[budget, way, name] = Entry(
                learns_from="pairs" if model.needs_pairs else "unpaired",
                used=json.loads((saved.parent / "used.json").read_text()),
                step_seconds=_step_seconds(path, steps // EPOCHS),
                parameters=network.count_params(),
                trained=_trained(model),
                diversity=_diversity(network, directions[way]),
                scores=scores,
                images=translations,
            )
    budgets = {
        "budgets": f"{steps} steps; {seconds} seconds for both directions, of which a method that "
        "translates one way has half for each",
        "batch": batch_size,
        "diversity": f"mean {'LPIPS' if tools.perceptual else 'MAE'} between {SAMPLES} "
        f"translations of one input, over {INPUTS} inputs",
    }
    said = budgets | protocol(dataset, "test", directions)
    return Comparison(said, bounds, entries)


def _step_seconds(folder, steps_per_epoch):
    """Median over the epochs after the first, which begins with the tracing of the step."""
    rows = read_history(folder)
    return float(np.median([row["seconds"] for row in rows[1:] or rows])) / steps_per_epoch


def _trained(model):
    """Number of weights that training changes."""
    variables = {
        id(v): v for n in (*model.generators, *model.discriminators) for v in n.trainable_variables
    }
    return sum(int(np.prod(v.shape)) for v in variables.values())


def _diversity(network, direction):
    """How far several translations of one input are apart; None where there is but one."""
    if generator_file.shapes(network).noise is None:
        return None
    call, inputs = CompiledGenerator(network), direction.inputs[:INPUTS].normalized
    outputs = [call(*generator_file.inputs(network, inputs, seed)) for seed in range(SAMPLES)]
    # As they would be saved: rounded.
    outputs = np.stack([direction.reference.stored(one).normalized for one in outputs], 1)
    return Score.of_images(diversity(outputs, direction.tools.perceptual or mae))
