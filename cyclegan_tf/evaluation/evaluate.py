"""Score a run: its translations of held-out images, beside a floor and a ceiling.

Every table has three rows: the input untranslated (the floor), its translation, and other real
images of the target domain (the ceiling of the distances between sets; for what a
translation shares with its input, the level of chance). That of pairs has a second floor: the mean
of the target's training images, one answer to every input.

Slices of volumes are scored without the neighbours that networks see beside them, within the body
too where there are label maps, and with intervals over patients.
"""

import contextlib
import hashlib
import json
import os
import warnings
from pathlib import Path

import keras
import numpy as np

from cyclegan_tf.common import renamed
from cyclegan_tf.common.atomic_files import write_text
from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import npz
from cyclegan_tf.evaluation.direction import Direction, Tools
from cyclegan_tf.evaluation.registry import METRICS
from cyclegan_tf.evaluation.result import Evaluation
from cyclegan_tf.networks import generator_file
from cyclegan_tf.training.callbacks import read_history, save_generators, translator

DIRECTIONS = ("ab", "ba")


@renamed.argument("pictures", "images")
def evaluate(
    run_or_generators,
    data,
    *,
    split="test",
    metrics=None,
    images=None,
    features=None,
    weights=None,
    resize="clean",
    lpips=None,
    lpips_weights=None,
    seed=0,
    progress=True,
):
    """Scores a run, or generators, on a data set, in both directions.

    What is measured is the image as it would be saved: rounded to the target's stored type.

    Args:
        run_or_generators: The folder of a run (or its `best` folder), a generator's file, a
            `keras.Model`, a `Translator`, a pair `(gen_ab, gen_ba)` of those, or a model that
            has them as attributes. Of one generator alone, its direction is scored, without
            cycles: that which its file says, or A to B.
        data: `npz.Dataset`, or the path of its file.
        split: "test", or "train" (then nothing is held out, and the protocol says so).
        metrics: List or tuple of names of `scores.METRICS`; by default all that apply.
        images: At most so many of each domain, drawn at random; by default all.
        features: "inception", "random" (untrained: no published meaning), or "none". By default
            random where `metrics` has scores of that, else inception where its weights can be had.
        weights: File of the Inception weights.
        resize: "clean" or "legacy": how images get to Inception's size.
        lpips: "alex", "vgg", or "none". By default alex where its weights can be had.
        lpips_weights: File of the LPIPS weights.
        seed: Of the choice of images, the noise and the bootstrap.
        progress: Whether to show progress bars.

    Returns:
        `Evaluation`.

    Raises:
        InputError: If the generators do not fit the data, the split is empty, a score that was
            asked for does not apply, weights that were asked for cannot be had, or another
            argument is out of its range.
    """
    if not isinstance(data, (npz.Dataset, str, os.PathLike)):
        raise InputError(
            f"data must be an npz.Dataset or the path of its file, received {type(data).__name__}."
        )
    dataset = data if isinstance(data, npz.Dataset) else npz.load(data)
    pair, files = _generators(run_or_generators, dataset.names)
    tools = Tools(
        metrics,
        features=features,
        weights=weights,
        resize=resize,
        lpips=lpips,
        lpips_weights=lpips_weights,
        seed=seed,
        progress=progress,
    )
    ways = {"ab": pair, "ba": pair[::-1]}
    directions = {
        name: Direction(dataset, name, split, images, tools, back is not None)
        for name, (there, back) in ways.items()
        if there is not None
    }
    with getattr(run_or_generators, "averaged", contextlib.nullcontext)():
        results = {name: one.result(*ways[name]) for name, one in directions.items()}
    protocol = {"generators": files} | tools.protocol(dataset, split, directions)
    folder = _folder(run_or_generators)
    if folder is not None and folder.name == "best":
        monitor = _said(folder.parent / "metrics.json", "monitor")
        protocol["chosen"] = f"the best epoch by {monitor} on such images, which flatters it"
        folder = folder.parent
    trained_on = folder and _said(folder / "run.json", "data", "hash")
    if trained_on not in (None, dataset.hash):
        protocol["split"] = f"{split} (of other data than the run's, {trained_on})"
        warnings.warn(
            f"{run_or_generators} was trained on other data than these, or on another division "
            "of them: it may have learned from these images.",
            stacklevel=2,
        )
    return Evaluation(protocol, results)


