"""Networks: plain functions that return functional Keras models, and the files they are kept in."""

import importlib

_FUNCTIONS = {
    "resnet_generator": "generators",
    "unet_generator": "generators",
    "chained": "generators",
    "patch_discriminator": "discriminators",
    "pixel_discriminator": "discriminators",
    "multiscale_discriminator": "discriminators",
}
__all__ = list(_FUNCTIONS)


def __getattr__(name):
    if name not in _FUNCTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_FUNCTIONS[name]}"), name)
