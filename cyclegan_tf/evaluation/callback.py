"""The callback `Evaluate`: scores during training, the best generators, early stopping."""

import json
from pathlib import Path

import keras
import numpy as np

from cyclegan_tf.common import renamed
from cyclegan_tf.common.atomic_files import write_text
from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.wording import counted
from cyclegan_tf.evaluation.direction import DIRECTIONS, Direction, protocol
from cyclegan_tf.evaluation.registry import METRICS
from cyclegan_tf.evaluation.scorer import Tools
from cyclegan_tf.training.callbacks import read_history, save_generators, translator


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
        metrics: List or tuple of names of `registry.METRICS`.
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
        self.protocol = protocol(dataset, split, self.directions)
        tools.progress = False  # from here on the training's own bar is shown
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
            print(reason)
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
        decisive = ("monitor", "pictures", "seed", "weights", "resize", "efficientnet", "lpips")
        other = [n for n in decisive if n in before and n in now and before[n] != now[n]]
        other = [{"pictures": "images"}.get(name, name) for name in other]
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
        patience = counted(self.patience, "epoch")
        return (
            f"Stopped {self.folder} after epoch {last}: {self.monitor} was best after epoch "
            f"{best}, and no better for {patience}; give more patience to go on."
        )

    def _best(self, rows):
        """The epoch of the best score so far (of equal ones the first); None without scores."""
        scored = [row for row in rows if np.isfinite(row.get(self.monitor, np.nan))]
        if not scored:
            return None
        return min(scored, key=lambda row: self.sign * row[self.monitor])["epoch"]
