"""Measures how closely the TensorFlow package follows the PyTorch reference.

    python benchmarks/parity.py

Both sides start from the same weights and see the same images, in one process on the CPU.
Prints one table; the exit status is 0 if every bounded row passes and 1 otherwise. Needs the
extra `bench` (PyTorch).
"""

import argparse
import functools
import sys
from collections import defaultdict

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from cyclegan_tf.methods.cyclegan import CycleGAN, CycleGANOptions
from cyclegan_tf.networks import discriminators, generators
from cyclegan_tf.networks.layers.convolutions import set_fast

try:
    import pytorch_reference as reference
    import torch
except ImportError as error:
    sys.exit(f'parity.py compares with PyTorch ({error}): pip install "cyclegan_tf[bench]".')

PUBLISHED = {"generator": 11_378_179, "discriminator": 2_764_737}  # 3 channels, 9 blocks
BUILD = {
    "generator": (reference.resnet_generator, generators.resnet_generator),
    "discriminator": (reference.patch_discriminator, discriminators.patch_discriminator),
}
KINDS = {"gen_ab": "generator", "gen_ba": "generator"}
KINDS |= {"disc_a": "discriminator", "disc_b": "discriminator"}
SIZE, STEPS = 64, 5
RATE, BETA_1, BETA_2, EPSILON = 2e-4, 0.5, 0.999, 1e-8
OUTPUT_BOUND, LOSS_BOUND, WEIGHT_BOUND = 1e-4, 1e-3, 1e-3


def reference_network(kind, channels=3, seed=0):
    """Returns a reference network whose weights and biases all come from N(0, 0.02)."""
    torch.manual_seed(seed)
    network = BUILD[kind][0](channels)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.02)
    return network


def keras_network(network, kind, channels=3, size=None):
    """Returns the package's network of the same kind with the weights of `network`."""
    copy = BUILD[kind][1]((size, size, channels))
    copy.set_weights(weights_of(network))
    # Plain convolutions: the fast ones' rounding is measured against float64, by speed.py.
    set_fast([copy], False)
    return copy


def weights_of(network):
    """Returns the weights of a network of either side as arrays in Keras's layout."""
    if isinstance(network, keras.Model):
        return network.get_weights()
    # (out, in, h, w) becomes (h, w, in, out); for a transposed convolution the same
    # permutation turns (in, out, h, w) into (h, w, out, in), as Keras has it.
    arrays = [parameter.detach().numpy() for parameter in network.parameters()]
    return [w.transpose(2, 3, 1, 0) if w.ndim == 4 else w for w in arrays]


@functools.cache
def has_effect(kind):
    """Tells for each weight whether the output depends on it.

    InstanceNorm takes a bias right in front of it out again: its true gradient is zero.
    """
    flags = []
    leaves = [m for m in reference_network(kind).modules() if not list(m.children())]
    for layer, following in zip(leaves, [*leaves[1:], None], strict=True):
        if list(layer.parameters()):
            flags += [True, not isinstance(following, torch.nn.InstanceNorm2d)]
    return flags


def select(model, name, effective=True):
    """Returns copies of those weights of one network that have an effect, or that have none."""
    pairs = zip(weights_of(getattr(model, name)), has_effect(KINDS[name]), strict=True)
    return [w.astype("float64") for w, flag in pairs if flag == effective]


def distance(arrays, expected):
    """Returns the norm of the difference of two lists of arrays."""
    return np.sqrt(sum(np.sum((x - y) ** 2) for x, y in zip(arrays, expected, strict=True)))


def norm(arrays):
    """Returns the norm of all arrays together."""
    return np.sqrt(sum(np.sum(x**2) for x in arrays))


def images(count, channels=3, size=SIZE, seed=0):
    """Returns random images in [-1, 1], `(count, 1, size, size, channels)`."""
    shape = (count, 1, size, size, channels)
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


def batches(label, steps=STEPS):
    """Yields pairs of single images, different at each step."""
    pairs = zip(images(steps, seed=1), images(steps, seed=2), strict=True)
    yield from tqdm(pairs, desc=label, total=steps, leave=False)


def to_torch(image, dtype=torch.float32):
    """Turns NHWC into a tensor NCHW."""
    return torch.tensor(image.transpose(0, 3, 1, 2), dtype=dtype)


def reference_model(adversarial_loss="least_squares", dtype=torch.float32):
    """Returns the reference's model, with the same initial weights at each call."""
    nets = [reference_network(kind, seed=i).to(dtype) for i, kind in enumerate(KINDS.values())]
    return reference.CycleGAN(*nets, getattr(reference, adversarial_loss))


def trained_reference(steps=STEPS, dtype=torch.float64, keras_epsilon=False):
    """Trains the reference on its own and returns it.

    Args:
        steps: Number of training steps.
        dtype: Type of weights and images.
        keras_epsilon: If True, Adam's epsilon acts where Keras has it: Keras adds it to the
            root of the second moment before the bias correction, PyTorch after.
    """
    model = reference_model(dtype=dtype)
    for step, (a, b) in enumerate(batches(f"PyTorch alone, {dtype}", steps), start=1):
        if keras_epsilon:
            for optimizer in (model.gen_optimizer, model.disc_optimizer):
                optimizer.param_groups[0]["eps"] = EPSILON / np.sqrt(1 - BETA_2**step)
        model.train_step(to_torch(a, dtype), to_torch(b, dtype))
    return model


