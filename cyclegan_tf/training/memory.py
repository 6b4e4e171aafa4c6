"""Memory: how much a training step takes, before it is tried, and how much there is.

Reference: Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost",
https://arxiv.org/abs/1604.06174, for what is kept and what can be computed again.
"""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from cyclegan_tf.common.wording import counted
from cyclegan_tf.networks.layers import winograd
from cyclegan_tf.networks.layers.convolutions import Conv2D
from cyclegan_tf.networks.layers.normalization import InstanceNormalization
from cyclegan_tf.networks.precision import compute_type

GIB = 2**30
#: What TensorFlow takes to trace a step and run it, measured on a CPU.
LIBRARY = 200 * 2**20
#: How many of its largest images a call of a generator needs while it computes, measured.
WORKING = 3


@dataclass(frozen=True)
class Estimate:
    """Bytes that a step of training takes at its peak.

    Attributes:
        weights: All networks' weights.
        averages: Of the generators' weights, where they are kept.
        moments: The two that Adam keeps of each weight.
        pools: The image pools.
        gradients: Of all weights.
        kernels: What `winograd` makes of the generators' kernels, where it is used.
        activations: What the layers keep for the backward pass, in the generators' part of the
            step, which is the larger one.
        working: What comes and goes meanwhile: gradients of the images, copies that
            convolutions make, and TensorFlow's own.
    """

    weights: int
    averages: int
    moments: int
    pools: int
    gradients: int
    kernels: int
    activations: int
    working: int

    @property
    def total(self):
        """Sum of all parts."""
        return sum(dataclasses.astuple(self))

    @property
    def held(self):
        """What a compiled model holds already."""
        return self.weights + self.averages + self.moments + self.pools


def knows(model):
    """Whether the memory of a step of `model` can be estimated: so far that of CycleGAN."""
    return model.generator_calls is not None


def estimate(model, batch_size):
    """Estimates the memory of a step, on each device where there are several.

    Compared with what a CPU took without XLA, from 64 to 256 pixels: 12 % off at most, with
    `recompute` up to 22 % too high (7 % at most where `winograd` is used, over four cases). XLA's
    compiler takes 0.2 GiB more. Not compared on a GPU.

    Args:
        model: A compiled `methods.cyclegan.CycleGAN`.
        batch_size: Images of each domain per step, on all devices together.

    Returns:
        An `Estimate`.
    """
    return _estimate(
        model,
        batch_size // _parts(model),
        size=tuple(model.pool_a.images.shape[1:3]),
        reduced=compute_type(model.gen_ab).endswith("float16"),
        recompute=model.options.recompute,
    )


def _parts(model):
    """Into how many parts a batch is cut: over devices, and in time."""
    return model.strategy.num_replicas_in_sync * model.accumulate


def _estimate(model, images, size, reduced, recompute):
    weights = 4 * sum(n.count_params() for n in (*model.generators, *model.discriminators))
    first, then = model.generator_calls
    activations, largest = 0, 0
    for network in model.generators:
        keeps = kept(network, size, reduced)
        activations += (first + then) * keeps.all
        if recompute:
            activations += (first + then) * (keeps.edges - keeps.all) + first * keeps.segment
        largest += (first + then) * keeps.largest
    for network in model.discriminators:
        activations += kept(network, size, reduced).all
    return Estimate(
        weights=weights,
        averages=sum(4 * math.prod(x.shape) for x in model.average.averages)
        if model.average
        else 0,
        moments=2 * weights,
        pools=sum(4 * math.prod(pool.images.shape) for pool in (model.pool_a, model.pool_b)),
        gradients=weights,
        kernels=0
        if reduced or recompute
        else sum(_transformed(network) for network in model.generators),
        activations=images * activations,
        working=LIBRARY + images * WORKING * largest,
    )


def _transformed(network):
    """Bytes of a network's transformed kernels."""
    layers = [layer for layer in network.layers if isinstance(layer, Conv2D)]
    kernels = [layer.kernel.shape for layer in layers if layer.suits_winograd]
    return sum(4 * winograd.SIZE**2 * math.prod(shape[2:]) for shape in kernels)


@dataclass(frozen=True)
class Kept:
    """Bytes that a network keeps of one image for the backward pass.

    Attributes:
        all: All that its layers keep.
        edges: What goes into each segment, where segments end with an addition.
        segment: What the layers of that segment keep that keeps most.
        largest: The largest image inside the network, in float32.
    """

    all: int
    edges: int
    segment: int
    largest: int


