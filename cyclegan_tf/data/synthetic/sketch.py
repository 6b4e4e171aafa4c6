"""Pencil sketches of images, by OpenCV's classic recipe."""

import cv2
import numpy as np

from cyclegan_tf.common.errors import InputError


def sketch(images: np.ndarray, *, blur: int | None = None) -> np.ndarray:
    """Turns images into pencil sketches: dark lines where the brightness changes.

    The gray image is divided by its own Gaussian blur (colour dodge with the blurred
    negative): flat areas become white, and the darker side of every edge becomes a line.

    Args:
        images: uint8 RGB or gray image(s), (height, width), (height, width, channels) or
            (n, height, width, channels) with 1 or 3 channels.
        blur: Width of the Gaussian kernel in pixels, an odd number of at least 3. The larger,
            the broader and softer the lines. By default about a seventh of the shorter side,
            so that a face looks alike at 64 and at 256 pixels.

    Returns:
        uint8 sketch(es), white paper 255. The shape is that of `images` with one channel;
        an image without a channel axis stays without.

    Raises:
        InputError: If dtype, shape or `blur` cannot be used.

    Reference:
        - [OpenCV, GaussianBlur and divide](https://docs.opencv.org/4.x/d2/de8/group__core__array.html)
    """
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise InputError(f"images must be uint8 (0 to 255), not {images.dtype}; convert first.")
    if not (images.ndim == 2 or (images.ndim in (3, 4) and images.shape[-1] in (1, 3))):
        raise InputError(
            "images must be (height, width), (height, width, 1 or 3) or "
            f"(n, height, width, 1 or 3), not {images.shape}."
        )
    height, width = images.shape[-3:-1] if images.ndim > 2 else images.shape
    if not (height and width):
        raise InputError(f"images must have at least one pixel, not shape {images.shape}.")
    if blur is None:
        blur = default_blur(height, width)
    if not isinstance(blur, int | np.integer) or blur < 3 or blur % 2 == 0:
        raise InputError(f"blur must be an odd whole number of at least 3, not {blur!r}.")
    if images.ndim < 4:
        drawn = _draw(images, blur)
        return drawn[..., None] if images.ndim == 3 else drawn
    drawn = np.empty((*images.shape[:3], 1), np.uint8)
    for target, image in zip(drawn, images, strict=True):
        target[..., 0] = _draw(image, blur)
    return drawn


def default_blur(height: int, width: int) -> int:
    """Returns the kernel width, odd and at least 3, that suits an image of this size."""
    return max(3, round(min(height, width) / 7) // 2 * 2 + 1)


def _draw(image, blur):
    """Sketches one image, (height, width) or (height, width, 1 or 3)."""
    image = np.ascontiguousarray(image)
    if image.ndim == 3 and image.shape[-1] == 3:
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    else:
        gray = image.reshape(image.shape[:2])
    blurred = cv2.GaussianBlur(255 - gray, (int(blur), int(blur)), 0)
    return cv2.divide(gray, 255 - blurred, scale=256)
