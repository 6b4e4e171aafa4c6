"""Autotuning: the runtime that is fastest for a generator on this machine, measured once."""

import hashlib
import json
import os
import platform
import statistics
import time
import warnings
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from filelock import FileLock

from cyclegan_tf.common.atomic_files import write_text
from cyclegan_tf.common.cache import cache_folder
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.progress import tqdm
from cyclegan_tf.common.silence import import_tensorflow
from cyclegan_tf.data.io.image_file import height_width
from cyclegan_tf.inference import formats
from cyclegan_tf.inference.formats import CANDIDATES, FORMATS

# Keras is imported where something is measured: to know what was measured needs none.

#: Calls before the measurement, turns of each in it, and seconds after which no turn begins.
WARM_UP, TURNS, SECONDS = 4, 9, 10.0
#: What a measurement holds for: it is made again with other versions.
_PACKAGES = ("cyclegan_tf", "tensorflow", "keras", *formats.LIBRARIES)


@dataclass(frozen=True)
class Choice:
    """What was measured for a generator.

    Attributes:
        runtime: The fastest: "keras", "onnx", "openvino" or "tflite".
        files: The file of each: the generator's own for Keras, else an exported one.
        milliseconds: Median time of an image for each runtime.
        differences: `[mean, largest]` difference from Keras of each exported one, in grey levels
            of 255.
        failed: A sentence for each that could not be tried.
        size: `(height, width)` of the image.
        machine: Processor and number of cores.
        versions: Of the libraries.
    """

    runtime: str
    files: dict
    milliseconds: dict = field(default_factory=dict)
    differences: dict = field(default_factory=dict)
    failed: dict = field(default_factory=dict)
    size: tuple | None = None
    machine: str = ""
    versions: dict = field(default_factory=dict)

    @property
    def path(self):
        """The file of the fastest."""
        return self.files[self.runtime]


def choose(path, candidates=None, folder=None, size=None, progress=False):
    """Finds the runtime that translates fastest with a generator, or remembers it.

    The generator is exported for each runtime that is installed; those exact to rounding and
    Keras take turns on one image, and the median decides. Exported files and the result stay in
    `folder`, by the generator's contents, the libraries' versions and the machine.

    Args:
        path: A generator's `.keras` file.
        candidates: Names out of `CANDIDATES`; by default all of those that are installed.
        folder: Where to keep what is made; by default in the cache (`common.cache.cache_folder`).
        size: `(height, width)` of the image or its side; by default that of the training.
        progress: Whether to show a progress bar.

    Returns:
        `Choice`. Where the folder cannot be written, Keras and a warning.

    Raises:
        InputError: If the generator cannot be read, or a candidate is unknown.
    """
    candidates = tuple(CANDIDATES if candidates is None else candidates)
    if unknown := set(candidates) - set(CANDIDATES):
        raise InputError(
            f"candidates must be out of {', '.join(CANDIDATES)}, received {unknown.pop()!r}."
        )
    path = Path(path)
    own = _folder(path, folder)
    known = _read(own, size, path)
    if known is None or not set(candidates) <= known.milliseconds.keys() | known.failed.keys():
        try:
            own.mkdir(parents=True, exist_ok=True)
            with FileLock(own / ".lock"):  # several processes would disturb each other's times
                known = _measure(path, own, candidates, size, progress)
                stored = {k: v for k, v in asdict(known).items() if k != "files"}
                write_text(_record(own, size), json.dumps(stored, indent=2))
        except OSError as error:
            warnings.warn(
                f"The cache {own} cannot be written ({error.strerror or error}): Keras translates, "
                "and no faster runtime is looked for (CYCLEGAN_TF_CACHE names another folder).",
                stacklevel=2,
            )
            return Choice("keras", {"keras": path})
    return _fastest(known, candidates)


