"""Generators in the formats of other runtimes, each compared with Keras before it is kept."""

import contextlib
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from cyclegan_tf.common import renamed
from cyclegan_tf.common.atomic_files import replacing
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.silence import quiet
from cyclegan_tf.inference import example_images, formats
from cyclegan_tf.inference.files import check_replaceable
from cyclegan_tf.inference.source import locate
from cyclegan_tf.networks import generator_file
from cyclegan_tf.networks.layers.dropout import Dropout, set_test_time

#: How many times that any one number may differ.
LARGEST = 20


@dataclass(frozen=True)
class Exported:
    """What was written, and how far it is from Keras.

    Attributes:
        path: The file or folder.
        format: One of `formats.FORMATS`.
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
            largest single one; by default that of `formats.FORMATS`.
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
    tolerance = format.tolerance if tolerance is None else tolerance
    if not tolerance > 0:
        raise InputError(f"tolerance must be above 0, received {tolerance!r}.")
    source = locate(path, direction)
    if source.format is not None:
        raise InputError(f"{path} is exported already: give the .keras file that it was made of.")
    path = source.file
    generator, translation = generator_file.load(path)
    set_test_time(generator, dropout, statistics)
    network, translation = _prepared(generator, translation, format, path)
    shapes = generator_file.shapes(network)
    compared = example_images.batches(shapes, translation, images)
    whole = [list(x) if len(x) > 1 else x[0] for x in compared]
    expected = [network(x, training=False).numpy() for x in whole]
    calibration = example_images.for_calibration(shapes, translation, images)
    with _beside(target) as folder:
        made = folder / target.name
        try:
            with quiet():
                format.writer(network, made, translation, calibration)
        except Exception as error:  # each converter has exceptions of its own
            reason = next(filter(None, str(error).splitlines()), type(error).__name__)
            raise InputError(
                f"{path} cannot be exported as {format.name} ({reason[:200]}): choose another "
                "format."
            ) from error
        runtime = format.reader(made)
        errors = [127.5 * (runtime(*x) - y) for x, y in zip(compared, expected, strict=True)]
        errors = np.concatenate([np.abs(error, dtype=np.float64).ravel() for error in errors])
        mean, largest = float(errors.mean()), float(errors.max())
        if not (mean <= tolerance and largest <= LARGEST * tolerance):
            raise InputError(
                f"{path} as {format.name} differs from Keras by {mean:.2g} of 255 grey levels on "
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
    return Exported(target, format.name, mean, largest, float(psnr), sizes, size / 1e6)


def _checked(target, name, overwrite):
    """The `Format`, if the target fits it and may be written."""
    known = formats.FORMATS
    if name is not None and name not in known:
        raise InputError(f"format must be one of {', '.join(known)}, received {name!r}.")
    fitting = [row for row in known.values() if row.suffix == target.suffix.lower()]
    if name is None and not fitting:
        raise InputError(
            "format must be given, or target be a folder's name or end in "
            f"{', '.join(formats.SUFFIXES)}, received {target}."
        )
    format = fitting[0] if name is None else known[name]
    if format.suffix and (target.suffix.lower() != format.suffix or target.is_dir()):
        raise InputError(
            f"target must be a file in {format.suffix} for {format.name}, received {target}."
        )
    if absent := format.missing():
        raise InputError(
            f"{format.name} needs {' and '.join(absent)}, not installed here: "
            "pip install 'cyclegan_tf[export]'."
        )
    for path in [target] + [target.with_suffix(format.beside)] * bool(format.beside):
        check_replaceable(path, overwrite)
    if format.contains and target.exists() and not format.is_at(target):
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
        if any(layer.always for layer in dropouts) and format.name != "saved_model":
            raise InputError(
                f"{path} drops numbers at random, which {format.name} cannot: switch it off with "
                "dropout, or choose saved_model."
            )
    output = generator(given if len(given) > 1 else given[0], training=False)
    network = keras.Model(inputs if len(inputs) > 1 else inputs[0], output)
    return network, replace(translation, multiple=generator_file.size_multiple(generator))


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
    beside = sorted(path for path in made.parent.iterdir() if path != made)
    if beside:
        target.unlink(missing_ok=True)  # the old model is none with the new weights
    for path in (*beside, made):
        with replacing(target.with_suffix(path.suffix)) as temporary:
            shutil.copyfile(path, temporary)
