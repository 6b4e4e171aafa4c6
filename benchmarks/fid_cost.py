"""What FID costs: seconds and memory for sets of 64x64 images, then again from the cache.

    python benchmarks/fid_cost.py [--images 1000]

Compares generated cartoons with their gray sketches, `clean` resizing, in a cache folder of its
own; the weights come from the usual one. Let nothing else run meanwhile.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from cyclegan_tf.data import prepare
from cyclegan_tf.evaluation import metrics
from cyclegan_tf.networks.pretrained import weights


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=1000, help="in each of the two sets")
    parser.add_argument("--weights", type=Path)
    options = parser.parse_args()
    drawn = prepare.generated(options.images, 0, progress=False)
    ((file, _),) = weights.locate("inception", options.weights)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CYCLEGAN_TF_CACHE"] = folder
        before = memory()
        for label in ("first call", "second call, from the cache"):
            began = time.perf_counter()
            fid = metrics.fid(drawn.train_b, drawn.train_a, weights=file)
            seconds = time.perf_counter() - began
            print(f"{label}: FID {fid:.4f}, {seconds:.1f} s")
        print(f"memory: {memory():.1f} GiB at most, {before:.1f} of it before the first call")


def memory():
    """Largest resident memory so far, in GiB."""
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest / 2 ** (30 if sys.platform == "darwin" else 20)


if __name__ == "__main__":
    main()
