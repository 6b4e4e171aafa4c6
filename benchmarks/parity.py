"""Measures how closely the TensorFlow package follows the PyTorch reference.

    python benchmarks/parity.py

Both sides start from the same weights and see the same pictures, in one process on the CPU.
Prints one table; the exit status is 0 if every bounded row passes and 1 otherwise. Needs the
extra `bench` (PyTorch).
"""

import argparse
import sys

import keras
import numpy as np
from tqdm import tqdm

from cyclegan_tf import losses, networks
from cyclegan_tf.methods.cyclegan import CycleGAN

try:
    import pytorch_reference as reference
    import torch
except ImportError as error:
    sys.exit(f'parity.py compares with PyTorch ({error}): pip install "cyclegan_tf[bench]".')

PUBLISHED = {"generator": 11_378_179, "discriminator": 2_764_737}  # 3 channels, 9 blocks
NAMES = ("gen_ab", "gen_ba", "disc_a", "disc_b")
SIZE, STEPS = 64, 5
BETA_2, EPSILON = 0.999, 1e-8


def reference_network(kind, channels=3, seed=0):
    """Returns a reference network whose weights and biases all come from N(0, 0.02)."""
    torch.manual_seed(seed)
    build = {"gen": reference.resnet_generator, "disc": reference.patch_discriminator}[kind]
    network = build(channels)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.02)
    return network


def keras_network(network, kind, channels=3, size=None):
    """Returns the package's network of the same kind with the weights of `network`."""
    build = {"gen": networks.resnet_generator, "disc": networks.patch_discriminator}[kind]
    copy = build((size, size, channels))
    copy.set_weights(weights_of(network))
    return copy


def weights_of(network):
    """Returns the parameters of a reference network as arrays in Keras's layout."""
    # (out, in, h, w) becomes (h, w, in, out); for a transposed convolution the same
    # permutation turns (in, out, h, w) into (h, w, out, in), as Keras has it.
    arrays = [p.detach().numpy() for p in network.parameters()]
    return [w.transpose(2, 3, 1, 0) if w.ndim == 4 else w for w in arrays]


def has_gradient(network):
    """Tells for each parameter whether it has any effect.

    InstanceNorm subtracts a bias right in front of it again: its true gradient is zero.
    """
    flags = []
    leaves = [m for m in network.modules() if not list(m.children())]
    for layer, following in zip(leaves, [*leaves[1:], None], strict=True):
        if list(layer.parameters()):
            flags += [True, not isinstance(following, torch.nn.InstanceNorm2d)]
    return flags


def pictures(count, channels=3, size=SIZE, seed=0):
    """Returns random pictures in [-1, 1], `(count, 1, size, size, channels)`."""
    shape = (count, 1, size, size, channels)
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


def to_torch(picture, dtype=torch.float32):
    """Turns NHWC into a tensor NCHW."""
    return torch.tensor(picture.transpose(0, 3, 1, 2), dtype=dtype)


def train_reference(adversarial_loss, dtype=torch.float32, keras_epsilon=False):
    """Trains the reference. Returns the losses of each step and the networks by name.

    Args:
        adversarial_loss: Function of `(logits, target)`.
        dtype: Type of weights and pictures.
        keras_epsilon: If True, Adam's epsilon acts where Keras has it: Keras adds it to the
            second moment's root before the bias correction, PyTorch after.
    """
    nets = [reference_network(name.split("_")[0], seed=i) for i, name in enumerate(NAMES)]
    model = reference.CycleGAN(*(net.to(dtype) for net in nets), adversarial_loss)
    history = []
    for i, (a, b) in enumerate(batches("PyTorch")):
        if keras_epsilon:
            for optimizer in (model.gen_optimizer, model.disc_optimizer):
                optimizer.param_groups[0]["eps"] = EPSILON / np.sqrt(1 - BETA_2 ** (i + 1))
        history += model.train_steps([(to_torch(a, dtype), to_torch(b, dtype))])
    return history, dict(zip(NAMES, nets, strict=True))


def train_keras(adversarial_loss):
    """Trains the package's model. Returns the losses of each step and the networks by name."""
    nets = []
    for i, name in enumerate(NAMES):
        kind = name.split("_")[0]
        nets.append(keras_network(reference_network(kind, seed=i), kind, size=SIZE))
    model = CycleGAN(*nets, adversarial_loss=adversarial_loss)
    model.compile(*(keras.optimizers.Adam(2e-4, 0.5, BETA_2, EPSILON) for _ in range(2)))
    history = []
    for a, b in batches("TensorFlow"):
        model.reset_metrics()  # what a step returns is then the mean of that step alone
        logs = model.train_step((keras.ops.array(a), keras.ops.array(b)))
        history.append({name: float(value) for name, value in logs.items()})
    return history, dict(zip(NAMES, nets, strict=True))


