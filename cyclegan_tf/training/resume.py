"""Whether a run may go on: the `run.json` that is there beside what is asked for now."""

import json
import warnings

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.training import command

#: What may differ, or follows from what is told of the data.
_FREE = ("versions", "devices", "changed", "data")
_OF_DATA = ("image_shape", "image_shape_a", "image_shape_b")
#: How many digits of a hash are told.
_DIGITS = 8


def compare(path, description, epochs, warn=True):
    """Refuses to go on with a run that is another than the one described.

    Args:
        path: The run's `run.json`.
        description: Dictionary that `run.json` would hold.
        epochs: Number of epochs that are asked for.
        warn: Whether to warn of other versions.

    Raises:
        InputError: If they are two runs: what differs, old -> new, and a command that works.
    """
    description = json.loads(json.dumps(description))
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        options = _options(_flat(stored), _flat(description))
        data = _data(stored["data"], description["data"])
    except (ValueError, AttributeError, KeyError, TypeError):
        raise InputError(f"{path} cannot be read: train into another folder.") from None
    if options or data:
        advice = _advice(path.parent, stored, description, epochs, data)
        what = "data" if data and not options else "options"
        raise InputError(
            f"{path.parent} holds a run with other {what}, {', '.join(options + data)}: {advice}"
        )
    if warn and stored.get("versions") != description["versions"]:
        warnings.warn(
            f"{path.parent} was started with {stored.get('versions')}, and goes on with "
            f"{description['versions']}: the weights may differ from an uninterrupted run.",
            stacklevel=5,
        )


def _options(old, new):
    """What to say of options that differ, in a list."""
    return [
        f"{name}={_said(old.get(name))} -> {_said(new.get(name))}"
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    ]


def _said(value):
    words = {True: "on", False: "off", None: "default"}
    return words[value] if value is None or isinstance(value, bool) else value


def _flat(run):
    """The options of a run by the names that its user gives them."""
    flat = {name: value for name, value in run.items() if name not in _FREE}
    training, arguments = flat.pop("training"), flat.pop("arguments")
    flat |= training | {n: v for n, v in arguments.items() if n not in _OF_DATA}
    planned, steps = flat.pop("total_steps", None), training["steps_per_epoch"]
    if planned is None:
        return flat | {"epochs": "any, of a constant rate"}
    return flat | ({"total_steps": planned} if planned % steps else {"epochs": planned // steps})


def _data(old, new):
    """What to say of data that differ, in a list."""
    if old["hash"] != new["hash"]:
        names = [
            f"{(data.get('origin') or {}).get('data', 'data')} (hash {data['hash'][:_DIGITS]})"
            for data in (old, new)
        ]
        return [" -> ".join(names)]
    if old["names"] != new["names"]:
        return [" -> ".join("direction " * (data is old) + _direction(data) for data in (old, new))]
    return []


def _direction(data):
    return " to ".join(data["names"])


def _advice(folder, stored, given, epochs, data):
    """What to do: the command that goes on with the run, or one that begins another."""
    here, there = (run["data"].get("origin") or {} for run in (given, stored))
    if stored["data"]["hash"] == given["data"]["hash"]:
        # As it is opened now, from the folder that this is called in.
        ways = {"ab": "ba", "ba": "ab"}
        way = here.get("direction", "ab")
        there = here and here | {"direction": ways[way] if data else way}
    elif there.get("data") == here.get("data"):
        there = {}  # what was there is no more
    if there:
        run = stored | {"data": stored["data"] | {"origin": there}}
        says = command.repeating(run, folder, epochs)
        return f"name a new folder, or go on with it:\n{says}"
    if here:
        return f"name a new folder:\n{command.repeating(given, f'{folder}_2', epochs)}"
    return "give the old values to go on with it, or name a new folder."
