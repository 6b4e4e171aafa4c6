"""Shows whether fast convolutions train as plain ones do: loss curves and KID, side by side.

    python benchmarks/convergence.py DATA.npz FOLDER [--steps 2000] [--seeds 0 1 2]

Trains CycleGAN with plain and with fast convolutions from the same seeds, everything else
equal, into runs in FOLDER (interrupted, it goes on), and scores each on held-out images.
Prints a table and writes FOLDER/convergence.png. Needs the Inception weights
(docs/guides/evaluation.md).
"""

import argparse
import itertools
from pathlib import Path

import matplotlib
import tensorflow as tf

from cyclegan_tf import recipes
from cyclegan_tf.common.atomic_files import replacing
from cyclegan_tf.data import npz
from cyclegan_tf.evaluation.evaluate import evaluate
from cyclegan_tf.training.run import train

matplotlib.use("Agg")
from matplotlib import pyplot as plt

EPOCHS = 20  # points of a curve
CURVES = ("cycle_a", "cycle_b", "identity_a", "identity_b", "adv_ab", "adv_ba", "disc_a", "disc_b")
COLOURS = {"plain": "tab:gray", "fast": "tab:orange"}


def run(dataset, folder, steps, fast, seed, filters):
    """Trains one run and returns its history and the KID of both directions."""
    model = recipes.cyclegan(
        dataset.image_shape_a,
        dataset.image_shape_b,
        blocks=9,
        filters=filters,
        total_steps=steps,
        seed=seed,
        fast_convolutions=fast,
    )
    history = train(model, dataset, folder, EPOCHS, steps_per_epoch=steps // EPOCHS, verbose=2)
    scores = evaluate(folder, dataset, metrics=["kid"], images=200)
    return history, scores


def figure(histories):
    """Draws every loss of every run, plain and fast in two colours."""
    drawing, axes = plt.subplots(2, 4, figsize=(14, 6), layout="constrained")
    for axis, name in zip(axes.flat, CURVES, strict=True):
        for (kind, seed), history in histories.items():
            label = kind if seed == min(s for _, s in histories) else None
            values = [row[name] for row in history]
            axis.plot(
                range(1, len(values) + 1), values, color=COLOURS[kind], alpha=0.8, label=label
            )
        axis.set_title(name)
    axes.flat[0].legend()
    drawing.supxlabel(f"1/{EPOCHS} of the run")
    return drawing


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--filters", type=int, default=16)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    tf.config.threading.set_inter_op_parallelism_threads(2)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    dataset = npz.load(options.data)
    histories, rows = {}, []
    for seed, kind in itertools.product(options.seeds, COLOURS):
        folder = options.folder / f"{kind}_{seed}"
        history, scores = run(dataset, folder, options.steps, kind == "fast", seed, options.filters)
        histories[kind, seed] = history
        rows.append((seed, kind, history[-1], scores))
    for seed, kind, last, scores in rows:
        losses = " ".join(f"{name} {last[name]:.4f}" for name in CURVES)
        print(f"seed {seed} {kind:5} {losses}")
        for direction, result in scores.results.items():
            kids = {row: values["kid"] for row, values in result.rows.items()}
            listed = (
                f"{row} {1000 * kid.value:.1f} ± {1960 * kid.standard_error:.1f}"
                for row, kid in kids.items()
            )
            print(f"    {direction} KID x1000: {', '.join(listed)}")
    with replacing(options.folder / "convergence.png") as temporary:
        figure(histories).savefig(temporary, dpi=110)


if __name__ == "__main__":
    main()
