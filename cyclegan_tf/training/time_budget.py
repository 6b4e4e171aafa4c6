"""Time budget: how many steps fit into so many minutes on this machine, by a short trial."""

import json
import math
import time
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.wording import counted
from cyclegan_tf.data import npz
from cyclegan_tf.training import distribute

#: Filters to choose from, and the steps that a larger network needs to be worth its time.
SIZES, ENOUGH = (16, 32, 64), 10_000
#: Epochs of a run with a budget of minutes, and so images; the steps are a multiple of it.
EPOCHS = 10
#: Steps before the trial, of which the first compiles, and seconds of the trial itself.
WARM_UP, SECONDS = 3, 6.0
#: Images of noise, where a method looks at the data before it is trained.
FEW = 8
#: Seconds that an epoch's images and files take, and the share of time that is kept back.
OF_EPOCH, RESERVE = 1.0, 0.05


class Trial(NamedTuple):
    """What a short trial of training took, in seconds.

    Args:
        start: Until the first steps were compiled and done; a run does that again.
        step: A step from then on, the mean.
    """

    start: float
    step: float


class _Clock(keras.callbacks.Callback):
    """Notes when each step is done, and ends the training after `seconds` without the warm-up."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds, self.times = seconds, [time.perf_counter()]

    def on_train_batch_end(self, batch, logs=None):
        float(next(iter(logs.values())))  # waits for the step, if Keras has not
        self.times.append(time.perf_counter())
        timed = self.times[WARM_UP:]
        self.model.stop_training = len(timed) > 1 and timed[-1] - timed[0] >= self.seconds


def trial(model, batch_size=1, seconds=SECONDS):
    """Trains a model for a few seconds, as a run does, to see how long a step takes.

    Args:
        model: A compiled `GenerativeModel` of known `image_shapes`. It is trained on noise: make
            another one for the run.
        batch_size: Images of each domain per step, on all devices together.
        seconds: How long to try, at least one step.

    Returns:
        `Trial`.
    """
    noise = tuple(
        # Of a domain that is not looked at the other's shape will do.
        tf.random.stateless_uniform(
            (batch_size, *(shape or model.image_shapes[-1])), (0, i), -1.0, 1.0
        )
        for i, shape in enumerate(model.image_shapes)
    )
    if None not in model.image_shapes:
        some = (np.random.default_rng(0).uniform(-1, 1, (FEW, *x)) for x in model.image_shapes)
        model.partners(npz.Dataset(*(x.astype("float32") for x in some), ranges=((-1, 1),) * 2))
    clock = _Clock(seconds)
    batches = tf.data.Dataset.from_tensors(noise).repeat()
    model.fit(batches, steps_per_epoch=10**9, shuffle=False, verbose=0, callbacks=[clock])
    first, began, last = clock.times[0], clock.times[WARM_UP], clock.times[-1]
    return Trial(began - first, (last - began) / (len(clock.times) - 1 - WARM_UP))


def steps_in(seconds, tried, epochs):
    """Number of steps that fit into a run of so many seconds, with all that it compiles and writes.

    Args:
        seconds: Of the whole run, from its first step.
        tried: `Trial` of the same model.
        epochs: Number of epochs of the run; the steps are a multiple of it, one each at least.
    """
    left = (1 - RESERVE) * seconds - tried.start - OF_EPOCH * epochs
    return max(int(left / tried.step / epochs), 1) * epochs


def choose(make, minutes, batch_size=1, epochs=EPOCHS, sizes=(), strategy=None):
    """Chooses the steps of a run, and its filters, by timing some on this machine.

    The widest networks that get `ENOUGH` steps are taken, else the narrowest. Prints the choice.

    Args:
        make: Function of `filters=`, or of nothing, that makes a model.
        minutes: How long all may take, from this call to the last epoch's files.
        batch_size: Images of each domain per step.
        epochs: Number of epochs of the run.
        sizes: Filters to choose from, from the smallest; none leaves them.
        strategy: `tf.distribute.Strategy` of the models.

    Returns:
        Dictionary with `total_steps`, and `filters` where they were chosen.

    Raises:
        InputError: If `minutes` is no time, or several workers would each choose for itself.
    """
    known = isinstance(minutes, (int, float)) and not isinstance(minutes, bool)
    if not known or not 0 < minutes < math.inf:
        raise InputError(f"minutes must be a number above 0, received {minutes!r}.")
    if strategy is not None and len(distribute.workers(strategy)) > 1:
        raise InputError(
            f"minutes must be left out where several workers train, received {minutes}: each "
            "would choose for itself."
        )
    began, best, why = time.perf_counter(), None, None
    candidates = [{"filters": filters} for filters in sizes] or [{}]
    for candidate in candidates:
        tried = trial(make(**candidate), batch_size)
        left = 60 * minutes - (time.perf_counter() - began)
        steps = steps_in(left, tried, epochs)
        if best is not None and steps < ENOUGH:
            filters = candidate["filters"]
            why = f"{filters} filters would get {counted(steps, 'step')}, fewer than {ENOUGH}"
            break
        best = candidate | {"total_steps": steps}
        each = f"{1000 * tried.step:.0f} ms each"
        if steps < 2 * ENOUGH and candidate is not candidates[-1]:
            # Twice the filters take twice the time, about.
            why = f"with more filters there would be fewer than {ENOUGH} steps"
            break
    said = f"{_said(best)}, {each}" + (f"; {why}" if why else "")
    print(f"For {minutes:g} minutes on this machine: {said}.")
    return best


def begun(folder, epochs=EPOCHS, sizes=()):
    """What was chosen for the run in `folder`, as `choose` returns it; None where there is none."""
    try:
        stored = json.loads((Path(folder) / "run.json").read_text(encoding="utf-8"))
        arguments = stored["arguments"]
        steps = arguments["total_steps"] or epochs * stored["training"]["steps_per_epoch"]
        chosen = ({"filters": arguments["filters"]} if sizes else {}) | {"total_steps": steps}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    print(f"{folder} was begun with {_said(chosen)}: it goes on with them.")
    return chosen


def _said(chosen):
    filters = f"{chosen['filters']} filters and " if "filters" in chosen else ""
    return f"{filters}{counted(chosen['total_steps'], 'step')}"
