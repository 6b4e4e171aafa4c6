"""The command `cyclegan-tf`: the functions of the package, one subcommand each.

Bad input ends with one sentence and exit status 2, what is done in part with one and status 3, and
anything unforeseen with one and status 1 (`--verbose` shows the traceback).
"""

import argparse
import codecs
import contextlib
import difflib
import functools
import os
import sys
import traceback
import warnings

import cyclegan_tf
from cyclegan_tf.cli import (
    completion,
    evaluate,
    export,
    prepare,
    sample,
    serve,
    terminal,
    train,
    translate,
    view,
    words,
)
from cyclegan_tf.common.errors import InputError

#: The subcommands, in the order of the help.
COMMANDS = {
    "prepare": prepare,
    "train": train,
    "evaluate": evaluate,
    "translate": translate,
    "sample": sample,
    "export": export,
    "serve": serve,
    "view": view,
}
_GOES_ON = {
    "train": "; the same command goes on from the last finished epoch",
    "translate": "; the same with --skip-existing goes on with what is not done",
}
# What is printed where an output knows less than UTF-8.
_ASCII = {"→": "->", "↔": "<->", "…": "...", "×": "x", "–": "-", "±": "+-", "µ": "u"}


def main(arguments=None):
    """Runs the command line.

    Args:
        arguments: List of words; those of the process by default.

    Returns:
        The exit status: 0, or 1 (unforeseen), 2 (bad input), 3 (done in part), 130 (stopped by the
        user).
    """
    warnings.showwarning = lambda message, *_, **__: print(
        f"cyclegan-tf: warning: {message}", file=sys.stderr
    )
    _print_anything()
    arguments = sys.argv[1:] if arguments is None else [str(word) for word in arguments]
    output = {word for word in arguments if word in terminal.OPTIONS}
    arguments = [word for word in arguments if word not in output]
    if "--verbose" in output:
        terminal.be_verbose()
    try:
        if len(output) > 1:
            raise InputError("--quiet and --verbose exclude each other: give one of them.")
        if arguments[:1] == ["--print-completion"]:
            print(completion.script(arguments[1:], _parsers()[0]))
            return 0
        parser = _parser(arguments)
        # Words may stand before, between and behind options.
        options, unknown = parser.parse_known_intermixed_args(arguments[1:])
        if unknown:
            if options.run is train.run:
                train.refuse_unknown(options, unknown)
            flag = unknown[0].partition("=")[0]
            if near := difflib.get_close_matches(flag, words.flags_of(parser).values(), 1):
                command = arguments[0]
                raise InputError(f"{flag} is no option of {command}: did you mean {near[0]}?")
            parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        told = terminal.quiet() if "--quiet" in output else contextlib.nullcontext()
        with told, words.of_options(words.flags_of(parser)):
            options.run(options)
    except InputError as error:
        if os.environ.get(terminal.DEBUG):
            traceback.print_exc()
        return _fail(error, error.status)
    except KeyboardInterrupt:
        return _fail(f"stopped{_GOES_ON.get(''.join(arguments[:1]), '')}.", 130)
    except BrokenPipeError:  # of `cyclegan-tf ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except MemoryError:
        return _fail("out of memory: give a smaller --size or fewer images.", 1)
    except Exception as error:
        return _fail(_unforeseen(error), 1)
    return 0


def _print_anything():
    """Characters that the output does not know are written otherwise, and are no error."""
    codecs.register_error("cyclegan_tf", _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="cyclegan_tf")


def _in_ascii(error):
    text = error.object[error.start : error.end]
    return "".join(_ASCII.get(character, "?") for character in text), error.end


def _unforeseen(error):
    """One sentence for an exception that is not about the input."""
    from cyclegan_tf.training.diagnostics import TrainingDiverged

    if os.environ.get(terminal.DEBUG):
        raise error
    if isinstance(error, (TrainingDiverged, OSError)):
        return str(error).partition("\n")[0]
    if type(error).__name__ == "ResourceExhaustedError":
        return "out of memory: give a smaller --batch, or --accumulate, --recompute, --size."
    line = (str(error).strip() or "no message").splitlines()[0][:300]
    return f"unforeseen {type(error).__name__}: {line} (--verbose shows where)."


def _fail(message, status):
    terminal.complain(message)
    return status


def _parser(arguments):
    """The parser of the command that the first word names; ends where it names none."""
    known = [word for word in arguments[:1] if word in COMMANDS]
    # Of a known command only its own options are declared: the others would not be read.
    parser, subcommands = _parsers(known or COMMANDS, arguments[1:] if known else ())
    if not known:
        parser.parse_args(arguments[:1])  # help, the version, or what is wrong
    return subcommands[arguments[0]]


def _parsers(commands=tuple(COMMANDS), arguments=("--method", "cyclegan")):
    """The parser of the command line, and those of some commands by name.

    Args:
        commands: Names of the commands.
        arguments: Words behind `train`: options depend on them.
    """
    parser = argparse.ArgumentParser(
        prog="cyclegan-tf",
        description="CycleGAN and its relatives: prepare images, train, evaluate, translate.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version", action="version", version=f"cyclegan_tf {cyclegan_tf.__version__}"
    )
    parser.add_argument(
        "--print-completion",
        choices=completion.SHELLS,
        metavar="SHELL",
        help="print what makes a shell complete the words: bash, zsh or tcsh",
    )
    _add_output(parser)
    whole_words = functools.partial(argparse.ArgumentParser, allow_abbrev=False)
    subcommands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=whole_words)
    for name in commands:
        more = (arguments,) if COMMANDS[name] is train else ()
        COMMANDS[name].add(subcommands, *more)
        _add_output(subcommands.choices[name].add_argument_group("output"))
    return parser, subcommands.choices


def _add_output(group):
    """Adds what `main` has taken out of the words already, for the help and for completion."""
    for option, text in terminal.OPTIONS.items():
        group.add_argument(option, action="store_true", help=text)
