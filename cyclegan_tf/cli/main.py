"""The command `cyclegan-tf`: the functions of the package, one subcommand each.

Bad input ends with one sentence and exit status 2, anything unforeseen with one sentence and
status 1 (set CYCLEGAN_TF_DEBUG=1 for the traceback).
"""

import argparse
import os
import sys
import warnings

from cyclegan_tf.cli import evaluate, export, prepare, sample, serve, train, translate, view
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


def main(arguments=None):
    """Runs the command line.

    Args:
        arguments: List of words; those of the process by default.

    Returns:
        The exit status: 0, or 1 (unforeseen), 2 (bad input), 130 (stopped by the user).
    """
    warnings.showwarning = lambda message, *_, **__: _say(f"warning: {message}")
    arguments = sys.argv[1:] if arguments is None else [str(word) for word in arguments]
    try:
        parser = _parser(arguments)
        options, unknown = parser.parse_known_args(arguments)
        if unknown:
            if options.run is train.run:
                train.refuse_unknown(options, unknown)
            parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        options.run(options)
    except InputError as error:
        return _fail(error, 2)
    except KeyboardInterrupt:
        goes_on = "; the same command goes on from the last finished epoch"
        return _fail(f"stopped{goes_on if arguments[:1] == ['train'] else ''}.", 130)
    except BrokenPipeError:  # of `cyclegan-tf ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except MemoryError:
        return _fail("out of memory: give a smaller --size or fewer images.", 1)
    except Exception as error:
        return _fail(_unforeseen(error), 1)
    return 0


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
    parser = argparse.ArgumentParser(
        prog="cyclegan-tf",
        description="CycleGAN and its relatives: prepare images, train, evaluate, translate.",
    )
    subcommands = parser.add_subparsers(required=True, metavar="COMMAND")
    # Of a known command only its own options are declared: the others would not be read.
    called = [COMMANDS[word] for word in arguments[:1] if word in COMMANDS]
    for command in called or COMMANDS.values():
        if command is train:
            train.add(subcommands, arguments[1:] if called else ())
        else:
            command.add(subcommands)
    return parser