def batches(label):
    """Yields STEPS pairs of single pictures, different at each step."""
    pairs = zip(pictures(STEPS, seed=1), pictures(STEPS, seed=2), strict=True)
    yield from tqdm(list(pairs), desc=f"{label}, training steps", leave=False)


def relative(arrays, expected, scale=None):
    """Norm of the difference over the norm of `scale` (by default of `expected`)."""

    def flat(x):
        return np.concatenate([np.ravel(array).astype("float64") for array in x])

    return np.linalg.norm(flat(arrays) - flat(expected)) / np.linalg.norm(flat(scale or expected))


def count_rows():
    """Parameter counts."""
    for channels in (3, 1):
        for kind, name in (("gen", "generator"), ("disc", "discriminator")):
            theirs = reference_network(kind, channels)
            ours = keras_network(theirs, kind, channels).count_params()
            counts = {sum(p.numel() for p in theirs.parameters())}
            counts |= {PUBLISHED[name]} if channels == 3 else set()
            label = f"parameters, {name}, {channels} channels: {ours:,}"
            yield label, max(abs(ours - count) for count in counts), 0


def output_rows():
    """Outputs from the same weights and pictures."""
    for channels in (3, 1):
        for kind, name in (("gen", "generator"), ("disc", "discriminator")):
            theirs = reference_network(kind, channels)
            ours = keras_network(theirs, kind, channels)
            for size in (64, 128):
                picture = pictures(1, channels, size)[0]
                with torch.no_grad():
                    expected = theirs(to_torch(picture)).permute(0, 2, 3, 1).numpy()
                got = keras.ops.convert_to_numpy(ours(picture))
                assert got.shape == expected.shape, (got.shape, expected.shape)
                label = f"output, {name}, {size} px, {channels} channels: max abs"
                yield label, np.abs(got - expected).max(), 1e-4


def loss_rows(label, ours, theirs):
    """Losses of every step, the worst of the steps."""
    for name in theirs[0]:
        worst = max(abs(o[name] / t[name] - 1) for o, t in zip(ours, theirs, strict=True))
        yield f"loss {name}, {label}, worst of {STEPS} steps: relative", worst, 1e-3


def weight_rows(ours, theirs, exact, keras_epsilon):
    """Weights after the last step; `exact` and `keras_epsilon` are float64 references."""
    dead = []
    for i, name in enumerate(NAMES):
        live = has_gradient(theirs[name])

        def pick(weights, live=live):
            return [w for w, is_live in zip(weights, live, strict=True) if is_live]

        start = weights_of(reference_network(name.split("_")[0], seed=i))
        expected, true = weights_of(theirs[name]), weights_of(exact[name])
        got, moved = ours[name].get_weights(), weights_of(keras_epsilon[name])
        update = [e - s for e, s in zip(pick(expected), pick(start), strict=True)]
        yield f"weights {name}: relative", relative(pick(got), pick(expected)), 1e-3
        for label, x, y in (
            ("TensorFlow from PyTorch", got, expected),
            ("TensorFlow from PyTorch in float64", got, true),
            ("PyTorch from itself in float64", expected, true),
            ("Keras's epsilon from PyTorch's, float64", moved, true),
        ):
            share = relative(pick(x), pick(y), scale=update)
            yield f"  {label}: share of the {STEPS} updates", share, None
        dead += [
            (np.abs(g - s).max(), np.abs(e - s).max(), np.abs(t - s).max())
            for g, e, t, s, is_live in zip(got, expected, true, start, live, strict=True)
            if not is_live
        ]
    sides = ("TensorFlow", "PyTorch", "PyTorch in float64")
    for side, moves in zip(sides, zip(*dead, strict=True), strict=True):
        yield f"biases before InstanceNorm (true gradient 0), {side}: max move", max(moves), None


def main():
    argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_args()
    rows = [*count_rows(), *output_rows()]
    ours, our_nets = train_keras(losses.least_squares)
    theirs, their_nets = train_reference(reference.least_squares)
    rows += loss_rows("least squares", ours, theirs)
    _, exact = train_reference(reference.least_squares, torch.float64)
    _, moved = train_reference(reference.least_squares, torch.float64, keras_epsilon=True)
    weights = list(weight_rows(our_nets, their_nets, exact, moved))
    ours, _ = train_keras(losses.binary_crossentropy)
    theirs, _ = train_reference(reference.binary_crossentropy)
    rows += [*loss_rows("cross-entropy", ours, theirs), *weights]

    print(f"{'':72}{'measured':>10}{'bound':>8}")
    for label, value, bound in rows:
        verdict = "" if bound is None else "pass" if value <= bound else "FAIL"
        limit = "" if bound is None else f"{bound:.0e}" if bound else "0"
        print(f"{label:72}{value:10.1e}{limit:>8}  {verdict}".rstrip())
    sys.exit(any(bound is not None and not value <= bound for _, value, bound in rows))


if __name__ == "__main__":
    main()
