"""The one exception that means "what you gave us cannot be used"."""


class InputError(ValueError):
    """Bad input, said in one sentence.

    The message names the argument or file, what was received, and what to do.
    The command line prints it and exits with status 2; from Python it is a `ValueError`.
    """
