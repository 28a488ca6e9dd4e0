"""Videos that crash, hang or eat memory when they are opened, by a hook in Python's start.

Nothing of the product knows of this: a folder with a sitecustomize.py on PYTHONPATH wraps av.open
in every process, and the name of a file says what opening it does.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import yaml
from programs import hear_signals

from pipeline.config import load
from pipeline.files import layers
from pipeline.files.hdf5 import read_strings
from pipeline.partition import write_dataset_index

HOOK = '''
import ctypes, os

def segfault():
    ctypes.string_at(0)

def abort():
    os.abort()

def leave():
    os._exit(7)

def endless():
    """Waits in code of C and lets Python go on."""
    ctypes.CDLL(None).pause()

def holding():
    """Waits in code of C and lets nothing of Python go on."""
    ctypes.PyDLL(None).pause()

def greedy():
    """Takes memory in code of C, bit by bit, and never gets told that there is none."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    while True:
        place = libc.malloc(1 << 20)
        if not place:
            os.abort()
        libc.memset(place, 1, 1 << 20)

def atonce():
    bytearray(1 << 40)

def once():
    """Crashes the first time."""
    if open(os.environ["POISON_BEGUN"]).read().count("once") == 1:
        ctypes.string_at(0)

POISONS = (segfault, abort, leave, endless, holding, greedy, atonce, once)

def note(name, text):
    with open(os.environ[name], "a") as file:
        file.write(f"{text}\\n")

def poisoned(name, *values, **named):
    for poison in POISONS:
        if os.path.basename(str(name)).startswith(poison.__name__):
            note("POISON_BEGUN", poison.__name__)
            poison()
    return opened(name, *values, **named)

if "POISON_STARTED" in os.environ:
    note("POISON_STARTED", os.getpid())
    import av

    opened, av.open = av.open, poisoned
'''


class Project:
    """One partition of videos in a folder, and the command line on it, with the hook."""

    def __init__(self, folder: Path, **limits: Any) -> None:
        self.folder = folder
        self.videos = folder / "videos"
        self.videos.mkdir(parents=True)
        self.hook = folder / "hook"
        self.hook.mkdir()
        (self.hook / "sitecustomize.py").write_text(HOOK)
        self.rows: list[tuple[str, str]] = []
        self.every = 3
        self.set_limits(**limits)

    def set_limits(self, **limits: Any) -> None:
        """crop.limits; not stated: memory 1 GB, a minute without a frame."""
        self.limits = {"memory_gb": 1.0, "stalled": 60, "seconds": 300, **limits}

    def add(self, name: str, source: Path, live: str = "live") -> None:
        """A copy of a video under this name."""
        shutil.copy(source, self.videos / name)
        self.rows.append((name, live))

    def write(self) -> Path:
        """The configuration and the table; the path of the former."""
        table = self.folder / "videos.csv"
        lines = ["path,split,live", *(f"{name},test,{live}" for name, live in self.rows)]
        table.write_text("\n".join(lines) + "\n")
        dataset = {
            "root": str(self.videos), "adapter": "table", "table": str(table),
            "every": self.every, "partitions": 1,
        }  # fmt: skip
        config = {
            "out": str(self.folder / "out"),
            "datasets": {"mydata": dataset},
            "crop": {"limits": self.limits},
        }
        path = self.folder / "config.yaml"
        path.write_text(yaml.safe_dump(config))
        return path

    def environment(self) -> dict[str, str]:
        """With the hook, and with what it writes to."""
        before = [os.environ.get("PYTHONPATH", "")]
        added = {
            "PYTHONPATH": os.pathsep.join([str(self.hook), *filter(None, before)]),
            "POISON_STARTED": str(self.folder / "started"),
            "POISON_BEGUN": str(self.folder / "begun"),
        }
        return {**os.environ, **added}

    def command(self) -> list[str]:
        """`ocim crop` of this partition, its index written."""
        path = self.write()
        write_dataset_index(load(path), "mydata")
        program = [sys.executable, "-c", "from pipeline.cli import main; main()", "crop"]
        return [*program, "--config", str(path), "--dataset", "mydata", "--partition", "0"]

    def crop(self) -> "Crops":
        """Index and crop, which must succeed. said: what was printed, nothing but on stdout."""
        done = subprocess.run(
            self.command(), env=self.environment(), capture_output=True, text=True, timeout=300
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        self.said = done.stdout
        return Crops(self.folder / "out" / "crops" / "mydata" / "0000.h5")

    def started(self) -> "subprocess.Popen[bytes]":
        """A crop that runs, in a group of its own, and hears signals as from a terminal."""

        return subprocess.Popen(
            self.command(),
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=hear_signals,
            start_new_session=True,
        )

    def processes(self) -> list[int]:
        """Numbers of all processes of Python that ever began here."""
        return [int(line) for line in (self.folder / "started").read_text().splitlines()]

    def begun(self) -> bool:
        """Whether a poison is at work, or has been."""
        return (self.folder / "begun").is_file()


class Crops:
    """What lies in a file of crops."""

    def __init__(self, path: Path) -> None:
        self.bytes = path.read_bytes()
        with h5py.File(path) as file:
            self.key = str(file.attrs["key"])
            self.rows = [tuple(row) for row in layers.read_failures(file)]
            self.remarks = layers.read_remarks(file)
            videos = read_strings(file["video"]).tolist()
            names = [n for n in file if n not in ("failures", "remarks", "videos", "video")]
            self.samples: dict[tuple[str, int], dict[str, bytes]] = {}
            columns = {name: file[name][:] for name in names}
        for at, video in enumerate(videos):
            identity = (video, int(columns["frame"][at]))
            self.samples[identity] = {n: np.asarray(c[at]).tobytes() for n, c in columns.items()}

    @property
    def failures(self) -> dict[str, tuple[int, str]]:
        """The last row of each video that has one."""
        return {video: (frame, reason) for video, frame, reason in self.rows}

    def of(self, *videos: str) -> dict[tuple[str, int], dict[str, bytes]]:
        """The samples of these videos: every array's bytes."""
        return {key: value for key, value in self.samples.items() if key[0] in videos}


def gone(process: int) -> bool:
    """Whether a process is no more, or waits only to be asked how it ended."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


def until(true: Any, seconds: float = 60) -> bool:
    """Wait until something is true; False when it never was."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
