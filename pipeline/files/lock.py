"""One writer to a folder OUT: the lock that the Snakefile and `ocim run` hold."""

import fcntl
from pathlib import Path
from typing import IO

from pipeline.errors import UserError


def take(out: Path) -> IO[str]:
    """Lock OUT for as long as the returned file is open, at most for the life of this process.

    The system frees it, also after kill -9, so there is nothing stale to be removed by hand. On
    NFS 4 it holds for all machines. OUT is made where it is not there. Raises UserError where
    another run holds the lock, or the file system keeps none.
    """
    out.mkdir(parents=True, exist_ok=True)
    file = (out / ".lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise UserError(
            f"{out}: another run is writing here; wait for it, or set another out"
        ) from None
    except OSError as error:  # a network file system without locks
        file.close()
        raise UserError(
            f"{out}: this file system keeps no locks ({error.strerror}); mount it with them"
        ) from None
    return file
