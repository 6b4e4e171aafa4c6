"""Generators in the formats of other runtimes, each compared with Keras before it is kept."""

import contextlib
import importlib.util
import shutil
import tempfile
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from cyclegan_tf.common import renamed
from cyclegan_tf.common.atomic_files import replacing
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.silence import quiet
from cyclegan_tf.inference import example_images, runtimes
from cyclegan_tf.networks import generator_file
from cyclegan_tf.networks.layers.dropout import Dropout, set_test_time
from cyclegan_tf.networks.metadata import ENTRY, find_generator

#: Suffix of each format; a SavedModel is a folder.
SUFFIXES = {
    "saved_model": "",
    "tflite": ".tflite",
    "tflite_int8": ".tflite",
    "tflite_full_int8": ".tflite",
    "onnx": ".onnx",
    "openvino": ".xml",
}
#: What an export may differ by on average, in grey levels of 255, unless told otherwise.
TOLERANCES = dict.fromkeys(SUFFIXES, 0.05) | {"tflite_int8": 2.0, "tflite_full_int8": 4.0}
#: How many times that any one number may differ.
LARGEST = 20
#: What the file needs to be written and run.
_LIBRARIES = {
    "tflite": ("ai_edge_litert",),
    "onnx": ("tf2onnx", "onnx", "onnxruntime"),
    "openvino": ("openvino",),
}


@dataclass(frozen=True)
class Exported:
    """What was written, and how far it is from Keras.

    Attributes:
        path: The file or folder.
        format: One of `SUFFIXES`.
        mean: Mean absolute difference, in grey levels of 255.
        largest: Largest absolute difference, in grey levels.
        psnr: The same as a peak signal-to-noise ratio in dB.
        sizes: `(height, width)` of the images that were compared.
        megabytes: Size of what was written.
    """

    path: Path
    format: str
    mean: float
    largest: float
    psnr: float
    sizes: tuple
    megabytes: float

    def __str__(self):
        sizes = ", ".join(f"{height}x{width}" for height, width in self.sizes)
        return (
            f"{self.path} ({self.format}, {self.megabytes:.2f} MB) differs from Keras by "
            f"{self.mean:.2g} of 255 grey levels on average and {self.largest:.2g} at most "
            f"({self.psnr:.0f} dB, at {sizes})"
        )


@renamed.argument("pictures", "images")
def export(
    path,
    target,
    format=None,
    direction=None,
    images=None,
    tolerance=None,
    overwrite=False,
    dropout=None,
    statistics=None,
):
    """Writes a generator in the format of another runtime.

    What is written is run on images of several sizes and compared with Keras; where it differs
    by too much nothing is left of it. The file carries its `Translation`.

    Formats: "saved_model", "onnx", "openvino" and "tflite" are exact but for rounding.
    "tflite_int8" has weights of 8 bits and convolutions of 8-bit numbers, scaled image by
    image, between normalizations in float32. "tflite_full_int8" has everything in 8 bits,
    normalizations included, by ranges found on images: for chips that know nothing else, and
    visibly less exact.

    Args:
        path: A generator's file (`.keras`, `.h5`), or the folder of a run.
        target: File or folder to write. OpenVINO's `.bin` is written beside its `.xml`.
        format: See above; by default what the target's suffix says.
        direction: "ab" (the default) or "ba", where `path` is a run's folder.
        images: What to compare on: an `.npz` (its test split), a folder, an image, or an array
            `(n, height, width, channels)`; by default drawn faces or their sketches.
        tolerance: Largest mean difference to accept, in grey levels of 255, and a 20th of the
            largest single one; by default that of `TOLERANCES`.
        overwrite: Whether to replace what exists.
        dropout: As in `translate.load`. Dropout at random can be exported as SavedModel alone.
        statistics: As in `translate.load`.

    Returns:
        `Exported`.

    Raises:
        InputError: If the generator, the target or the images cannot be used, a library is
            missing, or the difference is too large.
    """
    target = Path(target)
    format = _checked(target, format, overwrite)
    tolerance = TOLERANCES[format] if tolerance is None else tolerance
    if not tolerance > 0:
        raise InputError(f"tolerance must be above 0, received {tolerance!r}.")
    path = find_generator(path, direction)
    generator, translation = generator_file.load(path)
    set_test_time(generator, dropout, statistics)
    network, translation = _prepared(generator, translation, format, path)
    shapes = generator_file.shapes(network)
    compared = example_images.batches(shapes, translation, images)
    expected = [network(x, training=False).numpy() for x in map(_inputs, compared)]
    calibration = example_images.for_calibration(shapes, translation, images)
    with _beside(target) as folder:
        made = folder / target.name
        try:
            with quiet():
                _WRITERS[format.partition("_")[0]](network, made, translation, format, calibration)
        except Exception as error:  # each converter has exceptions of its own
            reason = next(filter(None, str(error).splitlines()), type(error).__name__)
            raise InputError(
                f"{path} cannot be exported as {format} ({reason[:200]}): choose another format."
            ) from error
        runtime = runtimes.load(made)
        errors = [127.5 * (runtime(*x) - y) for x, y in zip(compared, expected, strict=True)]
        errors = np.concatenate([np.abs(error, dtype=np.float64).ravel() for error in errors])
        mean, largest = float(errors.mean()), float(errors.max())
        if not (mean <= tolerance and largest <= LARGEST * tolerance):
            raise InputError(
                f"{path} as {format} differs from Keras by {mean:.2g} of 255 grey levels on "
                f"average and {largest:.2g} at most, above {tolerance:g} and "
                f"{LARGEST * tolerance:g}: choose another format, or allow it with a larger "
                "tolerance."
            )
        del runtime
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        _move(made, target)
    noise = float(np.mean(errors**2))
    psnr = 10 * np.log10(255**2 / noise) if noise else np.inf
    sizes = tuple(dict.fromkeys(x[0].shape[1:3] for x in compared))
    return Exported(target, format, mean, largest, float(psnr), sizes, size / 1e6)


