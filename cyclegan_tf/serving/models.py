"""The generators that are served: found in a folder, loaded safely, taken anew when replaced."""

import hashlib
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.generator_metadata import Shapes, Translation
from cyclegan_tf.common.value_range import denormalize, normalize
from cyclegan_tf.data.synthetic.sketch import sketch
from cyclegan_tf.inference import formats, load, source
from cyclegan_tf.inference.translator import Translator
from cyclegan_tf.serving.measuring import Measurement, needed

#: Files that hold a generator.
SUFFIXES = (".keras", ".h5", *formats.SUFFIXES)
#: The names of the models that need no file of the user's.
PRETRAINED, PENCIL = "sketch2cartoon", "pencil"


@dataclass(frozen=True)
class Served:
    """One direction of a model, ready for use.

    Attributes:
        translator: `translator.Translator`.
        version: First digits of the file's SHA-256.
        examples: PNG files of an image of the source and of the target; None where there is none.
        file: Where it was loaded from; None for what is code.
        stamp: Tells when the file was last changed.
        waits: Whether another runtime is to take over once it is measured.
    """

    translator: Any
    version: str
    examples: tuple = (None, None)
    file: Path | None = None
    stamp: tuple = ()
    waits: bool = False

    def to_json(self, model, direction, back):
        """What `GET /models` says about it."""
        about = self.translator.translation
        ends = zip(("source", "target"), self.examples, strict=True)
        return {
            "direction": direction,
            "source": about.source,
            "target": about.target,
            "title": str(about),
            "note": f"{model}, epoch {about.epoch}" if about.epoch else model,
            "size": about.size and list(about.size),
            "epoch": about.epoch,
            "version": self.version,
            "runtime": self.translator.runtime,
            "cycles": back is not None,
            "hints": self.translator.takes_hints,
            "examples": {
                end: file and f"/models/{model}/{direction}/{end}.png" for end, file in ends
            },
        }


