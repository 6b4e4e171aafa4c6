"""The command that repeats a run, made of what its `run.json` says."""

import shlex

#: Stands for a data set that was made in Python and has no file.
NO_FILE = "DATA.npz"
#: Arguments of a model that are no options of a command: the data or the run's length decide them.
_DECIDED = ("image_shape", "image_shape_a", "image_shape_b", "seed", "total_steps")
_SEPARATORS = {"size": "x", "channels": ","}


def repeating(run, folder, epochs):
    """The command that trains the same weights once more.

    Options with the method's defaults are left out where `run.json` says which these are, and so
    is what does not change the weights, such as scores after each epoch.

    Args:
        run: Dictionary that `run.json` holds.
        folder: Where the command is to train.
        epochs: How many epochs the run has; of use where their number was not planned.

    Returns:
        One line for a POSIX shell.
    """
    arguments, training = run.get("arguments", {}), run.get("training", {})
    steps, planned = training.get("steps_per_epoch"), arguments.get("total_steps")
    changed = run.get("changed", arguments)
    origin = dict(run["data"].get("origin") or {"data": NO_FILE})
    words = ["cyclegan-tf", "train", str(origin.pop("data")), str(folder)]
    options = {
        "method": run["method"],
        **origin,
        "epochs": planned // steps if planned and steps else max(epochs, 1),
        "steps": steps,
        "constant_rate": True if planned is None else None,
        "batch": training.get("batch_size"),
        "augment": training.get("augment"),
        "seed": run.get("seed"),
        **{name: arguments[name] for name in changed if name not in _DECIDED},
        # How a step was computed, where not at once.
        **{name: run.get("versions", {}).get(name) for name in ("accumulate", "recompute")},
    }
    if options["augment"] == "mirror":
        options |= {"augment": None, "mirror": True}
    return shlex.join(words + [word for option in options.items() for word in _words(*option)])


def _words(name, value):
    """An option and its value; nothing where the value was left to the method."""
    flag = name.replace("_", "-")
    if value is None:
        return []
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    values = list(map(str, _flat(value)))
    return [f"--{flag}", *([_SEPARATORS[name].join(values)] if name in _SEPARATORS else values)]


def _flat(value):
    """The numbers or words of a value that may be a list of lists."""
    if not isinstance(value, (list, tuple)):
        return [value]
    return [word for part in value for word in _flat(part)]
