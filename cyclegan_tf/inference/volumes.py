"""Volumes through a generator, slice by slice, into volumes in real units.

Memory holds a few slices at a time: a volume is read as it is needed, and what is made of it lies
in a temporary file until it is written.
"""

import contextlib
import tempfile
import warnings
from pathlib import Path

import numpy as np

from cyclegan_tf.common.errors import InputError, NotWritten
from cyclegan_tf.common.progress import tqdm
from cyclegan_tf.common.telling import warn
from cyclegan_tf.common.value_range import denormalize, normalize
from cyclegan_tf.inference.files import stopped
from cyclegan_tf.volumes import intensity, volume
from cyclegan_tf.volumes.planes import AXES, plane
from cyclegan_tf.volumes.resampling import Grid, body_mask
from cyclegan_tf.volumes.slicing import neighbouring

#: How many slices the network sees at a time.
BATCH = 4
#: Share of a slice below which nothing is there to be translated.
EMPTY = 0.002
#: Types of values that are written.
DTYPES = ("int16", "float32")


@contextlib.contextmanager
def translated(translator, source, axes=None, progress=True):
    """Translates a volume, within a `with` block.

    Each slice is brought to the networks' pixels and values as in preparation, translated, and
    brought back to its own pixels and to real units. Nothing is cut off. Slices without a body
    become air: networks have seen none, and would paint something.

    Args:
        translator: `Translator` of a generator that was trained on slices.
        source: `volume.Volume`.
        axes: "axial", "coronal" or "sagittal", or several of them, whose translations are
            averaged; by default the one of the training.
        progress: Whether to show a bar.

    Yields:
        Array-like `(i, j, k)`, float32, in the target's real units (HU for CT), on the grid of
        `source`. It lies in a temporary file, and is gone after the block.

    Raises:
        InputError: If the generator was not trained on slices, `axes` are none, the volume is of
            another modality than the generator takes, or holds NaN.
    """
    known = translator.translation.slices
    if known is None:
        raise InputError(
            f"The generator {translator} was not trained on slices of volumes, so what values mean "
            "is not known: prepare data with --volumes and train with them."
        )
    axes = _axes(axes, known["axis"])
    rules = [intensity.from_json(rule) for rule in known["intensities"]]
    scale = rules[0].scale(source.voxels)
    intensity.check_modality(source, scale.lowest, known["modalities"][0])
    _warn_of_values(source, scale, rules[0])
    with _scratch(source.voxels.shape) as scratch:
        cuts = [plane(source, axis) for axis in axes]
        bar = tqdm(total=sum(map(len, cuts)), unit="slice", disable=not progress)
        with bar:
            for i, cut in enumerate(cuts):
                for numbers in _groups(len(cut)):
                    made = _slices(translator, cut, numbers, scale, rules)
                    with scratch.open() as voxels:
                        target = plane(_On(voxels, source.affine), axes[i])
                        for number, image in zip(numbers, made, strict=True):
                            mean = image / len(axes)
                            if i:
                                mean += target[number]
                            target.put(voxels, number, mean)
                    bar.update(len(numbers))
        yield scratch


def translate_file(
    translator,
    source,
    target,
    *,
    axes=None,
    dtype=None,
    series=None,
    overwrite=False,
    progress=True,
):
    """Translates a file or folder with a volume into another.

    Args:
        translator: As for `translated`.
        source: NIfTI or NumPy file, DICOM file or folder of one series.
        target: A name that ends in `.nii`, `.nii.gz` or `.npy`, or a folder to be made, for a DICOM
            series.
        axes: As for `translated`.
        dtype: "int16" or "float32"; by default int16 for CT, whose HU are whole numbers.
        series: Which series of a folder that has several, as for `volume.read`.
        overwrite: Whether to replace a target that exists.
        progress: Whether to show a bar.

    Returns:
        Path of the target.

    Raises:
        InputError: If an argument cannot be used, or the volume cannot be translated.
    """
    if dtype not in (None, *DTYPES):
        raise InputError(f"dtype must be one of {', '.join(DTYPES)}, received {dtype!r}.")
    source, target = Path(source), Path(target)
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists: give another name, or say overwrite=True.")
    opened = volume.read(source, series)
    with translated(translator, opened, axes, progress) as voxels:
        modality = translator.translation.slices["modalities"][1]
        dtype = dtype or ("int16" if modality == "CT" else None)
        if dtype == "int16":
            voxels = _Rounded(voxels)
        volume.write(target, voxels, opened, modality, dtype, overwrite)
    return target