def missing(format):
    """Names of the libraries that a format needs and that are not installed, a list."""
    needed = _LIBRARIES.get(format.partition("_")[0], ())
    return [name.replace("_", "-") for name in needed if importlib.util.find_spec(name) is None]


def _checked(target, format, overwrite):
    """The format, if the target fits it and may be written."""
    if format is None:
        known = {suffix: name for name, suffix in reversed(SUFFIXES.items())}
        if target.suffix.lower() not in known:
            raise InputError(
                f"format must be given, or target be a folder's name or end in .onnx, .tflite or "
                f".xml, received {target}."
            )
        format = known[target.suffix.lower()]
    if format not in SUFFIXES:
        raise InputError(f"format must be one of {', '.join(SUFFIXES)}, received {format!r}.")
    suffix = SUFFIXES[format]
    if suffix and (target.suffix.lower() != suffix or target.is_dir()):
        raise InputError(f"target must be a file in {suffix} for {format}, received {target}.")
    if absent := missing(format):
        raise InputError(
            f"{format} needs {' and '.join(absent)}, not installed here: "
            "pip install 'cyclegan_tf[export]'."
        )
    for path in [target] + [target.with_suffix(".bin")] * (format == "openvino"):
        if path.exists() and not overwrite:
            raise InputError(
                f"{path} exists and would be replaced: give another target, or allow it with "
                "overwrite."
            )
    if not suffix and target.exists() and not runtimes.is_exported(target):
        raise InputError(f"{target} is no SavedModel to be replaced: give another target.")
    return format


def _prepared(generator, translation, format, path):
    """`(network, translation)`: with named inputs, without noise that has no use; all is said."""
    shapes = generator_file.shapes(generator)
    if shapes.image is None or len(shapes.output) != 4:
        raise InputError(
            f"{path} does not translate images to images: give a generator that does, such "
            "as gen_ab.keras."
        )
    image = keras.Input(shapes.image[1:], name="image")
    inputs = given = [image]
    dropouts = [layer for layer in generator._flatten_layers() if isinstance(layer, Dropout)]
    if shapes.noise is not None:
        if dropouts and not any(layer.always for layer in dropouts):
            given = [image, keras.ops.zeros_like(image[:, 0, 0, :1])]
        else:
            inputs = given = [image, keras.Input(shapes.noise[1:], name="noise")]
        if any(layer.always for layer in dropouts) and format != "saved_model":
            raise InputError(
                f"{path} drops numbers at random, which {format} cannot: switch it off with "
                "dropout, or choose saved_model."
            )
    output = generator(given if len(given) > 1 else given[0], training=False)
    network = keras.Model(inputs if len(inputs) > 1 else inputs[0], output)
    return network, replace(translation, multiple=generator_file.size_multiple(generator))


