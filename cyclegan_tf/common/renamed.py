"""Old names that still work and say their new ones."""

import argparse
import functools
import warnings


def argument(old, new):
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


def option(new):
    """The `argparse` action of an option that is now called `new`, such as "--images"."""

    class Renamed(argparse.Action):
        def __call__(self, parser, namespace, values, option_string=None):
            warnings.warn(f"{option_string} is now called {new}.", stacklevel=2)
            setattr(namespace, self.dest, values)

    return Renamed
