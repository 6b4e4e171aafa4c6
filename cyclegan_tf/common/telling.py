"""Warnings at the line of whoever called the package, however deep they arise."""

import sys
import warnings


def warn(sentence):
    """Warns with a sentence, at the nearest line outside of this package.

    Args:
        sentence: What is said; nothing happens if it is empty.
    """
    if not sentence:
        return
    level, frame = 2, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("cyclegan_tf."):
        level, frame = level + 1, frame.f_back
    warnings.warn(sentence, stacklevel=level)
