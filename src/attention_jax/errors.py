"""The one exception that stands for a user's mistake."""


class UserError(Exception):
    """A mistake the user can mend: one sentence that names the thing and the remedy.

    The command line prints the sentence and exits with status 2, without a traceback.
    """


class NonFiniteLossError(Exception):
    """The loss stopped being a number; the command line exits with status 3."""
