"""From images as people have them to what a network takes, and back."""

import warnings

import numpy as np

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.value_range import denormalize, normalize, range_of
from cyclegan_tf.data.io import image_file
from cyclegan_tf.data.io.pixels import Pixels, has_alpha, masked, nearest, white


class Fitting:
    """Size, channels, values and transparency of the images of one generator.

    Args:
        translation: Its `generator_metadata.Translation`.
        shapes: Its `generator_metadata.Shapes`.
        multiple: What the sides of its input are multiples of, in pixels.
    """

    def __init__(self, translation, shapes, multiple):
        self._translation, self._multiple = translation, multiple
        self._channels, self._fixed = shapes.image[-1], shapes.image[1:3]

    def prepare(self, image, size):
        """An image as the network takes it, and what makes an image of what the network gives.

        Args:
            image: Array `(height, width)` or `(height, width, channels)`, perhaps `Pixels`.
            size: As for calls of a `Translator`.

        Returns:
            `(x, finish)`: float32 array in [-1, 1], and a function of the output for it.

        Raises:
            InputError: If the image or `size` cannot be used.
        """
        image = self._without_nodata(image)
        shape, nodata = image.shape[:2], getattr(image, "nodata", None)
        x, working, opacity = self.to_input(image, size)

        def finish(y):
            y = image_file.fit(y[: working[0], : working[1]], shape, "stretch")
            return self._stored(y, opacity, nodata)

        return x, finish

    def _without_nodata(self, image):
        """The image, checked; what stood for "no data" in training does so here as well."""
        nodata = (self._translation.source_values or {}).get("nodata")
        same = str(image.dtype) == self._translation.source_dtype
        if nodata is not None and same and getattr(image, "nodata", None) is None:
            image = masked(image if image.ndim == 3 else image[..., None], nodata)
        return image_file.checked(image)

    def to_input(self, image, size):
        """`(x, working, opacity)`: the network's input, its part that is image, and what is seen.

        `opacity` is `(height, width, 1)` in [0, 1], or None where the network sees all there is.
        """
        channels = self._channels
        working, opacity = self.working_shape(image.shape[:2], size), None
        if has_alpha(image) and channels not in (4, image.shape[-1]):
            opacity = np.asarray(image[..., -1:]) / np.float32(white(image.dtype))
            image = Pixels(image[..., :-1], False, getattr(image, "nodata", None))
        elif image.dtype.kind == "f" and (empty := np.isnan(image).any(-1, keepdims=True)).any():
            opacity = np.where(empty, np.float32(0), np.float32(1))
        image = image_file.to_channels(image, channels)
        x = self._normalize(np.asarray(image))
        if opacity is not None:  # on white, as in training; without data on the lowest value
            under = 1.0 if getattr(image, "nodata", None) is None else -1.0
            x = np.nan_to_num(x) * opacity + under * (1.0 - opacity)
        elif getattr(image, "alpha", None):
            x = 2.0 * image_file.fit(Pixels(x / 2 + 0.5, alpha=True), working, "stretch") - 1.0
        labels = "classes" in (self._translation.source_values or {})
        x = np.asarray(image_file.fit(x, working, "stretch", labels))
        return _extend(x, self.padded(working)), working, opacity

    def _stored(self, y, opacity, nodata):
        """The image in the target's type; what was not seen in the source is not in it.

        Its colours are such that on white it is what the network gave.
        """
        dtype, known = np.dtype(self._translation.dtype), self._translation.target_values or {}
        seen = opacity is None or (nodata is None and y.shape[-1] not in (1, 3))
        if not seen and nodata is None:
            y = 1.0 - np.divide(1.0 - y, opacity, out=1.0 - y, where=opacity > 0)
        result = denormalize(y, self._translation.target_range, dtype)
        if "classes" in known:
            result = nearest(result, np.array(known["classes"], dtype))
        if seen:
            return Pixels(result, known.get("alpha"))
        if nodata is not None and dtype.kind == "f":
            return Pixels(np.where(opacity < 0.5, dtype.type(np.nan), result), False, nodata)
        alpha = denormalize(2 * opacity - 1, (0, white(dtype)), dtype)
        return Pixels(np.concatenate([result, alpha], -1), True, nodata)

    def _normalize(self, image):
        self._doubt(image)
        known = self._translation.source_dtype, self._translation.source_range
        return np.clip(normalize(image, range_of(image.dtype, *known)), -1, 1)

    def _doubt(self, image):
        """Warns where values of another type than the training's are likely to mean others."""
        trained, (low, high) = self._translation.source_dtype, self._translation.source_range
        if trained is None or str(image.dtype) == trained or not image.size:
            return
        top = float(np.nanmax(image))
        if image.dtype.kind == "f":
            odd = np.dtype(trained).kind != "f" and top <= 1 < high
            taken, hint = "their values are taken as these", f"multiply them by {high:g}"
        elif np.dtype(trained).kind == "f":
            odd = (low, high) not in ((0, 1), (-1, 1), (0, 255))
            taken, hint = "black and white are taken for these two", "give floats in these values"
        else:
            odd = image.dtype == np.uint16 and top < 65536 / 4
            taken, hint = "65535 is taken for white", "spread them first"
        if odd:
            warnings.warn(
                f"The generator {self._translation} takes {trained} from {low:g} to {high:g}, and "
                f"received {image.dtype} of at most {top:g}: {taken}; if that is wrong, {hint}.",
                stacklevel=2,
            )

    def working_shape(self, shape, size):
        """Height and width at which the network sees the image, before padding."""
        fixed = self._fixed
        if None not in fixed:
            scale = min(fixed[0] / shape[0], fixed[1] / shape[1])
        elif size == "native" or (size is None and self._translation.size is None):
            scale = 1.0
        else:
            side = min(self._translation.size) if size is None else size
            if not isinstance(side, (int, np.integer)) or not 8 <= side <= 16384:
                raise InputError(
                    f'size must be "native" or a whole number from 8 to 16384, received {size!r}.'
                )
            # A sliver is not blown up to a giant: four times as long as wide will do.
            scale = min(side / min(shape), max(1.0, 4 * side / max(shape)))
        return tuple(max(1, round(side * scale)) for side in shape)

    def padded(self, working):
        """`(height, width)` that the network takes for an image of that size."""
        fixed = self._fixed
        if None not in fixed:
            return fixed
        # Reflection padding of 3 in the generator needs a few pixels to mirror.
        least = min(4 * self._multiple, 16)
        return tuple(-(-max(side, least) // self._multiple) * self._multiple for side in working)


def _extend(image, shape):
    bottom, right = (whole - side for whole, side in zip(shape, image.shape[:2], strict=True))
    return np.pad(image, ((0, bottom), (0, right), (0, 0)), mode="edge")
