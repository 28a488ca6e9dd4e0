"""What `scaling.py` measures with: processes and their memory, and many tiny videos."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
FACES = 24
"""So many different videos lie under all the names."""
Figures = dict[str, Any]


def timed(command: Sequence[str | Path], log: Path) -> Figures:
    """Run a command in the project's folder to its end: seconds, and the largest process's peak.

    Its output goes to `log`; where it fails that is printed, and the benchmark ends.
    """
    began = time.perf_counter()
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **ONE_THREAD},
        )
        _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        print(log.read_text("utf-8", "replace")[-3000:], file=sys.stderr)
        sys.exit(f"{' '.join(map(str, command))}: exit code {process.returncode}")
    scale = 1 if sys.platform == "darwin" else 1024
    return {
        "wall_s": round(wall, 2),
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "peak_mb": round(used.ru_maxrss * scale / 1e6, 1),
    }


def ocim(*words: str | Path) -> list[str | Path]:
    """A verb as a command, of this Python and not of whichever lies on the path."""
    start = "import sys; from pipeline.cli import main; sys.argv[0] = 'ocim'; main()"
    return [sys.executable, "-c", start, *words]


def own(*words: str | Path) -> list[str | Path]:
    """A part of this file as a command: `work` or `tiny`."""
    return [sys.executable, Path(__file__).resolve(), *words]


def usage() -> tuple[float, float]:
    """Processor seconds of this process and of those that it keeps, and their peak memory in MB."""
    seconds = peak = 0.0
    for process in _family(os.getpid()):
        place = Path(f"/proc/{process}")
        fields = (place / "stat").read_text().rpartition(") ")[2].split()
        seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        for line in (place / "status").read_text().splitlines():
            if line.startswith("VmHWM"):
                peak += int(line.split()[1]) * 1024 / 1e6
    return seconds, peak


def _family(process: int) -> Iterator[int]:
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from _family(int(child))


def workers(config: Path, dataset: str, count: int, folder: Path) -> list[Figures]:
    """Label every partition of a dataset by so many processes, each with its share of them."""
    commands = [own("work", config, dataset, str(number), str(count)) for number in range(count)]
    environment = {**os.environ, **ONE_THREAD}
    running = []
    for number, command in enumerate(commands):
        with (folder / f"worker{number}.txt").open("w") as errors:
            running.append(
                subprocess.Popen(
                    command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, env=environment
                )
            )
    figures = []
    for number, process in enumerate(running):
        answer = process.communicate()[0]
        if process.returncode:
            sys.exit((folder / f"worker{number}.txt").read_text()[-3000:])
        figures.append(json.loads(answer.splitlines()[-1]))
    return figures


def work(config_path: Path, dataset: str, number: int, count: int) -> Figures:
    """Label the partitions number, number + count, ... of a dataset, one after the other."""
    from pipeline.config import load
    from pipeline.partition import label_partition

    config = load(config_path)
    began, first = time.perf_counter(), None
    for partition in range(number, config.datasets[dataset].partitions, count):
        label_partition(config, dataset, partition)
        first = first or usage()[1]
    seconds, peak = usage()
    return {
        "wall_s": round(time.perf_counter() - began, 2),
        "cpu_s": round(seconds, 2),
        "first_peak_mb": round(first or peak, 1),
        "peak_mb": round(peak, 1),
    }


def tiny_videos(folder: Path, count: int) -> None:
    """So many videos as `split/live|spoof/subject/N.mp4`, two frames of 64 x 64 with a face each:
    some really made, the others links to them.
    """
    made = [_tiny(folder / f".made{number}.mp4", number) for number in range(FACES)]
    for number in range(count):
        split = ("train", "dev", "test")[number % 3]
        kind = "live" if number % 4 == 0 else "spoof"
        # Ten videos a subject, all of one split.
        subject = f"{split}-{number // 30:05d}"
        path = folder / split / kind / subject / f"{number:06d}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(made[number % FACES], path)


def _tiny(path: Path, number: int) -> Path:
    import av
    import cv2
    import numpy as np
    from skimage.data import astronaut

    place = number % 8
    face = np.ascontiguousarray(astronaut()[place : 250 + place, 130 + number : 380 + number])
    image = cv2.resize(face, (64, 64), interpolation=cv2.INTER_AREA)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt, stream.thread_count = "yuv420p", 1
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def clean(folder: Path) -> None:
    """Make a folder anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


if __name__ == "__main__":  # in a process of its own, so that the one that measures stays small
    sys.path[0] = str(ROOT)
    if sys.argv[1] == "work":
        share = int(sys.argv[4]), int(sys.argv[5])
        print(json.dumps(work(Path(sys.argv[2]), sys.argv[3], *share)))
    else:
        tiny_videos(Path(sys.argv[2]), int(sys.argv[3]))
