"""Options of `cyclegan-tf train` that a method declares, made from the declarations."""

import argparse

from cyclegan_tf.common import renamed
from cyclegan_tf.common.errors import InputError

#: Options that had other names, and the values that had others.
OLD_NAMES = {
    "adversarial_loss": ("--loss", {}),
    "fast_convolutions": ("--convolutions", {"auto": None, "fast": True, "plain": False}),
}


def add(parser, declared):
    """Adds the options that a method declares; of those not given the namespace has None.

    Args:
        parser: Of `argparse`.
        declared: `registry.Method.declared`.
    """
    from cyclegan_tf.methods.options import GROUPS

    for group, title in GROUPS.items():
        arguments = parser.add_argument_group(title)
        for option in declared.values():
            if option.group == group:
                _add_option(arguments, option)
                if option.name in OLD_NAMES:
                    old, values = OLD_NAMES[option.name]
                    choices = [*values, *option.choices]
                    renamed.option(arguments, old, option.flag, values, choices=choices)


def _add_option(group, option):
    help = option.help
    if option.default is not None:  # then what "by default" follows from other things is not
        help = f"{help.partition('; by default')[0]} (default: {_said(option.default)})"
    help = help.replace("%", "%%")
    if option.kind is bool:
        action = argparse.BooleanOptionalAction
        group.add_argument(option.flag, action=action, default=None, help=help)
    elif option.choices:
        group.add_argument(option.flag, choices=option.choices, help=help)
    else:
        metavar = "N" if option.kind is int else "X"
        group.add_argument(option.flag, type=_type(option), metavar=metavar, help=help)


def _said(value):
    """A default as people write it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else value


def _type(option):
    """The type of a number within the option's bounds."""

    def parse(text):
        try:
            return option.check(option.kind(text))
        except (InputError, ValueError):
            raise argparse.ArgumentTypeError(f"must be {option.rule}, received {text!r}") from None

    return parse
