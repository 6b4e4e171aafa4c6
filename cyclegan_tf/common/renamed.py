"""Old names of arguments and options: they still work, and say their new ones."""

import argparse
import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])


def argument(old: str, new: str) -> Callable[[_Function], _Function]:
    """Decorates a function whose keyword `old` is now called `new`.

    Example:
        >>> @argument("pictures", "images")
        ... def show(images=6):
        ...     return images
        >>> show(pictures=2)  # warns of the new name
        2
    """

    def decorate(function):
        @functools.wraps(function)
        def renamed(*args, **kwargs):
            if old in kwargs:
                warnings.warn(f"{old} is now called {new}.", FutureWarning, stacklevel=2)
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return renamed

    return decorate


def option(parser, old, new, values=None, **options):
    """Adds the old name of an option that a parser has already; no help shows it.

    Args:
        parser: Of `argparse`.
        old: Such as "--pictures".
        new: Such as "--images".
        values: Dictionary of words whose value is now another.
        **options: Of `add_argument`.
    """

    class Renamed(argparse.Action):
        def __call__(self, parser, namespace, value, option_string=None):
            warnings.warn(f"{old} is now called {new}.", stacklevel=2)
            value = (values or {}).get(value, value)
            setattr(namespace, new.removeprefix("--").replace("-", "_"), value)

    hidden = {"help": argparse.SUPPRESS, "default": argparse.SUPPRESS}
    parser.add_argument(old, action=Renamed, **options | hidden)
