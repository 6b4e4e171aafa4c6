"""How many steps of training fit into so many minutes on this machine, by a short trial."""

import statistics
import time

import tensorflow as tf

#: Steps before the trial, of which the first compiles, and seconds of the trial itself.
WARM_UP, SECONDS = 3, 8.0
#: Of a run's time, what goes into steps: pictures, files and the first step take the rest.
SHARE = 0.93


def step_seconds(model, batch_size=1, seconds=SECONDS):
    """Seconds of a training step, once it is compiled.

    Args:
        model: A compiled `GenerativeModel` of known `image_shapes`. It is trained on noise: make
            another one for the run.
        batch_size: Pictures of each domain per step, on all devices together.
        seconds: How long to try, at least one step.

    Returns:
        Median of the steps, a float.
    """
    part = batch_size // model.strategy.num_replicas_in_sync
    shapes = [(part, *shape) for shape in model.image_shapes]
    batch = tuple(
        tf.random.stateless_uniform(shape, (0, i), -1.0, 1.0) for i, shape in enumerate(shapes)
    )
    batches = iter(tf.data.Dataset.from_tensors(batch).repeat())
    model.make_train_function()
    times, began = [], None
    while began is None or time.perf_counter() - began < seconds:
        before = time.perf_counter()
        float(model.train_function(batches)[model.loss_names[0]])
        times.append(time.perf_counter() - before)
        if began is None and len(times) == WARM_UP:
            times, began = [], time.perf_counter()
    return statistics.median(times)


def steps_in(minutes, seconds_per_step, multiple=1):
    """Number of steps that fit into a run of so many minutes, what it writes included.

    Args:
        minutes: Of the whole run, from its first step.
        seconds_per_step: As `step_seconds` returns it.
        multiple: The number is a multiple of this, and at least it.
    """
    return max(int(SHARE * 60 * minutes / seconds_per_step / multiple), 1) * multiple
