"""Colour profiles: whatever space an image's numbers are in, they become sRGB."""

import functools
import warnings

import numpy as np

#: Channels that a profile's space has, by the word in its header.
_SPACES = {b"RGB ": "rgb", b"GRAY": "gray", b"CMYK": "cmyk", b"Lab ": "lab"}
# Of lcms: no table in place of the curves, whose steps would show at 16 bits.
_EXACT = 0x100
_RELATIVE_COLORIMETRIC = 1
# Of 255: what rounding alone can make of a profile that is sRGB.
_ROUNDING = 1


def to_srgb(values, profile, space, name):
    """Converts colours as their ICC profile says, relative to the white of each space.

    Args:
        values: uint8, uint16 or float32 array `(height, width, 1, 3 or 4)`; floats have their
            white at 1.
        profile: Bytes of the profile; None or empty if there is none.
        space: "rgb", "gray" or "cmyk": what the numbers are.
        name: What a warning calls the image.

    Returns:
        Array of the same type: 1 channel for gray, else 3. Without a profile that fits, gray and
        RGB are as they were, and a warning says so.
    """
    if not profile:
        return values
    of_profile = _SPACES.get(profile[16:20])
    if of_profile is None or (of_profile != space and (space, of_profile) != ("gray", "rgb")):
        warnings.warn(
            f"{name} has a colour profile for other numbers than its own ({space}): taken as sRGB.",
            stacklevel=2,
        )
        return values
    try:
        if space != "cmyk" and _is_srgb(profile, of_profile):
            return values
        if of_profile == space:
            return _converted(values, profile, space)
        # Gray that a profile for RGB describes: equal amounts of its three colours.
        return _converted(np.repeat(values, 3, axis=-1), profile, "rgb")[..., 1:2]
    except (RuntimeError, ValueError, TypeError) as error:
        warnings.warn(
            f"{name} has a colour profile that cannot be read ({error}): taken as sRGB.",
            stacklevel=2,
        )
        return values


@functools.cache
def adobe_rgb():
    """The profile of Adobe RGB (1998)."""
    import imagecodecs

    return imagecodecs.cms_profile("adobergb")


def _converted(values, profile, space):
    import imagecodecs

    if space == "gray":
        values = values[..., 0]
    converted = imagecodecs.cms_transform(
        np.ascontiguousarray(values),
        profile,
        imagecodecs.cms_profile("srgb"),
        colorspace=space,
        outcolorspace="rgb",
        intent=_RELATIVE_COLORIMETRIC,
        flags=_EXACT if values.dtype == np.uint16 else 0,
    )
    return converted[..., 1:2] if space == "gray" else converted


@functools.lru_cache(maxsize=64)
def _is_srgb(profile, space):
    """Whether a profile changes no colour by more than rounding does."""
    levels = np.linspace(0, 255, 18).round().astype(np.uint8)
    if space == "gray":
        probe = levels[:, None, None]
    else:
        probe = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(1, -1, 3)
    return np.abs(_converted(probe, profile, space).astype(int) - probe).max() <= _ROUNDING