def kept(network, size, reduced=False):
    """What a network's layers keep of one image.

    A convolution keeps its input; a normalization, in float32, its output; an activation one
    image; all else nothing.

    Args:
        network: Functional `keras.Model` for images of any size.
        size: `(height, width)` of the image.
        reduced: Whether the network computes in 16 bits.

    Returns:
        A `Kept`.
    """
    width = 2 if reduced else 4
    probe = keras.Model(network.inputs, [layer.output for layer in network.layers])
    shapes = probe.compute_output_shape((1, *size, network.input_shape[-1]))
    tensors = [layer.output for layer in network.layers]
    numbers = {id(x): math.prod(shape) for x, shape in zip(tensors, shapes, strict=True)}
    edges, segments = [4 * numbers[id(network.input)]], [0]
    for layer in network.layers:
        output = numbers[id(layer.output)]
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.Conv2DTranspose)):
            segments[-1] += width * numbers[id(layer.input)]
        elif isinstance(layer, InstanceNormalization):
            segments[-1] += 4 * output
        elif isinstance(layer, (keras.layers.ReLU, keras.layers.LeakyReLU)):
            segments[-1] += width * output
        elif isinstance(layer, keras.layers.Activation):
            segments[-1] += 4 * output
        elif isinstance(layer, keras.layers.Add):
            edges.append(width * output)
            segments.append(0)
    return Kept(sum(segments), sum(edges), max(segments), 4 * max(numbers.values()))


def free():
    """Bytes that are free: of the first GPU where there is one, else of the machine.

    Returns:
        The number, or None where it cannot be known.
    """
    if tf.config.list_logical_devices("GPU"):
        return _free_of_gpu()
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:  # not Linux
        return None
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")]
    return found[0] if found else None


def _free_of_gpu():
    from tensorflow.python.client import device_lib  # the one place that tells the limit

    limits = [d.memory_limit for d in device_lib.list_local_devices() if d.device_type == "GPU"]
    try:
        return limits[0] - tf.config.experimental.get_memory_info("GPU:0")["current"]
    except (IndexError, ValueError):  # a kind of device that does not tell
        return None


def sentence(model, batch_size):
    """What a step will take, and what there is for it, for people.

    Args:
        model: As for `estimate`.
        batch_size: As for `estimate`.

    Returns:
        One sentence.
    """
    needed, there = estimate(model, batch_size), free()
    height, width = model.pool_a.images.shape[1:3]
    images = counted(batch_size, "image")
    text = f"Memory: about {_gib(needed.total)} for a step of {images} of {height}x{width}"
    return text + ("." if there is None else f"; {_gib(there + needed.held)} are there for it.")


def advice(model, batch_size):
    """What to lower where memory does not suffice.

    Args:
        model: As for `estimate`.
        batch_size: As for `estimate`.

    Returns:
        One sentence that names, in the order of what costs least, each thing that helps and the
        memory that is needed with it; None where memory suffices or is unknown.
    """
    needed, there = estimate(model, batch_size), free()
    if there is None or needed.total <= there + needed.held:
        return None
    helping = ", ".join(f"{what} ({_gib(total)})" for what, total in _ways(model, batch_size))
    return (
        f"A step takes about {_gib(needed.total)} of memory and {_gib(there + needed.held)} are "
        f"there for it; what would help, each alone: {helping}."
    )


def _ways(model, batch_size):
    """Yields what could be lowered, and the total with it."""
    height, width = model.pool_a.images.shape[1:3]
    now = {
        "images": batch_size // _parts(model),
        "size": (height, width),
        "reduced": compute_type(model.gen_ab).endswith("float16"),
        "recompute": model.options.recompute,
    }

    def total(**changes):
        return _estimate(model, **now | changes).total

    if now["images"] > 1:
        replicas = model.strategy.num_replicas_in_sync
        if model.accumulate == 1:
            yield f"a batch of {replicas}", total(images=1)
        yield f"accumulate {batch_size // replicas}", total(images=1)
    has_blocks = any(isinstance(layer, keras.layers.Add) for layer in model.gen_ab.layers)
    if has_blocks and not model.options.recompute:
        yield "recompute", total(recompute=True)
    if not now["reduced"]:
        yield "precision mixed_bfloat16", total(reduced=True)
    yield f"images of {height // 2}x{width // 2}", total(size=(height // 2, width // 2))
    parts = _estimate(model, **now)
    per_filter = parts.activations + parts.working - LIBRARY
    per_filter_squared = (
        parts.weights + parts.averages + parts.moments + parts.gradients + parts.kernels
    )
    yield "half the filters", LIBRARY + parts.pools + per_filter // 2 + per_filter_squared // 4


def _gib(number):
    return f"{number / GIB:.1f} GiB" if number < 10 * GIB else f"{number / GIB:.0f} GiB"
