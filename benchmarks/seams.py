"""A large image in tiles against the whole one: difference, seconds and memory.

    python benchmarks/seams.py saved_models/demo/gen_ab.keras image.png [--tile 576] [--alone]

Each way has a process of its own. Memory is what the process grew by while it translated, in
its first call; seconds are those of the first call and of a second one. Differences are in
grey levels of 255. The whole image may need a lot of memory: `--alone` leaves it out.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from cyclegan_tf.common.value_range import normalize
from cyclegan_tf.data.io import image_file
from cyclegan_tf.inference.compiled import CompiledGenerator
from cyclegan_tf.inference.tiling import Tiled, pieces
from cyclegan_tf.networks import generator_file


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("generator", type=Path)
    parser.add_argument("image", type=Path)
    parser.add_argument("--tile", type=int, default=576)
    parser.add_argument("--alone", action="store_true", help="without the whole image")
    parser.add_argument("--how", choices=("tiled", "whole"), help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.how is not None:
        return translate(options)
    with tempfile.TemporaryDirectory() as folder:
        results, edges = {}, None
        for how in ("tiled",) if options.alone else ("tiled", "whole"):
            output = Path(folder) / f"{how}.npy"
            words = [sys.executable, *sys.argv, "--how", how, "--output", str(output)]
            ran = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
            first, second, memory, passes, cuts = json.loads(ran.stdout.splitlines()[-1])
            edges = edges or cuts
            results[how] = np.load(output)
            print(f"{how}: {first:.1f} s, then {second:.1f} s; {memory:.2f} GiB", end="")
            print(f"; {passes} passes" if passes else "")
    if not options.alone:
        compare(results["tiled"], results["whole"], edges)


def translate(options):
    """Translates in one of the two ways, and prints seconds, memory and passes as JSON."""
    generator = generator_file.load(options.generator)[0]
    x = make_image(options.image, generator)
    network = (
        Tiled(generator, options.tile) if options.how == "tiled" else CompiledGenerator(generator)
    )
    before, seconds, peaks = memory(), [], []
    for _ in range(2):
        began = time.perf_counter()
        result = network(x)
        seconds.append(time.perf_counter() - began)
        peaks.append(memory())
    np.save(options.output, result)
    passes = cuts = None
    if options.how == "tiled":
        passes, last = network.passes, network._passes[-1]
        cuts = [pieces(side, last.length, last.border) for side in x.shape[1:3]]
        cuts = [[end for *_, end in cut[:-1]] for cut in cuts]
    print(json.dumps([*seconds, peaks[0] - before, passes, cuts]))


def make_image(path, generator):
    """The image as the generator takes it, cut to the sides that it divides."""
    x = image_file.to_channels(image_file.read(path), generator.inputs[0].shape[-1])
    multiple = generator_file.size_multiple(generator)
    height, width = (side // multiple * multiple for side in x.shape[:2])
    return normalize(x[None, :height, :width], (0, np.iinfo(x.dtype).max))


def compare(tiled, whole, edges):
    """Prints how far apart the two are, in all and in the pixels beside the edges of tiles."""
    off = np.abs(tiled - whole)[0].max(-1) * 127.5
    beside = np.zeros(off.shape, bool)
    rows, columns = (np.array(side, int) for side in edges)
    for shift in (-1, 0):
        beside[rows + shift] = True
        beside[:, columns + shift] = True
    for label, part in (("everywhere", off), ("at the tiles' edges", off[beside])):
        print(f"difference {label}: {part.max():.5f} at most, {part.mean():.6f} on average")


def memory():
    """Largest resident memory so far, in GiB."""
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest / 2 ** (30 if sys.platform == "darwin" else 20)


if __name__ == "__main__":
    main()
