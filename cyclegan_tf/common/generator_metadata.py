"""Metadata of saved networks: what they translate, take and give. Needs no Keras."""

import json
from dataclasses import asdict, dataclass

import numpy as np

from cyclegan_tf.common.errors import InputError

#: The name of the entry, file or property that holds a `Translation` beside a network.
ENTRY = "translation.json"
DIRECTIONS = ("ab", "ba")


@dataclass(frozen=True)
class Translation:
    """What a generator translates.

    Attributes:
        source: Name of the domain that it takes.
        target: Name of the domain that it gives.
        source_range: Stored values `(low, high)` that stand for -1 and 1 in the input.
        target_range: The same for the output.
        dtype: NumPy name of the output's stored type, such as "uint8".
        size: `(height, width)` that it was trained at, or None if unknown.
        epoch: Number of epochs that it was trained for, or None if unknown.
        multiple: Number of pixels that sides must be multiples of; None where the network's own
            layers say it.
        source_dtype: NumPy name of the stored type of the images that it takes; None if unknown.
        likeness: Statistics of the training images of the source, which drift is measured from,
            as `data.statistics.training_statistics` gives them; None if unknown.
        slices: Where images are slices of volumes: how they are cut and what their values mean,
            as `data.slice_metadata.Slices.for_generator` gives it; else None.
        source_values: What is known about the stored values of the source beside their range, as
            `data.npz.Dataset.values` has it; None if nothing is.
        target_values: The same of the target.
    """

    source: str = "A"
    target: str = "B"
    source_range: tuple[float, float] = (0, 255)
    target_range: tuple[float, float] = (0, 255)
    dtype: str = "uint8"
    size: tuple[int, int] | None = None
    epoch: int | None = None
    multiple: int | None = None
    source_dtype: str | None = None
    likeness: dict | None = None
    slices: dict | None = None
    source_values: dict | None = None
    target_values: dict | None = None

    def __str__(self):
        return f"{self.source} → {self.target}"

    def to_json(self):
        """The text that `from_json` reads."""
        return json.dumps(asdict(self))


def from_json(text, where):
    """Reads a `Translation`.

    Args:
        text: What `Translation.to_json` gave, as text or bytes.
        where: What an error message calls the file.

    Returns:
        `Translation`.

    Raises:
        InputError: If the text is damaged.
    """
    try:
        stored = json.loads(text).items()
        found = Translation(**{key: tuple(v) if isinstance(v, list) else v for key, v in stored})
        np.dtype(found.dtype), np.dtype(found.source_dtype)
        ranges = (found.source_range, found.target_range)
        if not all(low < high for low, high in ranges):
            raise ValueError(f"ranges {ranges}")
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{where} says in a damaged way what it translates ({ENTRY}): save it again."
        ) from error
    return found


@dataclass(frozen=True)
class Shapes:
    """What a saved network takes and gives.

    Attributes:
        image: Shape of its image `(batch, height, width, channels)`; None if it takes none.
        noise: Shape of its noise `(batch, dimensions)`; None if it takes none.
        output: Shape of what it gives.
    """

    image: tuple | None
    noise: tuple | None
    output: tuple

    def draw(self, count, seed=0):
        """Draws the noise, standard normal.

        Args:
            count: Number of images to be made.
            seed: Non-negative integer, or a sequence of such. Row i depends on it and on i alone.

        Returns:
            float32 array `(count, dimensions)`; None if the network takes no noise.
        """
        if self.noise is None:
            return None
        rng = np.random.default_rng(seed)
        return rng.standard_normal((count, self.noise[1]), np.float32)


def shapes_of(given, output, kind):
    """The `Shapes` of a network whose inputs have shapes `given`.

    Args:
        given: List of the shapes of its inputs.
        output: Shape of its output, or anything else where it has not one output.
        kind: What an error message calls it.

    Returns:
        `Shapes`.

    Raises:
        InputError: If it takes anything but an image and a vector of noise, in this order, or
            gives more than one thing.
    """
    ranks = [len(shape) for shape in given], len(output) if isinstance(output, tuple) else 0
    if ranks not in (([4], 4), ([4, 2], 4), ([2], 4), ([4], 2)):
        raise InputError(
            "A generator takes an image (batch, height, width, channels), a vector of noise "
            f"(batch, dimensions) or both, and gives an image; received {kind} "
            f"of shapes {', '.join(map(str, given)) or None} to {output}."
        )
    by_rank = {len(shape): shape for shape in given}
    return Shapes(by_rank.get(4), by_rank.get(2), output)
