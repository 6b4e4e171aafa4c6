"""Readers of exported generators: one class for each runtime, all called in the same way.

ONNX, TFLite and OpenVINO files need neither Keras nor TensorFlow. Each class imports its library
when it is made.
"""

import contextlib
import os
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.silence import import_tensorflow, quiet
from cyclegan_tf.inference import formats
from cyclegan_tf.networks.metadata import ENTRY, Translation, from_json, shapes_of

#: What to pad sides to where a file does not say: more than most generators need.
UNKNOWN_MULTIPLE = 32
#: Where the text of the `Translation` lies in an ONNX and in an OpenVINO file.
PROPERTY = "cyclegan_tf.translation"
INFORMATION = ["cyclegan_tf", "translation"]


def load(path, threads=None):
    """Loads an exported generator; which library runs it, the file tells.

    Args:
        path: An `.onnx`, `.tflite` or OpenVINO's `.xml` file, or a SavedModel's folder. One that
            this package has not written is taken as for 8-bit images.
        threads: As for the classes.

    Returns:
        `Onnx`, `TFLite`, `OpenVINO` or `SavedModel`.

    Raises:
        InputError: If there is none, it is damaged or no generator, or its library is missing.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"No exported generator at {path}: check its name.")
    format = formats.of(path)
    if format is None:
        raise InputError(
            f"{path} is no exported generator: give a file in {', '.join(formats.SUFFIXES)}, or "
            "the folder of a SavedModel."
        )
    try:
        return format.reader(path, threads)
    except ImportError as error:
        library = (error.name or format.libraries[-1]).partition(".")[0].replace("_", "-")
        raise InputError(
            f"{path} is run by {library}, which is not installed: "
            "pip install 'cyclegan_tf[export]'."
        ) from error


class Onnx:
    """A generator in the ONNX format, run by ONNX Runtime on the CPU.

    Args:
        path: The `.onnx` file.
        threads: How many it computes with; by default what the library chooses, all cores.

    Several threads may call it, and memory does not grow with the number of shapes it has seen.

    Attributes:
        shapes: `metadata.Shapes`.
        translation: `metadata.Translation`.
        multiple: Number of pixels that sides must be multiples of.

    Raises:
        InputError: If the file is no such generator, or the library is missing.
    """

    name = "onnx"

    def __init__(self, path, threads=None):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.log_severity_level = 4
        # What it would reserve for the largest image, it would never give back.
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        with _readable(path):
            providers = ["CPUExecutionProvider"]
            self._session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        given = {x.name: _sides(x.shape) for x in self._session.get_inputs()}
        outputs = [_sides(x.shape) for x in self._session.get_outputs()]
        self._inputs, self.shapes = _described(path, given, outputs)
        text = self._session.get_modelmeta().custom_metadata_map.get(PROPERTY)
        self.translation, self.multiple = _translated(path, text, self.shapes)

    def __call__(self, *inputs):
        """Translates.

        Args:
            *inputs: Images `(batch, height, width, channels)` in [-1, 1], and noise `(batch,
                dimensions)` where `shapes.noise` is not None.

        Returns:
            float32 array `(batch, height, width, channels')`.

        Raises:
            InputError: If the arrays do not fit `shapes`.
        """
        arrays = _arrays(inputs, self.shapes)
        return self._session.run(None, dict(zip(self._inputs, arrays, strict=True)))[0]


class TFLite:
    """A generator in the TFLite format, run by LiteRT on the CPU.

    Args, calls, attributes and errors are those of `Onnx`; by default it computes with all cores.
    Threads that call it wait for each other.
    """

    name = "tflite"

    def __init__(self, path, threads=None):
        from ai_edge_litert.interpreter import Interpreter

        if threads is None:
            allowed = getattr(os, "sched_getaffinity", None)
            threads = len(allowed(0)) if allowed else os.cpu_count()
        with _readable(path):
            self._interpreter = Interpreter(str(path), num_threads=threads)
        details = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        given = {x["index"]: _sides(x["shape_signature"]) for x in details}
        self._inputs, self.shapes = _described(
            path, given, [_sides(x["shape_signature"]) for x in outputs]
        )
        if {x["dtype"] for x in (*details, *outputs)} != {np.float32}:
            raise InputError(f"{path} takes or gives other numbers than float32: export it so.")
        self._output = outputs[0]["index"]
        text = None
        if zipfile.is_zipfile(path):  # appended, as TFLite's own metadata are
            with zipfile.ZipFile(path) as archive:
                text = archive.read(ENTRY) if ENTRY in archive.namelist() else None
        self.translation, self.multiple = _translated(path, text, self.shapes)
        self._allocated, self._lock = None, threading.Lock()
        side = -(-16 // self.multiple) * self.multiple
        least = [[length or side for length in shape[1:]] for shape in _wanted(self.shapes)]
        with _readable(path), quiet():  # it reports on the delegate that it makes
            self._allocate([(1, *shape) for shape in least])

    def _allocate(self, shapes):
        if shapes != self._allocated:
            self._allocated = None
            for index, shape in zip(self._inputs, shapes, strict=True):
                self._interpreter.resize_tensor_input(index, shape)
            self._interpreter.allocate_tensors()
            self._allocated = shapes

    def __call__(self, *inputs):
        """Translates, as `Onnx` does."""
        arrays = _arrays(inputs, self.shapes)
        with self._lock:
            self._allocate([x.shape for x in arrays])
            for index, array in zip(self._inputs, arrays, strict=True):
                self._interpreter.set_tensor(index, array)
            self._interpreter.invoke()
            return self._interpreter.get_tensor(self._output)


class OpenVINO:
    """A generator in the format of OpenVINO, run by it on the CPU.

    Args, calls, attributes and errors are those of `Onnx`, and one more:
        precision: "f32" (float32), or "bf16" on processors that multiply such numbers: faster,
            and other images. The library left alone chooses by the processor.
    """

    name = "openvino"

    def __init__(self, path, threads=None, precision="f32"):
        import openvino

        core = openvino.Core()
        options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        # What it prepares for a shape, it would keep for thousands of them.
        options["CPU_RUNTIME_CACHE_CAPACITY"] = "64"
        if threads:
            options["INFERENCE_NUM_THREADS"] = str(threads)
        with _readable(path):
            model = core.read_model(str(path))
            self._compiled = core.compile_model(model, "CPU", options)
        given = {i: _partial(x.partial_shape) for i, x in enumerate(model.inputs)}
        self._inputs, self.shapes = _described(
            path, given, [_partial(x.partial_shape) for x in model.outputs]
        )
        text = None
        if model.has_rt_info(INFORMATION):
            text = model.get_rt_info(INFORMATION).value
        self.translation, self.multiple = _translated(path, text, self.shapes)
        self._idle = []

    def __call__(self, *inputs):
        """Translates, as `Onnx` does."""
        arrays = _arrays(inputs, self.shapes)
        try:
            request = self._idle.pop()
        except IndexError:  # as many as there are calls at a time
            request = self._compiled.create_infer_request()
        result = np.array(request.infer(dict(zip(self._inputs, arrays, strict=True)))[0])
        self._idle.append(request)
        return result


class SavedModel:
    """A generator as TensorFlow's SavedModel, run by TensorFlow alone.

    Args, calls, attributes and errors are those of `Onnx`, but that TensorFlow has one number of
    threads for the whole process, whatever `threads` says. A SavedModel is a program that may read
    and write files: load only what you trust.
    """

    name = "saved_model"

    def __init__(self, path, threads=None):
        tensorflow = import_tensorflow()
        with _readable(path), quiet():
            self._loaded = tensorflow.saved_model.load(str(path))
            self._function = self._loaded.signatures["serving_default"]
        given = self._function.structured_input_signature[1]
        outputs = self._function.structured_outputs
        self._inputs, self.shapes = _described(
            path,
            {name: tuple(x.shape) for name, x in given.items()},
            [tuple(x.shape) for x in outputs.values()],
        )
        self._output = next(iter(outputs))
        entry = Path(path) / ENTRY
        text = entry.read_bytes() if entry.is_file() else None
        self.translation, self.multiple = _translated(path, text, self.shapes)
        self._constant = tensorflow.constant

    def __call__(self, *inputs):
        """Translates, as `Onnx` does."""
        arrays = map(self._constant, _arrays(inputs, self.shapes))
        return self._function(**dict(zip(self._inputs, arrays, strict=True)))[self._output].numpy()


@contextlib.contextmanager
def _readable(path):
    """Turns what a library raises at a damaged file into one sentence."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # each library has exceptions of its own
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = (lines or [type(error).__name__])[-1][:200].rstrip(".:")
        raise InputError(
            f"{path} cannot be read as a generator ({reason}): export it again."
        ) from error


