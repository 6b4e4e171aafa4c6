"""Scores of a run or of generators on held-out images, beside a floor and a ceiling.

Every table has three rows: the input untranslated (the floor), its translation, and other real
images of the target domain (the ceiling of the distances between sets; for what a
translation shares with its input, the level of chance). That of pairs has a second floor: the mean
of the target's training images, one answer to every input.

Slices of volumes are scored without the neighbours that networks see beside them, within the body
too where there are label maps, and with intervals over patients.
"""

import contextlib
import hashlib
import json
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from cyclegan_tf.common import renamed, types
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import npz, prepare
from cyclegan_tf.evaluation.callback import Evaluate  # noqa: F401, its old address
from cyclegan_tf.evaluation.direction import DIRECTIONS, Direction, protocol
from cyclegan_tf.evaluation.result import Evaluation
from cyclegan_tf.evaluation.scorer import Tools
from cyclegan_tf.networks import generator_file
from cyclegan_tf.training.callbacks import translator


@renamed.argument("pictures", "images")
def evaluate(
    run_or_generators: Any,
    data: npz.Dataset | types.Path,
    *,
    split: Literal["test", "train"] = "test",
    metrics: Sequence[str] | None = None,
    images: int | None = None,
    features: Literal["inception", "random", "none"] | None = None,
    weights: types.Path | None = None,
    resize: Literal["clean", "legacy"] = "clean",
    lpips: Literal["alex", "vgg", "none"] | None = None,
    lpips_weights: types.Path | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Evaluation:
    """Scores a run, or generators, on a data set, in both directions.

    What is measured is the image as it would be saved: rounded to the target's stored type.

    Args:
        run_or_generators: The folder of a run (or its `best` folder), a generator's file, a
            `keras.Model`, a `Translator`, a pair `(gen_ab, gen_ba)` of those, or a model that
            has them as attributes. Of one generator alone, its direction is scored, without
            cycles: that which its file says, or A to B.
        data: `npz.Dataset`, the path of an `.npz`, or of a folder with trainA, trainB, testA and
            testB.
        split: "test", or "train" (then nothing is held out, and the protocol says so).
        metrics: List or tuple of names of `registry.METRICS`; by default all that apply.
        images: At most so many of each domain, drawn at random; by default all.
        features: "inception", "random" (untrained: no published meaning), or "none". By default
            random where `metrics` has scores of that, else inception where its weights can be had.
            Of EfficientNet, a second family, there are scores where its weights can be had,
            unless this is "random" or "none".
        weights: File of the Inception weights.
        resize: "clean" or "legacy": how images get to Inception's size.
        lpips: "alex", "vgg", or "none". By default alex where its weights can be had.
        lpips_weights: File of the LPIPS weights.
        seed: Of the choice of images, the noise and the bootstrap.
        progress: Whether to show progress bars.

    Returns:
        `Evaluation`.

    Raises:
        InputError: If the generators do not fit the data, the split is empty, a score that was
            asked for does not apply, weights that were asked for cannot be had, or another
            argument is out of its range.
    """
    dataset = _dataset(data)
    pair, files = _generators(run_or_generators, dataset.names)
    tools = Tools(
        metrics,
        features=features,
        weights=weights,
        resize=resize,
        lpips=lpips,
        lpips_weights=lpips_weights,
        seed=seed,
        progress=progress,
    )
    ways = {"ab": pair, "ba": pair[::-1]}
    directions = {
        name: Direction(dataset, name, split, images, tools, back is not None)
        for name, (there, back) in ways.items()
        if there is not None
    }
    with getattr(run_or_generators, "averaged", contextlib.nullcontext)():
        results = {name: one.result(*ways[name]) for name, one in directions.items()}
    said = {"generators": files} | protocol(dataset, split, directions)
    folder = _folder(run_or_generators)
    if folder is not None and folder.name == "best":
        monitor = _said(folder.parent / "metrics.json", "monitor")
        said["chosen"] = f"the best epoch by {monitor} on such images, which flatters it"
        folder = folder.parent
    trained_on = folder and _said(folder / "run.json", "data", "hash")
    if trained_on not in (None, dataset.hash):
        said["split"] = f"{split} (of other data than the run's, {trained_on})"
        warnings.warn(
            f"{run_or_generators} was trained on other data than these, or on another division "
            "of them: it may have learned from these images.",
            stacklevel=2,
        )
    return Evaluation(said, results)


def _dataset(data):
    if isinstance(data, npz.Dataset):
        return data
    if not isinstance(data, (str, os.PathLike)):
        raise InputError(
            f"data must be an npz.Dataset or the path of its file, received {type(data).__name__}."
        )
    return prepare.stream(data) if Path(data).is_dir() else npz.load(data)


def _folder(given):
    """Where the generators lie; None where they are no files."""
    first = given[0] if isinstance(given, (tuple, list)) and given else given
    if not isinstance(first, (str, os.PathLike)):
        return None
    return Path(first) if Path(first).is_dir() else Path(first).parent


def _said(path, *keys):
    """What a JSON file says under `keys`; None where it does not."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        for key in keys:
            value = value[key]
        return value
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _generators(given, names):
    """Returns `((gen_ab, gen_ba), files)`; either may be None, `files` says what was loaded."""
    if hasattr(given, "saved"):
        return tuple(translator(given, direction) for direction in DIRECTIONS), {}
    if hasattr(given, "gen_ab"):
        return (given.gen_ab, given.gen_ba), {}
    if isinstance(given, (str, os.PathLike)) and Path(given).is_dir():
        folder = Path(given)
        given = folder / "gen_ab.keras"
        if (folder / "gen_ba.keras").exists():
            given = (given, folder / "gen_ba.keras")
    if not isinstance(given, (tuple, list)):
        given = (given,)
    if len(given) not in (1, 2):
        raise InputError(f"Give one generator or two, A to B and back, received {len(given)}.")
    found, files = {}, {}
    for direction, one in zip(DIRECTIONS, given, strict=False):
        of_file = isinstance(one, (str, os.PathLike))
        # A Translator has both as attributes, a model has neither.
        generator, translation = getattr(one, "generator", one), getattr(one, "translation", None)
        if of_file:
            generator, translation = generator_file.load(one)
        if translation is not None and names[0] != names[1]:
            said = translation.source, translation.target
            if said == names[::-1]:
                direction = "ba"
            elif said == names != ("A", "B"):  # which is also taken of a file that does not say
                direction = "ab"
        if of_file:
            digest = hashlib.sha256(Path(one).read_bytes()).hexdigest()[:12]
            files[f"gen_{direction}"] = {"epoch": translation.epoch or "unknown", "file": digest}
        if generator is None:
            raise InputError("A generator must be a file or a Keras model, received None.")
        found[direction] = generator
    if len(found) < len(given):
        raise InputError("Both generators translate in one direction: give A to B, then B to A.")
    return tuple(found.get(direction) for direction in DIRECTIONS), files
