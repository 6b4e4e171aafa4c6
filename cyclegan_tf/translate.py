"""Translate pictures with a saved generator: any size and aspect in, the same size out."""

import os
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from cyclegan_tf import generators
from cyclegan_tf.atomic import replacing
from cyclegan_tf.data import images
from cyclegan_tf.data.values import FULL_RANGE, denormalize, normalize
from cyclegan_tf.errors import InputError
from cyclegan_tf.inference import Inference
from cyclegan_tf.layers import set_test_time
from cyclegan_tf.precision import check as check_precision
from cyclegan_tf.precision import in_precision

DIRECTIONS = ("ab", "ba")
#: How many pictures of an array the network sees at a time.
TOGETHER = 8


def load(path, direction=None, precision="float32", dropout=None, statistics=None):
    """Loads a generator for use.

    Args:
        path: A generator's file (`.keras`, or `.h5` from Keras 2), or the folder of a run.
        direction: "ab" (the default) or "ba", where `path` is a run's folder; a file has but one.
        precision: The type that it computes in, as for `precision.in_precision`. "mixed_bfloat16"
            is faster on CPUs that have such products, and differs by a little:
            `Translator.difference` says by how much.
        dropout: Whether a generator with dropout, such as that of pix2pix, keeps it on; None
            leaves it as it was saved.
        statistics: "picture" or "running": what a batch normalization goes by; see
            `layers.BatchNormalization`. None leaves it as it was saved.

    Returns:
        `Translator`, to be called on pictures.

    Raises:
        InputError: If there is no generator that can be read, `precision` is none, or `dropout` or
            `statistics` does not apply to it.
    """
    check_precision(precision)
    path = Path(path)
    if direction not in (None, *DIRECTIONS):
        raise InputError(f"direction must be 'ab' or 'ba', received {direction!r}.")
    if path.is_dir():
        path = path / f"gen_{direction or 'ab'}.keras"
    elif direction:
        raise InputError(f"direction belongs to a run's folder, and {path} is none: leave it out.")
    generator, translation = generators.load(path)
    set_test_time(generator, dropout, statistics)
    of_styles = path.with_name(f"style_{path.stem.removeprefix('gen_')[-1]}.keras")
    styles = generators.load(of_styles)[0] if of_styles.is_file() else None
    return Translator(in_precision(generator, precision), translation, styles)


