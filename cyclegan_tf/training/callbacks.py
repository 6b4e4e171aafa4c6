"""What happens after each epoch: images, numbers, generators, state, warnings, report.

Every callback writes into the run's folder, atomically. The state is written last of what
resume needs: an epoch counts as finished once its state is on disk, and an epoch that was cut
short is trained again, to the same values, over whatever it had left.
"""

import csv
import dataclasses
import math
import re
import sys
import time
import warnings
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from cyclegan_tf.common import plotting
from cyclegan_tf.common.atomic_files import replacing
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.networks import generator_file
from cyclegan_tf.training import diagnostics, distribute, report


class EpochImages(keras.callbacks.Callback):
    """Shows what the method makes of fixed images after each epoch.

    Writes `epochs/epoch_005.png`, once an image of each domain as `examples/a.png` and `b.png`
    (for people who choose a translation), and adds the `diagnostics.signs` of each direction to
    the logs.

    Args:
        folder: The run's folder.
        a: Images of domain A `(n, height, width, channels)` in [-1, 1].
        b: As many of domain B.
        names: Names of the two domains.
    """

    def __init__(self, folder, a, b, names=("A", "B")):
        super().__init__()
        self.folder, self.a, self.b, self.names = Path(folder), a, b, names

    def on_epoch_end(self, epoch, logs=None):
        """Makes the images, writes the strip and completes `logs`."""
        with self.model.averaged():
            self._show(epoch, logs)

    def _show(self, epoch, logs):
        columns = self.model.columns(self.a, self.b, self.names)
        with replacing(self.folder / "epochs" / f"epoch_{epoch + 1:03d}.png") as temporary:
            plotting.strip([c and (c[0], np.asarray(c[1])) for c in columns]).save(temporary)
        for domain, images in (("a", self.a), ("b", self.b)):
            path = self.folder / "examples" / f"{domain}.png"
            if images.shape[-1] in (1, 3) and not path.exists():
                with replacing(path) as temporary:
                    Image.fromarray(plotting.to_rgb(images[:1])[0]).save(temporary)
        for direction, images in (("ab", self.a), ("ba", self.b)):
            network = translator(self.model, direction)
            if network is not None and logs is not None:
                given = generator_file.inputs(network, images)
                outputs = np.asarray(network(given if len(given) > 1 else images, training=False))
                if outputs.shape[1:3] == images.shape[1:3]:
                    logs |= diagnostics.signs(direction, images, outputs)


def translator(model, direction):
    """The network that translates in `direction` ("ab" or "ba"); None if there is none."""
    networks = [network for network, way in model.saved.values() if way == direction]
    return networks[0] if networks else None


class StopWhenDiverged(keras.callbacks.Callback):
    """Raises `diagnostics.TrainingDiverged` at the first NaN or infinite loss or weight.

    Losses are looked at after every step. Weights are looked at before an epoch is saved,
    since the last update of the epoch has no loss that would tell. Must come before every
    callback that writes.
    """

    def __init__(self):
        super().__init__()
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        """Remembers the epoch for the message."""
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Looks at the losses."""
        for name, value in (logs or {}).items():
            if not math.isfinite(value):
                # Keras numbers the last step of an epoch as if its last execution were a full one.
                step = min(batch + 1, (self.params or {}).get("steps") or batch + 1)
                self._stop(f"Loss {name} became {float(value)}", f"step {step}")

    def on_epoch_end(self, epoch, logs=None):
        """Looks at the weights."""
        for network in [*self.model.generators, *self.model.discriminators]:
            if not all(np.isfinite(weight).all() for weight in network.get_weights()):
                self._stop(f"A weight of {network.name} is no longer finite", "its last step")

    def _stop(self, what, when):
        raise diagnostics.TrainingDiverged(
            f"{what} in epoch {self.epoch + 1}, {when}: training stopped and the last finished "
            f"epoch ({self.epoch}) is kept; start a new run with a lower learning rate."
        )


class DiagnosticWarnings(keras.callbacks.Callback):
    """Prints a warning for whatever `diagnostics.diagnose` finds after an epoch.

    Args:
        slices: As in `diagnostics.diagnose`.
    """

    def __init__(self, slices=False):
        super().__init__()
        self.slices = slices

    def on_epoch_end(self, epoch, logs=None):
        """Looks at the epoch's numbers."""
        for sentence in diagnostics.diagnose(logs or {}, self.model.needs_pairs, self.slices):
            print(f"Warning, epoch {epoch + 1}: {sentence}", file=sys.stderr)


