"""MediaPipe without its notices on standard error, and without packages that it need not import."""

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

NOTICE = re.compile(rb"[IW]\d{4} |INFO: |WARNING: ")
"""How MediaPipe's lines begin that tell no error."""


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """File descriptor 2 goes nowhere meanwhile: MediaPipe's C++ writes there directly."""
    os.environ.setdefault("GLOG_minloglevel", "2")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


class Sieve:
    """Standard error without MediaPipe's notices, for what is called often; a context manager.

    From 1.x on a call may write one, by chance and whatever the environment says. Other lines,
    other threads' as well, are passed on when the call ends.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._kept = -1

    def __enter__(self) -> None:
        self._kept = os.dup(2)
        os.dup2(self._file.fileno(), 2)

    def __exit__(self, *_: object) -> None:
        os.dup2(self._kept, 2)
        os.close(self._kept)
        if self._file.seek(0, os.SEEK_END):
            self._file.seek(0)
            lines = self._file.read().splitlines(keepends=True)
            self._file.seek(0)
            self._file.truncate()
            os.write(2, b"".join(line for line in lines if not NOTICE.match(line)))

    def close(self) -> None:
        """Remove its file."""
        self._file.close()


@contextlib.contextmanager
def without(package: str) -> Iterator[None]:
    """Importing the package fails meanwhile, unless it was imported before.

    MediaPipe imports tensorflow where it is installed, for its own documentation alone: seconds and
    hundreds of megabytes in every process.
    """
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]
