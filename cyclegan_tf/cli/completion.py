"""Completion of words in a shell, as a script that the shell reads."""

from cyclegan_tf.common.errors import InputError

SHELLS = ("bash", "zsh", "tcsh")


def script(words, parser):
    """The script of a shell.

    Args:
        words: What follows `--print-completion`: the shell's name.
        parser: Of the whole command line.

    Raises:
        InputError: If it is none of `SHELLS`, or the library is not there.
    """
    if len(words) != 1 or words[0] not in SHELLS:
        given = " ".join(words) or "nothing"
        raise InputError(f"--print-completion takes {', '.join(SHELLS)}, received {given}.")
    try:
        import shtab
    except ImportError:
        raise InputError("--print-completion needs shtab: pip install shtab.") from None
    for action in _actions(parser):
        kind = action.metavar if isinstance(action.metavar, str) else ""
        if action.choices is None and (kind in ("FILE", "FOLDER", "PATH") or _is_path(action)):
            action.complete = shtab.DIRECTORY if kind == "FOLDER" else shtab.FILE
    return shtab.complete(parser, shell=words[0])


def _is_path(action):
    """Whether it is a word of a command that is no option: they all are paths."""
    return not action.option_strings


def _actions(parser):
    """All actions of a parser and of its subcommands."""
    for action in parser._actions:
        if isinstance(action.choices, dict):
            for subcommand in action.choices.values():
                yield from subcommand._actions
        else:
            yield action