def train_together(adversarial_loss, synchronized):
    """Trains both sides on the same images.

    Args:
        adversarial_loss: Name of the loss, the same on both sides.
        synchronized: If True, our weights are set to the reference's after each step, so that
            every step starts from equal weights; each side's Adam keeps its own moments.

    Returns:
        `(ours, theirs, worst)`: both models, and for each loss and each network the largest
        relative difference of all steps.
    """
    theirs = reference_model(adversarial_loss)
    nets = [keras_network(getattr(theirs, n), kind, size=SIZE) for n, kind in KINDS.items()]
    options = CycleGANOptions(adversarial_loss=adversarial_loss, fast_convolutions=False)
    shapes = ((SIZE, SIZE, 3), (SIZE, SIZE, 3))
    ours = CycleGAN(options, shapes, networks=dict(zip(KINDS, nets, strict=True)))
    ours.compile(*(keras.optimizers.Adam(RATE, BETA_1, BETA_2, EPSILON) for _ in range(2)))
    worst = defaultdict(float)
    for a, b in batches(f"Both sides, {adversarial_loss}"):
        expected = theirs.train_step(to_torch(a), to_torch(b))
        ours.reset_metrics()  # what a step returns is then the mean of that step alone
        got = ours.train_step((tf.constant(a), tf.constant(b)))
        for name, value in expected.items():
            worst[name] = max(worst[name], abs(float(got[name]) / value - 1))
        for name in KINDS:
            x, y = select(ours, name), select(theirs, name)
            worst[name] = max(worst[name], distance(x, y) / norm(y))
            if synchronized:
                getattr(ours, name).set_weights(weights_of(getattr(theirs, name)))
    return ours, theirs, worst


def network_rows():
    """Parameter counts, and outputs from the same weights and images."""
    for channels in (3, 1):
        for kind in BUILD:
            theirs = reference_network(kind, channels)
            ours = keras_network(theirs, kind, channels)
            count = sum(p.numel() for p in theirs.parameters())
            off = abs(ours.count_params() - count)
            if channels == 3:
                off = max(off, abs(count - PUBLISHED[kind]))
            yield f"{kind}, {channels} ch, {count:,} parameters: difference", off, 0
            for size in (64, 128):
                image = images(1, channels, size)[0]
                with torch.no_grad():
                    expected = theirs(to_torch(image)).permute(0, 2, 3, 1).numpy()
                got = ours(image).numpy()
                off = np.abs(got - expected).max() if got.shape == expected.shape else np.inf
                yield f"{kind}, {channels} ch, {size} px, output: max abs", off, OUTPUT_BOUND


def step_rows():
    """Losses and weights, with both sides set to equal weights before each step."""
    for loss in ("least_squares", "binary_crossentropy"):
        _, _, worst = train_together(loss, synchronized=True)
        for name, value in worst.items():
            what, bound = ("weights", WEIGHT_BOUND) if name in KINDS else ("loss", LOSS_BOUND)
            yield f"{loss}, {what} {name}, worst of {STEPS} equal starts", value, bound


def free_rows():
    """Weights after steps without any help, and what rounding and epsilon do to PyTorch alone."""
    ours, theirs, _ = train_together("least_squares", synchronized=False)
    start, exact = reference_model(), trained_reference()
    moved = trained_reference(keras_epsilon=True)
    first, moved_first = trained_reference(1), trained_reference(1, keras_epsilon=True)
    for name in KINDS:
        rounding = distance(select(theirs, name), select(exact, name)) / norm(select(exact, name))
        for label, x, y, bound in (
            # Adam turns the signs of the smallest gradients into full steps, so that PyTorch in
            # float32 leaves PyTorch in float64 as fast: nobody can be asked to be closer than that.
            (f"{STEPS} free steps", ours, theirs, max(WEIGHT_BOUND, 1.5 * rounding)),
            (f"{STEPS} free steps, PyTorch float32 - float64", theirs, exact, None),
            ("1 step, Keras's epsilon in PyTorch float64", moved_first, first, None),
            (f"{STEPS} steps, Keras's epsilon in PyTorch float64", moved, exact, None),
        ):
            off, scale = distance(select(x, name), select(y, name)), select(y, name)
            share = off / distance(scale, select(start, name))
            yield f"{name}, {label} ({share:.1%} of the update)", off / norm(scale), bound
    for side, model in (("TensorFlow", ours), ("PyTorch", theirs), ("PyTorch float64", exact)):
        pairs = ((select(model, n, False), select(start, n, False)) for n in KINDS)
        move = max(np.abs(x - y).max() for xs, ys in pairs for x, y in zip(xs, ys, strict=True))
        yield f"biases before InstanceNorm, {side}: max move (true: 0)", move, None


def main():
    argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_args()
    tf.config.set_visible_devices([], "GPU")
    rows = [*network_rows(), *step_rows(), *free_rows()]
    print(f"{'':76}{'measured':>9}{'bound':>7}")
    for label, value, bound in rows:
        limit = "" if bound is None else f"{bound:7.0e}  {'pass' if value <= bound else 'FAIL'}"
        print(f"{label:76}{value:9.1e}{limit}")
    sys.exit(any(bound is not None and not value <= bound for _, value, bound in rows))


if __name__ == "__main__":
    main()