class HistoryFile(keras.callbacks.Callback):
    """Keeps `history.csv`: one row per epoch with every logged number.

    Args:
        folder: The run's folder. Rows of epochs before the first one trained now are kept.
    """

    def __init__(self, folder):
        super().__init__()
        self.path = Path(folder) / "history.csv"

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        """Writes the file with this epoch's row in place of any later one."""
        rows = [row for row in read_history(self.path.parent) if row["epoch"] <= epoch]
        row = {"epoch": epoch + 1, "seconds": round(time.perf_counter() - self.began, 2)}
        rows.append(row | {name: float(value) for name, value in (logs or {}).items()})
        columns = list(dict.fromkeys(name for row in rows for name in row))
        with replacing(self.path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="nan")
            writer.writeheader()
            writer.writerows(rows)


def read_history(folder):
    """Returns `history.csv` as a list of dictionaries of numbers; empty if there is none.

    Raises:
        InputError: If the file holds anything else.
    """
    path = Path(folder) / "history.csv"
    if not path.exists():
        return []
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        return [
            row | {k: float(v) for k, v in row.items()} | {"epoch": int(row["epoch"])}
            for row in rows
        ]
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{path} cannot be read as a table of numbers: remove it, and the run goes on without "
            "its earlier rows."
        ) from error


class SaveGenerators(keras.callbacks.Callback):
    """Writes `gen_ab.keras` and whatever else the method saves after each epoch.

    Args:
        folder: The run's folder.
        dataset: `npz.Dataset` that the run is trained on.
    """

    def __init__(self, folder, dataset):
        super().__init__()
        self.folder, self.dataset = folder, dataset

    def on_epoch_end(self, epoch, logs=None):
        """Writes all files."""
        save_generators(self.model, self.folder, self.dataset, epoch + 1)


def save_generators(model, folder, dataset, epoch):
    """Writes the networks of `model` that are for use, as they are after `epoch`.

    Args:
        model: A `GenerativeModel`; its `saved` says which.
        folder: Where the files go.
        dataset: As for `SaveGenerators`.
        epoch: Number of epochs that are behind them; goes into the files.
    """
    with model.averaged():
        for name, (network, direction) in model.saved.items():
            known = dataclasses.replace(generator_file.translation(dataset, direction), epoch=epoch)
            generator_file.save(Path(folder) / f"{name}.keras", network, known)


class SaveState(keras.callbacks.Callback):
    """Writes the whole training state after each epoch, and keeps the last two.

    Args:
        folder: The run's folder; states are `state/epoch_005.weights.h5`.
        keep: How many states to keep.
    """

    def __init__(self, folder, keep=2):
        super().__init__()
        self.folder, self.keep = folder, keep

    def on_epoch_end(self, epoch, logs=None):
        """Writes this epoch's state, then removes the oldest."""
        save_state(self.model, self.folder, epoch + 1)
        for old in _states(self.folder)[: -self.keep]:
            old.unlink()


def save_state(model, folder, epoch):
    """Writes every variable of `model` (weights, optimizers, pools) as the state after `epoch`."""
    with replacing(state_path(folder, epoch)) as temporary:
        model.save_weights(temporary, overwrite=True)


def state_path(folder, epoch):
    """The file of the state after `epoch`."""
    return Path(folder) / "state" / f"epoch_{epoch:03d}.weights.h5"


def restore(model, folder):
    """Loads the newest state that can be read.

    Args:
        model: A compiled `GenerativeModel`; every variable of it is overwritten.
        folder: The run's folder.

    Returns:
        Number of epochs that the state has behind it; None where there is no state yet.

    Raises:
        InputError: If there are states and none can be read.
    """
    states = _states(folder)
    for path in reversed(states):
        try:
            model.load_weights(path)
        except Exception as error:  # h5py and Keras raise many kinds on a damaged file
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            warnings.warn(f"{path} cannot be read ({reason}): trying the one before.", stacklevel=2)
        else:
            return _epoch_of(path)
    if states:
        raise InputError(
            f"None of the states in {states[0].parent} can be read: remove the run's folder to "
            "start again, or train into another."
        )
    return None


def _epoch_of(path):
    return int(path.name.removeprefix("epoch_").partition(".")[0])


def _states(folder):
    found = Path(folder).glob("state/epoch_*.weights.h5")
    named = [path for path in found if re.fullmatch(r"epoch_\d+\.weights\.h5", path.name)]
    return sorted(named, key=_epoch_of)


class Report(keras.callbacks.Callback):
    """Writes `report.html` after each epoch.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = Path(folder)

    def on_epoch_end(self, epoch, logs=None):
        """Writes the page anew."""
        report.write(self.folder, read_history(self.folder))


class StopTogether(keras.callbacks.Callback):
    """Stops all workers after the epoch in which a callback of the chief asked for it.

    Every worker needs it, as the last callback: it also waits until the chief has written.
    """

    def on_epoch_end(self, epoch, logs=None):
        """Tells the others, or is told."""
        asked = distribute.of_chief(self.model.strategy, int(self.model.stop_training))
        self.model.stop_training = bool(asked[0])