def translate_folder(
    translator, source, target, *, overwrite=False, skip_existing=False, **options
):
    """Translates all volumes below a folder, each under its own name.

    Args:
        translator: As for `translated`.
        source: Folder with NIfTI files, or with folders of DICOM series.
        target: The folder to write to, made if missing.
        overwrite: As for `translate_file`.
        skip_existing: Whether volumes that exist are left as they are, and only the others made.
        **options: `axes`, `dtype` and `progress`, as for `translate_file`.

    Returns:
        `(written, failed)`: list of paths, and a sentence for each volume that was left out.

    Raises:
        InputError: If there is no volume, or one would be replaced.
        PartlyDone: If the place to write to is full or closed after some volumes.
    """
    source, target, tasks = Path(source), Path(target), []
    for one in volume.find(source):
        path = target / Path(one.path).relative_to(source)
        if one.series is not None:  # of several in one folder
            path = path / f"series_{one.series}"
        if skip_existing and path.exists():
            warn(f"{path} is there already and stays as it is.")
            continue
        tasks.append((one, path))
        if path.exists() and not overwrite:
            raise InputError(f"{path} exists: give another target, or say overwrite=True.")
    written, failed = [], []
    for one, path in tasks:
        given = options | {"series": one.series, "overwrite": overwrite}
        try:
            written.append(translate_file(translator, one.path, path, **given))
        except NotWritten as error:
            raise stopped(error, len(written), len(tasks)) from error
        except InputError as error:
            failed.append(f"{one.path} was left out: {error}")
    return written, failed


def _slices(translator, cut, numbers, scale, rules):
    """Slices of a plane, translated: arrays `(height, width)` in real units."""
    source, target = rules
    translation = translator.translation
    size = translation.size or cut.shape
    grid = Grid.of(cut, size, translation.slices["spacing"]).uncropped(translator.multiple)
    background = np.clip(scale.store(scale.lowest), *source.value_range)
    channels = neighbouring(numbers, len(cut), translation.slices["neighbours"][0])
    needed = range(channels.min(), channels.max() + 1)
    placed = np.stack(
        [
            grid.place(np.clip(scale.store(cut[k]), *source.value_range)[..., None], background)
            for k in needed
        ]
    )[..., 0]
    here = placed[np.asarray(numbers) - needed.start]
    filled = [body_mask(image, source.body_level).mean() >= EMPTY for image in here]
    images = np.moveaxis(placed[channels - needed.start], 1, -1)[filled]
    made = []
    if len(images):
        made = translator.run(np.clip(normalize(images, source.value_range), -1, 1))
    made, scale = iter(made), target.typical()
    for is_filled in filled:
        if not is_filled:
            yield np.full(cut.shape, scale.lowest, np.float32)
            continue
        image = next(made)
        middle = image.shape[-1] // 2  # of several channels, the slice itself
        stored = grid.restore(image[..., middle : middle + 1])
        yield scale.restore(denormalize(stored, target.value_range, np.float32)[..., 0])


def _groups(count):
    return [range(i, min(i + BATCH, count)) for i in range(0, count, BATCH)]


def _axes(axes, usual):
    axes = (usual,) if axes is None else (axes,) if isinstance(axes, str) else tuple(axes)
    if not axes or set(axes) - set(AXES) or len(set(axes)) < len(axes):
        raise InputError(f"axes must be among {', '.join(AXES)}, received {', '.join(axes)!r}.")
    return axes


def _warn_of_values(source, scale, rule):
    """Of NIfTI, which does not say what it holds, values that are unlikely are told."""
    if not source.modality and rule.unit == "HU" and rule.low <= -500 < scale.lowest:
        warnings.warn(
            f"The lowest value of the volume is {scale.lowest:g}, and air in CT has -1000 HU: is "
            "it CT in HU?",
            stacklevel=4,
        )


class _On:
    """Voxels with the affine that `plane` needs."""

    def __init__(self, voxels, affine):
        self.voxels, self.affine = voxels, affine


class _Scratch:
    """A volume in a file, float32, read and written in parts.

    Slices of the third axis are contiguous. Each access maps the file anew, so that what was looked
    at does not stay in memory.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, path, shape):
        self.path, self.shape = path, tuple(int(n) for n in shape)

    @contextlib.contextmanager
    def open(self):
        """The whole file as an array that can be written to."""
        voxels = np.memmap(self.path, self.dtype, "r+", shape=self.shape, order="F")
        yield voxels
        voxels.flush()
        del voxels

    def __getitem__(self, index):
        with self.open() as voxels:
            return np.array(voxels[index])


@contextlib.contextmanager
def _scratch(shape):
    with tempfile.TemporaryDirectory() as folder:
        scratch = _Scratch(Path(folder) / "volume", shape)
        np.memmap(scratch.path, scratch.dtype, "w+", shape=scratch.shape, order="F").flush()
        yield scratch


class _Rounded:
    """The nearest whole numbers of an array-like."""

    dtype = np.dtype(np.int16)

    def __init__(self, voxels):
        self.voxels, self.shape = voxels, voxels.shape

    def __getitem__(self, index):
        limits = np.iinfo(self.dtype)
        return np.rint(np.clip(self.voxels[index], limits.min, limits.max)).astype(self.dtype)
