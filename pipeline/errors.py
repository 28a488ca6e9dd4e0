"""The one kind of error that a user is meant to read."""


class UserError(Exception):
    """A user's mistake, told in one line: what is wrong, where, and what to do.

    The command line prints the message without a traceback and exits with code 2.
    """
