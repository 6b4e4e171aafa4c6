"""Uploads, checked by their headers before anything is unpacked."""

import io
from dataclasses import dataclass
from typing import Any

from PIL import Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io import formats
from cyclegan_tf.serving.errors import ServiceError

#: A progressive JPEG repeats its image in scans. Cameras and editors write about ten; each
#: costs as much as an image, and takes next to no bytes.
SCANS = 100


@dataclass(frozen=True)
class Upload:
    """A file that promises to be an image.

    Attributes:
        data: Its bytes.
        kind: Name of its format, such as "PNG".
        width: Pixels, as stored (before EXIF turns it upright).
        height: Pixels.
        several: Whether it holds more frames than the first.
    """

    data: Any
    kind: str
    width: int
    height: int
    several: bool

    @property
    def pixels(self):
        """Height times width."""
        return self.width * self.height

    def decode(self):
        """Unpacks the first frame.

        Returns:
            Array as from `image_file.read`.

        Raises:
            ServiceError: If the file is damaged.
        """
        try:
            return formats.decode(self.data)
        except InputError as error:
            raise ServiceError("unusable_picture", str(error), "file") from error


def look_at(data, limits):
    """Reads a file's header only.

    Args:
        data: Bytes of the file.
        limits: `Limits`.

    Returns:
        `Upload`.

    Raises:
        ServiceError: If it is no image of a known format, or larger than the limits.
    """
    if not data:
        raise ServiceError("no_picture", "The file is empty: send an image.", "file")
    try:
        with Image.open(io.BytesIO(data), formats=formats.PILLOW) as image:
            kind, (width, height) = image.format, image.size
            if width * height > limits.pixels or max(width, height) > limits.side:
                raise ServiceError(
                    "too_many_pixels",
                    f"The image has {width}x{height} pixels, and {limits.pixels:,} are accepted, "
                    f"{limits.side:,} along a side: make it smaller first.",
                    "file",
                )
            frames = _frames(image, limits.frames)
    except ServiceError:
        raise
    except Image.DecompressionBombError as error:
        raise ServiceError(
            "too_many_pixels",
            f"The image promises more than the {limits.pixels:,} pixels that are accepted: make "
            "it smaller first.",
            "file",
        ) from error
    except Exception as error:  # readers of headers raise nearly anything at damaged data
        raise ServiceError(
            "no_picture",
            "The file is no PNG, JPEG, TIFF, WebP or BMP image, or its beginning is damaged: "
            "save it as one of these.",
            "file",
        ) from error
    if kind in ("JPEG", "MPO") and data.count(b"\xff\xda") > SCANS:
        raise ServiceError(
            "unusable_picture",
            f"The JPEG has more than {SCANS} scans: save it as an ordinary one.",
            "file",
        )
    if frames > limits.frames:
        raise ServiceError(
            "too_many_frames",
            f"The file has more than {limits.frames} frames, as many as are accepted: save the one "
            "that you want alone.",
            "file",
        )
    return Upload(data, "JPEG" if kind == "MPO" else kind, width, height, frames > 1)


def _frames(image, most):
    """Number of frames, counted no further than one above `most`."""
    if image.format != "TIFF":
        return getattr(image, "n_frames", 1)
    count = 1  # of a TIFF, n_frames would walk through a chain as long as the file allows
    try:
        while count <= most:
            image.seek(count)
            count += 1
    except EOFError:
        pass
    return count
