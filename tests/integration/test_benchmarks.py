"""What the benchmarks calculate, on contenders that do nothing."""

import json
import sys

import pytest

from support.datasets import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

import flops
import measure
import tables
import turns

from cyclegan_tf.networks import discriminators

FAKE = """
import json, sys
rest = [json.loads(word) for word in sys.argv[1:]]
print("TensorFlow says hello", file=sys.stderr)
print(json.dumps(rest.pop(0)), flush=True)
for line in sys.stdin:
    asked = json.loads(line)["ask"]
    print(json.dumps({"MiB": 7} if asked == "memory" else rest.pop(0)), flush=True)
"""


def fake(*answers):
    """The command of a process that gives these answers."""
    return [sys.executable, "-c", FAKE, *map(json.dumps, answers)]


def steps(*seconds):
    return fake({"ready": "fake"}, *({"seconds": s} for s in seconds))


class Recorder:
    """A contender that writes its name down."""

    def __init__(self, name, order):
        self.name, self.order = name, order

    def ask(self, question):
        assert question == "step"
        self.order.append(self.name)
        return {"seconds": len(self.order)}


def test_contenders_take_turns_and_the_order_moves_on():
    order = []
    contenders = {name: Recorder(name, order) for name in "abc"}
    answers = turns.take_turns(contenders, 3, pause=0)
    assert "".join(order) == "abcbcacab"
    assert [a["seconds"] for a in answers["a"]] == [1, 6, 8]


def test_disturbed_rounds_are_repeated_within_limits():
    class Answers:
        def __init__(self, *shares):
            self.shares = enumerate(shares)

        def ask(self, _):
            number, share = next(self.shares)
            return {"seconds": number, "others": share}

    contenders = {"a": Answers(0.0, 0.9, 0.1), "b": Answers(0.1, 0.0, 0.0)}
    answers = turns.take_turns(contenders, 2, pause=0)
    assert [a["seconds"] for a in answers["a"]] == [a["seconds"] for a in answers["b"]] == [0, 2]
    # Never quiet: four rounds for two, and the best of them count.
    answers = turns.take_turns({"a": Answers(0.9, 0.5, 0.8, 0.4)}, 2, pause=0)
    assert [a["seconds"] for a in answers["a"]] == [3, 1]


def test_ratios_pair_the_rounds():
    # The machine became four times slower halfway: each round's ratio is 2 all the same.
    assert turns.ratio([2, 2, 8, 8], [1, 1, 4, 4]) == (2.0, 2.0, 2.0)
    middle, low, high = turns.ratio([3, 6, 9, 12, 15], [3, 3, 3, 3, 3])
    assert (middle, low, high) == (3.0, 2.0, 4.0)
    assert turns.ratio([1, 4], [1, 1]) == (2.5, 1.0, 4.0)


@pytest.mark.parametrize("together", [True, False])
def test_compete_measures_against_the_same_rounds(together):
    rounds = 2
    base = (4, 8) if together else (4, 8, 6, 2)
    commands = {"base": steps(*base), "x": steps(2, 4), "y": steps(1, 2)}
    results = measure.compete("fake", commands, rounds, together=together, peak=False)
    assert list(results) == ["base", "x", "y"]
    assert results["base"].seconds == list(base)
    assert results["x"].base == [4, 8] and results["x"].seconds == [2, 4]
    assert results["y"].base == ([4, 8] if together else [6, 2])
    assert results["x"].memory == 7 and results["x"].first_step > 0


def test_a_contender_that_cannot_run_is_named_with_its_reason():
    said = []
    commands = {
        "base": steps(1),
        "broken": [sys.executable, "-c", "raise SystemExit('no compiler')"],
        "refusing": fake({"error": "no such argument"}),
    }
    results = measure.compete("fake", commands, 1, peak=False, report=said.append)
    assert list(results) == ["base"]
    assert said == [
        "broken is left out: the process ended with status 1 and said: no compiler",
        "refusing is left out: no such argument",
    ]
    with pytest.raises(turns.ContenderFailed, match="no such argument"):
        measure.compete("fake", {"base": fake({"error": "no such argument"})}, 1, peak=False)


