"""The one exception for input a user can mend."""


class InputError(ValueError):
    """Input that cannot be used.

    The message is one sentence for the user: which file (or key), what was found, what was
    expected and what to do. Jobs print it without a traceback and stop their own pair only.
    """
