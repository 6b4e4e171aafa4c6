"""Where the milliseconds of one training step go, by kind of operation.

    python benchmarks/step_profile.py [--size 64] [--batch 1] [--plain | --fast] [--by shape]

Trains `recipes.cyclegan` on noise with the threads that `cyclegan-tf train` sets, records some
steps with TensorFlow's own tracer and adds up what each operation took on the threads that run
them. An operation's time is its own, without what it calls. Where one operation is divided over
several threads (intra-op above 1), it counts on the thread that started it. Times are as the
clock has them: let nothing else run meanwhile.
"""

import argparse
import inspect
import os
import re
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2
from tqdm import tqdm

from cyclegan_tf import recipes

EXECUTOR = "ExecutorState::Process"  # runs operations one after another; its own time is overhead


def make_model(options):
    """Returns the compiled model that the options describe."""
    known = inspect.signature(recipes.cyclegan).parameters
    choices = {"fast_convolutions": options.fast, "precision": options.precision}
    choices = {name: value for name, value in choices.items() if value is not None}
    for name in choices.keys() - known.keys():
        raise SystemExit(f"step_profile.py: recipes.cyclegan has no argument {name} yet.")
    shape = (options.size, options.size, 3)
    return recipes.cyclegan(shape, filters=options.filters, blocks=options.blocks, **choices)


def trace(step, batch, steps):
    """Records steps. Returns the host's plane of events, and the seconds of each step."""
    seconds = []
    tracer = tf.profiler.experimental.ProfilerOptions(host_tracer_level=3, python_tracer_level=0)
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder, tracer):
            for _ in tqdm(range(steps), desc="recorded", leave=False):
                began = time.perf_counter()
                step(batch)
                seconds.append(time.perf_counter() - began)
        (file,) = Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace.FromString(file.read_bytes())
    return next(plane for plane in space.planes if plane.name == "/host:CPU"), seconds


def own_times(plane):
    """Yields `(name, milliseconds)` of each event on the threads that run operations.

    Events of a thread nest; each gets its duration less that of the events directly in it.
    """
    names = {key: metadata.name for key, metadata in plane.event_metadata.items()}
    for line in plane.lines:
        events = sorted(line.events, key=lambda event: (event.offset_ps, -event.duration_ps))
        if not any(names[event.metadata_id] == EXECUTOR for event in events):
            continue
        around = []  # [name, end, own time] of the events that are open
        for event in [*events, None]:
            begin = np.inf if event is None else event.offset_ps
            while around and around[-1][1] <= begin:
                name, _, own = around.pop()
                yield name, own / 1e9
            if event is None:
                break
            if around:
                around[-1][2] -= event.duration_ps
            around.append([names[event.metadata_id], begin + event.duration_ps, event.duration_ps])


def shapes_of(step, batch):
    """Returns from each operation's name to the text of its output's shape."""
    definition = step.get_concrete_function(batch).graph.as_graph_def(add_shapes=True)
    found = {}
    functions = definition.library.function
    for nodes in (definition.node, *(function.node_def for function in functions)):
        for node in nodes:
            sides = [[d.size for d in s.dim] for s in node.attr["_output_shapes"].list.shape]
            shapes = ["x".join(map(str, shape)) for shape in sides if shape]
            found[node.name] = " ".join(dict.fromkeys(shapes))
    return found


def label(name, by, shapes):
    """What an event is counted under: `graph/path/name:Type`, or TensorFlow's own bookkeeping."""
    path, colon, kind = name.rpartition(":")
    if not colon or path.endswith(":"):
        return "(between operations)" if name == EXECUTOR else re.sub(r"[.\d]+$", "", name)
    if by == "type":
        return kind
    path = re.sub(r"^(StatefulPartitionedCall/)+", "", path)
    return f"{kind}  {path if by == 'name' else shapes.get(path, '?')}"


def table(times, by, shapes, steps, total, top):
    """Returns the lines of the table.

    Args:
        times: `(name, milliseconds)` of each event.
        by: "type", "shape" or "name".
        shapes: From names to shapes.
        steps: Number of steps in which the events happened.
        total: Milliseconds of one step, times the number of threads.
        top: How many rows to show before the rest is summed.
    """
    calls, milliseconds = Counter(), Counter()
    for name, own in times:
        if name.startswith("ThreadpoolListener"):
            continue
        calls[label(name, by, shapes)] += 1 / steps
        milliseconds[label(name, by, shapes)] += own / steps
    rows = [(name, calls[name], spent) for name, spent in milliseconds.most_common()]
    shown, rest = rows[:top], rows[top:]
    if rest:
        shown.append((f"({len(rest)} more)", sum(r[1] for r in rest), sum(r[2] for r in rest)))
    idle = total - sum(row[2] for row in rows)
    shown += [("(threads idle)", 0, idle), ("all threads", sum(calls.values()), total)]
    width = max(len(row[0]) for row in shown)
    yield f"{'':{width}}{'calls':>8}{'ms':>10}{'share':>8}"
    for name, count, spent in shown:
        yield f"{name:{width}}{count:8.0f}{spent:10.2f}{spent / total:8.1%}"


def main():
    cores = os.cpu_count() or 2
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=64, help="pixels")
    parser.add_argument("--batch", type=int, default=1, help="images per step")
    parser.add_argument("--filters", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=9)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--fast", action="store_true", default=None, help="fast convolutions")
    kind.add_argument("--plain", dest="fast", action="store_false", help="plain convolutions")
    parser.add_argument("--precision", help='such as "mixed_bfloat16"')
    parser.add_argument("--inter-op", type=int, default=2, metavar="THREADS")
    parser.add_argument("--intra-op", type=int, default=max(cores // 2, 1), metavar="THREADS")
    parser.add_argument("--warm-up", type=int, default=3, metavar="STEPS")
    parser.add_argument("--steps", type=int, default=5, help="recorded steps")
    parser.add_argument("--by", choices=("type", "shape", "name"), default="type")
    parser.add_argument("--top", type=int, default=30, metavar="ROWS")
    options = parser.parse_args()
    tf.config.set_visible_devices([], "GPU")
    tf.config.threading.set_inter_op_parallelism_threads(options.inter_op)
    tf.config.threading.set_intra_op_parallelism_threads(options.intra_op)
    model = make_model(options)
    step = tf.function(model.train_step)
    shape = (options.batch, options.size, options.size, 3)
    rng = np.random.default_rng(0)
    batch = tuple(tf.constant(rng.uniform(-1, 1, shape).astype("float32")) for _ in range(2))
    for _ in tqdm(range(max(options.warm_up, 1)), desc="warm-up", leave=False):
        step(batch)
    plane, seconds = trace(step, batch, options.steps)
    mean = 1000 * statistics.fmean(seconds)
    print(f"{mean:.1f} ms a step while recorded (fastest {1000 * min(seconds):.1f}), ", end="")
    print(f"{options.inter_op} threads of {options.intra_op}; per step, summed over the threads:")
    shapes = shapes_of(step, batch) if options.by == "shape" else {}
    for line in table(
        own_times(plane), options.by, shapes, options.steps, mean * options.inter_op, options.top
    ):
        print(line)


if __name__ == "__main__":
    main()
