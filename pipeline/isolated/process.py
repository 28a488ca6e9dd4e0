"""One child process with its models loaded, from the side of its parent."""

import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from pipeline.backends import Choice
from pipeline.cropping.crop_job import Job
from pipeline.datasets.base import Video
from pipeline.errors import UserError
from pipeline.isolated.start import start
from pipeline.isolated.watch import STEP_S, Watch, too_much_memory

_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[3]);"
    " from pipeline.isolated.child import main; main(int(sys.argv[1]), int(sys.argv[2]))"
)
_DYING_S = 60
"""So long a process may take to be gone after it closed its connection; a crash writes no core."""


class Lost(Exception):  # noqa: N818  (not an error of this program)
    """The child is gone: why, in words that are the same on every run."""


class Child:
    """A process that has loaded the landmark models and crops one video after the other.

    made_on: where the models run. Raises UserError where they cannot be loaded.
    """

    def __init__(self, choice: Choice) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            path = json.dumps([folder for folder in sys.path if isinstance(folder, str)])
            numbers = (str(theirs.fileno()), str(os.getpid()))
            command = [sys.executable, "-c", _PROGRAM, *numbers, path]
            self._process = start(command, theirs.fileno())
            self._connection = Connection(ours.detach())
        try:
            self._connection.send(choice)
            kind, *values = self._connection.recv()
        except (EOFError, OSError):
            how = self._ending()
            raise UserError(
                f"the process that decodes and finds faces {how} at its start"
            ) from None
        except BaseException:
            self.end()
            raise
        if kind != "ready":
            self.end()
            _raise(kind, *values)
        self.made_on, self._in_use = str(values[0]), int(values[1])

    def crop(self, row: Video, job: Job) -> Iterator[tuple[Any, ...]]:
        """Crop one video: the messages of the child (child.py), the last of which is "done".

        Raises Lost where it dies or passes a limit, UserError for what it refuses, RuntimeError for
        a bug in it.
        """
        limits, task = job.settings.limits, (row, job.for_one(row.path))
        self._wait_at_most(limits.stalled)
        watch = Watch(self._process.pid, self._in_use, limits)
        try:
            self._connection.send(task)
            while True:
                message = self._next(watch)
                if message[0] == "memory":
                    raise Lost(too_much_memory(limits))
                if message[0] in ("refused", "bug"):
                    _raise(*message)
                yield message
                if message[0] == "done":
                    return
        except (EOFError, ConnectionError):
            raise Lost(self._ending()) from None
        except BlockingIOError:
            raise Lost(f"gave no frame for {limits.stalled} s") from None

    def _next(self, watch: Watch) -> tuple[Any, ...]:
        while True:
            has_message = self._connection.poll(STEP_S)
            if has_message:
                watch.heard()
            passed = watch.passed()
            if passed:
                raise Lost(passed)
            if has_message:
                message: tuple[Any, ...] = self._connection.recv()
                return message
            if self._process.poll() is not None and not self._connection.poll(0):
                raise EOFError

    def _ending(self) -> str:
        """How it has ended by itself."""
        try:
            code = self._process.wait(_DYING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self.end()
        if code == -signal.SIGKILL:
            return "was killed (SIGKILL), as the system does where memory runs out"
        if code >= 0:
            return f"ended the decoder or the face mesh with exit code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"crashed the decoder or the face mesh ({name})"

    def end(self) -> None:
        """Kill it, and close the connection; it holds nothing that could be lost."""
        self._process.kill()
        self._process.wait()
        with suppress(OSError):
            self._connection.close()

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def _wait_at_most(self, seconds: int) -> None:
        # Half a message from a process that hangs must not keep this one for ever.
        with socket.socket(fileno=os.dup(self._connection.fileno())) as same:
            patience = struct.pack("ll", seconds, 0)
            same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)


def _raise(kind: str, text: str) -> None:
    if kind == "refused":
        raise UserError(text)
    raise RuntimeError(f"in the process that decodes and finds faces:\n{text}")
