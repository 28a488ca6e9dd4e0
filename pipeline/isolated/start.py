"""Processes that end with this one, however it ends, and hear no signals but from it."""

import os
import signal
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from pipeline.errors import UserError

_LEFT_TO_THE_PARENT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@cache
def _starter() -> ThreadPoolExecutor:
    """One thread that lives as long as this process.

    Linux ends a child with the *thread* that started it (`die_with`), and those of a pool come and
    go. The child also has the thread's blocked signals: a terminal sends its own to all processes,
    and what is to become of the child is the parent's to say.
    """

    def begin() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _LEFT_TO_THE_PARENT)

    return ThreadPoolExecutor(1, "starter", begin)


os.register_at_fork(after_in_child=_starter.cache_clear)  # no thread lives on in a fork


def start(command: Sequence[str], handle: int) -> "subprocess.Popen[bytes]":
    """Start a process that gets one open file of this one. handle: its descriptor. UserError where
    the system refuses.
    """
    try:
        return (
            _starter()
            .submit(
                subprocess.Popen,
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(handle,),
            )
            .result()
        )
    except OSError as error:
        raise UserError(f"no process can be started to decode in: {error.strerror}") from None


def die_with(parent: int) -> None:
    """Have the system kill this process, a child, when its parent is gone.

    Even while it loops in code of C. Only Linux does this; elsewhere a child ends when it next
    tells something, or when its parent sees the limit of time passed. parent: its process number.
    """
    import ctypes
    import sys

    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != parent:  # it has gone before this
        os._exit(0)
