"""Files that appear whole or not at all, also when a signal stops the program: write beside, then
rename."""

import errno
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from pipeline.errors import REFUSALS, UserError

_TEMPORARY = re.compile(r"\..*\.[0-9a-f]{8}\.([0-9a-f]{6})\.(\d+)\.tmp.*", re.DOTALL)
"""What temporary_name gives: of its parts the machine, and the process's number."""
_ABANDONED_S = 24 * 3600
"""What another machine has not written to for so long is not going to be finished."""
_unfinished: set[Path] = set()  # what this process has begun and is to remove if it is stopped


@contextmanager
def replace_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` when the block ends without error.

    The temporary name is short, unique to `path` and the process, and keeps the suffix, since some
    writers choose their format by it. On any error the temporary file (or folder) is removed and
    `path` is left as it was. Raises UserError where `path` is a device or a pipe, or where there
    can be no file.
    """
    path = Path(path)
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise UserError(f"{path}: a device or a pipe, not a file; name another")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(temporary_name(path.stem, path.name) + path.suffix)
    with removed_in_the_end(temporary):
        try:
            yield temporary
        except OSError as error:
            if error.filename not in (None, str(temporary)) or error.errno is None:
                raise
            if error.errno == errno.ENOENT:
                raise UserError(f"{path}: no file can be made here; name another") from None
            raise OSError(error.errno, error.strerror, str(path)) from error
        if path.is_dir():
            if not temporary.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            shutil.rmtree(path)
        temporary.replace(path)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Make `path` the file name of an OSError of REFUSALS in the block that has none."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno not in REFUSALS:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def check_apart(out: Path, inputs: Iterable[Path]) -> None:
    """Raise UserError where `out` is one of the files that are read."""
    for path in inputs:
        if out.exists() and path.exists() and out.samefile(path):
            raise UserError(f"{out}: is read here, and is not written over; name another file")


def temporary_name(kind: str, of: str) -> str:
    """The start of a hidden file name by which left_over knows the process that made it.

    kind: words for people. of: what it stands for, as no other temporary file of this process in
    that folder does.
    """
    key = hashlib.sha256(os.fsencode(of)).hexdigest()[:8]
    return f".{kind[:40]}.{key}.{this_machine()}.{os.getpid()}.tmp"


def left_over(folder: Path) -> Iterator[Path]:
    """Temporary files and folders in `folder` whose process does not live on this machine; those of
    other machines, whose processes nobody sees from here, once they are old.
    """
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        named = _TEMPORARY.fullmatch(path.name)
        if not named:
            continue
        if named[1] == this_machine():
            over = not is_running(int(named[2]))
        else:
            over = time.time() - os.lstat(path).st_mtime > _ABANDONED_S
        if over:
            yield path


def remove_left_over(folder: Path, start: str = ".") -> None:
    """Remove what killed processes have begun in `folder` (see left_over) and not finished.

    start: only names that begin so, as `temporary_name` gives them for a kind.
    """
    for path in left_over(folder):
        if path.name.startswith(start):
            _remove(path)


def this_machine() -> str:
    """Six digits that stand for this machine in temporary names: pods and jobs of several machines
    that share a disk often have one process number.
    """
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]


def is_running(process: int) -> bool:
    """Whether a process of this number lives on this machine; one that has ended does not, though
    nobody may have asked for its exit code, as in a container whose first process never does.
    """
    try:
        os.kill(process, 0)  # signal 0 asks, and does nothing
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    try:
        status = Path(f"/proc/{process}/stat").read_text(errors="replace")
    except OSError:  # no Linux
        return True
    return status.rpartition(")")[2].split()[0] != "Z"


@contextmanager
def removed_in_the_end(path: Path) -> Iterator[None]:
    """Remove the file or folder `path`, if it is there, after the block or when stopped in it."""
    _unfinished.add(path)
    try:
        yield
    finally:
        _remove(path)
        _unfinished.discard(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def stop_cleanly(quiet: bool = False) -> None:
    """From now on a signal to stop removes what is unfinished, then ends the process: 128 + number.

    quiet: nothing is said, as in one of several processes that are stopped together.

    Nothing is raised for this: an exception out of the blue is lost where code of C calls Python,
    and becomes an ImportError where a module is being loaded. A signal that is ignored (as under
    nohup) stays so, and a process forked from this one ends without removing anything.
    """
    owner = os.getpid()
    try:
        # A copy, since libraries are silenced by closing theirs.
        stderr = -1 if quiet else os.dup(2)
    except OSError:
        stderr = -1  # there is none: nobody is told

    def stop(number: int, frame: FrameType | None) -> None:
        try:
            if os.getpid() == owner:
                for path in sorted(_unfinished):
                    with suppress(OSError):  # the others go all the same
                        _remove(path)
                with suppress(OSError):
                    os.write(stderr, b"ocim: stopped; what is finished is kept\n")
        finally:
            os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data`, whole or not at all. Raises as replace_whole does."""
    with replace_whole(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, its line ends as they are, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def canonical_json(value: Any) -> str:
    """The one JSON text of `value`: sorted keys, indented by one, a newline at the end. ValueError
    for NaN.
    """
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write `value` as canonical JSON, whole or not at all."""
    write_text(path, canonical_json(value))
