"""A published figure: the FID of real MNIST digits against other real MNIST digits.

Lucic et al. 2018, "Are GANs Created Equal? A Large-Scale Study" (https://arxiv.org/abs/1711.10337),
give the bias of FID at samples of 10,000 for real data against real data: 1.25 ± 0.02 for MNIST,
with TensorFlow's Inception of 2015-12-05 and its bilinear resizing ("legacy" here).

    python benchmarks/published_fid.py FOLDER_OF_MNIST [--images 10000]

The folder holds `train-images-idx3-ubyte.gz`. 20,000 images take about half an hour on two
CPU cores; features that were computed once are kept.
"""

import argparse
import gzip
from pathlib import Path

import numpy as np

from cyclegan_tf.evaluation import metrics
from cyclegan_tf.evaluation.metrics import features, inception_features

PUBLISHED = {"FID": 1.25, "deviation": 0.02, "images": 10_000}


def digits(folder):
    """The 60,000 training digits, uint8 `(n, 28, 28, 1)`."""
    with gzip.open(Path(folder) / "train-images-idx3-ubyte.gz") as file:
        return np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=PUBLISHED["images"])
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--resize", choices=("clean", "legacy"), default="legacy")
    options = parser.parse_args()
    images = digits(options.folder)
    drawn = np.random.default_rng(0).permutation(len(images))[: 2 * options.images]
    extractor = inception_features.load(options.weights, options.resize)
    sets = [
        # In parts, so that an interrupted run goes on where it was.
        np.concatenate([features.cached(extractor, images[part], progress=True) for part in parts])
        for parts in np.split(drawn.reshape(-1, options.images // 10), 2)
    ]
    print(f"{options.images} real MNIST digits against {options.images} others, {options.resize}")
    print(f"FID {metrics.frechet_distance(*sets):.4f}")
    value, error = metrics.kernel_distance(*sets)
    print(f"KID x1000 {1000 * value:.4f} ± {1000 * error:.4f}")
    print(f"Published at {PUBLISHED['images']}: {PUBLISHED['FID']} ± {PUBLISHED['deviation']}")


if __name__ == "__main__":
    main()
