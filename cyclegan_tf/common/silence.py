"""Keeps libraries that greet, warn and report progress out of the user's terminal."""

import contextlib
import importlib.abc
import os
import sys

#: TensorFlow's own variable: from 0, which says everything, to 3, which says what is fatal.
LEVEL = "TF_CPP_MIN_LOG_LEVEL"


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
    import logging
    import warnings

    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with _switched_off(1, 2), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


class _Watch(importlib.abc.MetaPathFinder):
    """Finds TensorFlow and Keras as ever, whoever imports them, and sees to how they begin.

    TensorFlow's libraries greet on the error stream at their import, whatever the log level, and
    Keras takes its backend from the environment then: later is too late for both.
    """

    def find_spec(self, name, path=None, target=None):
        """As of `importlib`: the module's spec, whose loader does a little more."""
        around = {"tensorflow": _silent_tensorflow, "keras": _checked_keras}.get(name)
        if around is None:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, (one.find_spec(name, path, target) for one in others)), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                with around():
                    execute(module)

            spec.loader.exec_module = exec_module
        return spec


@contextlib.contextmanager
def _silent_tensorflow():
    """Around TensorFlow's import; `TF_CPP_MIN_LOG_LEVEL=0` lets it speak."""
    if os.environ.setdefault(LEVEL, "3") == "0":
        yield
        return
    with _switched_off(2):
        yield
        tensorflow = sys.modules["tensorflow"]
        tensorflow.config.list_physical_devices()  # CUDA's driver greets when it is asked
    tensorflow.get_logger().setLevel("ERROR")  # it warns of functions that are traced again


@contextlib.contextmanager
def _checked_keras():
    """Around Keras's import."""
    from cyclegan_tf.common.keras_settings import check

    check()
    yield


def watch():
    """Has TensorFlow silent and Keras's settings checked, whenever they are imported.

    Raises:
        InputError: If Keras is imported already, with settings that this package cannot use.
    """
    if any(isinstance(finder, _Watch) for finder in sys.meta_path):
        return
    if "keras" in sys.modules:
        from cyclegan_tf.common.keras_settings import check

        check(sys.modules["keras"])
    sys.meta_path.insert(0, _Watch())


def import_tensorflow():
    """Imports TensorFlow, in silence."""
    import tensorflow

    return tensorflow
