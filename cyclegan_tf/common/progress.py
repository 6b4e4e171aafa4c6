"""Progress of long work, for those who watch: on a terminal or in a notebook."""

import sys

import tqdm as library


def watched():
    """Whether somebody sees a line that is drawn over: not in a file, a pipe or a log."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def tqdm(*arguments, disable=False, **options):
    """A bar of `tqdm.tqdm`, which draws nothing where nobody watches.

    Args:
        *arguments: As for `tqdm.tqdm`.
        disable: Whether to draw nothing in any case.
        **options: As for `tqdm.tqdm`.
    """
    return library.tqdm(*arguments, disable=disable or not watched(), **options)
