"""The one kind of error that a user is meant to read."""

import errno


class UserError(Exception):
    """A user's mistake, told in one line: what is wrong, where, and what to do.

    The command line prints the message without a traceback and exits with code 2.
    """


REFUSALS = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT,
    errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EMFILE,
    errno.EIO, errno.EFBIG,
)  # fmt: skip
"""What a disk or a folder may refuse: told in one line. Any other OSError is a bug, shown whole."""
