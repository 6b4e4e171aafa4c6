"""TIFF: every sample as the file means it, read and written by tifffile."""

import io
import logging
import math

import numpy as np
import tifffile

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io import colour, pillow
from cyclegan_tf.data.io.arrays import check_finite, in_own_values
from cyclegan_tf.data.io.pixels import Pixels, has_alpha, masked, upright, white

_ORIENTATION, _PROFILE, _NODATA = 274, 34675, 42113  # the last one is GDAL's
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
#: Of each photometric interpretation, what its first samples are.
_SPACES = {_WHITE_IS_ZERO: "gray", _BLACK_IS_ZERO: "gray", _RGB: "rgb", _YCBCR: "rgb"}
_SPACES |= {_PALETTE: "rgb", _CMYK: "cmyk"}
_COLOURS = {"gray": 1, "rgb": 3, "cmyk": 4}
_UNCOMPRESSED, _JPEG = 1, (6, 7, 33007, 34892)
# What a sample beyond the colours is: transparency that they were multiplied by, or not.
_PREMULTIPLIED, _ALPHA = 1, 2
_REDUCED_OR_MASK = 0b101
# What is wrong with a file, our own sentence says.
logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)


class TiffFrames:
    """The pages of a TIFF, decoded on access; thumbnails and masks are left out.

    Args:
        data: Bytes of the file.
        name: What messages call it.
    """

    kind, durations = "TIFF", None

    def __init__(self, data, name):
        self._data, self._name = data, name
        file = tifffile.TiffFile(io.BytesIO(data))
        pages = list(file.pages)
        if not pages or not all(map(_is_whole, pages)):
            raise InputError(f"{name} cannot be read as an image: its directory is damaged.")
        self._pages = [p for p in pages if not p.subfiletype & _REDUCED_OR_MASK] or pages
        more = (file.is_shaped or file.is_imagej) and len(pages) == 1
        if more and file.series[0].size > math.prod(pages[0].shape):
            raise InputError(
                f"{name} holds several images under one directory: save each as a page."
            )

    def __len__(self):
        return len(self._pages)

    @property
    def size(self):
        """`(width, height)` of the first page, as stored."""
        return self._pages[0].imagewidth, self._pages[0].imagelength

    def __getitem__(self, index):
        """Page `index` as `Pixels`."""
        page = self._pages[index]
        if page.photometric == _YCBCR and page.compression not in _JPEG:
            return pillow.PillowFrames(self._data, self._name)[index]
        image = _image(page, self._name)
        return _with_nodata(Pixels(_turned(image, page), has_alpha(image)), page)

    def indices(self, index=0):
        """The numbers of a page with a palette, `(height, width, 1)`; None where it has none."""
        page = self._pages[index]
        if page.photometric != _PALETTE:
            return None
        return Pixels(_turned(_samples(page, self._name), page), alpha=False)

    def check(self):
        """Decodes every page, since some compressions say nothing before."""
        return [check_finite(self[index], self._name).dtype for index in range(len(self))]


def encode(images, nodata=None):
    """Bytes of a TIFF with exactly the values of its images, a page for each.

    Args:
        images: Sequence of uint8, uint16 or float32 arrays `(height, width, channels)`; of 2 and 4
            channels the last is transparency, unless they are `Pixels` that say that it is not.
        nodata: The number that stands where floats are NaN and whole numbers transparent, said in
            GDAL's tag.
    """
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for image in images:
            values, alpha, tags = np.asarray(image), has_alpha(image), []
            if nodata is not None and _holds(values.dtype, nodata):
                values, alpha = _filled(values, alpha, nodata)
                tags = [(_NODATA, "s", 0, f"{nodata:.17g}", True)]
            colours = values.shape[-1] - alpha
            rgb = colours in (3, 4)
            writer.write(
                values[..., 0] if values.shape[-1] == 1 else values,
                photometric="rgb" if rgb else "minisblack",
                planarconfig="contig" if values.shape[-1] > 1 else None,
                extrasamples=[0] * (colours - (3 if rgb else 1)) + [_ALPHA] * alpha,
                compression="zlib",
                metadata=None,
                extratags=tags,
            )
    return file.getvalue()


def _is_whole(page):
    """Whether a page says in numbers what it is."""
    said = (page.imagewidth, page.imagelength, page.samplesperpixel, page.bitspersample)
    return all(isinstance(number, int) and number > 0 for number in said)


def _holds(dtype, number):
    """Whether a type has a number among its values."""
    limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    return (np.isnan(number) and dtype.kind == "f") or limits.min <= number <= limits.max


