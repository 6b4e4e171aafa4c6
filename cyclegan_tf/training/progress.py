"""Progress of a training: a bar where somebody watches, and a line after each epoch."""

import time

import keras

from cyclegan_tf.common.progress import tqdm
from cyclegan_tf.common.wording import duration

_BAR = "{desc} {bar:20} {n_fmt}/{total_fmt}{postfix}"


class Progress(keras.callbacks.Callback):
    """Says how far a run is: time left of the epoch and of the run, losses and scores.

    Must come after every callback that adds to the logs.

    Args:
        epochs: Number of epochs of the whole run.
        steps: Number of steps of each.
        bar: Whether to draw a bar, too, where somebody watches.
    """

    def __init__(self, epochs, steps, bar=True):
        super().__init__()
        self.epochs, self.steps, self.bar = epochs, steps, bar
        self._bar = self._took = None

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock and the bar."""
        self.close()
        self._began, self._left, self._first = time.perf_counter(), self.epochs - epoch - 1, None
        name = f"Epoch {epoch + 1}/{self.epochs}"
        options = {"bar_format": _BAR, "dynamic_ncols": True, "leave": False}
        self._bar = tqdm(total=self.steps, desc=name, disable=not self.bar, **options)

    def on_train_batch_end(self, batch, logs=None):
        """Moves the bar."""
        # Keras numbers the last step of an epoch as if its last execution were a full one.
        done, now = min(batch + 1, self.steps), time.perf_counter()
        self._first = self._first or (done, now)  # the first step compiles: it tells no pace
        if self._bar.disable:
            return
        if done > self._first[0]:
            step = self._step(now, done)
            epoch = step * (self.steps - done)
            run = epoch + self._left * (self._took or step * self.steps)
            left = f"{duration(epoch)} left, of the run {duration(run)}"
            self._bar.set_postfix_str(f"{left}: {_numbers(logs)}", refresh=False)
        self._bar.update(done - self._bar.n)
        if done == self.steps:
            self.close()

    def on_epoch_end(self, epoch, logs=None):
        """Prints the epoch's line."""
        self.close()
        now = time.perf_counter()
        self._took = self._step(now, self.steps) * self.steps
        left = f", {duration(self._took * self._left)} left" if self._left else ""
        said = f"Epoch {epoch + 1}/{self.epochs}, {duration(now - self._began)}{left}"
        print(f"{said}: {_numbers(logs)}", flush=True)

    def _step(self, now, done):
        """Seconds of a step, once it is compiled."""
        since, began = self._first if done > self._first[0] else (0, self._began)
        return (now - began) / (done - since)

    def close(self):
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _numbers(logs):
    return ", ".join(f"{name} {float(value):.4g}" for name, value in (logs or {}).items())
