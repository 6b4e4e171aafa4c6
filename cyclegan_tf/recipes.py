"""One function per method and preset: `recipes.cyclegan(shape_a, shape_b, cycle_weight=5)`.

Each makes a compiled model; its options are those that the method's file under `methods/` declares.
"""

from cyclegan_tf.methods import names, registry

__all__ = list(names.METHODS)


def __getattr__(name):
    if name not in names.METHODS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, registry.function(name))


def __dir__():
    return __all__
