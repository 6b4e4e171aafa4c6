"""How fast, how large and how exact: the package beside PyTorch, on the CPU.

    python benchmarks/speed.py [--quick] [--case NAME ...] [--write]

Contenders run in processes of their own and take turns step by step (see `turns.py`); the
README beside this file says what is measured. `--write` puts all tables into it.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import flops
import machine
import tables
import turns
from measure import HERE, command, compete
from PIL import Image
from tqdm import tqdm

from cyclegan_tf.common.atomic_files import replacing
from cyclegan_tf.data import npz, prepare

README = HERE / "README.md"
EAGER, PACKAGE, PLAIN = "PyTorch", "package", "package, plain convolutions"
REDUCED = "package, Translator, bfloat16"


def say(sentence):
    """Prints a line, above the progress bar."""
    tqdm.write(sentence, file=sys.stdout)


# --- a training step -----------------------------------------------------------------------


def training_contenders(size, batch, names=None):
    """Returns the commands of all contenders, or of those named."""

    def torch(**kind):
        return command("pytorch", "Training", size=size, batch=batch, **kind)

    def package(**choices):
        return command("package", "Training", size=size, batch=batch, **choices)

    every = {
        EAGER: torch(),
        "PyTorch, torch.compile": torch(compiled=True),
        "PyTorch, bfloat16": torch(half=True),
        "PyTorch, bfloat16, channels last": torch(half=True, channels_last=True),
        PLAIN: package(fast_convolutions=False),
        PACKAGE: package(),
        "package, bfloat16": package(precision="mixed_bfloat16"),
    }
    return {name: every[name] for name in names or every}


def training(folder, rounds, size, batch=1, names=None, together=True, exact=True):
    """Table of one training step."""
    truth = None
    if exact:
        truth = folder / f"truth-{size}-{batch}.npz"
        words = [str(HERE / "truth.py"), str(truth), f"--size={size}", f"--batch={batch}"]
        quietly([sys.executable, *words])
    contenders = training_contenders(size, batch, names)
    label = f"training, {size} px, batch {batch}"
    results = compete(label, contenders, rounds, together=together, truth=truth, report=say)
    operations = flops.training_step(size, batch)
    yield tables.comparison(results, operations)
    base = results[EAGER]
    if base.peak:
        yield (
            f"{operations / 1e9:.0f} GFLOP a step, counted as plain convolutions; the matrix "
            f"multiplication reached {statistics.median(base.peak) / 1e9:.0f} GFLOP/s."
        )
    yield f"{rounds} rounds."


def quietly(words):
    """Runs a program; its last line is the error's, should it fail."""
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines() or ["nothing"]
        raise turns.ContenderFailed(f"{words[1]} ended with {done.returncode}: {said[-1]}")


# --- a generator in use --------------------------------------------------------------------


def translation(folder, rounds, size, batch=1):
    """Table of a generator's forward pass."""
    work = {"size": size, "batch": batch}
    contenders = {
        EAGER: command("pytorch", "Translation", **work),
        "PyTorch, bfloat16, channels last": command(
            "pytorch", "Translation", half=True, channels_last=True, **work
        ),
        "Keras, called": command("package", "Translation", way="call", **work),
        "Keras, predict": command("package", "Translation", way="predict", **work),
        "package, Translator": command("package", "Translation", way="translator", **work),
        REDUCED: command(
            "package", "Translation", way="translator", precision="mixed_bfloat16", **work
        ),
    }
    label = f"translation, {size} px, {batch} at once"
    results = compete(label, contenders, rounds, report=say)
    yield tables.comparison(results, batch * sum(flops.generator_layers(size)))
    mean, largest = results[REDUCED].answers[0]["off"]
    yield (
        f"In bfloat16 the Translator's images of noise differ from those in float32 by "
        f"{mean:.2%} of the value range on average, and {largest:.0%} at most."
    )
    yield f"{rounds} rounds. The Translator goes from 8 bits to 8 bits, the others from floats."


# --- data, scoring, starting ---------------------------------------------------------------


