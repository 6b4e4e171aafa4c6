"""Trains a method on a data set into a run's folder: what `cyclegan-tf train` does.

The command line and Python meet here: the same words give the same model and the same run.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from cyclegan_tf.common import types
from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.wording import counted
from cyclegan_tf.data import npz, pipeline, prepare
from cyclegan_tf.methods import choice, registry
from cyclegan_tf.methods.names import FAST
from cyclegan_tf.methods.options import declarations
from cyclegan_tf.training import distribute, memory, run, time_budget

#: Epochs of a run without a budget of minutes: as in the CycleGAN paper.
EPOCHS = 200


def train(
    method: str,
    data: npz.Dataset | types.Path,
    folder: types.Path,
    *,
    epochs: int | None = None,
    minutes: float | None = None,
    steps_per_epoch: int | None = None,
    batch_size: int | None = None,
    constant_rate: bool = False,
    direction: Literal["ab", "ba"] = "ab",
    strategy: Any = None,
    callbacks: Sequence[Any] | Callable[[Any, npz.Dataset], Sequence[Any]] = (),
    dry_run: bool = False,
    augment: bool | Literal["mirror"] | None = None,
    images: int = 6,
    verbose: int | Literal["auto"] = "auto",
    steps_per_execution: int = 1,
    **options: Any,
) -> list[dict[str, float]]:
    """Trains a method, or goes on with the run that the folder holds.

    Args:
        method: Name of a method or preset, such as "cyclegan": see `methods.registry.METHODS`; or
            "fast", the preset for minutes that suits the data.
        data: `npz.Dataset`, the path of an `.npz`, or of a folder with trainA and trainB.
        folder: Where the run lives; made if missing.
        epochs: Number of epochs of the whole run; 200 by default, 10 with `minutes`.
        minutes: A budget in place of steps: how long all may take on this machine.
        steps_per_epoch: Steps that make an epoch; by default as many as show the larger domain
            once.
        batch_size: Images of each domain per step, on all devices together; by default the
            method's.
        constant_rate: Whether the learning rate stays as it is, so that the run can be made longer.
        direction: "ab", or "ba" to exchange both domains.
        strategy: `tf.distribute.Strategy` for more than one device.
        callbacks: More Keras callbacks; or a function of `(model, dataset)` that makes them.
        dry_run: Whether only to print what would be trained: options, networks, memory.
        augment: As for `training.run.train`.
        images: As for `training.run.train`.
        verbose: As for `training.run.train`.
        steps_per_execution: As for `training.run.train`.
        **options: Of the method, by name.

    Returns:
        The history: a list of one dictionary of numbers per epoch. Empty after a dry run.

    Raises:
        InputError: If an argument is no option of the method, or out of its range.

    Example:
        >>> train("cyclegan", "data/faces.npz", "saved_models/faces", epochs=100, filters=32)
    """
    if method != FAST:
        registry.checked(method, options)
    if "total_steps" in options:
        raise InputError("total_steps has no use here, where epochs or minutes decide it.")
    dataset = data if isinstance(data, npz.Dataset) else opened(data)
    if direction not in ("ab", "ba"):
        raise InputError(f"direction must be 'ab' or 'ba', received {direction!r}.")
    if direction == "ba":
        dataset = dataset.swapped()
    if method == FAST:
        method, why = choice.suited(dataset)
        print(why)
        registry.checked(method, options)
    found = registry.find(method)
    batch_size = found.batch if batch_size is None else batch_size
    counts = {"epochs": epochs, "steps_per_epoch": steps_per_epoch, "batch_size": batch_size}
    for name, value in counts.items():
        if value is not None:
            check_whole(name, value, 1)
    shapes = (dataset.image_shape_b,)
    if not found.one_domain:
        shapes = (dataset.image_shape_a, *shapes)
    if minutes is None:
        epochs = epochs or EPOCHS
        steps = steps_per_epoch or pipeline.steps_per_epoch(dataset, batch_size)
        planned = {"total_steps": None if constant_rate else epochs * steps}
    else:
        for name, given in (("steps_per_epoch", steps_per_epoch), ("constant_rate", constant_rate)):
            if given:
                raise InputError(f"{name} has no use with minutes: leave it out.")
        epochs = epochs or time_budget.EPOCHS
        planned = {"minutes": minutes, "folder": folder, "batch_size": batch_size}
        planned |= {"epochs": epochs}
    planned |= options
    model = registry.make(method, *shapes, strategy=strategy, dataset=dataset, **planned)
    if minutes is not None:
        steps = max(model.planned_steps // epochs, 1)
    if dry_run:
        print(description(method, model, epochs, steps, batch_size))
        return []
    if callable(callbacks):
        callbacks = callbacks(model, dataset) if distribute.is_chief(model.strategy) else ()
    return run.train(
        model,
        dataset,
        folder,
        epochs,
        batch_size=batch_size,
        steps_per_epoch=steps,
        augment=augment,
        images=images,
        callbacks=callbacks,
        verbose=verbose,
        steps_per_execution=steps_per_execution,
    )


def opened(data: types.Path, data_b: types.Path | None = None, **reading: Any) -> npz.Dataset:
    """The data set of a path: of an `.npz`, or of a folder whose images are read as needed.

    Args:
        data: Path of the `.npz` or of the folder.
        data_b: Domain B's folder, where `data` is that of A.
        **reading: As for `data.prepare.stream`.
    """
    if Path(data).is_dir():
        return prepare.stream(data, data_b, **reading)
    return npz.load(data)


def description(name, model, epochs, steps, batch_size):
    """What a run of a method or preset would be, in lines: options, networks, steps, memory."""
    options = model.options
    lines = [f"method: {name}" + ("" if name == model.method else f", a preset of {model.method}")]
    lines += [f"  {name}: {getattr(options, name)!r}" for name in declarations(type(options))]
    lines.append("networks (parameters):")
    for network in [*model.generators, *model.discriminators]:
        lines.append(f"  {network.name}: {network.count_params():,}")
    lines.append(
        f"run: {counted(epochs, 'epoch')} of {counted(steps, 'step')}, batches of {batch_size}"
    )
    known = memory.knows(model)
    lines.append(
        memory.sentence(model, batch_size) if known else "Memory: not estimated for this method."
    )
    return "\n".join(lines)
