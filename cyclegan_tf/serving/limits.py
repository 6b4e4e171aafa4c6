"""What the service accepts: each limit a setting with a safe default."""

import dataclasses

from cyclegan_tf.common.checks import check_whole


@dataclasses.dataclass(frozen=True)
class Limits:
    """How much of what is accepted, so that memory and time are bounded whoever calls.

    Attributes:
        bytes: Of an upload, its hint included.
        pixels: Of an image, height times width; also of all images that are unpacked at a
            time.
        side: Pixels of an image's longer side.
        frames: Of a file with several (TIFF, animations); the first one is translated.
        working: Pixels at which the network may see an image.
        seconds: From a complete request to its answer.
        transfer: Seconds for a request to arrive, and for an answer to be fetched.
        queue: Images that are worked on or wait for their turn.
        connections: Open at a time.

    Raises:
        InputError: If one is not a whole number of at least 1.
    """

    bytes: int = 16 * 2**20
    pixels: int = 40_000_000
    side: int = 16384
    frames: int = 16
    working: int = 4_194_304
    seconds: int = 60
    transfer: int = 120
    queue: int = 64
    connections: int = 96

    def __post_init__(self):
        for field in dataclasses.fields(self):
            check_whole(field.name, getattr(self, field.name), 1)
