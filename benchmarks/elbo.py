"""Bounds of a trained VAE's log-likelihood on test digits, in nats, beside published ones.

    python benchmarks/elbo.py saved_models/vae data/mnist.npz --draws 1000 --images 10000

The test images are binarized once, by chance, each pixel by its brightness. What is comparable
with what is said below the table.
"""

import argparse
import json
from pathlib import Path

from cyclegan_tf import recipes
from cyclegan_tf.data import npz, pipeline
from cyclegan_tf.evaluation.likelihood import likelihood_bounds, standard_error
from cyclegan_tf.training import callbacks

PUBLISHED = """
| published | -log p(x) | what it is |
| --- | --- | --- |
| Burda et al. 2016, table 1, VAE, one stochastic layer, k=1 | 86.76 | importance-weighted, k=5000 |
| the same, IWAE, k=50 | 84.78 | the same; trained on another bound |
| Rezende & Mohamed 2015, DLGM with diagonal Gaussians | 89.9 | at most; other networks |

The first has our networks (two layers of 200 tanh units, 50 dimensions), prior and likelihood, and
pixels that are drawn anew at each step; it was trained for 3280 epochs with batches of 20. The
importance-weighted bound falls with the draws: with fewer than 5000, ours is slightly too high.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the folder of a run of vae or cvae")
    parser.add_argument("data", help="the .npz that it was trained on")
    parser.add_argument("--images", type=int, default=1000, help="of the test split")
    parser.add_argument("--draws", type=int, default=1000, help="codes for each image")
    options = parser.parse_args()
    description = json.loads((options.run / "run.json").read_text(encoding="utf-8"))
    model = getattr(recipes, description["method"])(**description["arguments"])
    epoch = callbacks.restore(model, options.run)
    a, b = pipeline.fixed_images(npz.load(options.data), options.images)
    bounds = likelihood_bounds(model, a, b, draws=options.draws)
    settings = description["training"]
    passes = epoch * settings["steps_per_epoch"] * settings["batch_size"]
    passes /= description["data"]["pictures"]["train_b"]
    print(f"{description['method']}, {passes:.0f} passes over the data, {len(b)} test images\n")
    print("| bound | nats |\n| --- | --- |")
    for name, values in (
        ("-ELBO", bounds.elbo),
        (f"importance-weighted, k={bounds.draws}", bounds.importance),
    ):
        print(f"| {name} | {-values.mean():.2f} ±{standard_error(values):.2f} |")
    print(PUBLISHED)


if __name__ == "__main__":
    main()
