"""Pencil sketches of pictures, by OpenCV's classic recipe."""

import cv2
import numpy as np

from cyclegan_tf.errors import InputError


def sketch(pictures: np.ndarray, *, blur: int | None = None) -> np.ndarray:
    """Turns pictures into pencil sketches: dark lines where the brightness changes.

    The gray picture is divided by its own Gaussian blur (colour dodge with the blurred
    negative): flat areas become white, and the darker side of every edge becomes a line.

    Args:
        pictures: uint8 RGB or gray picture(s), (height, width), (height, width, channels) or
            (n, height, width, channels) with 1 or 3 channels.
        blur: Width of the Gaussian kernel in pixels, an odd number of at least 3. The larger,
            the broader and softer the lines. By default about a seventh of the shorter side,
            so that a face looks alike at 64 and at 256 pixels.

    Returns:
        uint8 sketch(es), white paper 255. The shape is that of `pictures` with one channel;
        a picture without a channel axis stays without.

    Raises:
        InputError: If dtype, shape or `blur` cannot be used.

    Reference:
        - [OpenCV, GaussianBlur and divide](https://docs.opencv.org/4.x/d2/de8/group__core__array.html)
    """
    pictures = np.asarray(pictures)
    if pictures.dtype != np.uint8:
        raise InputError(f"pictures must be uint8 (0 to 255), not {pictures.dtype}; convert first.")
    if not (pictures.ndim == 2 or (pictures.ndim in (3, 4) and pictures.shape[-1] in (1, 3))):
        raise InputError(
            "pictures must be (height, width), (height, width, 1 or 3) or "
            f"(n, height, width, 1 or 3), not {pictures.shape}."
        )
    height, width = pictures.shape[-3:-1] if pictures.ndim > 2 else pictures.shape
    if not (height and width):
        raise InputError(f"pictures must have at least one pixel, not shape {pictures.shape}.")
    if blur is None:
        blur = default_blur(height, width)
    if not isinstance(blur, int | np.integer) or blur < 3 or blur % 2 == 0:
        raise InputError(f"blur must be an odd whole number of at least 3, not {blur!r}.")
    if pictures.ndim < 4:
        drawn = _draw(pictures, blur)
        return drawn[..., None] if pictures.ndim == 3 else drawn
    drawn = np.empty((*pictures.shape[:3], 1), np.uint8)
    for target, picture in zip(drawn, pictures, strict=True):
        target[..., 0] = _draw(picture, blur)
    return drawn


def default_blur(height: int, width: int) -> int:
    """Returns the kernel width, odd and at least 3, that suits a picture of this size."""
    return max(3, round(min(height, width) / 7) // 2 * 2 + 1)


def _draw(picture, blur):
    """Sketches one picture, (height, width) or (height, width, 1 or 3)."""
    picture = np.ascontiguousarray(picture)
    if picture.ndim == 3 and picture.shape[-1] == 3:
        gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    else:
        gray = picture.reshape(picture.shape[:2])
    blurred = cv2.GaussianBlur(255 - gray, (int(blur), int(blur)), 0)
    return cv2.divide(gray, 255 - blurred, scale=256)
