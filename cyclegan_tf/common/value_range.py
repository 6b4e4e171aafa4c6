"""The one place where stored values and the networks' [-1, 1] are mapped onto each other."""

import numpy as np

#: The whole range of the stored integer types.
FULL_RANGE = {"uint8": (0.0, 255.0), "uint16": (0.0, 65535.0)}


def range_of(dtype, stored_dtype, stored_range):
    """The values of black and white in an image that a network is given.

    Args:
        dtype: The image's.
        stored_dtype: That of the images that the network was trained on; None if unknown.
        stored_range: Their `(low, high)`.

    Returns:
        `(low, high)`: the network's for an image of its own type and for floats; the full range
        for other whole numbers.
    """
    if str(dtype) == stored_dtype:
        return stored_range
    return FULL_RANGE.get(str(dtype), stored_range)


def normalize(stored, value_range):
    """Maps stored values to the networks' range.

    Args:
        stored: Array or tensor, already floating point (a tensor) or of any dtype (an array).
        value_range: `(low, high)`; `low` goes to -1 and `high` to 1.

    Returns:
        Floating-point array or tensor of the same shape; float32 for integer arrays.
    """
    low, high = value_range
    if isinstance(stored, np.ndarray):
        # In place: of a large image, one copy is enough.
        values = stored.astype(np.float32)
        values -= low
        values *= 2.0 / (high - low)
        values -= 1.0
        return values
    return (stored - low) * (2.0 / (high - low)) - 1.0


def denormalize(values, value_range, dtype):
    """Maps [-1, 1] back to stored values, clipped to the range, rounded for integers.

    Args:
        values: Float array in [-1, 1]; values outside are clipped.
        value_range: `(low, high)` as in `normalize`.
        dtype: NumPy dtype of the result.

    Returns:
        NumPy array of `dtype` and the same shape.
    """
    low, high = value_range
    values = np.clip(np.asarray(values, np.float32), -1.0, 1.0)
    values += 1.0
    values *= (high - low) / 2.0
    values += low
    if np.issubdtype(np.dtype(dtype), np.integer):
        np.rint(values, out=values)
    return values.astype(dtype)