def data_sources(folder, size, count=100):
    """Draws faces, and returns the same ones as an `.npz`, as PNGs and as JPEGs."""
    drawn = prepare.generated(count, 1, size=size, progress=False)
    path = folder / f"faces-{size}.npz"
    npz.save(path, drawn)
    sources = {".npz": path}
    for kind, suffix in (("PNG", ".png"), ("JPEG", ".jpg")):
        sources[kind] = folder / f"{kind}-{size}"
        for domain, images in (("a", drawn.train_a), ("b", drawn.train_b)):
            part = sources[kind] / domain
            part.mkdir(parents=True)
            for number, image in enumerate(images):
                Image.fromarray(image.squeeze()).save(part / f"{number}{suffix}", quality=95)
    return {kind: str(path) for kind, path in sources.items()}


def data(folder, rounds):
    """Tables of the pipeline alone, and of how long training waits for it."""
    rows = []
    for size in (64, 256):
        contenders = {
            kind: command("package", "Pipeline", source=source, size=size)
            for kind, source in data_sources(folder, size).items()
        }
        results = compete(f"pipeline, {size} px", contenders, rounds, peak=False, report=say)
        for kind, result in results.items():
            rate = result.answers[0]["images"] / result.median
            rows.append([f"{kind}, {size} px", f"{rate:.0f}", f"{result.memory:.0f}"])
    yield tables.markdown(["from", "images/s", "MiB"], rows)
    sources, rows = data_sources(folder / "fed", 64), []
    for label, choices in (
        ("16 filters, 4 blocks", {"filters": 16, "blocks": 4}),
        ("64 filters, 9 blocks", {"filters": 64, "blocks": 9}),
    ):
        contenders = {
            kind: command(
                "package", "FedTraining", source=source, size=64, identity_weight=0, **choices
            )
            for kind, source in sources.items()
        }
        results = compete(f"fed training, {label}", contenders, rounds, peak=False, report=say)
        for kind, result in results.items():
            share = result.total("waited") / sum(result.seconds)
            rows.append([f"{kind}, {label}", milliseconds_each(result, 10), f"{share:.2%}"])
    yield tables.markdown(["64 px, from", "ms a step", "of it waiting for data"], rows)
    yield f"{rounds} rounds of 100 pairs, and of 10 steps at batch 1."


def milliseconds_each(result, steps):
    """Returns the median of one of so many steps in ms."""
    return tables.milliseconds(result.median / steps)


def evaluation(folder, rounds):
    """Table of `evaluate` with features that need no file."""
    path = folder / "held-out.npz"
    npz.save(path, prepare.generated(1, 50, progress=False))
    contenders = {
        "16 filters, 4 blocks": command(
            "package", "Evaluation", source=str(path), filters=16, blocks=4
        ),
        "64 filters, 9 blocks": command("package", "Evaluation", source=str(path)),
    }
    results = compete("evaluation", contenders, rounds, peak=False, report=say)
    rows = [
        [name, f"{r.answers[0]['images'] / r.median:.1f}", f"{r.median:.1f}", f"{r.memory:.0f}"]
        for name, r in results.items()
    ]
    yield tables.markdown(["64 px, random features", "images/s", "seconds", "MiB"], rows)
    yield f"{rounds} rounds of 50 images of each domain, both directions, all scores that apply."


class Program:
    """A program that is run from start to end at each step."""

    def __init__(self, *words):
        self.words = words

    def ask(self, _):
        """Runs it; returns the seconds."""
        others, began = machine.Others(), time.perf_counter()
        quietly(self.words)
        return {"seconds": time.perf_counter() - began, "others": others.share()}


