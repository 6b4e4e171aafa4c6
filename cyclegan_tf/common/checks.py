"""The check of arguments that are counts: a sentence where one is none."""

import numbers

from cyclegan_tf.common.errors import InputError


def check_whole(name, value, least):
    """Raises InputError unless the argument `name` is a whole number of at least `least`."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}, received {value!r}.")
