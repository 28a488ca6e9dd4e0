"""Programs that a test starts as a terminal does, waits for, looks into and kills."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

BINARIES = Path(sys.executable).parent
PATIENCE = 180  # seconds; never reached but by a program that hangs


def hear_signals() -> None:
    """In a program that begins: hear them, whatever a CI or a background job has handed down."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def start(place: Path, *words: object, **more: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [BINARIES / str(words[0]), *map(str, words[1:])],
        cwd=place, text=True, start_new_session=True, preexec_fn=hear_signals,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more,
    )  # fmt: skip


def run(place: Path, *words: object, code: int = 0) -> "subprocess.CompletedProcess[str]":
    with start(place, *words) as program:
        out, err = program.communicate(timeout=PATIENCE)
    assert program.returncode == code, out[-3000:] + err[-3000:]
    return subprocess.CompletedProcess(words, code, out, err)


def one_line(text: str) -> str:
    """The single line that is there."""
    (line,) = text.splitlines()
    return line


def wait_until(condition: Callable[[], object], program: "subprocess.Popen[str] | None" = None):
    """Wait until something is so, or a program ends, whose output then is told."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, "it does not come about"
        if program is not None and program.poll() is not None:
            raise AssertionError(program.communicate())
        time.sleep(0.02)
    return found


def processes_of(session: int) -> list[int]:
    """The processes of a program that was started by `start`, apart from those that have ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, of_session = path.read_text().rpartition(")")[2].split()[:4]
            if int(of_session) == session and state != "Z":
                found.append(int(path.parent.name))
    return found


def workers_of(program: "subprocess.Popen[str]") -> list[int]:
    """The local workers of a run: its children that multiprocessing has spawned."""
    found = []
    for process in processes_of(program.pid):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{process}/cmdline").read_text()
            parent = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1]
            if "spawn_main" in words and int(parent) == program.pid:
                found.append(process)
    return found


def sockets_of(process: int) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        for link in Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(OSError):
                if os.readlink(link).startswith("socket:"):  # noqa: PTH115
                    yield link


def listening(program: "subprocess.Popen[str]") -> set[str]:
    """The addresses, in hex, on which the processes of a program listen."""
    mine = {
        os.readlink(link)  # noqa: PTH115
        for process in processes_of(program.pid)
        for link in sockets_of(process)
    }
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{program.pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in mine:
                found.add(words[1].partition(":")[0])
    return found


def end(program: "subprocess.Popen[bytes]") -> None:
    for process in processes_of(program.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    program.wait()
