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
from cyclegan_tf.common.generator_metadata import ENTRY, Translation, from_json, shapes_of
from cyclegan_tf.common.silence import import_tensorflow, quiet
from cyclegan_tf.inference import formats

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
        threads: As for `Runtime`.

    Returns:
        `Runtime`.

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


class Runtime:
    """What all exported generators are to those that call them.

    Args:
        path: The file, or the folder of a SavedModel.
        threads: How many it computes with; by default what the library chooses, all cores.

    Several threads may call it, and memory does not grow with the number of shapes it has seen.

    Attributes:
        name: What it runs in, such as "onnx".
        shapes: `metadata.Shapes`.
        translation: `generator_metadata.Translation`.
        multiple: Number of pixels that sides must be multiples of.

    Raises:
        InputError: If the file is no generator that translates images.
    """

    def _describe(self, path, given, outputs, text):
        """Takes note of the shapes of inputs by name and of outputs, and of the translation."""
        self._inputs, self.shapes = _described(path, given, outputs)
        self.translation = _translation(path, text, self.shapes)
        self.multiple = self.translation.multiple

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
        return self._run(dict(zip(self._inputs, _arrays(inputs, self.shapes), strict=True)))


class Onnx(Runtime):
    """A generator in the ONNX format, run by ONNX Runtime on the CPU; called as `Runtime` says."""

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
        text = self._session.get_modelmeta().custom_metadata_map.get(PROPERTY)
        self._describe(path, given, outputs, text)

    def _run(self, arrays):
        return self._session.run(None, arrays)[0]


class TFLite(Runtime):
    """A generator in the TFLite format, run by LiteRT on the CPU; called as `Runtime` says.

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
        text = None
        if zipfile.is_zipfile(path):  # appended, as TFLite's own metadata are
            with zipfile.ZipFile(path) as archive:
                text = archive.read(ENTRY) if ENTRY in archive.namelist() else None
        given = {x["index"]: _sides(x["shape_signature"]) for x in details}
        self._describe(path, given, [_sides(x["shape_signature"]) for x in outputs], text)
        if {x["dtype"] for x in (*details, *outputs)} != {np.float32}:
            raise InputError(f"{path} takes or gives other numbers than float32: export it so.")
        self._output = outputs[0]["index"]
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

    def _run(self, arrays):
        with self._lock:
            self._allocate([x.shape for x in arrays.values()])
            for index, array in arrays.items():
                self._interpreter.set_tensor(index, array)
            self._interpreter.invoke()
            return self._interpreter.get_tensor(self._output)


class OpenVINO(Runtime):
    """A generator in the format of OpenVINO, run by it on the CPU; called as `Runtime` says.

    Args, and one more:
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
        outputs = [_partial(x.partial_shape) for x in model.outputs]
        known = model.has_rt_info(INFORMATION)
        text = model.get_rt_info(INFORMATION).value if known else None
        self._describe(path, given, outputs, text)
        self._idle = []

    def _run(self, arrays):
        try:
            request = self._idle.pop()
        except IndexError:  # as many as there are calls at a time
            request = self._compiled.create_infer_request()
        result = np.array(request.infer(arrays)[0])
        self._idle.append(request)
        return result


class SavedModel(Runtime):
    """A generator as TensorFlow's SavedModel, run by TensorFlow alone; called as `Runtime` says.

    TensorFlow has one number of threads for the whole process, whatever `threads` says. A
    SavedModel is a program that may read and write files: load only what you trust.
    """

    name = "saved_model"

    def __init__(self, path, threads=None):
        tensorflow = import_tensorflow()
        with _readable(path), quiet():
            self._loaded = tensorflow.saved_model.load(str(path))
            self._function = self._loaded.signatures["serving_default"]
        given = self._function.structured_input_signature[1]
        given = {name: tuple(x.shape) for name, x in given.items()}
        outputs = self._function.structured_outputs
        entry = Path(path) / ENTRY
        text = entry.read_bytes() if entry.is_file() else None
        self._describe(path, given, [tuple(x.shape) for x in outputs.values()], text)
        self._output, self._constant = next(iter(outputs)), tensorflow.constant

    def _run(self, arrays):
        arrays = {name: self._constant(array) for name, array in arrays.items()}
        return self._function(**arrays)[self._output].numpy()


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


def _translation(path, text, shapes):
    """The `Translation` of a file, its `multiple` included."""
    fixed = shapes.image[1:3]
    translation = Translation(size=None if None in fixed else fixed)
    if text:
        translation = from_json(text, path)
    return replace(translation, multiple=translation.multiple or UNKNOWN_MULTIPLE)


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
