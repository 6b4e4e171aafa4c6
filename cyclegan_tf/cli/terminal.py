"""What reaches the terminal: everything, or with `--quiet` errors and results alone."""

import contextlib
import os
import sys
from pathlib import Path

from cyclegan_tf.common import silence

#: What every command accepts, anywhere among its words.
OPTIONS = {
    "--quiet": "print errors and results alone: no progress, notes or warnings",
    "--verbose": "print TensorFlow's own messages, and where an error arose",
}
#: The variable that has an unforeseen error shown with its traceback.
DEBUG = "CYCLEGAN_TF_DEBUG"
_results, _errors = None, None


def result(text=""):
    """Prints what a command was called for."""
    print(text, file=_results or sys.stdout, flush=True)


def complain(sentence):
    """Prints what went wrong."""
    print(f"cyclegan-tf: {sentence}", file=_errors or sys.stderr)


def be_verbose():
    """Lets TensorFlow speak, and shows tracebacks."""
    os.environ |= {silence.LEVEL: "0", DEBUG: "1"}


@contextlib.contextmanager
def quiet():
    """Within, nothing is printed but by `result` and `complain`."""
    global _results, _errors
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        _results, _errors = sys.stdout, sys.stderr
        try:
            with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
                yield
        finally:
            _results = _errors = None
