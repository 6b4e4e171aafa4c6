"""Keeps libraries that greet, warn and report progress out of the user's terminal."""

import contextlib
import logging
import os
import sys
import warnings


@contextlib.contextmanager
def _switched_off(*numbers):
    """Within, what goes to these file descriptors of the process goes nowhere."""
    kept = {number: os.dup(number) for number in numbers}
    nowhere = os.open(os.devnull, os.O_WRONLY)
    _flush()
    try:
        for number in kept:
            os.dup2(nowhere, number)
        yield
    finally:
        _flush()
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)


def _flush():
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


@contextlib.contextmanager
def quiet():
    """Within, nothing is printed: not by Python, and not by what libraries are made of beneath it.

    Output and error stream of the whole process are switched off, other threads' included: for
    short work only. Exceptions pass as ever.
    """
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with _switched_off(1, 2), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def import_tensorflow():
    """Imports TensorFlow, whose libraries greet on the error stream whatever the log level."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _switched_off(2):
        import tensorflow as tf

        tf.config.list_physical_devices()
    return tf
