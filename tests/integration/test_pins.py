"""What must not change: initial weights and one training step of every method and preset.

`pins.json` holds the sum of each initial weight's magnitudes, and the losses of the first step, of
tiny models of fixed seeds. A run that somebody began must go on; a seed must mean what it meant.
Where a change is meant, write the file anew (`python tests/integration/test_pins.py`), and say so
in the changelog.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cyclegan_tf import recipes
from cyclegan_tf.data import pipeline
from cyclegan_tf.methods.names import METHODS
from cyclegan_tf.networks.pretrained import weights
from support.classifiers import drawn
from support.datasets import make_dataset, make_digits

FILE = Path(__file__).with_name("pins.json")
COLOUR, GRAY = (16, 16, 3), (16, 16, 1)
SMALL = {"filters": 4, "blocks": 1, "disc_layers": 1}
LATENT = {"filters": 2, "blocks": 1, "disc_layers": 1, "disc_scales": 2}

#: Method, image shapes and options of each case.
CASES = {
    "cyclegan": ("cyclegan", (GRAY, COLOUR), SMALL | {"pool_size": 3}),
    "cyclegan, every loss": (
        "cyclegan",
        (COLOUR, COLOUR),
        SMALL
        | {
            "disc_filters": 3,
            "disc_norm": "spectral",
            "adversarial_loss": "hinge",
            "upsampling": "bilinear",
            "residual": True,
            "paired_weight": 1.0,
            "gradient_weight": 0.5,
        },
    ),
    "cyclegan, U-Net": (
        "cyclegan",
        (COLOUR, COLOUR),
        {"generator": "unet", "filters": 2, "disc_layers": 0, "upsampling": "resize"},
    ),
    "cyclegan_fast": ("cyclegan_fast", (COLOUR, COLOUR), SMALL),
    "mri_to_ct": ("mri_to_ct", (GRAY, GRAY), SMALL),
    "cut": ("cut", (COLOUR, COLOUR), SMALL | {"patches": 9}),
    "fastcut": ("fastcut", (COLOUR, COLOUR), SMALL | {"patches": 9}),
    "fsesim": ("fsesim", ((32, 32, 1), (32, 32, 3)), SMALL | {"patches": 9}),
    "fsesim_fast": ("fsesim_fast", ((32, 32, 3), (32, 32, 3)), SMALL | {"patches": 9}),
    "matched": ("matched", ((32, 32, 1), (32, 32, 3)), SMALL | {"patches": 9, "code": 3}),
    "matched_fast": ("matched_fast", ((32, 32, 3), (32, 32, 3)), SMALL | {"patches": 9}),
    "unit": ("unit", (GRAY, COLOUR), LATENT),
    "munit": ("munit", (GRAY, COLOUR), LATENT | {"hidden": 8, "cycle_weight": 1.0}),
    "pix2pix": ("pix2pix", ((64, 64, 1), (64, 64, 3)), {"filters": 2, "disc_layers": 1}),
    "dcgan": ("dcgan", ((8, 8, 1),), {"filters": 2, "noise_size": 3}),
    "cgan": ("cgan", ((1, 1, 3), (8, 8, 1)), {"filters": 2, "noise_size": 3}),
    "cgan, maxout": ("cgan", ((1, 1, 3), (8, 8, 1)), {"network": "maxout", "noise_size": 3}),
    "autoencoder": ("autoencoder", (COLOUR,), {"filters": 2, "latent": 3}),
    "vae": ("vae", ((8, 8, 1),), {"latent": 3}),
    "cvae": ("cvae", (GRAY, COLOUR), {"filters": 2, "latent": 3}),
}


def pinned(case):
    """What is pinned of a case: its initial weights and the losses of its first step."""
    name, shapes, options = CASES[case]
    model = getattr(recipes, name)(*shapes, **options)
    state = [np.asarray(weight, np.float64) for weight in model.weights]
    size, channels = shapes[-1][0], (shapes[0][-1], shapes[-1][-1])
    if shapes[0][:2] == (1, 1) or (len(shapes) == 1 and shapes[0][-1] == 1):
        dataset = make_digits(size=size)
    else:
        dataset = make_dataset(5, 5, size=size, channels=channels, paired=True)
    found = {"pairs": model.needs_pairs, "partners": model.partners(dataset)}
    batches = pipeline.batches(dataset, 2, seed=0, augment=False, **found)
    batch = next(iter(batches))
    batch = (*batch, *model._own_noise(2, tf.constant([0, 0])))
    losses, _, fakes = model._generator_gradients(batch)
    if model.discriminators:
        losses |= model._discriminator_gradients(batch, fakes)[0]
    return {
        "weights": [round(float(np.abs(x).sum()), 5) for x in state],
        "losses": {name: round(float(losses[name]), 6) for name in model.loss_names},
    }


def test_every_method_and_preset_is_pinned():
    assert {name for name, _, _ in CASES.values()} == set(METHODS)


@pytest.mark.parametrize("case", CASES)
def test_initial_weights_and_first_losses_are_what_they_were(case, monkeypatch):
    monkeypatch.setattr(weights, "load", lambda name, path=None: (drawn(name), "drawn"))
    now, before = pinned(case), json.loads(FILE.read_text(encoding="utf-8"))[case]
    assert now["losses"] == pytest.approx(before["losses"], rel=1e-3, abs=1e-4)
    assert now["weights"] == pytest.approx(before["weights"], rel=1e-5)


if __name__ == "__main__":
    weights.load = lambda name, path=None: (drawn(name), "drawn")
    FILE.write_text(json.dumps({case: pinned(case) for case in CASES}) + "\n")