def _inputs(arrays):
    return list(arrays) if len(arrays) > 1 else arrays[0]


def _graph(network):
    """The network as TensorFlow's graph, of open shapes and so with plain convolutions."""
    names = ("image", "noise")
    specifications = [
        tf.TensorSpec(x.shape, tf.float32, name=name)
        for x, name in zip(network.inputs, names, strict=False)
    ]

    @tf.function(input_signature=specifications, autograph=False)
    def translate(*arrays):
        y = network(_inputs(arrays), training=False)
        return {"translation": tf.cast(y, tf.float32)}

    return translate.get_concrete_function()


def _write_saved_model(network, path, translation, *_):
    module = tf.Module()
    module.numbers = [variable.value for variable in network.variables]  # without Keras's objects
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(path), signatures=_graph(network), options=options)
    (path / ENTRY).write_text(translation.to_json(), encoding="utf-8")


def _write_onnx(network, path, translation, *_):
    import onnx

    network.export(str(path), format="onnx", verbose=False)
    model = onnx.load(str(path))
    graph = model.graph
    old, graph.output[0].name = graph.output[0].name, "translation"
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = ["translation" if name == old else name for name in names]
    for value in (*graph.input, *graph.output):
        sides = value.type.tensor_type.shape.dim
        for side, name in zip(sides, ("batch", "height", "width"), strict=False):
            if side.dim_param:
                side.dim_param = name
    entry = model.metadata_props.add()
    entry.key, entry.value = runtimes.PROPERTY, translation.to_json()
    onnx.save(model, str(path))


def _write_openvino(network, path, translation, *_):
    import openvino

    frozen = path.with_name("frozen.pb")
    frozen.write_bytes(_without_variables(_graph(network)).graph.as_graph_def().SerializeToString())
    # By the runtime itself: the package's own converter reports its use to its makers.
    model = openvino.Core().read_model(frozen)
    for end in model.inputs:
        end.set_names({end.any_name.partition(":")[0]})
    model.outputs[0].set_names({"translation"})
    model.set_rt_info(translation.to_json(), runtimes.INFORMATION)
    openvino.save_model(model, str(path), compress_to_fp16=False)
    del model
    frozen.unlink()


def _write_tflite(network, path, translation, format, calibration):
    graph = _without_variables(_graph(network))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], tf.Module())
    if format != "tflite":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if format == "tflite_full_int8":
        converter.representative_dataset = lambda: (list(x) for x in calibration)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    path.write_bytes(converter.convert())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(ENTRY, translation.to_json())


def _without_variables(graph):
    """The graph with constants for weights: with variables only TensorFlow can run the result."""
    from tensorflow.python.framework import convert_to_constants

    return convert_to_constants.convert_variables_to_constants_v2(graph)


_WRITERS = {
    "saved": _write_saved_model,
    "onnx": _write_onnx,
    "openvino": _write_openvino,
    "tflite": _write_tflite,
}


@contextlib.contextmanager
def _beside(target):
    """A folder that vanishes, in the target's own."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=".writing-", dir=target.parent, ignore_cleanup_errors=True
        ) as folder:
            yield Path(folder)
    except OSError as error:
        raise InputError(
            f"{target} cannot be written ({error.strerror or error}): make room or give another "
            "place."
        ) from error


def _move(made, target):
    """Puts what was made in its place: all of it or nothing is what a reader sees."""
    if made.is_dir():
        if target.exists():
            target.rename(made.with_name("replaced"))
        made.rename(target)
        return
    weights = made.with_suffix(".bin")
    if weights.exists():
        target.unlink(missing_ok=True)  # the old model is none with the new weights
        _copy(weights, target.with_suffix(".bin"))
    _copy(made, target)


def _copy(source, target):
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)
