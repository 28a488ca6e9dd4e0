"""How much memory a process has taken, and whether it may take more."""

import os
import resource
from pathlib import Path


def data_in_use(process: int) -> int | None:
    """Bytes of private writable memory that a process has; None where that cannot be told.

    It is what RLIMIT_DATA limits: also memory that was asked for and not yet written to.
    """
    try:
        fields = Path(f"/proc/{process}/statm").read_bytes().split()
        return int(fields[5]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return None


def may_take(size: int) -> bool:
    """Whether the limit of this process (RLIMIT_DATA) leaves `size` bytes; true without a limit."""
    most = resource.getrlimit(resource.RLIMIT_DATA)[0]
    if most == resource.RLIM_INFINITY:
        return True
    in_use = data_in_use(os.getpid())
    return in_use is not None and in_use + size <= most
