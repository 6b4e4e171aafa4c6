"""What Pillow reads: PNG, JPEG, WebP, BMP, GIF, AVIF, HEIC; 16-bit colour with OpenCV."""

import io

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageOps

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io import colour
from cyclegan_tf.data.io.pixels import Pixels, upright

#: Modes of which Pillow keeps every bit, by what they become.
_GRAY = ("1", "L", "LA", "La")


class TooManyPixels(InputError):
    """An image would be larger in memory than an image is."""


class PillowFrames:
    """The frames of a file, decoded on access and each as it is to be seen.

    Args:
        data: Bytes of the file.
        name: What messages call it.
        formats: Pillow's names of the formats that may be opened: it would hand PostScript to an
            interpreter.
    """

    def __init__(self, data, name, formats=None):
        self._data, self._name = data, name
        Image.init()
        known = formats and [format for format in formats if format in Image.OPEN]
        self._image = Image.open(io.BytesIO(data), formats=known)
        # A JPEG with other images behind it (MPO) is a photo with previews of it.
        self.kind = "JPEG" if self._image.format == "MPO" else self._image.format
        self._count = 1 if self.kind == "JPEG" else getattr(self._image, "n_frames", 1)
        check_size(*self._image.size, name)

    def __len__(self):
        return self._count

    @property
    def size(self):
        """`(width, height)`, as stored."""
        return self._image.size

    @property
    def durations(self):
        """How long each frame is shown, in ms; None where the file does not say."""
        if self._count == 1:
            return None
        found = []
        for index in range(self._count):
            self._image.seek(index)
            self._image.load()
            found.append(self._image.info.get("duration"))
        return None if None in found else found

    def __getitem__(self, index):
        """Frame `index` as `Pixels`."""
        index = range(self._count)[index]
        if self._count > 1:
            self._image.seek(index)
        self._image.load()  # also where OpenCV decodes: it would take half a file without a word
        image = self._image
        if self._count == 1 and _is_16_bit_colour(image, self._data):
            values = _decode_16_bits(self._data)
            values = upright(values, image.getexif().get(ExifTags.Base.Orientation, 1))
            return _in_srgb(np.ascontiguousarray(values), _profile(image), self._name)
        return from_pil(image, self._name)

    def indices(self, index=0):
        """The numbers of a frame with a palette, `(height, width, 1)`; None where it has none."""
        if self._count > 1:
            self._image.seek(index)
        if self._image.mode != "P":
            return None
        return Pixels(np.array(ImageOps.exif_transpose(self._image))[..., None], alpha=False)

    def check(self):
        """Types of the frames; the less there is to doubt, the faster.

        Files cut short are found: of PNGs the checksums are compared, JPEGs are decoded at an
        eighth of their size, other formats as a whole.
        """
        image = self._image
        if self._count > 1 or image.mode in ("F", "I"):
            return [self[index].dtype for index in range(len(self))]
        if self.kind == "PNG":
            wide = self._data[24] == 16
            image.verify()
            return [np.dtype(np.uint16 if wide else np.uint8)]
        image.draft(None, (1, 1))  # heeded by JPEG alone
        image.load()
        return [np.dtype(np.uint8)]


def from_pil(image, name="image"):
    """Makes `Pixels` of an open Pillow image: upright, in sRGB.

    Args:
        image: `PIL.Image.Image` of any 8-bit mode, of 16-bit gray or of floats.
        name: What a message calls it.

    Returns:
        uint8, uint16 or float32 `Pixels` `(height, width, 1 to 4 channels)`.

    Raises:
        InputError: If it holds whole numbers that are not of 16 bits.
    """
    profile = _profile(image)
    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        return Pixels(np.array(image)[..., None], alpha=False)
    if image.mode.startswith("I"):
        values = _of_16_bits(image, name)
    elif image.mode == "CMYK" and profile:
        inks = np.array(image)
        return Pixels(colour.to_srgb(inks, profile, "cmyk", name)[..., :3], alpha=False)
    else:
        gray, alpha = image.mode in _GRAY, image.has_transparency_data
        to = ("LA" if gray else "RGBA") if alpha else "L" if gray else "RGB"
        values = np.array(image.convert(to))
    return _in_srgb(values if values.ndim == 3 else values[..., None], profile, name)


def check_size(width, height, name):
    """Raises TooManyPixels where Pillow would not unpack an image of that size."""
    if width * height > 2 * Image.MAX_IMAGE_PIXELS:
        raise TooManyPixels(
            f"{name} has more than {2 * Image.MAX_IMAGE_PIXELS:,} pixels: make it smaller first."
        )


def save(image, path, **options):
    """Writes a `PIL.Image` to a path, as its suffix says.

    Raises:
        InputError: If such a file cannot hold it, as a WebP of more than 16383 pixels a side.
        OSError: If the file cannot be written.
    """
    try:
        image.save(path, **options)
    except (OSError, ValueError) as error:
        if getattr(error, "errno", None) is not None:
            raise
        raise InputError(
            f"An image of {image.width}x{image.height} pixels cannot be written as {path.suffix} "
            f"({error}): choose another suffix, such as .png."
        ) from error


def encode_16_bits(image):
    """Bytes of a PNG of a uint16 array `(height, width, 1, 3 or 4)`."""
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[image.shape[-1]]
    return cv2.imencode(".png", np.ascontiguousarray(image[..., order]))[1].tobytes()


def _profile(image):
    """The colour profile: the file's own, or that which cameras name in EXIF instead."""
    profile = image.info.get("icc_profile")
    if profile is None and image.getexif():
        named = image.getexif().get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex)
        profile = colour.adobe_rgb() if named == "R03" else None
    return profile


def _in_srgb(values, profile, name):
    """`Pixels` of gray or RGB, with transparency or without."""
    alpha = values.shape[-1] in (2, 4)
    colours, rest = values[..., : values.shape[-1] - alpha], values[..., values.shape[-1] - alpha :]
    space = "gray" if colours.shape[-1] == 1 else "rgb"
    converted = colour.to_srgb(colours, profile, space, name)
    return Pixels(np.concatenate([converted, rest], -1) if alpha else converted, alpha=alpha)


def _is_16_bit_colour(image, data):
    """Whether a PNG's header promises 16 bits, of which Pillow keeps 8."""
    return image.format == "PNG" and data[24] == 16 and not image.mode.startswith("I")


def _decode_16_bits(data):
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        raise ValueError("its kind of 16-bit colour is not known; save it as a 16-bit RGB PNG")
    gray_and_alpha = data[25] == 4  # the colour type in IHDR
    return pixels[..., [0, 3] if gray_and_alpha else [2, 1, 0, 3][: pixels.shape[2]]]


def _of_16_bits(image, name):
    """Gray of 16 bits, with a transparent value or without: Pillow's mode may be of 32 bits."""
    values = np.array(image)[..., None]
    if values.min() < 0 or values.max() > 65535:
        raise InputError(
            f"{name} cannot be used as an image: its whole numbers are not within 0 to 65535; save "
            "it with 16 bits."
        )
    values, transparent = values.astype(np.uint16), image.info.get("transparency")
    if not isinstance(transparent, int):
        return values
    alpha = np.where(values == transparent, 0, 65535).astype(np.uint16)
    return np.concatenate([values, alpha], -1)
