"""The command `cyclegan-tf`: the functions of the package, one subcommand each.

Bad input ends with one sentence and exit status 2, what is done in part with one and status 3, and
anything unforeseen with one and status 1 (set CYCLEGAN_TF_DEBUG=1 for the traceback).
"""

import argparse
import codecs
import os
import sys
import warnings

import cyclegan_tf
from cyclegan_tf.cli import (
    evaluate,
    export,
    prepare,
    sample,
    serve,
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
    warnings.showwarning = lambda message, *_, **__: _say(f"warning: {message}")
    _print_anything()
    arguments = sys.argv[1:] if arguments is None else [str(word) for word in arguments]
    try:
        parser = _parser(arguments)
        # Words may stand before, between and behind options.
        options, unknown = parser.parse_known_intermixed_args(arguments[1:])
        if unknown:
            if options.run is train.run:
                train.refuse_unknown(options, unknown)
            parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        flags = {a.dest: a.option_strings[-1] for a in parser._actions if a.option_strings}
        with words.of_options(flags):
            options.run(options)
    except InputError as error:
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

    if os.environ.get("CYCLEGAN_TF_DEBUG"):
        raise error
    if isinstance(error, (TrainingDiverged, OSError)):
        return str(error).partition("\n")[0]
    if type(error).__name__ == "ResourceExhaustedError":
        return "out of memory: give a smaller --batch, or --accumulate, --recompute, --size."
    line = (str(error).strip() or "no message").splitlines()[0][:300]
    return f"unforeseen {type(error).__name__}: {line} (CYCLEGAN_TF_DEBUG=1 shows where)."


def _fail(message, status):
    _say(message)
    return status


def _say(message):
    print(f"cyclegan-tf: {message}", file=sys.stderr)


def _parser(arguments):
    """The parser of the command that the first word names; ends where it names none."""
    parser = argparse.ArgumentParser(
        prog="cyclegan-tf",
        description="CycleGAN and its relatives: prepare images, train, evaluate, translate.",
    )
    parser.add_argument(
        "--version", action="version", version=f"cyclegan_tf {cyclegan_tf.__version__}"
    )
    subcommands = parser.add_subparsers(required=True, metavar="COMMAND")
    # Of a known command only its own options are declared: the others would not be read.
    called = [COMMANDS[word] for word in arguments[:1] if word in COMMANDS]
    for command in called or COMMANDS.values():
        if command is train:
            train.add(subcommands, arguments[1:] if called else ())
        else:
            command.add(subcommands)
    if not called:
        parser.parse_args(arguments[:1])  # help, the version, or what is wrong
    return subcommands.choices[arguments[0]]
