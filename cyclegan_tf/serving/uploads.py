"""Uploads, checked by their headers before anything is unpacked."""

from dataclasses import dataclass
from typing import Any

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data.io import formats
from cyclegan_tf.data.io.pillow import TooManyPixels
from cyclegan_tf.serving.errors import ServiceError

#: What the image in each part of the form is called.
_CALLED = {"file": "image", "hint": "hint"}
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
        field: Name of the form's part that it came in.
    """

    data: Any
    kind: str
    width: int
    height: int
    several: bool
    field: str = "file"

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
            return formats.decode(self.data, f"The {_CALLED[self.field]}")
        except InputError as error:
            raise ServiceError("unusable_picture", str(error), self.field) from error


def look_at(data, limits, field="file"):
    """Reads a file's header only.

    Args:
        data: Bytes of the file.
        limits: `Limits`.
        field: Name of the form's part that they came in: "file" or "hint".

    Returns:
        `Upload`.

    Raises:
        ServiceError: If it is no image of a known format, or larger than the limits.
    """
    if not data:
        raise ServiceError("no_picture", f"The {field} is empty: send an image.", field)
    try:
        with formats.opened(data, f"The {field}") as frames:
            kind, (width, height), count = frames.kind, frames.size, len(frames)
    except TooManyPixels as error:
        raise ServiceError(
            "too_many_pixels",
            f"The {_CALLED[field]} promises more than the {limits.pixels:,} pixels that are "
            "accepted: make it smaller first.",
            field,
        ) from error
    except InputError as error:
        raise ServiceError("no_picture", str(error), field) from error
    if width * height > limits.pixels or max(width, height) > limits.side:
        raise ServiceError(
            "too_many_pixels",
            f"The {_CALLED[field]} has {width}x{height} pixels, and {limits.pixels:,} are "
            f"accepted, {limits.side:,} along a side: make it smaller first.",
            field,
        )
    if kind == "JPEG" and data.count(b"\xff\xda") > SCANS:
        raise ServiceError(
            "unusable_picture",
            f"The JPEG has more than {SCANS} scans: save it as an ordinary one.",
            field,
        )
    if count > limits.frames:
        raise ServiceError(
            "too_many_frames",
            f"The {field} has more than {limits.frames} frames, as many as are accepted: save the "
            "one that you want alone.",
            field,
        )
    return Upload(data, kind, width, height, count > 1, field)
