"""How many steps of training fit into so many minutes on this machine, by a short trial."""

import statistics
import time
from typing import NamedTuple

import tensorflow as tf

#: Steps before the trial, of which the first compiles, and seconds of the trial itself.
WARM_UP, SECONDS = 3, 6.0
#: Seconds that an epoch's pictures and files take, and the share of time that is kept back.
OF_EPOCH, RESERVE = 1.0, 0.03


class Trial(NamedTuple):
    """What a short trial of training took, in seconds.

    Args:
        start: Until the first steps were compiled and done; a run does that again.
        step: A step from then on, the median.
    """

    start: float
    step: float


def trial(model, batch_size=1, seconds=SECONDS):
    """Trains a model for a few seconds, to see how long a step takes.

    Args:
        model: A compiled `GenerativeModel` of known `image_shapes`. It is trained on noise: make
            another one for the run.
        batch_size: Pictures of each domain per step, on all devices together.
        seconds: How long to try, at least one step.

    Returns:
        `Trial`.
    """
    part = batch_size // model.strategy.num_replicas_in_sync
    shapes = [(part, *shape) for shape in model.image_shapes]
    batch = tuple(
        tf.random.stateless_uniform(shape, (0, i), -1.0, 1.0) for i, shape in enumerate(shapes)
    )
    batches = iter(tf.data.Dataset.from_tensors(batch).repeat())
    model.make_train_function()
    first, times, began = time.perf_counter(), [], None
    while began is None or time.perf_counter() - began < seconds:
        before = time.perf_counter()
        float(model.train_function(batches)[model.loss_names[0]])
        times.append(time.perf_counter() - before)
        if began is None and len(times) == WARM_UP:
            times, began = [], time.perf_counter()
    return Trial(began - first, statistics.median(times))


def steps_in(seconds, tried, epochs):
    """Number of steps that fit into a run of so many seconds, with all that it compiles and writes.

    Args:
        seconds: Of the whole run, from its first step.
        tried: `Trial` of the same model.
        epochs: Number of epochs of the run; the steps are a multiple of it, one each at least.
    """
    left = (1 - RESERVE) * seconds - tried.start - OF_EPOCH * epochs
    return max(int(left / tried.step / epochs), 1) * epochs
