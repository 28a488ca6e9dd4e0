"""What runs in the child: videos are cropped one after the other, their samples sent on.

Its messages begin with their kind. At its start: ready (where the models run, bytes of memory in
use). Of a video: beat; record (of samples.RECORD, the looser picture); and last done (numbers of
the chosen records, failures, remarks) or memory. Instead of any: refused or bug (the text).
"""

import os
import resource
import time
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, cast

import numpy as np

from labels.landmarks import FaceFinder as Landmarks
from pipeline.cropping.crop_job import Job
from pipeline.cropping.crop_video import crop_video
from pipeline.cropping.samples import RECORD, Samples
from pipeline.cropping.spool import ByteSpool, Spool
from pipeline.datasets.base import Video
from pipeline.errors import UserError
from pipeline.files.memory import data_in_use
from pipeline.frames.libav import TooMuchMemory
from pipeline.isolated.start import die_with
from pipeline.isolated.watch import memory_bytes

BEAT_S = 1.0
"""So often it tells that frames come."""
SLACK = 1.25
"""The system refuses memory from so many limits on: the parent sees the limit passed before, unless
much is asked for at once."""
_NO_MEMORY = -4  # OpenCV's code


def main(handle: int, parent: int) -> None:
    """Work for the parent at the other end of a socket until it closes that, or is gone.

    handle: the socket's file descriptor. parent: the parent's process number.
    """
    die_with(parent)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would be of all loaded networks
    with suppress(EOFError, ConnectionError):
        serve(Connection(handle))
    os._exit(0)  # graphs and networks need no farewell


def serve(connection: Connection) -> None:
    """Load the models of the Choice that comes first, then crop each (row, job) that comes."""
    try:
        landmarks = connection.recv().load()
    except UserError as error:
        connection.send(("refused", str(error)))
        return
    except Exception:
        connection.send(("bug", traceback.format_exc()))
        return
    in_use = data_in_use(os.getpid()) or 0
    connection.send(("ready", landmarks.made_on, in_use))
    while True:
        row, job = connection.recv()
        most = in_use + int(SLACK * memory_bytes(job.settings.limits))
        try:
            allow_memory(most)
            answer = cropped(row, job, landmarks, connection)
        except UserError as error:
            answer = ("refused", str(error))
        except ConnectionError:
            raise
        except Exception as error:
            allow_memory(resource.RLIM_INFINITY)
            answer = ("memory",) if is_memory(error) else ("bug", traceback.format_exc())
        connection.send(answer)


def allow_memory(most: int) -> None:
    """Let the system refuse more than so many bytes of private writable memory, as far as the hard
    limit allows.
    """
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    if hard != resource.RLIM_INFINITY:
        most = hard if most == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def is_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, in the words of one of the libraries."""
    return (
        isinstance(error, MemoryError | TooMuchMemory)
        or getattr(error, "code", None) == _NO_MEMORY
        or "bad_alloc" in str(error)
    )


def cropped(row: Video, job: Job, landmarks: Landmarks, connection: Connection) -> tuple[Any, ...]:
    """Crop one video; its records are sent as they come, the last message is returned."""
    wire = Wire(connection)
    samples = Samples(cast(Spool, wire), cast(ByteSpool, wire.loose), job.settings, job.keep_loose)
    crop_video(row, landmarks, job, samples, wire.beat)
    chosen = [number for number, _ in samples.chosen]
    return "done", chosen, samples.failures, samples.remarks


class Loose:
    """In the place of the ByteSpool: keeps the looser picture of the record that is sent next."""

    def __init__(self) -> None:
        self.picture = b""

    def add(self, data: bytes) -> None:
        """Keep the bytes of a picture."""
        self.picture = data


class Wire:
    """In the place of the Spool: sends each record to the parent, and keeps none."""

    def __init__(self, connection: Connection) -> None:
        self.loose = Loose()
        self._connection = connection
        self._count = 0
        self._last_sent = time.monotonic()

    def add(self, **values: Any) -> int:
        """Send a record with its looser picture to the parent; its number is returned."""
        record = np.zeros((), RECORD)
        for name, value in values.items():
            record[name] = value
        self._send("record", record.tobytes(), self.loose.picture)
        self._count += 1
        return self._count - 1

    def beat(self) -> None:
        """Send, every BEAT_S seconds at most, that there was another frame."""
        if time.monotonic() >= self._last_sent + BEAT_S:
            self._send("beat")

    def _send(self, *message: Any) -> None:
        self._connection.send(message)
        self._last_sent = time.monotonic()