class Evaluate(keras.callbacks.Callback):
    """Scores the generators during training, keeps the best ones, and knows when to stop.

    Adds `fid_ab`, `kid_ba` and so on to the logs, and with them to the progress bar,
    `history.csv` and `report.html`. Writes the generators of the best epoch into `best/` and
    what the scores depend on into `metrics.json`. Draws nothing at random that training draws,
    so that the weights are those of a run without it.

    What it costs per scored epoch: translating `images` images each way, and for scores on
    Inception features about a tenth of a second per image and direction on two CPU cores.

    Args:
        folder: The run's folder.
        dataset: `npz.Dataset`; its test split is used, which training never sees (the training
            split where there is no other).
        metrics: List or tuple of names of `scores.METRICS`.
        images: How many images of each domain.
        every: Score every so many epochs, and after the last.
        monitor: Which score decides, such as "kid_ab"; by default the first, from A to B.
        patience: Stop after so many epochs without a better score; None goes on to the end.
        directions: Those that the method translates in, such as ("ab",).
        **measuring: `features`, `weights`, `resize`, `lpips`, `lpips_weights` and `seed`, as in
            `evaluate`.

    Raises:
        InputError: If an argument is out of its range, a score does not apply, or the run was
            scored so far in a way that cannot be compared.
    """

    @renamed.argument("pictures", "images")
    def __init__(
        self,
        folder,
        dataset,
        metrics=("kid",),
        *,
        images=100,
        every=1,
        monitor=None,
        patience=None,
        directions=DIRECTIONS,
        **measuring,
    ):
        super().__init__()
        check_whole("images", images, 1)
        check_whole("every", every, 1)
        if patience is not None:
            check_whole("patience", patience, 1)
        self.folder, self.dataset = Path(folder), dataset
        self.every, self.patience = every, patience
        split = "test" if len(dataset.test_a) and len(dataset.test_b) else "train"
        tools = Tools(metrics or (), **measuring, progress=True)
        self.directions = {
            name: Direction(dataset, name, split, images, tools, len(directions) == 2)
            for name in directions
        }
        self.protocol = tools.protocol(dataset, split, self.directions)
        for direction in self.directions.values():
            direction.quiet()  # from here on the training's own bar is shown
        self.names = {name: METRICS[name].title for name in metrics}
        logged = [f"{name}_{direction}" for direction in directions for name in metrics]
        self.monitor = logged[0] if monitor is None else monitor
        if self.monitor not in logged:
            raise InputError(f"monitor must be among {', '.join(logged)}, received {monitor!r}.")
        self.sign = 1 if METRICS[self.monitor[:-3]].better == "lower" else -1
        self._check_earlier_scores()

    def on_epoch_end(self, epoch, logs=None):
        """Scores, keeps the best and perhaps stops."""
        if (epoch + 1) % self.every and epoch + 1 != self.params.get("epochs"):
            return
        logs = {} if logs is None else logs
        ways = {name: translator(self.model, name) for name in DIRECTIONS}
        with self.model.averaged():
            for name, direction in self.directions.items():
                scores, *_ = direction.translated(ways[name], ways[name[::-1]])
                logs |= {f"{metric}_{name}": score.value for metric, score in scores.items()}
        rows = [*self._rows_until(epoch), {"epoch": epoch + 1} | logs]
        best = self._best(rows)
        if best == epoch + 1:
            save_generators(self.model, self.folder / "best", self.dataset, best)
        summary = {
            "metrics": self.names,
            "monitor": self.monitor,
            "best_epoch": best,
            "protocol": self.protocol,
        }
        write_text(self.folder / "metrics.json", json.dumps(summary, indent=2) + "\n")
        if reason := self._out_of_patience(rows):
            print(f"\n{reason}")
            self.model.stop_training = True

    def stopped_after(self, epoch):
        """Says why a run is not to go on after `epoch`, from its history; None where it is."""
        return self._out_of_patience(self._rows_until(epoch))

    def _check_earlier_scores(self):
        """Raises InputError if the best of them could not be told from those to come."""
        path = self.folder / "metrics.json"
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            before = stored["protocol"] | {"monitor": stored["monitor"]}
        except (OSError, ValueError, KeyError, TypeError):
            return  # none yet, or damaged
        now = self.protocol | {"monitor": self.monitor}
        decisive = ("monitor", "images", "seed", "weights", "resize", "lpips")
        other = [n for n in decisive if n in before and n in now and before[n] != now[n]]
        if other:
            raise InputError(
                f"{self.folder} was scored so far with other settings ({', '.join(other)}), as "
                f"{path} says: give the same ones to go on with it, or the name of a new folder."
            )

    def _rows_until(self, epoch):
        return [row for row in read_history(self.folder) if row["epoch"] <= epoch]

    def _out_of_patience(self, rows):
        best, last = self._best(rows), rows[-1]["epoch"] if rows else 0
        if not self.patience or best is None or last - best < self.patience:
            return None
        return (
            f"Stopped {self.folder} after epoch {last}: {self.monitor} was best after epoch "
            f"{best}, and no better for {self.patience} epochs; give more patience to go on."
        )

    def _best(self, rows):
        """The epoch of the best score so far (of equal ones the first); None without scores."""
        scored = [row for row in rows if np.isfinite(row.get(self.monitor, np.nan))]
        if not scored:
            return None
        return min(scored, key=lambda row: self.sign * row[self.monitor])["epoch"]