def starting(folder, rounds):
    """Table of short commands, from process start to end."""
    generator, image = folder / "gen.keras", folder / "face.png"
    write = f"import contender_package as c; c.save_generator({str(generator)!r})"
    environment = f"import sys; sys.path.insert(0, {str(HERE)!r}); "
    quietly([sys.executable, "-c", environment + write])
    Image.fromarray(prepare.generated(1, 0, progress=False).train_b[0]).save(image)
    run = (sys.executable, "-m", "cyclegan_tf")
    paths = (str(generator), str(image), str(folder / "out.png"))
    programs = {
        "python -c pass": Program(sys.executable, "-c", "pass"),
        "import torch": Program(sys.executable, "-c", "import torch"),
        "import tensorflow": Program(sys.executable, "-c", "import tensorflow"),
        "import cyclegan_tf": Program(sys.executable, "-c", "import cyclegan_tf"),
        "from cyclegan_tf import recipes": Program(
            sys.executable, "-c", "from cyclegan_tf import recipes"
        ),
        "cyclegan-tf --help": Program(*run, "--help"),
        "cyclegan-tf translate, one image": Program(*run, "translate", *paths, "--overwrite"),
    }
    answers = turns.take_turns(programs, rounds, "starting")
    rows = [
        [name, f"{statistics.median(answer['seconds'] for answer in said):.2f}"]
        for name, said in answers.items()
    ]
    yield tables.markdown(["process start to end", "seconds"], rows)
    yield f"{rounds} rounds. The translated image has 64 px, its generator 64 filters, 9 blocks."


# --- all of them ---------------------------------------------------------------------------

NO_COMPILER = [name for name in training_contenders(0, 0) if "torch.compile" not in name]
TWO = [EAGER, PACKAGE]
THREE = [EAGER, PLAIN, PACKAGE]
#: From a case's name to its function, its rounds and its further arguments.
CASES = {
    "train-64": (training, 10, {"size": 64}),
    "train-64-batch-2": (training, 5, {"size": 64, "batch": 2, "names": TWO, "exact": False}),
    "train-64-batch-4": (training, 5, {"size": 64, "batch": 4, "names": NO_COMPILER}),
    "train-64-batch-8": (training, 3, {"size": 64, "batch": 8, "names": TWO, "exact": False}),
    "train-128": (training, 5, {"size": 128, "names": NO_COMPILER}),
    # In pairs: a PyTorch step of this size holds gigabytes.
    "train-256": (training, 3, {"size": 256, "names": THREE, "together": False}),
    "translate-64": (translation, 20, {"size": 64}),
    "translate-64-batch-8": (translation, 8, {"size": 64, "batch": 8}),
    "translate-256": (translation, 6, {"size": 256}),
    "translate-256-batch-8": (translation, 2, {"size": 256, "batch": 8}),
    "data": (data, 3, {}),
    "evaluate": (evaluation, 2, {}),
    "start": (starting, 3, {}),
}
QUICK = ("train-64", "translate-64", "start")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--case", choices=CASES, action="append", help="only this; repeatable")
    parser.add_argument("--quick", action="store_true", help="few cases, three rounds")
    parser.add_argument("--rounds", type=int, help="instead of each case's own number")
    parser.add_argument("--write", action="store_true", help="write the tables into README.md")
    options = parser.parse_args()
    whole = not (options.case or options.quick or options.rounds)
    if options.write and not whole:
        parser.error("--write is for whole runs: leave out --case, --quick and --rounds.")
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # contenders compete on the CPU
    names = options.case or (QUICK if options.quick else list(CASES))
    blocks = {"machine": f"Measured on {machine.describe()}."}
    say(blocks["machine"])
    for name in names:
        function, rounds, arguments = CASES[name]
        rounds = options.rounds or (3 if options.quick else rounds)
        began, others = time.perf_counter(), machine.Others()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            # torch.compile starts anew, so that its first step is a first step.
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(Path(folder) / "inductor")
            try:
                lines = list(function(Path(folder), rounds, **arguments))
            except turns.ContenderFailed as reason:
                lines = [f"Not measured: {reason}."]
        lines[-1] += f" Other processes kept {others.share():.0%} of the cores busy meanwhile."
        blocks[name] = "\n\n".join(lines)
        say(f"\n{name} ({time.perf_counter() - began:.0f} s)\n\n{blocks[name]}")
        if options.write:
            write(blocks)


def write(blocks):
    """Puts tables, by their names, into the README."""
    text = README.read_text(encoding="utf-8")
    for name, block in blocks.items():
        text = tables.replaced(text, name, block)
    with replacing(README) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
