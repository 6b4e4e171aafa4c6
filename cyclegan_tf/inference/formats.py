"""The formats that generators are exported in: one table, which all that names a format reads.

A new format is one row, its writer in `writers.py` and its reader in `runtimes.py`. The table
imports neither, so that the command line can list formats at once.
"""

import importlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        name: What users call it.
        suffix: Of its file; "" where it is a folder.
        read_by: Name of its reader, a class in `runtimes`.
        written_by: Name of its writer, a function in `writers`.
        libraries: What must be installed to write and run it, beside TensorFlow.
        tolerance: Mean difference from Keras that an export may have, in grey levels of 255.
        is_runtime: Whether it is exact but for rounding and a file, so that a generator may be
            exported behind the scenes to run faster (`autotune`).
        beside: Suffix of a second file that belongs to it.
        contains: The file that tells such a folder.
    """

    name: str
    suffix: str
    read_by: str
    written_by: str
    libraries: tuple = ()
    tolerance: float = 0.05
    is_runtime: bool = False
    beside: str = ""
    contains: str = ""

    @property
    def reader(self):
        """The class, made with a path and a number of threads."""
        return getattr(importlib.import_module("cyclegan_tf.inference.runtimes"), self.read_by)

    @property
    def writer(self):
        """The function of a network, a path, a `Translation` and images."""
        return getattr(importlib.import_module("cyclegan_tf.inference.writers"), self.written_by)

    def missing(self):
        """Names of the libraries that it needs and that are not installed, a list."""
        absent = [name for name in self.libraries if importlib.util.find_spec(name) is None]
        return [name.replace("_", "-") for name in absent]

    def is_at(self, path):
        """Whether a path is that of such a file, by its name, or of such a folder."""
        if self.contains:
            return (path / self.contains).is_file()
        return path.suffix.lower() == self.suffix and not path.is_dir()


_ONNX = ("tf2onnx", "onnx", "onnxruntime")
_LITERT = ("ai_edge_litert",)
_ROWS = (
    Format("saved_model", "", "SavedModel", "write_saved_model", contains="saved_model.pb"),
    Format("onnx", ".onnx", "Onnx", "write_onnx", _ONNX, 0.05, True),
    Format("openvino", ".xml", "OpenVINO", "write_openvino", ("openvino",), 0.05, True, ".bin"),
    Format("tflite", ".tflite", "TFLite", "write_tflite", _LITERT, 0.05, True),
    Format("tflite_int8", ".tflite", "TFLite", "write_tflite_int8", _LITERT, 2.0),
    Format("tflite_full_int8", ".tflite", "TFLite", "write_tflite_full_int8", _LITERT, 4.0),
)
#: By name; of several with one suffix, the suffix alone means the first.
FORMATS = {row.name: row for row in _ROWS}
#: Suffixes of exported files.
SUFFIXES = tuple(dict.fromkeys(row.suffix for row in FORMATS.values() if row.suffix))
#: All libraries of all formats.
LIBRARIES = tuple(dict.fromkeys(name for row in FORMATS.values() for name in row.libraries))
#: Formats that are tried beside Keras to run a generator faster.
CANDIDATES = tuple(row.name for row in FORMATS.values() if row.is_runtime)
#: What `load` may run a generator in; the first two choose.
RUNTIMES = ("auto", "fastest", "keras", *CANDIDATES)


def of(path):
    """The `Format` of an exported generator by its path; None where it is none."""
    return next((row for row in FORMATS.values() if row.is_at(Path(path))), None)