class Catalogue:
    """The generators below a folder, the pair that comes with the package, and the pencil.

    Args:
        folder: Where to look, subfolders included; None for the built-in models alone.
        runtime: What generators run in, as for `load.load`.
        load: Function from a file and a runtime to a `Translator`; by default `load.load`.
        log: Function that takes a sentence.
        examples: Whether to show example images of the domains.
        at_once: Whether to be there at once, with the pencil alone: then `refresh` loads the
            others, in Keras, and `measure` gives them the runtime, which may take a minute.

    Attributes:
        loading: Whether the first `refresh` is still to come.
        problems: A sentence about each file that cannot be served, by file.
    """

    def __init__(
        self, folder=None, runtime="auto", load=None, log=print, examples=True, at_once=False
    ):
        self.folder = None if folder is None else Path(folder).resolve()
        if self.folder is not None and not self.folder.is_dir():
            raise InputError(f"There is no folder {folder}: give the folder of your runs, or none.")
        self._load, self._runtime, self._at_once = load or _loaded, runtime, at_once
        self._log, self._shows_examples = log, examples
        self._lock = threading.RLock()
        self.problems, self._failed = {}, {}
        self._measurement, self._closed = None, False
        self.models, self.loading = {PENCIL: {"ab": _pencil()}}, True
        if not at_once:
            self.refresh()

    def refresh(self):
        """Looks at the folder; loads what is new or was replaced, and forgets what is gone.

        A file that cannot be loaded leaves the version before it in place.

        Returns:
            Whether anything has changed.
        """
        with self._lock:
            found = {
                name: {way: self._served(name, way, file) for way, file in files.items()}
                for name, files in self._found().items()
            }
            found = {name: {k: v for k, v in ways.items() if v} for name, ways in found.items()}
            if PENCIL not in found:
                found[PENCIL] = {"ab": self.models.get(PENCIL, {}).get("ab") or _pencil()}
            found = {name: ways for name, ways in found.items() if ways}
            changed = found != self.models
            self.models = found  # at once: whoever holds the old one finishes with it
            self.loading = False
            return changed

    @property
    def waiting(self):
        """Model and direction of each generator that is in Keras until it is measured."""
        return [
            (model, way)
            for model, ways in self.models.items()
            for way, served in ways.items()
            if served.waits
        ]

    def measure(self):
        """Goes on with what is to be measured, in another process; returns at once."""
        with self._lock:
            if self._measurement is not None:
                if not self._measurement.done:
                    return
                self._take_over(self._measurement.file)
                self._measurement = None
            if self.waiting and not self._closed:
                model, way = self.waiting[0]
                self._measurement = Measurement(self.models[model][way].file)

    def close(self):
        """Ends what is being measured, for good."""
        with self._lock:
            self._closed = True
            if self._measurement is not None:
                self._measurement.stop()

    def _take_over(self, file):
        """Has a generator run in what was found to be the fastest, or was asked for."""
        models = {model: dict(ways) for model, ways in self.models.items()}
        for model, way in self.waiting:
            served = models[model][way]
            if served.file != file:
                continue
            translator = served.translator
            try:
                if needed(file, self._runtime):
                    raise InputError(f"The runtimes for {file} could not be measured.")
                translator = self._load(file, self._runtime)
            except InputError as error:
                self._log(str(error))
            models[model][way] = replace(served, translator=translator, waits=False)
            self._log(f"{model}, {translator}: {translator.runtime} from now on")
        self.models = models

    def to_json(self):
        """The list of `GET /models`."""
        return [
            {
                "id": name,
                "directions": [
                    served.to_json(name, way, ways.get(way[::-1])) for way, served in ways.items()
                ],
            }
            for name, ways in self.models.items()
        ]

    def _served(self, name, way, file):
        """The newest version that can be loaded; None where there is none."""
        before = self.models.get(name, {}).get(way)
        try:
            stamp = _stamp(file)
        except OSError:  # removed between two looks
            return before
        if before is not None and before.file == file and before.stamp == stamp:
            return before
        if self._failed.get(file) == stamp:
            return before
        try:
            waits = self._at_once and needed(file, self._runtime)
            translator = self._load(file, "keras" if waits else self._runtime)
            _check_channels(file, translator)
            version = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
        except (InputError, OSError) as error:
            self._failed[file] = stamp
            self.problems[file] = str(error)
            kept = f" Version {before.version} stays in use." if before else ""
            self._log(f"not served: {error}{kept}")
            return before
        self.problems.pop(file, None)
        until = ", until the fastest is measured" if waits else ""
        runtime = f"{translator.runtime}{until}"
        self._log(f"serving {name}, {translator}, version {version}, in {runtime}")
        # Slices are of people, and nobody asked them.
        shown = self._shows_examples and translator.translation.slices is None
        examples = _examples(file, way) if shown else (None, None)
        return Served(translator, version, examples, file, stamp, waits)

    def _found(self):
        """Files by model and direction: runs first, then single files, then the built-in pair."""
        found = {}
        if self.folder is not None:
            for file in sorted(self.folder.rglob("*"), key=lambda file: (len(file.parts), file)):
                if file.suffix.lower() not in SUFFIXES or not file.is_file():
                    continue
                if file.name.endswith(".weights.h5"):  # a state of training
                    continue
                inside = file.relative_to(self.folder)
                if any(part.startswith(".") for part in inside.parts):
                    continue
                if file.suffix == ".keras" and _is_of_run(file):
                    if file.stem in ("gen_ab", "gen_ba"):
                        name = inside.parent.as_posix().strip(".") or self.folder.resolve().name
                        found.setdefault(name, {})[file.stem[-2:]] = file
                elif _is_complete(file):
                    found[inside.as_posix()] = {"ab": file}
        built_in = sorted(source.PRETRAINED.glob("gen_*.keras"))
        if built_in and PRETRAINED not in found:
            found[PRETRAINED] = {file.stem[-2:]: file for file in built_in}
        return found


class _Pencil:
    """The classical pencil drawing, in the form of a generator."""

    shapes = Shapes((None, None, None, 3), None, (None, None, None, 1))
    multiple, name = 1, "opencv"

    def __call__(self, x):
        """Draws float32 images `(batch, height, width, 3)` in [-1, 1]."""
        return normalize(sketch(denormalize(x, (0, 255), np.uint8)), (0, 255))


def _pencil():
    return Served(Translator(_Pencil(), Translation("image", "sketch")), "1")


def _loaded(file, runtime):
    return load.load(file, runtime="auto" if formats.of(file) else runtime)


def _is_complete(file):
    """Whether what belongs beside a file, such as OpenVINO's weights, is there."""
    beside = getattr(formats.of(file), "beside", "")
    return not beside or file.with_suffix(beside).is_file()


def _check_channels(file, translator):
    """Raises InputError for what people can neither upload nor look at."""
    for verb, channels in zip(("takes", "gives"), translator.channels, strict=True):
        if channels not in (1, 3, 4):
            raise InputError(
                f"{file} {verb} images of {channels} channels, and what people upload and look "
                "at has 1, 3 or 4: use it with `cyclegan-tf translate`."
            )


def _is_of_run(file):
    """Whether a file lies in the folder of a run, whose networks have fixed names."""
    return any(file.with_name(f"gen_{way}.keras").is_file() for way in ("ab", "ba"))


def _examples(file, way):
    """The images of both domains that a run has put beside its generators."""
    folders = file.parent, file.parent.parent  # that of best/ is the run's
    for folder in folders:
        files = [folder / "examples" / f"{domain}.png" for domain in way]
        if all(path.is_file() for path in files):
            return tuple(files)
    return None, None


def _stamp(file):
    status = file.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino
