"""What `recipes.cyclegan_fast`, its parts, FSeSim, matching and CUT are worth, at equal seconds.

    python benchmarks/ablation.py DATA.npz FOLDER [VARIANT ...] [--seconds 300] [--seeds 0 1 2]

Trains variants, each seed in a process of its own, for the same number of seconds: a short trial
of each tells how many steps that is, so that the rate reaches zero in time. Scores the translations
of all held-out images, both ways. Writes FOLDER/ablation.md, and FOLDER/ablation.png with a row
per variant. Interrupted, it goes on. Needs the weights of Inception and EfficientNet, and those of
AlexNet for some variants (docs/guides/evaluation.md); nothing else may run meanwhile.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import mean

import numpy as np
import tensorflow as tf
from machine import Others, describe
from tqdm import tqdm

from cyclegan_tf import recipes
from cyclegan_tf.common import plotting
from cyclegan_tf.common.atomic_files import replacing, write_text
from cyclegan_tf.common.value_range import normalize
from cyclegan_tf.data import npz
from cyclegan_tf.evaluation import metrics
from cyclegan_tf.evaluation.evaluate import evaluate
from cyclegan_tf.evaluation.registry import METRICS
from cyclegan_tf.evaluation.result import head, markdown
from cyclegan_tf.inference.compiled import CompiledGenerator
from cyclegan_tf.networks import generator_file
from cyclegan_tf.training import time_budget
from cyclegan_tf.training.callbacks import read_history
from cyclegan_tf.training.run import train

EPOCHS = 5
#: Seconds of the trial: other guests of a machine come and go.
TRIAL = 15.0
#: The scores of the tables.
SCORES = ("kid", "fid", "kid_efficientnet", "precision", "recall", "variation", "follow")
#: Images in a row.
SHOWN = 10


def variants():
    """Recipe, its options, and those of the training, by the variant's name."""
    fast, fsesim = recipes.cyclegan_fast, recipes.fsesim_fast
    return {
        "reference": (recipes.cyclegan, {"filters": 32}, {}),
        "fast": (fast, {}, {}),
        "FSeSim": (fsesim, {}, {}),
        "FSeSim mirrored alone": (fsesim, {}, {"augment": "mirror"}),
        "FSeSim weight 1": (fsesim, {"spatial_weight": 1.0}, {}),
        "FSeSim weight 10": (fsesim, {"spatial_weight": 10.0}, {}),
        "FSeSim 32 filters": (fsesim, {"filters": 32}, {}),
        "matched": (recipes.matched_fast, {}, {}),
        "matched without code": (recipes.matched_fast, {"code": 0}, {}),
        "matched with layouts": (recipes.matched_fast, {"spatial_weight": 1.0}, {}),
        "matched, no code drawn": (recipes.matched_fast, {"drawn_share": 0.0}, {}),
        "matched without pixels": (recipes.matched_fast, {"pixel_weight": 0.0}, {}),
        "matched, instance norm": (recipes.matched_fast, {"code": 0, "gen_norm": "instance"}, {}),
        "FSeSim, layer norm": (fsesim, {"gen_norm": "layer"}, {}),
        "transposed convolutions": (fast, {"upsampling": "transposed"}, {}),
        "nearest neighbours": (fast, {"upsampling": "resize"}, {}),
        "instance norm in D": (fast, {"disc_norm": "instance"}, {}),
        "least squares": (fast, {"adversarial_loss": "least_squares"}, {}),
        "no average": (fast, {"ema_decay": 0.0}, {}),
        "mirrored alone": (fast, {}, {"augment": "mirror"}),
        "beta_2 0.999": (fast, {"beta_2": 0.999}, {}),
        "cycle 3": (fast, {"cycle_weight": 3.0}, {}),
        "identity 5": (fast, {"identity_weight": 5.0}, {}),
        "rate 2e-4": (fast, {"learning_rate": 2e-4}, {}),
        "features": (fast, {"disc_features": "alex"}, {}),
        "4 x rate of D": (fast, {"disc_learning_rate": 2e-3}, {}),
        "residual": (fast, {"residual": True}, {}),
        "not residual": (fast, {"residual": False}, {}),
        "32 filters": (fast, {"filters": 32}, {}),
        "6 blocks": (fast, {"blocks": 6}, {}),
        "34 px patches": (fast, {"disc_layers": 2}, {}),
        "constant rate": (fast, {"decay_from": 1.0}, {}),
        "batch 4, 2 x rate": (fast, {"learning_rate": 1e-3}, {"batch_size": 4}),
        "bfloat16": (fast, {"precision": "mixed_bfloat16"}, {}),
        "CUT": (recipes.cut, {"filters": 32}, {}),
        "FastCUT": (recipes.fastcut, {"filters": 32}, {}),
    }


def opened(options):
    """The data, in the direction that was asked for."""
    dataset = npz.load(options.data)
    return dataset.swapped() if options.direction == "ba" else dataset