def recorded(path, folder=None, size=None):
    """What `choose` found before, without measuring or importing anything slow.

    Args:
        path: As for `choose`.
        folder: As for `choose`.
        size: As for `choose`.

    Returns:
        `Choice`, or None if nothing is known for this generator, machine and libraries.

    Raises:
        InputError: If there is no such file.
    """
    path = Path(path)
    known = _read(_folder(path, folder), size, path)
    return known and _fastest(known, CANDIDATES)


def _fastest(known, candidates):
    """The best of those that were asked for."""
    allowed = {n: ms for n, ms in known.milliseconds.items() if n in ("keras", *candidates)}
    return replace(known, runtime=min(allowed, key=allowed.get))


def _files(path, own):
    exported = {name: own / f"generator{FORMATS[name].suffix}" for name in CANDIDATES}
    return {"keras": path, **exported}


def _folder(path, folder):
    try:
        contents = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(
            f"The generator {path} cannot be read ({error.strerror or error}): give a .keras file."
        ) from error
    conditions = json.dumps([_machine(), _versions()])
    key = hashlib.sha256(conditions.encode()).hexdigest()
    parent = cache_folder() / "runtimes" if folder is None else Path(folder)
    return parent / f"{contents[:32]}_{key[:16]}"


def _record(own, size):
    if size is None:
        return own / "measured.json"
    height, width = height_width(size)
    return own / f"measured_{height}x{width}.json"


def _read(own, size, path):
    """The recorded `Choice`; None if there is none, or it is damaged."""
    try:
        stored = json.loads(_record(own, size).read_text(encoding="utf-8"))
        known = Choice(files=_files(path, own), **stored | {"size": tuple(stored["size"])})
        times = known.milliseconds
        whole = all(ms > 0 and known.files[name].is_file() for name, ms in times.items())
        return known if whole and "keras" in times and known.failed is not None else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _measure(path, own, candidates, size, progress):
    """Exports, and lets all take turns."""
    import_tensorflow()
    from cyclegan_tf.inference import example_images
    from cyclegan_tf.inference.compiled import CompiledGenerator
    from cyclegan_tf.inference.export import export
    from cyclegan_tf.inference.runtimes import load
    from cyclegan_tf.networks import generator_file

    generator, translation = generator_file.load(path)
    contestants = {"keras": CompiledGenerator(generator)}
    differences, failed, files = {}, {}, _files(path, own)
    said = f"{path.parent.name}/{path.stem}"
    for name in tqdm(candidates, desc=f"exporting {said}", disable=not progress):
        target = files[name]
        try:
            made = export(path, target, name, overwrite=True)
            contestants[name] = load(target)
            differences[name] = [made.mean, made.largest]
        except InputError as error:
            failed[name] = str(error)
    translation = replace(translation, multiple=contestants["keras"].multiple)
    if size is not None:
        translation = replace(translation, size=height_width(size))
    inputs = example_images.batches(contestants["keras"].shapes, translation)[0]
    seconds = {name: [] for name in contestants}
    order, begun = list(contestants), time.perf_counter()
    for turn in tqdm(range(-WARM_UP, TURNS), desc=f"measuring {said}", disable=not progress):
        if turn > 0 and time.perf_counter() - begun > SECONDS:
            break
        for name in order:
            time.sleep(0.005)  # threads of the one before go to sleep
            start = time.perf_counter()
            contestants[name](*inputs[: len(_taken(contestants[name]))])
            if turn >= 0:
                seconds[name].append(time.perf_counter() - start)
        order = order[1:] + order[:1]
    milliseconds = {name: 1000 * statistics.median(times) for name, times in seconds.items()}
    return Choice(
        min(milliseconds, key=milliseconds.get),
        files,
        milliseconds,
        differences,
        failed,
        inputs[0].shape[1:3],
        _machine(),
        _versions(),
    )


def _taken(runtime):
    """The shapes of what it takes."""
    return [shape for shape in (runtime.shapes.image, runtime.shapes.noise) if shape is not None]


def _machine():
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
        facts = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        name = facts[0] if facts else name
    return f"{name}, {os.cpu_count()} cores"


def _versions():
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name.replace("_", "-"))
        except PackageNotFoundError:
            found[name] = None
    return found
