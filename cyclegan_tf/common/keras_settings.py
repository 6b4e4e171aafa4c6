"""Which backend and which order of axes Keras is set to, by whom, and whether that will do."""

import json
import os
from pathlib import Path

from cyclegan_tf.common.errors import InputError


def check(keras=None):
    """Refuses settings of Keras that this package cannot use.

    Args:
        keras: The module, if it is imported already; else what it will read is looked at.

    Raises:
        InputError: If its backend is not TensorFlow, or images are to have their channels first.
    """
    file = _file()
    if keras is not None:
        backend, axes = keras.config.backend(), keras.config.image_data_format()
        when = " before Keras is imported"
    else:
        stored = _stored(file)
        backend = os.environ.get("KERAS_BACKEND") or stored.get("backend", "tensorflow")
        axes, when = stored.get("image_data_format", "channels_last"), ""
    if backend != "tensorflow":
        where = "KERAS_BACKEND" if os.environ.get("KERAS_BACKEND") else file
        raise InputError(
            f"Keras's backend is {backend!r} (by {where}), and cyclegan_tf needs TensorFlow: set "
            f"KERAS_BACKEND=tensorflow{when}."
        )
    if axes != "channels_last":
        raise InputError(
            f"Keras's image_data_format is {axes!r} (by {file}), and cyclegan_tf needs "
            f'"channels_last": set it there{when}.'
        )


def _file():
    """Where Keras keeps its settings."""
    if folder := os.environ.get("KERAS_HOME"):
        return Path(folder).expanduser() / "keras.json"
    home = Path.home()
    return (home if os.access(home, os.W_OK) else Path("/tmp")) / ".keras" / "keras.json"


def _stored(file):
    """What the file says; Keras takes one that is no JSON as empty, too."""
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stored if isinstance(stored, dict) else {}