def one(options):
    """Trains and scores one variant with one seed, in this process."""
    recipe, arguments, training = variants()[options.variants[0]]
    dataset, folder = opened(options), options.folder
    shapes = (dataset.image_shape_a, dataset.image_shape_b)
    arguments = arguments | {"dataset": dataset}
    trial = recipe(*shapes, **arguments, seed=options.seeds[0])
    tried = time_budget.trial(trial, training.get("batch_size", 1), seconds=TRIAL)
    steps = time_budget.steps_in(options.seconds, tried, EPOCHS)
    stored = folder / "run.json"
    if stored.exists():
        steps = json.loads(stored.read_text(encoding="utf-8"))["arguments"]["total_steps"]
    model = recipe(*shapes, **arguments, total_steps=steps, seed=options.seeds[0])
    others = Others()
    train(model, dataset, folder, EPOCHS, steps_per_epoch=steps // EPOCHS, verbose=2, **training)
    busy = others.share()
    scores = {}
    for way, result in evaluate(folder, dataset, metrics=SCORES).results.items():
        for row, found in result.rows.items():
            known = {name: (score.value, score.standard_error) for name, score in found.items()}
            scores[f"{row} {way}"] = known
    if "gen_ba" in model.saved:
        scores["translated ab"]["cycle"] = (_cycle(folder, dataset), None)
    seconds = sum(row["seconds"] for row in read_history(folder))
    used = {"steps": steps, "seconds": seconds, "others": busy, "scores": scores}
    write_text(folder / "ablation.json", json.dumps(used, indent=2) + "\n")


def _cycle(folder, dataset):
    """Mean PSNR, in dB, of held-out images that were translated there and back."""
    there, back = (
        CompiledGenerator(generator_file.load(folder / f"gen_{way}.keras")[0])
        for way in ("ab", "ba")
    )
    images = normalize(np.asarray(dataset.test_a), dataset.ranges[0])
    return float(np.mean(metrics.psnr(images, back(there(images)), (-1, 1))))


def run(options, name, seed):
    """Starts a process for `one`, unless its result is there. Returns the result."""
    folder = options.folder / f"{name.replace(' ', '_').replace(',', '')}_{seed}"
    if not (folder / "ablation.json").exists():
        words = [options.data, folder, name, "--seconds", options.seconds, "--seeds", seed]
        words += ["--direction", options.direction]
        subprocess.run([sys.executable, __file__, "--one", *map(str, words)], check=True)
    return folder, json.loads((folder / "ablation.json").read_text(encoding="utf-8"))


def table(options, results):
    """The results in Markdown: for each direction a line per variant.

    Means over seeds, in brackets those of each.
    """
    columns = [
        (name, METRICS[name].scale, 2 * (METRICS[name].better == "higher")) for name in SCORES
    ]
    columns.append(("cycle", 1, 1))
    titles = ["", "seconds", "steps", *(head(METRICS[name]) for name in SCORES), "cycle, dB ↑"]
    titles.append("KID's error")

    def listed(rows, score, scale, digits):
        values = [scale * row[score][0] for row in rows if score in row]
        if not values:
            return "–"
        values = [round(v, digits) + 0.0 for v in (mean(values), *values)]  # no -0
        average, *each = (f"{v:.{digits}f}" for v in values)
        return f"{average} ({', '.join(each)})" if len(each) > 1 else average

    def line(name, found, row, *used):
        rows = [x["scores"].get(row, {}) for x in found]
        cells = [listed(rows, *column) for column in columns]
        cells.append(f"{1000 * mean(x['kid'][1] for x in rows if x):.0f}" if any(rows) else "")
        used = [f"{mean(x[key] for x in found):.0f}" for key in used]
        return [name, *(used or ["–", "–"]), *cells] if any(rows) else None

    first, lines = next(iter(results.values()))[:1], []
    for way, title in (("ab", "A to B"), ("ba", "B to A")):
        rows = [
            line("*input*", first, f"untranslated {way}"),
            *(line(n, f, f"translated {way}", "seconds", "steps") for n, f in results.items()),
            line("*other real images*", first, f"other_real {way}"),
        ]
        if rows := [row for row in rows if row]:
            lines += [f"{title}:", "", markdown([titles, *rows]), ""]
    exchanged = ", A and B exchanged" if options.direction == "ba" else ""
    busiest = max(x["others"] for found in results.values() for x in found)
    lines += [
        f"{Path(options.data).name}{exchanged}, {options.seconds:g} seconds of training each, "
        f"seeds {', '.join(map(str, options.seeds))}; clean resizing; all held-out images. "
        f"{describe()}; other processes took {100 * busiest:.0f} % of the cores at most.",
    ]
    return "\n".join(lines) + "\n"


def image(dataset, folders):
    """A row of held-out images, then one per variant, translated by the first seed's run."""
    inputs = normalize(np.asarray(dataset.test_a[:SHOWN]), dataset.ranges[0])
    kinds = [("input", inputs)]
    for name, folder in folders.items():
        network, _ = generator_file.load(folder / "gen_ab.keras")
        given = generator_file.inputs(network, inputs, 0)
        kinds.append((name, CompiledGenerator(network)(*given)))
    return plotting.rows(kinds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help=", ".join(variants()))
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--direction", choices=("ab", "ba"), default="ab", help="ba: B to A")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        tf.config.threading.set_inter_op_parallelism_threads(2)
        tf.config.threading.set_intra_op_parallelism_threads(1)
        one(options)
        return
    names = options.variants or list(variants())
    if unknown := set(names) - set(variants()):
        parser.error(f"no such variant: {', '.join(sorted(unknown))}")
    results, folders = {}, {}
    for seed, name in tqdm([(seed, name) for seed in options.seeds for name in names]):
        folder, result = run(options, name, seed)
        results.setdefault(name, []).append(result)
        folders.setdefault(name, folder)
        write_text(options.folder / "ablation.md", table(options, results))
    with replacing(options.folder / "ablation.png") as temporary:
        image(opened(options), folders).save(temporary)
    print((options.folder / "ablation.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
