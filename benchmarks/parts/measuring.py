"""What every benchmark measures and prints with: the machine, memory, files, progress, digits."""

import os
import platform
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    place = Path("/proc/cpuinfo")
    lines = place.read_text("utf-8").splitlines() if place.is_file() else []
    named = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": named[0] if named else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
    }


def memory(process: int | str = "self") -> dict[str, int]:
    """Bytes that a process holds (VmRSS) and held at most (VmHWM); empty where /proc is not."""
    place = Path(f"/proc/{process}/status")
    lines = place.read_text("utf-8").splitlines() if place.is_file() else []
    sizes = (line.split() for line in lines if line.startswith(("VmRSS", "VmHWM")))
    return {name.rstrip(":"): int(size) * 1024 for name, size, _ in sizes}


def forget(paths: list[Path]) -> None:
    """Take files out of the system's memory of files, so that they are read from the disk again."""
    if not hasattr(os, "posix_fadvise"):
        raise SystemExit("this system cannot forget files (posix_fadvise): leave out --cold")
    os.sync()  # what is not yet written cannot be forgotten
    for path in paths:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def ocim(*words: str | Path) -> list[str | Path]:
    """A verb as a command, of this Python and not of whichever lies on the path; run it in ROOT."""
    start = "import sys; from pipeline.cli import main; sys.argv[0] = 'ocim'; main()"
    return [sys.executable, "-c", start, *words]


def progress(line: str) -> None:
    """Say on stderr how far a benchmark is; stdout is for its JSON."""
    print(line, file=sys.stderr, flush=True)


def ratio(others: Sequence[float], own: Sequence[float]) -> float:
    """How many times its own the others' figures are, pair by pair, the median."""
    return statistics.median(other / mine for other, mine in zip(others, own, strict=True))


def rounded(value: Any) -> Any:
    """The same figures to four digits after the point, within dicts and lists too."""
    if isinstance(value, dict):
        return {name: rounded(inside) for name, inside in value.items()}
    if isinstance(value, list):
        return [rounded(inside) for inside in value]
    return round(value, 4) if isinstance(value, float) else value
