"""How many steps of training fit into so many minutes on this machine, by a short trial."""

import time
from typing import NamedTuple

import keras
import tensorflow as tf

#: Steps before the trial, of which the first compiles, and seconds of the trial itself.
WARM_UP, SECONDS = 3, 6.0
#: Seconds that an epoch's pictures and files take, and the share of time that is kept back.
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
        batch_size: Pictures of each domain per step, on all devices together.
        seconds: How long to try, at least one step.

    Returns:
        `Trial`.
    """
    noise = tuple(
        tf.random.stateless_uniform((batch_size, *shape), (0, i), -1.0, 1.0)
        for i, shape in enumerate(model.image_shapes)
    )
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