def _sides(shape):
    """A shape as a tuple, with None for what is open: a name in ONNX, -1 in TFLite."""
    return tuple(
        int(side) if isinstance(side, (int, np.integer)) and side >= 0 else None for side in shape
    )


def _partial(shape):
    """The same for OpenVINO, whose sides are ranges."""
    if shape.rank.is_dynamic:
        return ()
    return tuple(side.get_length() if side.is_static else None for side in shape)


def _described(path, given, outputs):
    """`(names, shapes)`: what inputs are called, the image first, and the `Shapes`."""
    given = dict(sorted(given.items(), key=lambda item: -len(item[1])))
    try:
        shapes = shapes_of(
            list(given.values()), outputs[0] if len(outputs) == 1 else None, "a file"
        )
    except InputError as error:
        raise InputError(f"{path} holds no generator: {error}") from error
    if shapes.image is None or len(shapes.output) != 4:
        raise InputError(f"{path} does not translate images to images: give one that does.")
    for shape in (shapes.image, shapes.output):
        channels_first = shape[1] in (1, 2, 3, 4) and shape[-1] not in (1, 2, 3, 4)
        if shape[-1] is None or channels_first:
            raise InputError(
                f"{path} takes and gives {shapes.image} and {shapes.output}: images must be "
                "(batch, height, width, channels)."
            )
    return list(given), shapes


def _translated(path, text, shapes):
    """`(translation, multiple)` of a file."""
    if text:
        translation = from_json(text, path)
    else:
        fixed = shapes.image[1:3]
        translation = Translation(size=None if None in fixed else fixed)
    if translation.multiple is None:
        translation = replace(translation, multiple=UNKNOWN_MULTIPLE)
    return translation, translation.multiple


def _wanted(shapes):
    return [shape for shape in (shapes.image, shapes.noise) if shape is not None]


def _arrays(inputs, shapes):
    """The inputs as float32 arrays, if they fit."""
    wanted = _wanted(shapes)
    arrays = [np.ascontiguousarray(x, np.float32) for x in inputs]
    found = [x.shape for x in arrays]
    fit = len(found) == len(wanted) and all(
        len(have) == len(want)
        and 0 not in have
        and all(side in (None, length) for side, length in zip(want, have, strict=True))
        for have, want in zip(found, wanted, strict=True)
    )
    if not fit or len({shape[0] for shape in found}) > 1:
        raise InputError(
            f"The generator takes arrays of shapes {', '.join(map(str, wanted))}, received "
            f"{', '.join(map(str, found)) or 'none'}."
        )
    return arrays
