"""Weight files of PyTorch and NumPy, read without PyTorch and without running what they hold.

Such files are pickles, and a pickle may name any function to be called. Here the names that
weight files need stand for functions and records of this file; every other name is refused.
"""

import collections
import functools
import pickle
import re
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cyclegan_tf.common.errors import InputError

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "|b1",
}


def read(path):
    """Reads every array of a weight file.

    Four kinds are understood: a state dict written by `torch.save` as a zip archive, the same in
    the format before PyTorch 1.6, a TorchScript archive, and a pickle of (nested) dictionaries of
    NumPy arrays.

    Args:
        path: The file.

    Returns:
        Dictionary from names to arrays, in the file's order. Nested dictionaries and modules give
        dotted names, such as "features.0.weight". Views of one storage share it, and all may be
        read-only. What is no array (a module's settings, an epoch's number) is left out.

    Raises:
        InputError: If the file is missing, cut short, damaged, of another kind, holds no array,
            or names anything that arrays do not need.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            is_zip = file.read(2) == b"PK"
            file.seek(0)
            arrays = dict(_flat(_from_zip(file) if is_zip else _from_pickle(file, path)))
    except InputError as error:
        raise InputError(f"{path} {error}") from None
    except FileNotFoundError:
        raise InputError(f"There is no weight file {path}: check its name.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    # At damaged data, unpickling raises nearly anything (EOFError, struct.error, MemoryError ...).
    except Exception as error:
        raise InputError(
            f"{path} is no weight file of PyTorch or NumPy, or is cut short or damaged: fetch it "
            "again."
        ) from error
    if not arrays:
        raise InputError(f"{path} holds no arrays: give a file of weights.")
    return arrays


def tensor(tensors, name, shape, network):
    """One array of a network's weights, checked.

    Args:
        tensors: Dictionary as from `read`.
        name: Which of them.
        shape: What it must have.
        network: What errors call the network.

    Returns:
        float64 array of this shape, finite.

    Raises:
        InputError: If it is missing, has another shape, or holds NaN or infinite values.
    """
    if name not in tensors:
        raise InputError(f"The {network} weights lack {name}: give the whole published file.")
    values = np.asarray(tensors[name], np.float64)
    if values.shape != shape or not np.isfinite(values).all():
        problem = "NaN" if values.shape == shape else f"shape {values.shape}, not {shape}"
        raise InputError(f"{name} of the {network} weights has {problem}: give the published file.")
    return values


def _from_zip(file):
    with zipfile.ZipFile(file) as archive:
        index = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        with archive.open(index) as pickled:
            unpickler = _Unpickler(pickled)
            content = unpickler.load()
        for key, storage in unpickler.storages.items():
            name = f"{index.removesuffix('.pkl')}/{key}"
            storage.fill(archive.getinfo(name).file_size, lambda name=name: archive.read(name))
    return content


def _from_pickle(file, path):
    content = _Unpickler(file).load()
    if content != _LEGACY_MAGIC:
        return content
    _Unpickler(file).load()  # version of the format
    _Unpickler(file).load()  # sizes of C types
    unpickler = _Unpickler(file)
    content = unpickler.load()
    # Each storage follows as the number of its values and the values.
    keys = _Unpickler(file).load()
    data, position = np.memmap(path, np.uint8, "r"), file.tell()
    for key in keys:
        storage = unpickler.storages[key]
        start = position + 8
        position = start + storage.bytes
        if int.from_bytes(data[start - 8 : start].tobytes(), "little") != storage.size:
            raise ValueError("the sizes of a storage differ")
        view = data[start:position]
        storage.fill(len(view), lambda view=view: view)
    return content


def _flat(content, prefix=""):
    """Yields the name and the array of each leaf that is one."""
    if isinstance(content, _Tensor | _Array):
        yield prefix, content.array()
        return
    children = content if isinstance(content, dict) else getattr(content, "__dict__", {})
    for key, child in children.items():
        yield from _flat(child, f"{prefix}.{key}" if prefix else str(key))


class _Storage:
    """The values that one or several tensors are views of."""

    def __init__(self, dtype, size):
        self.dtype, self.size = np.dtype(dtype), size
        self.bytes = size * self.dtype.itemsize
        self.values = None

    def fill(self, available, data):
        if available != self.bytes:
            raise ValueError("a storage is cut short")
        self.values = np.frombuffer(data(), self.dtype)


class _Tensor(NamedTuple):
    """A view, as `torch._utils._rebuild_tensor_v2` is told to make it."""

    storage: _Storage
    offset: int
    shape: tuple
    strides: tuple  # in values

    def array(self):
        extents = [(n - 1) * step for n, step in zip(self.shape, self.strides, strict=True)]
        within = self.offset + sum(extents) < self.storage.size or 0 in self.shape
        if min(self.offset, *self.shape, *self.strides, 0) < 0 or not within:
            raise ValueError("a tensor reaches beyond its storage")
        values = self.storage.values[self.offset :]
        strides = [step * values.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(values, self.shape, strides, writeable=False)


class _Dtype:
    """A NumPy type, of plain numbers only."""

    def __init__(self, code, *_):
        if not re.fullmatch("b1|[iu][1248]|f[248]", code):
            raise InputError(f"holds an array of type {code!r}: only plain numbers can be read.")
        self.code, self.order = code, "<"

    def __setstate__(self, state):
        self.order = state[1]

    def to_numpy(self):
        return np.dtype(self.code).newbyteorder(self.order)


class _Array:
    """A NumPy array, filled by the state that its pickle holds."""

    def __setstate__(self, state):
        _, shape, dtype, columns_first, data = state
        self.content = shape, dtype, columns_first, data

    def array(self):
        shape, dtype, columns_first, data = self.content
        order = "F" if columns_first else "C"
        return np.frombuffer(data, dtype.to_numpy()).reshape(shape, order=order)


def _array_of_buffer(data, dtype, shape, order):
    array = _Array()
    array.__setstate__((1, shape, dtype, order == "F", data))
    return array


def _array_of_scalar(dtype, data):
    return _array_of_buffer(data, dtype, (), "C")


def _rebuild_tensor(storage, offset, shape, strides, *_):
    return _Tensor(storage, offset, shape, strides)


_GLOBALS = {
    "collections OrderedDict": collections.OrderedDict,
    "torch._utils _rebuild_tensor": _rebuild_tensor,
    "torch._utils _rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils _rebuild_parameter": lambda tensor, *_: tensor,
    "numpy ndarray": _Array,
    "numpy dtype": _Dtype,
    # How pickles before protocol 3 write bytes.
    "_codecs encode": lambda text, _: text.encode("latin1"),
}
for _kind in ("build_intlist", "build_doublelist", "build_boollist", "build_tensorlist"):
    _GLOBALS[f"torch.jit._pickle {_kind}"] = lambda content: content
_GLOBALS["torch.jit._pickle restore_type_tag"] = lambda content, _: content
for _core in ("numpy.core", "numpy._core"):
    _GLOBALS[f"{_core}.multiarray _reconstruct"] = lambda *_: _Array()
    _GLOBALS[f"{_core}.multiarray scalar"] = _array_of_scalar
    _GLOBALS[f"{_core}.numeric _frombuffer"] = _array_of_buffer


# The one in Python, whose memo is a dictionary: in C it is a list, for which one wrong byte in a
# damaged file can ask more memory than there is.
class _Unpickler(pickle._Unpickler):
    """Builds records instead of what the pickle names, and calls nothing from elsewhere."""

    def __init__(self, file):
        super().__init__(file)
        self.storages = {}

    def find_class(self, module, name):
        if module.split(".")[0] == "__torch__":
            return type("Module", (), {})  # takes attributes, has no behaviour
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        if f"{module} {name}" not in _GLOBALS:
            raise InputError(
                f"names {module}.{name}, which no array needs and which might run code: give a "
                "file of arrays alone, such as a state dict."
            )
        # A fresh object, because a pickle may set attributes of what it is given.
        return functools.partial(_GLOBALS[f"{module} {name}"])

    def persistent_load(self, pid):
        _, dtype, key, _, size, *view = pid
        if any(part is not None for part in view):
            raise InputError("holds views of storages, as only very old files do: save it again.")
        return self.storages.setdefault(key, _Storage(dtype, size))