class Translator:
    """A generator that takes pictures as people have them.

    Args:
        generator: `keras.Model` on `(batch, height, width, channels)` in [-1, 1]; where a picture
            has several translations, on noise `(batch, dimensions)` as well.
        translation: `generators.Translation`: names, value ranges and training size.
        styles: `keras.Model` from the target's pictures to such noise, where there is one: it
            gives the style of a guide.
    """

    def __init__(self, generator, translation, styles=None):
        self.generator = generator
        self.translation = translation
        self.styles = styles
        self._shapes = generators.shapes(generator)
        if self._shapes.image is None or len(self._shapes.output) != 4:
            raise InputError(
                f"The network {translation.source} → {translation.target} does not translate "
                "pictures to pictures: give a generator that does, such as gen_ab.keras."
            )
        self.multiple = generators.size_multiple(generator)
        self._network = Inference(generator)

    def __str__(self):
        return f"{self.translation.source} → {self.translation.target}"

    def __call__(self, image, size=None, seed=0, style=None):
        """Translates one picture, or an array of several.

        The picture is brought to a working size (aspect kept, edges extended to what the
        network divides), translated, and brought back to its own size. Transparency is put
        aside and put back; gray becomes colour, or colour gray, as the generator needs.

        Args:
            image: Integer array `(height, width)`, `(height, width, channels)` or
                `(n, height, width, channels)` with 1 to 4 channels; a `PIL.Image`; or a path.
                uint8 counts as 0..255 and uint16 as 0..65535; floats as the source's range.
            size: Working length of the shorter side in pixels; by default that of training,
                where the generator has seen things at their scale. "native" keeps the picture's.
            seed: Non-negative integer: where a picture has several translations, which of them.
            style: In place of the seed a guide, whose style the translations get (for `style`,
                see there), or a style itself, an array `(dimensions,)`.

        Returns:
            For an array, an array of the same height and width and the target's type; for a PIL
            image or path, a `PIL.Image` (16-bit only for gray: Pillow has no 16-bit colour).

        Raises:
            InputError: If the picture, `size` or `style` cannot be used.
        """
        if isinstance(image, (str, os.PathLike, Image.Image)):
            noise = self._noise([seed], style)
            return self._to_pil(self._translate([_array(image)], size, noise)[0])
        image = np.asarray(image)
        if image.ndim == 4:
            if not len(image):
                raise InputError("image holds no picture: give at least one.")
            # Picture i has a seed of its own, that of the first being `seed` itself.
            noise = self._noise([seed, *((seed, i) for i in range(1, len(image)))], style)
            parts = [slice(i, i + TOGETHER) for i in range(0, len(image), TOGETHER)]
            return np.concatenate([self._translate(image[p], size, noise[p]) for p in parts])
        result = self._translate([image], size, self._noise([seed], style))[0]
        return result[..., 0] if image.ndim == 2 and result.shape[-1] == 1 else result

    def style(self, guide):
        """The style of a picture, to translate others in it.

        Args:
            guide: One picture of the target domain: an array, a `PIL.Image` or a path, as for
                calls. It is taken at the training's size, what does not fit its shape cut off.

        Returns:
            float32 array `(dimensions,)`.

        Raises:
            InputError: If the picture cannot be used, or there is no network that gives styles.
        """
        if self.styles is None:
            raise InputError(
                f"The generator {self} comes with no network that gives styles: leave the guide "
                "out, or load the run's folder of a method that has one, such as munit."
            )
        guide, target = _check(_array(guide)), self.translation
        channels = self.styles.input_shape[-1]
        if guide.shape[-1] in (2, 4) and channels != 4:
            guide = guide[..., :-1]
        value_range = FULL_RANGE.get(str(guide.dtype), target.target_range)
        guide = np.clip(normalize(images.to_channels(guide, channels), value_range), -1, 1)
        if target.size is not None:
            guide = images.fit(guide, target.size)
        return np.asarray(self.styles(guide[None], training=False))[0]

    def difference(self, image, size=None):
        """How far a translator of reduced precision is from one of full precision.

        Args:
            image: Array or path, as for calls.
            size: As for calls.

        Returns:
            `(mean, largest)` absolute difference over all pixels and channels, as a share of the
            target's value range. Zeros for a translator of full precision.
        """
        if isinstance(image, (str, os.PathLike)):
            image = images.read(image)
        low, high = self.translation.target_range
        exact = Translator(in_precision(self.generator, "float32"), self.translation, self.styles)
        ours, theirs = (
            np.asarray(translator(image, size), np.float32) / (high - low)
            for translator in (self, exact)
        )
        off = np.abs(ours - theirs)
        return float(off.mean()), float(off.max())

    def _noise(self, seeds, style):
        """A row of noise for each seed: drawn, or the style that was asked for."""
        dimensions = (self._shapes.noise or (None, 0))[1]
        if style is None:
            drawn = [generators.noise(self.generator, 1, seed) for seed in seeds]
            return np.concatenate(drawn) if dimensions else np.zeros((len(seeds), 0), np.float32)
        if isinstance(style, (str, os.PathLike, Image.Image)) or np.ndim(style) != 1:
            style = self.style(style)
        style = np.asarray(style, np.float32)
        if len(style) != dimensions or not dimensions:
            takes = f"styles of {dimensions} numbers" if dimensions else "no style"
            raise InputError(f"The generator {self} takes {takes}, received {len(style)}.")
        return np.repeat(style[None], len(seeds), axis=0)

    def _translate(self, pictures, size, noise):
        """Translates pictures of one shape together."""
        pictures = np.stack([_check(picture) for picture in pictures])
        channels, alphas = self._shapes.image[-1], [None] * len(pictures)
        if pictures.shape[-1] in (2, 4) and channels != 4:
            pictures, alphas = pictures[..., :-1], pictures[..., -1:]
        shape = pictures.shape[1:3]
        working = self._working_shape(shape, size)
        x = [self._normalize(images.to_channels(picture, channels)) for picture in pictures]
        x = [_extend(images.fit(one, working, "stretch"), self._padded(working)) for one in x]
        given = [np.stack(x)]
        if self._shapes.noise is not None:
            given.append(noise)
        y = self._network(*given)
        if y.shape[1:3] != x[0].shape[:2]:
            raise InputError(
                f"The generator made {y.shape[1:3]} of {x[0].shape[:2]} pixels: give one that "
                "keeps the size."
            )
        y = [images.fit(one[: working[0], : working[1]], shape, "stretch") for one in y]
        return np.stack([self._stored(*pair) for pair in zip(y, alphas, strict=True)])

    def _stored(self, y, alpha):
        """The picture in the target's type, with its transparency if it had any."""
        result = denormalize(y, self.translation.target_range, self.translation.dtype)
        if alpha is None or result.shape[-1] not in (1, 3):
            return result
        alpha = normalize(alpha, FULL_RANGE.get(str(alpha.dtype), (0, 1)))
        full_range = FULL_RANGE.get(str(result.dtype), (0, 1))
        return np.concatenate([result, denormalize(alpha, full_range, result.dtype)], -1)

    def _normalize(self, image):
        value_range = FULL_RANGE.get(str(image.dtype), self.translation.source_range)
        return np.clip(normalize(image, value_range), -1, 1)

    def _to_pil(self, image):
        if image.dtype != np.uint8 and not (image.dtype == np.uint16 and image.shape[-1] == 1):
            full_range = FULL_RANGE.get(str(image.dtype), self.translation.target_range)
            image = denormalize(normalize(image, full_range), (0, 255), np.uint8)
        return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)

    def _working_shape(self, shape, size):
        """Height and width at which the network sees the picture, before padding."""
        fixed = self._shapes.image[1:3]
        if None not in fixed:
            scale = min(fixed[0] / shape[0], fixed[1] / shape[1])
        elif size == "native" or (size is None and self.translation.size is None):
            scale = 1.0
        else:
            side = min(self.translation.size) if size is None else size
            if not isinstance(side, (int, np.integer)) or not 8 <= side <= 16384:
                raise InputError(
                    f'size must be "native" or a whole number from 8 to 16384, received {size!r}.'
                )
            # A sliver is not blown up to a giant: four times as long as wide will do.
            scale = min(side / min(shape), max(1.0, 4 * side / max(shape)))
        return tuple(max(1, round(side * scale)) for side in shape)

    def _padded(self, working):
        fixed = self._shapes.image[1:3]
        if None not in fixed:
            return fixed
        # Reflection padding of 3 in the generator needs a few pixels to mirror.
        least = min(4 * self.multiple, 16)
        return tuple(-(-max(side, least) // self.multiple) * self.multiple for side in working)


def translate_files(
    translator,
    sources,
    target,
    size=None,
    overwrite=False,
    progress=True,
    seed=0,
    style=None,
    outputs=1,
):
    """Translates files into a folder, each under its own name.

    Args:
        translator: A `Translator`.
        sources: A picture, or a folder of pictures.
        target: The folder to write to (made if missing); for a single picture also the name of a
            file with a picture's suffix.
        size: As in `Translator.__call__`.
        overwrite: Whether to replace files that exist; sources are never replaced.
        progress: Whether to show a progress bar.
        seed: As in `Translator.__call__`; the same for all files.
        style: As in `Translator.__call__`; the same for all files.
        outputs: Number of translations of each picture: of `seed`, the next, and so on. More than
            one are numbered, as in "face_1.png".

    Returns:
        `(written, failed)`: a list of paths, and a list of sentences about files that could not
        be translated (a single picture that cannot be raises instead).

    Raises:
        InputError: If `sources` holds nothing, or writing would replace a file.
    """
    sources, target = Path(sources), Path(target)
    suffix = target.suffix.lower()
    is_file = not target.is_dir() and suffix in Image.registered_extensions()
    if is_file and suffix not in images.SUFFIXES:
        raise InputError(
            f"target must be a folder or end in {', '.join(images.SUFFIXES)}, received {target}."
        )
    if sources.is_dir():
        if is_file or target.is_file():
            raise InputError(f"target must be a folder, since {sources} is, received {target}.")
        # Of a target inside the source, what was written there before is no source.
        inside = target.resolve() != sources.resolve()
        found = [p for p in images.pictures(sources) if not (inside and target in p.parents)]
        paths = {path: target / path.relative_to(sources) for path in found}
    else:
        paths = {sources: target if is_file else target / sources.name}
    if outputs > 1 and (len(translator.generator.inputs) == 1 or style is not None):
        raise InputError(
            f"outputs must be 1 where a picture has one translation, received {outputs}: leave "
            "it out."
        )
    tasks = [
        (source, path if outputs == 1 else path.with_stem(f"{path.stem}_{i + 1}"), seed + i)
        for source, path in paths.items()
        for i in range(outputs)
    ]
    for source, path, _ in tasks:
        if path.exists() and (not overwrite or path.samefile(source)):
            raise InputError(
                f"{path} exists and would be replaced: give another target"
                + ("." if path.samefile(source) else ", or allow it with overwrite.")
            )
    if style is not None and np.ndim(style) != 1:
        style = translator.style(style)
    written, failed = [], []
    for source, path, seed in tqdm(tasks, unit="picture", disable=not progress):
        try:
            _translate_file(translator, source, path, size, seed, style)
            written.append(path)
        except InputError as error:
            if source == sources:
                raise
            failed.append(str(error))
    return written, failed


def _translate_file(translator, source, path, size, seed, style):
    picture = translator(source, size, seed, style)
    suffix = path.suffix.lower()
    if picture.mode.startswith("I") and suffix not in (".png", ".tif", ".tiff"):
        picture = Image.fromarray((np.asarray(picture) / 257).round().astype(np.uint8))
    if suffix in (".jpg", ".jpeg", ".bmp"):  # neither has transparency
        picture = picture.convert("L" if picture.mode in ("L", "LA") else "RGB")
    with replacing(path) as temporary:
        picture.save(temporary, quality=95)


def _array(image):
    """The picture as an array, from a path or a `PIL.Image` as well."""
    if isinstance(image, (str, os.PathLike)):
        return images.read(image)
    return images.from_pil(image) if isinstance(image, Image.Image) else np.asarray(image)


def _check(image):
    """Returns the picture as `(height, width, channels)`, or raises InputError."""
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or 0 in image.shape:
        raise InputError(
            "image must be (height, width), (height, width, channels) or (n, height, width, "
            f"channels), received shape {image.shape}."
        )
    if image.dtype not in (np.uint8, np.uint16) and image.dtype.kind != "f":
        raise InputError(
            f"image must hold uint8, uint16 or floating-point values, received {image.dtype}: "
            "convert it with astype."
        )
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise InputError("image holds NaN or infinite values: replace them first.")
    return image


def _extend(image, shape):
    bottom, right = (whole - side for whole, side in zip(shape, image.shape[:2], strict=True))
    return np.pad(image, ((0, bottom), (0, right), (0, 0)), mode="edge")
