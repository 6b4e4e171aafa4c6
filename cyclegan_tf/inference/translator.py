"""Translators: a generator for images as people have them, of any size, aspect and type."""

import os
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, Literal, TypeAlias, overload

import numpy as np
from PIL import Image

from cyclegan_tf.common import types
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.generator_metadata import Translation
from cyclegan_tf.common.value_range import normalize, range_of
from cyclegan_tf.data import statistics
from cyclegan_tf.data.io import formats, image_file
from cyclegan_tf.inference import hints as of_hints
from cyclegan_tf.inference.fitting import Fitting

# Keras is imported where it is needed: other runtimes do without.

#: How many images the network sees at a time, at most.
BATCH = 8
#: How many pixels it sees at a time; an image that has more is translated in pieces.
LARGE = 1024 * 1024
_Size: TypeAlias = int | Literal["native"] | None
#: One image, or of a style the array itself.
_Style: TypeAlias = np.ndarray | Image.Image | types.Path


class Translator:
    """A generator that takes images as people have them.

    Args:
        generator: `keras.Model` on `(batch, height, width, channels)` in [-1, 1]; where an image
            has several translations, on noise `(batch, dimensions)` as well. Or the same in
            another form: anything that is called with arrays, and has `shapes` and `multiple` as
            `compiled.CompiledGenerator` has.
        translation: `generator_metadata.Translation`: names, value ranges and training size.
        styles: `keras.Model` from the target's images to such noise, where there is one: it
            gives the style of a guide.
        original: Where `generator` is no `keras.Model`, a function without arguments that loads it
            as one: large images are translated in pieces with that. Without it they are
            translated whole, in as much memory as it takes.
        hints: Whether what `original` loads takes hints; of a `keras.Model` it is seen.
    """

    def __init__(
        self,
        generator: Any,
        translation: Translation,
        styles: Any = None,
        original: Callable[[], Any] | None = None,
        hints: bool = False,
    ) -> None:
        self.generator, self.translation, self.styles = generator, translation, styles
        self._original, self._network, self._hints = original, generator, hints
        if not hasattr(generator, "multiple"):
            from cyclegan_tf.inference.compiled import CompiledGenerator

            self._original = original or (lambda: generator)
            self._network = CompiledGenerator(generator)
        self._tiles, self._tiling, self._prediction = None, Lock(), None
        self._shapes, self.multiple = self._network.shapes, self._network.multiple
        image, output = self._shapes.image, self._shapes.output
        of_class = image is not None and tuple(image[1:3]) == (1, 1)
        if image is None or of_class or None in (image[-1], output[-1]) or len(output) != 4:
            raise InputError(
                f"The network {translation} does not translate images to images: give a "
                "generator that does, such as gen_ab.keras."
            )
        self._fitting = Fitting(translation, self._shapes, self.multiple)

    def __str__(self) -> str:
        return str(self.translation)

    @property
    def runtime(self) -> str:
        """Name of what it runs in, such as "keras" or "onnx"."""
        return self._network.name

    @property
    def channels(self) -> tuple[int, int]:
        """`(taken, given)`: channels of the images that it takes, and of those that it gives."""
        return self._shapes.image[-1], self._shapes.output[-1]

    @property
    def has_styles(self) -> bool:
        """Whether an image has several translations."""
        return self._shapes.noise is not None

    @property
    def takes_hints(self) -> bool:
        """Whether it takes hints of colours; nothing is loaded to tell."""
        if not self.has_styles or self._original is None:
            return False
        return self._hints or _prediction(self.generator) is not None

    @overload
    def __call__(
        self,
        image: types.Path,
        size: _Size = ...,
        seed: int = ...,
        style: _Style | None = ...,
        hint: _Style | None = ...,
    ) -> Any: ...

    @overload
    def __call__(
        self,
        image: Image.Image,
        size: _Size = ...,
        seed: int = ...,
        style: _Style | None = ...,
        hint: _Style | None = ...,
    ) -> Image.Image: ...

    @overload
    def __call__(
        self,
        image: np.ndarray,
        size: _Size = ...,
        seed: int = ...,
        style: _Style | None = ...,
        hint: _Style | None = ...,
    ) -> np.ndarray: ...

    def __call__(self, image, size=None, seed=0, style=None, hint=None):
        """Translates one image, or an array of several.

        The image is brought to a working size (aspect kept, edges extended to what the
        network divides), translated, and brought back to its own size. With as many channels as
        the generator takes, it is taken as it is; else transparency is put aside and put back,
        and gray becomes colour, or colour gray, as the generator needs.

        Args:
            image: Array `(height, width)`, `(height, width, channels)` or
                `(n, height, width, channels)`; a `PIL.Image`; or a path, as for `image_file.read`.
                Values of the source's stored type, and floats, count as in the source's range;
                others of uint8 as 0..255 and of uint16 as 0..65535.
            size: Working length of the shorter side in pixels; by default that of training,
                where the generator has seen things at their scale. "native" keeps the image's.
            seed: Non-negative integer: where an image has several translations, which of them.
            style: In place of the seed a guide, whose style the translations get (for `style`,
                see there), or a style itself, an array `(dimensions,)`.
            hint: Colours that are wanted in the result: an image of the same height and width,
                transparent where all is left open (which the seed decides), for generators of
                codes that have such a meaning, as those of `matched`.

        Returns:
            For an array, or the path of one, an array of the same height and width and the
            target's type; for a PIL image or another path, a `PIL.Image` as from `to_pil`.

        Raises:
            InputError: If the image, `size`, `style` or `hint` cannot be used.
        """
        hint = None if hint is None else _array(hint)
        if isinstance(image, (str, os.PathLike, Image.Image)):
            result = self.several([_array(image)], size, [seed], style, [hint])[0]
            return result if _is_array_file(image) else self.to_pil(result)
        image = np.asanyarray(image)
        if image.ndim == 4:
            if not len(image):
                raise InputError("image holds no image: give at least one.")
            # Image i has a seed of its own, that of the first being `seed` itself.
            seeds = [seed, *((seed, i) for i in range(1, len(image)))]
            parts = [slice(i, i + BATCH) for i in range(0, len(image), BATCH)]
            hints = [hint] * len(image)
            done = [
                self.several(image[part], size, seeds[part], style, hints[part]) for part in parts
            ]
            return np.stack([translated for part in done for translated in part])
        result = self.several([image], size, [seed], style, [hint])[0]
        return result[..., 0] if image.ndim == 2 and result.shape[-1] == 1 else result

    def several(
        self,
        images: Sequence[np.ndarray],
        size: _Size = None,
        seeds: Sequence[Any] | None = None,
        style: _Style | None = None,
        hints: Sequence[np.ndarray | None] | None = None,
    ) -> list[np.ndarray]:
        """Translates images of any shapes; batched where the network sees them at one size.

        Args:
            images: List of arrays as for calls, one image each.
            size: As for calls.
            seeds: List of a seed for each image; 0 for all by default.
            style: As for calls.
            hints: List of a hint, an array as for calls, or None for each image.

        Returns:
            List of arrays `(height, width, channels)`.

        Raises:
            InputError: As for calls.
        """
        noise = self._noise(seeds or [0] * len(images), style)
        prepared = [self._fitting.prepare(image, size) for image in images]
        for i, hint in enumerate(hints or ()):
            if hint is not None:
                noise[i] = self._hinted(images[i], prepared[i][0], size, hint, noise[i])
        results, alike = [None] * len(images), {}
        for i, (x, _) in enumerate(prepared):
            alike.setdefault(x.shape, []).append(i)
        for indices in alike.values():
            height, width = prepared[indices[0]][0].shape[:2]
            batch = max(1, min(BATCH, LARGE // (height * width)))
            for start in range(0, len(indices), batch):
                some = indices[start : start + batch]
                outputs = self._run(np.stack([prepared[i][0] for i in some]), noise[some])
                for i, y in zip(some, outputs, strict=True):
                    results[i] = prepared[i][1](y)
        return results

    def run(self, x: np.ndarray, seed: int = 0) -> np.ndarray:
        """The network itself.

        Args:
            x: float32 array `(n, height, width, channels)` in [-1, 1], its sides multiples of
                `multiple`.
            seed: As for calls, the same for all.

        Returns:
            float32 array `(n, height, width, channels')` in [-1, 1].
        """
        return self._run(x, self._noise([seed] * len(x), None))

    def drift(self, image: _Style) -> float | None:
        """The drift of an image: how far its statistics are from those of the training images.

        Args:
            image: One image, as for calls.

        Returns:
            As `statistics.drift`: about 1 for a training image, and more than
            `translation.likeness["alarm"]` for one in a hundred of them. None where the file does
            not say what those were like.
        """
        known = self.translation.likeness
        if known is None:
            return None
        image = image_file.checked(_array(image))
        working = self._fitting.working_shape(image.shape[:2], None)
        if working < image.shape[:2]:  # before it becomes four times as large in memory
            image = image_file.fit(image, working, "stretch")
        x, working, _ = self._fitting.to_input(image, None)
        return statistics.drift(x[: working[0], : working[1]], known)

    def input_size(self, shape: tuple[int, int], size: _Size = None) -> tuple[int, int]:
        """At how many pixels the network sees an image.

        Args:
            shape: `(height, width)` of the image.
            size: As for calls.

        Returns:
            `(height, width)`.

        Raises:
            InputError: If `size` is none.
        """
        return self._fitting.padded(self._fitting.working_shape(shape, size))

    def style(self, guide: _Style) -> np.ndarray:
        """The style of an image, to translate others in it.

        Args:
            guide: One image of the target domain: an array, a `PIL.Image` or a path, as for
                calls. It is taken at the training's size, what does not fit its shape cut off.

        Returns:
            float32 array `(dimensions,)`.

        Raises:
            InputError: If the image cannot be used, or there is no network that gives styles.
        """
        if self.styles is None:
            raise InputError(
                f"The generator {self} comes with no network that gives styles: leave the guide "
                "out, or load the run's folder of a method that has one, such as munit."
            )
        guide, target = image_file.checked(_array(guide)), self.translation
        channels = self.styles.input_shape[-1]
        value_range = range_of(guide.dtype, target.dtype, target.target_range)
        guide = np.clip(normalize(image_file.to_channels(guide, channels), value_range), -1, 1)
        if target.size is not None:
            guide = image_file.fit(guide, target.size)
        return np.asarray(self.styles(guide[None], training=False))[0]

    def difference(self, image: np.ndarray | types.Path, size: _Size = None) -> tuple[float, float]:
        """How far a translator of reduced precision, or in another runtime, is from Keras in full.

        Args:
            image: Array or path, as for calls.
            size: As for calls.

        Returns:
            `(mean, largest)` absolute difference over all pixels and channels, as a share of the
            target's value range. Zeros for a translator of full precision.

        Raises:
            InputError: If the generator is not at hand in Keras, or as for calls.
        """
        if self._original is None:
            raise InputError(
                f"The generator {self} comes in no form that Keras knows: load its .keras file to "
                "compare with."
            )
        if isinstance(image, (str, os.PathLike)):
            image = image_file.read(image)
        low, high = self.translation.target_range
        from cyclegan_tf.networks.precision import in_precision

        network = in_precision(self._original(), "float32")
        exact = Translator(network, self.translation, self.styles)
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
            drawn = [self._shapes.draw(1, seed) for seed in seeds]
            return np.concatenate(drawn) if dimensions else np.zeros((len(seeds), 0), np.float32)
        if isinstance(style, (str, os.PathLike, Image.Image)) or np.ndim(style) != 1:
            style = self.style(style)
        style = np.asarray(style, np.float32)
        if len(style) != dimensions or not dimensions:
            takes = f"styles of {dimensions} numbers" if dimensions else "no style"
            raise InputError(f"The generator {self} takes {takes}, received {len(style)}.")
        return np.repeat(style[None], len(seeds), axis=0)

    def _hinted(self, image, x, size, hint, drawn):
        """The code of a hint for an image, which the network sees as `x`."""
        if self._prediction is None and self.has_styles and self._original is not None:
            self._prediction = _prediction(self._original())
        if self._prediction is None:
            raise InputError(
                f"The generator {self} takes no hint of colours: leave it out, or give the .keras "
                "file of a method that does, such as matched."
            )
        shape = image.shape[:2]
        colours, opacity = of_hints.checked(hint, shape, self._prediction.channels)
        working = self._fitting.working_shape(shape, size)
        opacity_seen, painted = (
            np.asarray(image_file.fit(values, working, "stretch"))
            for values in (opacity, opacity * colours)
        )
        colours = painted / np.maximum(opacity_seen, 1e-3)
        beyond = [(0, a - b) for a, b in zip(x.shape[:2], working, strict=True)]
        colours, opacity = (np.pad(v, (*beyond, (0, 0))) for v in (colours, opacity_seen))
        return of_hints.code(self._prediction, x, colours, opacity, drawn)

    def _run(self, x, noise):
        """The network on a batch in [-1, 1]."""
        given = [x] if self._shapes.noise is None else [x, noise]
        if x.shape[1] * x.shape[2] > LARGE and (tiled := self._in_tiles()):
            each = zip(*(np.split(values, len(values)) for values in given), strict=True)
            y = np.concatenate([tiled(*one) for one in each])
        else:
            y = self._network(*given)
        if y.shape[1:3] != x.shape[1:3]:
            raise InputError(
                f"The generator made {y.shape[1:3]} of {x.shape[1:3]} pixels: give one that "
                "keeps the size."
            )
        return y

    def _in_tiles(self):
        """What translates in pieces; None where the network cannot be computed so."""
        with self._tiling:
            if self._tiles is None and self._original is not None:
                from cyclegan_tf.inference import tiling

                network = self._original()
                self._tiles = tiling.can_tile(network) and tiling.Tiled(network)
            return self._tiles or None

    def to_pil(self, image: np.ndarray, eight_bit: bool = False) -> Image.Image:
        """Makes a `PIL.Image` of a translated image.

        Args:
            image: Array `(height, width, 1 to 4 channels)` as calls give it.
            eight_bit: Whether 16-bit gray also becomes 8-bit.

        Returns:
            `PIL.Image`: of uint8, and of 16-bit gray, the values; of other types 8 bits, to which
            the target's range is mapped (Pillow has no 16-bit colour).

        Raises:
            InputError: If it has more channels.
        """
        bands = getattr(image, "alpha", None) is False and image.shape[-1] in (2, 4)
        if image.shape[-1] > 4 or bands:
            raise InputError(
                f"An image to look at has no {image.shape[-1]} channels, as {self} has: write .tif "
                "or .npy."
            )
        gray_16 = image.dtype == np.uint16 and image.shape[-1] == 1
        if image.dtype == np.uint8 or (gray_16 and not eight_bit):
            return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        known = self.translation.dtype, self.translation.target_range
        with_alpha = image.shape[-1] in (2, 4) and image.shape[-1] == self._shapes.output[-1] + 1
        return image_file.to_pil(image, range_of(image.dtype, *known), with_alpha)


def _prediction(network):
    """The `LinearPrediction` of a network of Keras; None where there is none."""
    layers = getattr(network, "layers", ())
    return next((x for x in layers if type(x).__name__ == "LinearPrediction"), None)


def _array(image):
    """The image as an array, from a path or a `PIL.Image` as well."""
    if isinstance(image, (str, os.PathLike)):
        return image_file.read(image)
    return formats.from_pil(image) if isinstance(image, Image.Image) else np.asanyarray(image)


def _is_array_file(image):
    return not isinstance(image, Image.Image) and formats.is_array(image)
