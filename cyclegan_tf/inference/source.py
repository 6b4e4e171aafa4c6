"""What a path holds: a run's folder, a generator's file, an exported generator."""

from dataclasses import dataclass
from pathlib import Path

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.generator_metadata import DIRECTIONS
from cyclegan_tf.inference import formats

#: Suffixes of generators' files, as Keras writes them.
SUFFIXES = (".keras", ".h5", ".hdf5")
#: The run that comes with the package: sketches and cartoons, at 128 pixels.
PRETRAINED = Path(__file__).parent.with_name("pretrained")


@dataclass(frozen=True)
class Source:
    """What a path holds.

    Attributes:
        file: The generator's file, or a SavedModel's folder; whether it is there is not looked at.
        run: The run's folder, where the path is one; else None.
        format: The `formats.Format` of an exported generator; None for a file of Keras.
    """

    file: Path
    run: Path | None = None
    format: formats.Format | None = None

    @property
    def styles(self):
        """Where the network lies that gives the style of an image, if there is one."""
        return self.file.with_name(f"style_{self.file.stem.removeprefix('gen_')[-1:]}.keras")


def is_generator(path):
    """Whether a path means a generator: by its name a file of one, or the folder of a run.

    Example:
        >>> is_generator("saved_models/faces/gen_ab.keras"), is_generator("photo.jpg")
        (True, False)
    """
    path = Path(path)
    if path.suffix.lower() in SUFFIXES or formats.of(path) is not None:
        return True
    inside = ("run.json", *(f"gen_{direction}.keras" for direction in DIRECTIONS))
    return any((path / name).is_file() for name in inside)


def locate(path=None, direction=None):
    """Finds the generator that a path means.

    Args:
        path: A generator's file, a SavedModel's folder, or the folder of a run; by default that of
            the pair that comes with the package.
        direction: "ab" (the default) or "ba", where `path` is a run's folder.

    Returns:
        `Source`.

    Raises:
        InputError: If `direction` is none, or has no use.
    """
    if direction not in (None, *DIRECTIONS):
        raise InputError(f"direction must be 'ab' or 'ba', received {direction!r}.")
    path = PRETRAINED if path is None else Path(path)
    format = formats.of(path)
    if format is None and path.is_dir():
        return Source(path / f"gen_{direction or 'ab'}.keras", run=path)
    if direction:
        raise InputError(f"direction belongs to a run's folder, and {path} is none: leave it out.")
    return Source(path, format=format)