def _folder(given):
    """Where the generators lie; None where they are no files."""
    first = given[0] if isinstance(given, (tuple, list)) and given else given
    if not isinstance(first, (str, os.PathLike)):
        return None
    return Path(first) if Path(first).is_dir() else Path(first).parent


def _said(path, *keys):
    """What a JSON file says under `keys`; None where it does not."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        for key in keys:
            value = value[key]
        return value
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _generators(given, names):
    """Returns `((gen_ab, gen_ba), files)`; either may be None, `files` says what was loaded."""
    if hasattr(given, "saved"):
        return tuple(translator(given, direction) for direction in DIRECTIONS), {}
    if hasattr(given, "gen_ab"):
        return (given.gen_ab, given.gen_ba), {}
    if isinstance(given, (str, os.PathLike)) and Path(given).is_dir():
        folder = Path(given)
        given = folder / "gen_ab.keras"
        if (folder / "gen_ba.keras").exists():
            given = (given, folder / "gen_ba.keras")
    if not isinstance(given, (tuple, list)):
        given = (given,)
    if len(given) not in (1, 2):
        raise InputError(f"Give one generator or two, A to B and back, received {len(given)}.")
    found, files = {}, {}
    for direction, one in zip(DIRECTIONS, given, strict=False):
        of_file = isinstance(one, (str, os.PathLike))
        # A Translator has both as attributes, a model has neither.
        generator, translation = getattr(one, "generator", one), getattr(one, "translation", None)
        if of_file:
            generator, translation = generator_file.load(one)
        if translation is not None and names[0] != names[1]:
            said = translation.source, translation.target
            if said == names[::-1]:
                direction = "ba"
            elif said == names != ("A", "B"):  # which is also taken of a file that does not say
                direction = "ab"
        if of_file:
            digest = hashlib.sha256(Path(one).read_bytes()).hexdigest()[:12]
            files[f"gen_{direction}"] = {"epoch": translation.epoch or "unknown", "file": digest}
        if generator is None:
            raise InputError("A generator must be a file or a Keras model, received None.")
        found[direction] = generator
    if len(found) < len(given):
        raise InputError("Both generators translate in one direction: give A to B, then B to A.")
    return tuple(found.get(direction) for direction in DIRECTIONS), files
