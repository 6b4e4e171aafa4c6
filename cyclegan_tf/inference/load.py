"""Open a generator for use, in the runtime that is asked for."""

import zipfile
from typing import Literal

from cyclegan_tf.common import types
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.silence import import_tensorflow
from cyclegan_tf.inference import autotune, formats, runtimes
from cyclegan_tf.inference.source import locate
from cyclegan_tf.inference.translator import Translator

# Keras is imported where it is needed: other runtimes do without.


def load(
    path: types.Path | None = None,
    direction: Literal["ab", "ba"] | None = None,
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32",
    dropout: bool | None = None,
    statistics: Literal["image", "running"] | None = None,
    runtime: Literal["auto", "fastest", "keras", "onnx", "openvino", "tflite"] = "auto",
) -> Translator:
    """Loads a generator for use.

    Args:
        path: A generator's file (`.keras`, `.h5` from Keras 2, or one that `export.export` wrote,
            which takes no further arguments), or the folder of a run; by default the small pair
            that comes with the package, sketch ↔ cartoon.
        direction: "ab" (the default) or "ba", where `path` is a run's folder; a file has but one.
        precision: The type that it computes in, as for `precision.in_precision`. "mixed_bfloat16"
            is faster on CPUs that have such products, and differs by a little:
            `Translator.difference` says by how much.
        dropout: Whether a generator with dropout, such as that of pix2pix, keeps it on; None
            leaves it as it was saved.
        statistics: "image" or "running": what a batch normalization goes by; see
            `normalization.BatchNormalization`. None leaves it as it was saved.
        runtime: What the generator runs in: "keras", "onnx", "openvino" or "tflite", for which it
            is exported once; "fastest" of these on this machine, measured if that has not been done
            yet; or "auto", the fastest if it has been measured, else Keras. The results are the
            same but for rounding. Only Keras knows `precision`, `dropout`, `statistics` and guides.

    Returns:
        `Translator`, to be called on images.

    Raises:
        InputError: If there is no generator that can be read, `precision` or `runtime` is none or
            cannot be had, or `dropout` or `statistics` does not apply to it.
    """
    known = formats.RUNTIMES
    if runtime not in known:
        raise InputError(f"runtime must be one of {', '.join(known)}, received {runtime!r}.")
    source = locate(path, direction)
    given = {"dropout": dropout, "statistics": statistics}
    given["precision"] = None if precision == "float32" else precision
    given = {name: value for name, value in given.items() if value is not None}
    if source.format is not None:
        given |= {} if runtime == "auto" else {"runtime": runtime}
        for name, value in given.items():
            raise InputError(f"{name}={value!r} has no use with {path}, which is exported.")
        network = runtimes.load(source.file)
        return Translator(network, network.translation)
    if given or source.styles.is_file():
        if runtime not in ("auto", "fastest", "keras"):
            raise InputError(
                f"runtime must be keras for precision, dropout, statistics and styles, received "
                f"{runtime!r}."
            )
    elif exported := _exported(source.file, runtime):
        network = runtimes.load(exported)
        return Translator(
            network,
            network.translation,
            original=lambda: _in_keras(source.file)[0],
            hints=_takes_hints(source.file),
        )
    import_tensorflow()
    from cyclegan_tf.networks.layers.dropout import set_test_time
    from cyclegan_tf.networks.precision import check as check_precision
    from cyclegan_tf.networks.precision import in_precision

    check_precision(precision)
    generator, translation = _in_keras(source.file)
    set_test_time(generator, dropout, statistics)
    styles = _in_keras(source.styles)[0] if source.styles.is_file() else None
    return Translator(in_precision(generator, precision), translation, styles)


def _in_keras(path):
    import_tensorflow()
    from cyclegan_tf.networks import generator_file

    return generator_file.load(path)


def _takes_hints(path):
    """Whether a generator's file has a linear prediction, seen without Keras."""
    try:
        with zipfile.ZipFile(path) as archive:
            return b'"LinearPrediction"' in archive.read("config.json")
    except (OSError, KeyError, zipfile.BadZipFile):
        return False


def _exported(path, runtime):
    """The file that is to run in place of a generator's own; None for Keras."""
    if runtime == "keras" or not path.is_file():
        return None
    found = autotune.recorded(path) if runtime == "auto" else autotune.choose(path, progress=True)
    if runtime in ("auto", "fastest"):
        return None if found is None or found.runtime == "keras" else found.path
    if runtime not in found.milliseconds:
        raise InputError(found.failed.get(runtime, f"{path} cannot be run in {runtime} here."))
    return found.files[runtime]