def _filled(values, alpha, nodata):
    """The values with the number for "no data" where there is none, and whether alpha is left."""
    if values.dtype.kind == "f":
        return np.where(np.isnan(values), values.dtype.type(nodata), values), alpha
    if not alpha:
        return values, False
    return np.where(values[..., -1:] == 0, values.dtype.type(nodata), values[..., :-1]), False


def _image(page, name):
    """A page as stored, in sRGB."""
    space = _SPACES.get(page.photometric)
    if space is None:
        kind = getattr(page.photometric, "name", page.photometric)
        raise InputError(f"{name} holds {kind} values, which are not known here: save it as RGB.")
    values = _samples(page, name)
    if page.photometric == _PALETTE:
        values = _of_palette(page, values)
    count = _COLOURS[space]
    colours, rest = values[..., :count], values[..., count:]
    means = tuple(page.extrasamples)[:1]
    # Four samples without a word about the fourth: programs that write such mean transparency.
    alpha = rest.shape[-1] == 1 and means != (0,)
    if colours.shape[-1] < count or (space == "cmyk" and rest.shape[-1] > alpha):
        raise InputError(
            f"{name} has {values.shape[-1]} samples per pixel for {space.upper()}: save it as RGB."
        )
    if page.photometric == _WHITE_IS_ZERO:
        if colours.dtype.kind != "u":
            raise InputError(f"{name} is WhiteIsZero of {colours.dtype}: save it as BlackIsZero.")
        colours, rest = (
            white(colours.dtype) - colours,
            rest if alpha else white(colours.dtype) - rest,
        )
    colours, rest = in_own_values(colours), in_own_values(rest)
    if alpha and means == (_PREMULTIPLIED,):
        colours = _divided(colours, rest)
    tag = page.tags.get(_PROFILE)
    # Floats are measurements, whatever profile a program puts beside them.
    profile = tag.value if tag is not None and colours.dtype.kind == "u" else None
    colours = colour.to_srgb(colours, profile, space, name)
    if space == "cmyk" and colours.shape[-1] == 4:
        colours = _of_inks(colours)
    return Pixels(np.concatenate([colours, rest], -1), alpha=alpha)


def _samples(page, name):
    """The stored numbers `(height, width, samples)`; of 2 to 15 bits widened to 8 or 16."""
    height, width, bits = page.imagelength, page.imagewidth, page.bitspersample
    if page.imagedepth > 1 or page.dtype is None or page.dtype.kind not in "buif":
        raise InputError(f"{name} is a TIFF of a kind that is not known here: save it as RGB.")
    counts, end = page.databytecounts, page.parent.filehandle.size
    stored = sum(counts) * 8 if page.compression == _UNCOMPRESSED and all(counts) else math.inf
    reach = max((a + n for a, n in zip(page.dataoffsets, counts, strict=True)), default=0)
    if reach > end or stored < height * width * page.samplesperpixel * bits:
        raise InputError(f"{name} cannot be read as an image: it was cut short.")
    pillow.check_size(width, height, name)
    values = page.asarray(maxworkers=1)
    if page.axes[:1] == "S":
        values = np.moveaxis(values, 0, -1)
    values = values.reshape(height, width, -1)
    if values.dtype.kind == "b":
        return values.astype(np.uint8) * (1 if page.photometric == _PALETTE else 255)
    if page.photometric == _PALETTE or values.dtype.kind != "u" or bits in (8, 16, 32, 64):
        return values
    widened = np.rint(values * (white(values.dtype) / (2**bits - 1)))
    return widened.astype(values.dtype)


def _of_palette(page, values):
    """Palettes hold 16 bits; old programs wrote 8 into them."""
    colours = np.asarray(page.colormap).T
    colours = colours // 256 if colours.max() > 255 else colours
    return colours.astype(np.uint8)[values[..., 0]]


def _of_inks(inks):
    """RGB of CMYK without a profile, as Pillow has it: each ink takes its share of the light."""
    light = 1.0 - inks / white(inks.dtype)
    return np.rint(light[..., :3] * light[..., 3:] * white(inks.dtype)).astype(inks.dtype)


def _divided(colours, alpha):
    """Colours that are stored multiplied by their opacity, without that."""
    top = white(alpha.dtype)
    straight = np.full(colours.shape, float(top))
    np.divide(colours * float(top), alpha, out=straight, where=alpha > 0)
    if colours.dtype.kind == "f":
        return straight.astype(colours.dtype)
    return np.rint(np.clip(straight, 0, top)).astype(colours.dtype)


def _turned(values, page):
    tag = page.tags.get(_ORIENTATION)
    return np.ascontiguousarray(upright(np.asarray(values), 1 if tag is None else tag.value))


def _with_nodata(image, page):
    tag = page.tags.get(_NODATA)
    try:
        return image if tag is None else masked(image, float(str(tag.value).strip(" \0")))
    except ValueError:  # no number: GDAL takes none, too
        return image
