"""Sentences about the arguments of functions, in the words of the command line."""

import contextlib
import re
import warnings

from cyclegan_tf.common.errors import InputError


def flags(names):
    """The options of arguments whose names are theirs: `{"min_body": "--min-body"}`."""
    return {name: f"--{name.replace('_', '-')}" for name in names}


def flags_of(parser):
    """The options of a parser by the names of their arguments: `{"batch": "--batch"}`."""
    flags = {}
    for action in parser._actions:
        for flag in action.option_strings:
            if flag.startswith("--") and not flag.startswith("--no-"):
                flags.setdefault(action.dest, flag)
    return flags


@contextlib.contextmanager
def of_options(flags):
    """Within, what an error or a warning calls by its Python name is called by its option.

    Args:
        flags: What arguments are called here: `{"batch_size": "--batch"}`.
    """
    show = warnings.showwarning
    warnings.showwarning = lambda message, *rest, **more: show(
        in_words_of_options(str(message), flags), *rest, **more
    )
    try:
        yield
    except InputError as error:
        raise type(error)(in_words_of_options(str(error), flags)) from error
    finally:
        warnings.showwarning = show


def in_words_of_options(sentence, flags):
    """One sentence with names of options for those of arguments.

    Example:
        >>> in_words_of_options("say ranges=(0, 255).", {"ranges": "--ranges"})
        'say --ranges 0 255.'
    """

    def said(match):
        name, value = match.groups()
        before = sentence[: match.start()]
        # A name that is a word of English as well counts where the sentence is about it.
        if value is None and "_" not in name and before and not before.endswith("with "):
            return name
        if value == "False":
            return flags[name].replace("--", "--no-")
        if value in (None, "True"):
            return flags[name]
        return f"{flags[name]} {re.sub('[(),]', '', value)}"

    value = r"(?:='?(\([^a-z]*\)|[\w.+-]*\w)'?)?"
    return re.sub(rf"(?<![\w/.-])({'|'.join(flags)})\b{value}", said, sentence)