def test_table_of_a_comparison():
    def result(seconds, memory, errors):
        answers = [{"seconds": s} for s in seconds]
        return measure.Result(answers, [2, 2, 2, 2], [1e9] * 4, memory, 3.21, errors)

    results = {
        "base": result([2, 2, 2, 2], 100, {"output": 1e-6, "gradients": 1e-3}),
        "other": result([0.5, 0.5, 1, 1], 250, {"output": 2.5e-2, "gradients": 0.5}),
    }
    base, other = tables.comparison(results, operations=3e8).splitlines()[2:]
    cells = [cell.strip() for cell in other.strip("|").split("|")]
    # The median of 0.5, 0.5, 1, 1 is 0.75: 2 / 0.75 and 0.3 GFLOP in 0.75 s of 1 GFLOP/s.
    assert cells[:5] == ["other", "750", "2.67 (2.00–4.00)", "40%", "250"]
    assert cells[5:] == ["2.50", "3.2", "2.5e-02", "5.0e-01"]
    assert "15%" in base and "1.00 (1.00–1.00)" in base


def test_blocks_are_replaced_between_their_markers():
    text = "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n"
    new = tables.replaced(text, "x", "new")
    assert new == "a\n<!-- x: begin -->\n\nnew\n\n<!-- x: end -->\nb\n"
    assert tables.replaced(new, "x", "new") == new
    with pytest.raises(ValueError, match="y: begin"):
        tables.replaced(text, "y", "new")


def test_every_case_has_its_place_in_the_readme():
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    speed = pytest.importorskip("speed")
    for name in ("machine", *speed.CASES):
        assert f"<!-- {name}: begin -->" in text and f"<!-- {name}: end -->" in text, name


def test_operations_are_those_of_the_networks():
    # One block, one filter, 8x8 pixels, gray; by hand: outer 64*49, down 16*9*2 and 4*9*2*4,
    # block 4*9*4*4 twice, and back.
    macs = [3136, 288, 288, 576, 576, 288, 288, 3136]
    assert flops.generator_layers(8, filters=1, blocks=1, channels=1) == [2 * n for n in macs]
    # 16 to 8 pixels, to 7, to 6.
    discriminator = [64 * 16 * 3 * 2, 49 * 16 * 2 * 4, 36 * 16 * 4]
    assert flops.discriminator_layers(16, filters=2, layers=1) == [2 * n for n in discriminator]


def test_operations_follow_the_package_layers():
    """Counted anew from the kernels and shapes of the real networks."""
    from cyclegan_tf.networks import generators

    size, total = 32, 0
    network = generators.resnet_generator((size, size, 3), filters=8, blocks=2)
    for layer in network.layers:
        if layer.weights:
            kernel = layer.weights[0].shape
            transposed = "Transpose" in type(layer).__name__
            shape = layer.input.shape if transposed else layer.output.shape
            total += 2 * shape[1] * shape[2] * kernel[0] * kernel[1] * kernel[2] * kernel[3]
    assert sum(flops.generator_layers(size, filters=8, blocks=2)) == total
    total = 0
    for layer in discriminators.patch_discriminator((size, size, 3), filters=8).layers:
        if layer.weights:
            shape = layer.output.shape
            height, width, channels, filters = layer.weights[0].shape
            total += 2 * shape[1] * shape[2] * height * width * channels * filters
    assert sum(flops.discriminator_layers(size, filters=8)) == total


def test_channels_last_gradients_are_right():
    torch = pytest.importorskip("torch")
    import contender_pytorch

    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(8, 8, 3), torch.nn.InstanceNorm2d(8), torch.nn.Conv2d(8, 8, 3)]
    network, x = torch.nn.Sequential(*layers).double(), torch.randn(1, 8, 16, 16)
    towards = torch.randn(1, 8, 12, 12)
    (network(x.double()) * towards).sum().backward()
    expected = layers[0].weight.grad.clone()
    network.zero_grad()
    half = contender_pytorch.prepared(network.float(), half=True, channels_last=True)
    (half(x) * towards).sum().backward()
    assert (layers[0].weight.grad - expected).norm() < 0.02 * expected.norm()
