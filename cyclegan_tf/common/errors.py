"""Exceptions that are about what was given, and no fault of the program."""


class InputError(ValueError):
    """Bad input, said in one sentence.

    The message names the argument or file, what was received, and what to do.
    The command line prints it and exits with status 2; from Python it is a `ValueError`.
    """

    status = 2


class NotWritten(InputError):
    """A file cannot be written, for want of permission or room."""


class PartlyDone(InputError):
    """A part of what was asked for is done and remains. The command line's status is 3."""

    status = 3
