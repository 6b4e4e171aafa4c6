"""CycleGAN and its relatives in TensorFlow and Keras 3.

An image's walk through the package: `prepare` makes a data set, `train` trains a method on it into
a run's folder, `load` opens what was learned, `evaluate` says how good it is. `cyclegan-tf` does
the same from the command line.

Example:
    >>> import cyclegan_tf as cg
    >>> data = cg.prepare.from_folders("photos", "drawings", size=64)
    >>> cg.train("cyclegan", data, "saved_models/drawings", epochs=100)
    >>> cg.load("saved_models/drawings")("photo.jpg").save("drawing.png")
    >>> print(cg.evaluate("saved_models/drawings", data))
"""

import importlib
from typing import TYPE_CHECKING

from cyclegan_tf.common import silence

if TYPE_CHECKING:
    from cyclegan_tf import methods, recipes
    from cyclegan_tf.common.errors import InputError
    from cyclegan_tf.data import prepare
    from cyclegan_tf.evaluation.evaluate import evaluate
    from cyclegan_tf.inference.load import load
    from cyclegan_tf.methods.train import train

    __version__: str

silence.watch()

#: The public names, and the modules that they are imported from when they are first used.
_PUBLIC = {
    "prepare": ("data.prepare", None),
    "train": ("methods.train", "train"),
    "load": ("inference.load", "load"),
    "evaluate": ("evaluation.evaluate", "evaluate"),
    "methods": ("methods", None),
    "recipes": ("recipes", None),
    "InputError": ("common.errors", "InputError"),
}
__all__ = [
    "InputError",
    "__version__",
    "evaluate",
    "load",
    "methods",
    "prepare",
    "recipes",
    "train",
]


def __getattr__(name):
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version(__name__)
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _PUBLIC[name]
    module = importlib.import_module(f"{__name__}.{module}")
    return module if attribute is None else getattr(module, attribute)


def __dir__():
    return __all__
