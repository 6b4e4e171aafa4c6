"""One generator in every runtime: time, size on disk, time to start, and distance from Keras.

    python benchmarks/runtimes.py GENERATOR [--size 256] [--rounds 20] [--images PATH]

GENERATOR is a `.keras` file that the package wrote. Each runtime is a process of its own; they take
turns image by image (see `turns.py`). Prints a Markdown table.
"""

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import machine
import numpy as np
import tables
from measure import command, compete

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.inference import example_images
from cyclegan_tf.inference.export import export
from cyclegan_tf.inference.formats import FORMATS
from cyclegan_tf.networks import generator_file

KERAS = "keras"
#: Of formats that are made smaller, any difference is of interest here.
ANY = 255.0


def exported(generator, folder, images):
    """Returns a dictionary from formats to files, of what can be made here."""
    paths = {}
    for name, format in FORMATS.items():
        target = folder / f"{name}{format.suffix}"
        try:
            export(generator, target, name, images=images, tolerance=ANY)
            paths[name] = target
        except InputError as error:
            print(f"{name} is left out: {error}")
    return paths


def write_reference(path, generator, size, images):
    """Writes one image of a size, and what Keras makes of it. Returns its size."""
    network, translation = generator_file.load(generator)
    shapes = generator_file.shapes(network)
    translation = replace(
        translation, size=(size, size), multiple=generator_file.size_multiple(network)
    )
    inputs = example_images.batches(shapes, translation, images)[0]
    y = network(list(inputs) if len(inputs) > 1 else inputs[0], training=False)
    np.savez(path, y=y, **{str(i): x for i, x in enumerate(inputs)})
    return inputs[0].shape[1:3]


def megabytes(path):
    """Size on disk, of OpenVINO's two files together."""
    files = path.rglob("*") if path.is_dir() else [path]
    beside = [path.with_suffix(".bin")] if path.suffix == ".xml" else []
    return sum(file.stat().st_size for file in (*files, *beside) if file.is_file()) / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("generator", help="a .keras file")
    parser.add_argument("--size", type=int, default=256, help="side of the image (default: 256)")
    parser.add_argument("--rounds", type=int, default=20, help="turns of each (default: 20)")
    parser.add_argument("--images", help="an .npz, folder or image instead of drawn faces")
    options = parser.parse_args()
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # contenders compete on the CPU
    others = machine.Others()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        folder = Path(folder)
        reference = folder / "reference.npz"
        height, width = write_reference(reference, options.generator, options.size, options.images)
        paths = {KERAS: Path(options.generator)}
        paths |= exported(options.generator, folder, options.images)
        commands = {
            name: command("runtime", "Runtime", path=str(path), reference=str(reference))
            for name, path in paths.items()
        }
        if "openvino" in paths:
            paths["openvino, bf16 hint"] = paths["openvino"]
            commands["openvino, bf16 hint"] = command(
                "runtime",
                "Runtime",
                path=str(paths["openvino"]),
                reference=str(reference),
                precision="bf16",
            )
        results = compete(
            "runtimes", commands, options.rounds, peak=False, truth=reference, report=print
        )
        rows = [
            [
                name,
                tables.milliseconds(result.median),
                tables.times_as_fast(result),
                f"{megabytes(paths[name]):.2f}",
                f"{result.first_step:.1f}",
                f"{result.memory:.0f}",
                f"{result.errors['mean']:.2g}",
                f"{result.errors['largest']:.2g}",
            ]
            for name, result in results.items()
        ]
    headers = ["", f"ms, {height}x{width}", "times as fast", "MB", "start, s", "MiB"]
    print(tables.markdown([*headers, "off, mean", "off, largest"], rows))
    print(
        f"\nMeasured on {machine.describe()}. {options.rounds} rounds, one image at a time. Off: "
        "grey levels of 255, from Keras with plain or fast convolutions as it chooses. Other "
        f"processes kept {others.share():.0%} of the cores busy meanwhile."
    )


if __name__ == "__main__":
    main()
