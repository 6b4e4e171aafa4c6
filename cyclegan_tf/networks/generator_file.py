"""Generators as files: saved with what is needed to use them, loaded also from Keras 2.

A generator is one `.keras` file. Beside Keras's own entries the archive holds
`translation.json`: domain names, value ranges, the size it was trained at. Keras ignores that
entry, so `keras.models.load_model` opens the file as well (after `import cyclegan_tf.networks`).
"""

import zipfile
from pathlib import Path

import keras

from cyclegan_tf.common.atomic_files import replacing
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.generator_metadata import (
    DIRECTIONS,
    ENTRY,
    Translation,
    from_json,
    shapes_of,
)
from cyclegan_tf.networks.layers.convolutions import Conv2D
from cyclegan_tf.networks.layers.normalization import InstanceNormalization
from cyclegan_tf.networks.layers.padding import ReflectionPadding2D
from cyclegan_tf.networks.precision import in_precision


def translation(dataset, direction):
    """What a network of a run on `dataset` translates.

    Args:
        dataset: `npz.Dataset`.
        direction: From what to what, such as "ab", as in `GenerativeModel.saved`; "z" is noise.

    Returns:
        `Translation`. Noise has the name "noise", and no range or type of its own.
    """
    names = {"z": "noise"} | dict(zip("ab", dataset.names, strict=True))
    ranges = {"z": (-1, 1)} | dict(zip("ab", dataset.ranges, strict=True))
    types = {"z": "float32", "a": str(dataset.train_a.dtype), "b": str(dataset.train_b.dtype)}
    source, target = direction
    images = dataset.train_a if source == "a" else dataset.train_b
    values = dict(zip("ab", dataset.values, strict=True))
    of_volumes = dataset.slices is not None and direction in DIRECTIONS
    return Translation(
        names[source],
        names[target],
        ranges[source],
        ranges[target],
        types[target],
        tuple(int(side) for side in images.shape[1:3]),
        source_dtype=types[source],
        likeness=None if source == "z" else dataset.statistics["ab".index(source)],
        slices=dataset.slices.for_generator(direction) if of_volumes else None,
        source_values=values.get(source) or None,
        target_values=values.get(target) or None,
    )


def shapes(network):
    """The `Shapes` of a network.

    Raises:
        InputError: If it takes anything but an image and a vector of noise, in this order, or
            gives more than one thing.
    """
    given, output = (getattr(network, f"{end}_shape", None) for end in ("input", "output"))
    one = isinstance(given, tuple) and (not given or not isinstance(given[0], (tuple, list)))
    given = [given] if one else [tuple(shape) for shape in given or ()]
    return shapes_of(given, output, type(network).__name__)


def noise(network, count, seed=0):
    """What a network draws: standard normal noise.

    Args:
        network: A saved network.
        count: Number of images to be made.
        seed: Non-negative integer, or a sequence of such. Row i depends on it and on i alone.

    Returns:
        float32 array `(count, dimensions)`; None if the network takes no noise.
    """
    return shapes(network).draw(count, seed)


def inputs(network, images=None, seed=0, count=None):
    """What a network is to be called on: images, noise or both, in its order.

    Args:
        network: A saved network.
        images: Images `(n, height, width, channels)` in [-1, 1], if it takes any.
        seed: Of the noise, if it takes any.
        count: Number of images to be made, where it takes noise alone.

    Returns:
        List of arrays.
    """
    drawn = noise(network, len(images) if images is not None else count, seed)
    return [x for x in (images, drawn) if x is not None]


def save(path, generator, translation):
    """Writes a generator and its `Translation` to one `.keras` file, atomically.

    The file is in float32 whatever the generator computes in, so that it works everywhere.
    """
    with replacing(path) as temporary:
        in_precision(generator, "float32").save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(ENTRY, translation.to_json())


def load(path):
    """Reads a generator: a `.keras` file, or an `.h5` file written by Keras 2.

    Files of Keras 2 may use tensorflow-addons' InstanceNormalization; it is not needed to
    read them. Code stored inside a file (Lambda layers) is never run: such files are refused.

    Args:
        path: The file. `.keras` without `translation.json` and `.h5` are taken as 8-bit
            images, at the size that the network's input states.

    Returns:
        `(generator, translation)`: a `keras.Model` and a `Translation`.

    Raises:
        InputError: If the file is missing, damaged, or no generator of images.
    """
    path = Path(path)
    if not path.is_file():
        beside = ", ".join(sorted(each.name for each in path.parent.glob("gen_*.keras")))
        there = f" (its folder holds {beside})" if beside else ""
        raise InputError(
            f"No generator at {path}{there}: give a .keras or .h5 file, or a run's folder."
        )
    if path.suffix == ".keras" and not zipfile.is_zipfile(path):
        raise InputError(
            f"{path} cannot be read as a generator: it is no .keras file, or was cut short."
        )
    try:
        generator = keras.models.load_model(path, compile=False, custom_objects=_OLDER)
    except Exception as error:  # Keras raises whatever its parts raise on a damaged file
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise InputError(
            f"{path} cannot be read as a generator ({reason}): give a .keras or .h5 file that "
            "training wrote, without Lambda layers or foreign code."
        ) from error
    try:
        found = shapes(generator)
    except InputError as error:
        raise InputError(f"{path} holds no generator: {error}") from error
    # Keras 2 wrote its one input as a list of one, of which Keras 3 would complain at each call.
    given = generator.inputs[0] if len(generator.inputs) == 1 else generator.inputs
    return keras.Model(given, generator.outputs[0]), _translation(path, found)


def size_multiple(generator):
    """The number of pixels that height and width must be multiples of."""
    shrinking = (
        keras.layers.Conv2D,
        keras.layers.SeparableConv2D,
        keras.layers.DepthwiseConv2D,
        keras.layers.AveragePooling2D,
        keras.layers.MaxPooling2D,
    )
    multiple = 1
    for layer in generator.layers:
        if isinstance(layer, keras.Model):
            multiple *= size_multiple(layer)
        elif isinstance(layer, shrinking):
            multiple *= layer.strides[0]
    return multiple


def _translation(path, found):
    size = (found.image or found.output)[1:3]
    translation = Translation(size=None if None in size or len(size) != 2 else size)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if ENTRY in archive.namelist():
                translation = from_json(archive.read(ENTRY), path)
    return translation


class _AddonsInstanceNormalization(InstanceNormalization):
    """Reads the configuration that tensorflow-addons 0.23 wrote."""

    @classmethod
    def from_config(cls, config):
        if config.get("axis", -1) not in (-1, 3):
            raise ValueError(f"InstanceNormalization over axis {config['axis']} is not supported")
        kept = ("name", "dtype", "trainable", "epsilon", "scale", "center")
        return InstanceNormalization(**{key: config[key] for key in kept if key in config})


class _Keras2Conv2DTranspose(keras.layers.Conv2DTranspose):
    """Drops the key `groups`, which Keras 2 wrote and Keras 3 does not know."""

    @classmethod
    def from_config(cls, config):
        config = {key: value for key, value in config.items() if key != "groups"}
        return keras.layers.Conv2DTranspose.from_config(config)


#: What older files hold, and what is made of it; Keras's `Conv2D` becomes the faster one.
_OLDER = {
    "Conv2D": Conv2D,
    "Addons>InstanceNormalization": _AddonsInstanceNormalization,
    "InstanceNormalization": _AddonsInstanceNormalization,
    "Conv2DTranspose": _Keras2Conv2DTranspose,
    "ReflectionPadding2D": ReflectionPadding2D,
}
