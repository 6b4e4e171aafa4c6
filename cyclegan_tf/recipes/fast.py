"""Recipes for good pictures within minutes, with what measurement found."""

import json
import math
import time
from pathlib import Path

from cyclegan_tf import budget, devices
from cyclegan_tf.errors import InputError
from cyclegan_tf.recipes import wiring
from cyclegan_tf.recipes.spatial import fsesim
from cyclegan_tf.recipes.unpaired import cyclegan

#: In what both recipes depart from those that they are made of, and whose idea it is.
_OF_BOTH = {
    "filters": 16,
    "blocks": 4,
    "upsampling": "bilinear",  # no checkerboard, no grid: Odena et al. 2016
    "adversarial_loss": "hinge",  # Lim and Ye 2017
    "disc_filters": 24,
    "learning_rate": 5e-4,
    "beta_2": 0.99,
    "ema_decay": 0.999,  # Yazıcı et al. 2019
}
_OF_CYCLEGAN = _OF_BOTH | {
    "disc_norm": "spectral",  # sees colours and backgrounds: Miyato et al. 2018
    "identity_weight": 0.0,  # which holds colours and shapes back, and costs a third of a step
}
_OF_FSESIM = _OF_BOTH | {"spatial_weight": 3.0}  # with 10, few stripes come
#: And where its generators are residual: a copy comes back as it was, and stays a copy.
_OF_RESIDUAL = {"cycle_weight": 3.0}
#: Filters to choose from, and the steps that a larger network needs to be worth its time.
SIZES, ENOUGH = (16, 32, 64), 10_000
#: Epochs, and so pictures, of a run with a budget; the steps are a multiple of it.
EPOCHS = 10


def cyclegan_fast(
    image_shape_a, image_shape_b=None, *, minutes=None, folder=None, batch_size=1, **options
):
    """CycleGAN for a budget of minutes, in which the faithful recipe shows a checkerboard.

    With `minutes` it times steps on this machine, takes the widest generators that get
    `ENOUGH` of them (else the narrowest), lets the rate fall to zero with the last step, and
    prints what it chose. Train it for as many steps as its `arguments["total_steps"]` says.

    Args:
        image_shape_a: As for `cyclegan`.
        image_shape_b: As for `cyclegan`.
        minutes: How long all may take on this machine, from this call to the last epoch's files;
            None leaves steps and size to the other arguments.
        folder: The run's folder. Where it holds a run already, its steps and size are taken again
            in place of a new trial, so that it can go on.
        batch_size: Pictures of each domain per step that the run will have.
        **options: As for `cyclegan`; `total_steps` has no use with `minutes`.

    Returns:
        A compiled `CycleGAN`; its `method` and `arguments` are those of `cyclegan`. For residual
        generators pictures are mirrored in training, and not cropped.

    Raises:
        InputError: If an argument is out of its range.

    Reference:
        `benchmarks/ablation.py` measures what each part of it is worth.
    """
    defaults = _OF_CYCLEGAN | (_OF_RESIDUAL if options.get("residual") else {})
    budgeted = minutes, folder, batch_size
    model = _within(cyclegan, (image_shape_a, image_shape_b), budgeted, defaults, options)
    if options.get("residual"):
        model.augments = "mirror"
    return model


cyclegan_fast.__signature__ = wiring.signature(
    cyclegan, _OF_CYCLEGAN, minutes=None, folder=None, batch_size=1
)


def fsesim_fast(
    image_shape_a, image_shape_b=None, *, minutes=None, folder=None, batch_size=1, **options
):
    """FSeSim for a budget of minutes: one direction, and the better pictures.

    Args:
        image_shape_a: As for `fsesim`.
        image_shape_b: As for `fsesim`.
        minutes: As for `cyclegan_fast`.
        folder: As for `cyclegan_fast`.
        batch_size: As for `cyclegan_fast`.
        **options: As for `fsesim`; `total_steps` has no use with `minutes`.

    Returns:
        A compiled `FSeSim`; its `method` and `arguments` are those of `fsesim`.

    Raises:
        InputError: If an argument is out of its range, or the weights cannot be had.

    Reference:
        `benchmarks/ablation.py` compares it with `cyclegan_fast`.
    """
    budgeted = minutes, folder, batch_size
    return _within(fsesim, (image_shape_a, image_shape_b), budgeted, _OF_FSESIM, options)


fsesim_fast.__signature__ = wiring.signature(
    fsesim, _OF_FSESIM, minutes=None, folder=None, batch_size=1
)


def _within(recipe, shapes, budgeted, defaults, given):
    """The recipe's model, of steps and size for the minutes if any are given."""
    minutes, folder, batch_size = budgeted
    options = defaults | given
    if minutes is not None:
        if not isinstance(minutes, (int, float)) or not 0 < minutes < math.inf:
            raise InputError(f"minutes must be a number above 0, received {minutes!r}.")
        if options.get("total_steps") is not None:
            raise InputError("total_steps has no use with minutes, which decide it: leave it out.")
        if len(devices.workers(wiring.strategy_or_default(options.get("strategy")))) > 1:
            raise InputError(
                f"minutes must be left out where several workers train, received {minutes}: each "
                "would choose for itself."
            )
        sizes = (given["filters"],) if "filters" in given else SIZES
        options |= _begun(folder) or _chosen(recipe, shapes, minutes, batch_size, sizes, options)
    return recipe(*shapes, **options)


def _begun(folder):
    """What was chosen for the run in `folder`; None if there is none that can be read."""
    try:
        stored = json.loads((Path(folder) / "run.json").read_text(encoding="utf-8"))
        chosen = {name: stored["arguments"][name] for name in ("filters", "total_steps")}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    print(f"{folder} was begun with {_said(chosen)}: it goes on with them.")
    return chosen


def _chosen(recipe, shapes, minutes, batch_size, sizes, options):
    """Times steps of one size after another, until one is too large."""
    began, best, why = time.perf_counter(), None, None
    for filters in sizes:
        tried = budget.trial(recipe(*shapes, **(options | {"filters": filters})), batch_size)
        left = 60 * minutes - (time.perf_counter() - began)
        steps = budget.steps_in(left, tried, EPOCHS)
        if best is not None and steps < ENOUGH:
            why = f"{filters} filters would get {steps} steps, fewer than {ENOUGH}"
            break
        best, said = {"filters": filters, "total_steps": steps}, f"{1000 * tried.step:.0f} ms each"
        if steps < 2 * ENOUGH and filters != sizes[-1]:
            # Twice the filters take twice the time, about.
            why = f"with more filters there would be fewer than {ENOUGH} steps"
            break
    said = f"{_said(best)}, {said}" + (f"; {why}" if why else "")
    print(f"For {minutes:g} minutes on this machine: {said}.")
    return best


def _said(chosen):
    return f"{chosen['filters']} filters and {chosen['total_steps']} steps"
