"""Runs on labelled digits, side by side: what was asked for, and how far from real digits.

    python benchmarks/digits.py data/mnist.npz saved_models/cgan saved_models/vae [--count 5000]

A small classifier is trained on the data's training digits (a minute or two), so that no file is
needed. Its Fréchet distance is not FID and compares with nothing published; the first rows say what
it is for other real digits, and for those a little out of focus. Each run makes `count` images
of seed 0, a tenth of each class where it knows classes.
"""

import argparse
from pathlib import Path

import numpy as np

from cyclegan_tf.data import digits, npz
from cyclegan_tf.evaluation.metrics import density_coverage, recognition
from cyclegan_tf.inference import sampler as sampling


def blurred(images):
    """Each pixel the mean of its 3x3 neighbours."""
    padded = np.pad(images.astype(np.float32), ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = images.shape[1:3]
    parts = [padded[:, y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return np.rint(np.mean(parts, axis=0)).astype(np.uint8)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, help="the .npz, or a folder with MNIST's four files")
    parser.add_argument("runs", type=Path, nargs="*")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=3, help="of the classifier")
    options = parser.parse_args()
    read = digits.from_idx if options.data.is_dir() else npz.load
    dataset = read(options.data)
    recognizer = recognition.train(dataset, epochs=options.epochs)
    print(f"The classifier recognizes {recognizer.accuracy:.2%} of the test digits.\n")
    # Every second test digit: MNIST's first half is of other writers than its second.
    real, other = (dataset.test_b[start::2][: options.count] for start in (0, 1))
    labels = digits.labels_of(dataset.test_a)[1::2][: options.count]
    print(f"| {len(other)} images | recognized as asked | Fréchet distance | density | coverage |")
    print("| --- | --- | --- | --- | --- |")

    def row(name, images, asked=None):
        known = "" if asked is None else f"{recognition.accuracy(recognizer, images, asked):.1%}"
        density, coverage = density_coverage(recognizer(real), recognizer(images))
        distance = recognition.distance(recognizer, real, images)
        print(f"| {name} | {known} | {distance:.2f} | {density:.2f} | {coverage:.2f} |", flush=True)

    row("other real digits", other, labels)
    row("the same, blurred", blurred(other), labels)
    for run in options.runs:
        sampler = sampling.load(run)
        asked = np.arange(len(other)) % sampler.classes if sampler.classes else None
        name = f"{run.name}, epoch {sampler.translation.epoch}"
        row(name, sampler(len(other)), asked)


if __name__ == "__main__":
    main()
