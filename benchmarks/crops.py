"""Where the time of the crop stage goes, against the bare decoding of the same files by OpenCV.

Videos are cropped in the process that measures (`Here`), and not in a child as by `ocim crop`.
Without arguments it makes a replica of one subject a split in a temporary folder. All figures are
seconds of one process: `parts` of the crop stage, each without the parts inside it, and `opencv`,
which only reads the same frames of the same files (grab each, retrieve each n-th). `own_share` is
the share of the time that is neither decoding, nor conversion to RGB, nor a network of MediaPipe.
`speedup_of_two` is what two processes gain on one when each takes half of the videos.
"""

import argparse
import json
import multiprocessing
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OPENCV_FOR_THREADS_NUM="1")  # one core, children included

if sys.path[0] == str(Path(__file__).parent):  # there the package labels would be another script
    del sys.path[0]

from pipeline.config import CropSettings, DatasetSettings
from pipeline.datasets.base import VIDEOS, Video

NOT_OWN = ("decode", "convert", "detector", "mesh")


class Clock:
    """Seconds by name, of any clock; what is measured inside something else is taken off there."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self.seconds: Counter[str] = Counter()
        self._now = now
        self._inside: list[float] = []

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, its time counted under a name."""

        def call(*values: Any, **named: Any) -> Any:
            started = self._now()
            self._inside.append(0.0)
            try:
                return function(*values, **named)
            finally:
                whole, inner = self._now() - started, self._inside.pop()
                self.seconds[name] += whole - inner
                if self._inside:
                    self._inside[-1] += whole

        return call

    def stepped(self, name: str, function: Callable[..., Iterator[Any]]) -> Callable[..., Any]:
        """The same generator, the time of each of its steps counted under a name."""

        def call(*values: Any, **named: Any) -> Iterator[Any]:
            step = self.timed(name, function(*values, **named).__next__)
            while True:
                try:
                    yield step()
                except StopIteration:
                    return

        return call


class Here:
    """In the place of `pipeline.isolated.Isolated`: crops in this process, where clocks are."""

    left_out = False

    def __init__(self, landmarks: Any) -> None:
        self.made_on = landmarks.made_on
        self._landmarks = landmarks

    def crop(self, row: Video, job: Any, samples: Any) -> None:
        """As `Isolated.crop`, without any limit but that of frames."""
        from pipeline.cropping.crop_video import crop_video

        crop_video(row, self._landmarks, job, samples)


@contextmanager
def here(choice: Any) -> Iterator[Here]:
    """In the place of `pipeline.isolated.cropper`."""
    with choice.load() as landmarks:
        yield Here(landmarks)


def measured_crop(rows: list[Video], root: Path, every: int, out: Path) -> dict[str, Any]:
    """Crop these videos; seconds by part, and how many samples came of it."""
    import h5py

    from labels.landmarks.embedded import FaceMesh, RefinedMesh
    from labels.landmarks.plain_mesh import PlainMesh
    from pipeline import crop
    from pipeline.cropping import crop_video
    from pipeline.cropping.crop_job import Job
    from pipeline.cropping.samples import Samples
    from pipeline.files import keys, layers
    from pipeline.frames import video

    clock = Clock()
    dataset = DatasetSettings(root=str(root), every=every)
    crop.cropper = here  # type: ignore[assignment]
    crop_video.frames = clock.stepped("decode", video.frames)  # type: ignore[assignment]
    video.Frame.rgb = clock.timed("convert", video.Frame.rgb)  # type: ignore[method-assign]
    video.own_copy = clock.timed("keep", video.own_copy)
    FaceMesh.find = clock.timed("find", FaceMesh.find)  # type: ignore[method-assign]
    for network in (PlainMesh, RefinedMesh):
        network.run = clock.timed("mesh", network.run)  # type: ignore[method-assign]
    made = FaceMesh.__init__

    def start(mesh: FaceMesh) -> None:
        made(mesh)
        mesh._detector.run = clock.timed("detector", mesh._detector.run)

    FaceMesh.__init__ = clock.timed("start", start)  # type: ignore[method-assign]
    Samples.add = clock.timed("cut and measure", Samples.add)  # type: ignore[method-assign]
    layers.write = clock.timed("write", layers.write)
    digest = clock.timed("hash", keys.sha256_file)
    whole = clock.timed("other", crop.crop)
    whole(rows, Job(root, CropSettings(), dataset), out, digest)
    with h5py.File(out) as file:
        samples, failures = len(file["frame"]), len(layers.read_failures(file))
    start_s = clock.seconds.pop("start")
    total = sum(clock.seconds.values())
    return {
        "samples": samples,
        "failures": failures,
        "start_s": start_s,
        "total_s": total,
        "samples_a_second": samples / total,
        "parts": dict(clock.seconds.most_common()),
        "own_share": 1 - sum(clock.seconds[name] for name in NOT_OWN) / total,
    }


def bare_opencv(rows: list[Video], root: Path, every: int) -> dict[str, Any]:
    """Read the same frames by OpenCV and do nothing with them."""
    import cv2

    cv2.setNumThreads(1)
    started, frames, taken = time.perf_counter(), 0, 0
    for row in rows:
        capture = cv2.VideoCapture(
            str(root / row.path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1]
        )
        number = 0
        while capture.grab():
            if number % every == 0:
                taken += bool(capture.retrieve()[0])
            number += 1
        frames += number
        capture.release()
    return {"frames": frames, "read": taken, "seconds": time.perf_counter() - started}


def child(rows: list[Video], root: Path, every: int, out: Path, pipe: Connection) -> None:
    """Get ready, wait for the word, crop, send the seconds that it took."""
    from pipeline import crop
    from pipeline.cropping.crop_job import Job
    from pipeline.files import keys

    with crop.cropper(CropSettings().choice()):
        pass  # its child has loaded the models, and is kept
    pipe.send("ready")
    pipe.recv()
    started = time.perf_counter()
    job = Job(root, CropSettings(), DatasetSettings(root=str(root), every=every))
    crop.crop(rows, job, out, keys.sha256_file)
    pipe.send(time.perf_counter() - started)


def at_once(parts: list[list[Video]], root: Path, every: int, folder: Path) -> float:
    """Seconds until every part is cropped, each by a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    pipes = []
    for number, rows in enumerate(parts):
        here, there = spawn.Pipe()
        out = folder / f"{len(parts)}-{number}.h5"
        spawn.Process(target=child, args=(rows, root, every, out, there)).start()
        there.close()
        pipes.append(here)
    for pipe in pipes:
        pipe.recv()
    for pipe in pipes:
        pipe.send("go")
    return max(pipe.recv() for pipe in pipes)


def benchmark(root: Path, every: int, folder: Path) -> dict[str, Any]:
    """Measure on every video below a folder, writing below another."""
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in VIDEOS)
    if not files:
        sys.exit(f"{root}: no video is here")
    rows = [Video(path.relative_to(root).as_posix(), "any", "test", 1, "1") for path in files]
    one, two = (at_once(parts, root, every, folder) for parts in ([rows], [rows[::2], rows[1::2]]))
    opencv = bare_opencv(rows, root, every)
    crop = measured_crop(rows, root, every, folder / "crops.h5")
    decoding = crop["parts"]["decode"] + crop["parts"]["convert"]
    return {
        "videos": len(rows),
        "opencv": opencv,
        "crop": crop,
        "decoding_over_opencv": decoding / opencv["seconds"],
        "one_process_s": one,
        "two_processes_s": two,
        "speedup_of_two": one / two,
    }


def rounded(value: Any) -> Any:
    """The same figures to three digits after the point."""
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    return round(value, 3) if isinstance(value, float) else value


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with videos, at any depth")
    parser.add_argument("--every", type=int, default=5, help="each n-th frame (5)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        data = given.data
        if data is None:
            from pipeline.replica import make_replica

            print("replica ...", file=sys.stderr)
            data = Path(temporary) / "replica"
            make_replica(data, subjects=1, seed=0, cores=os.cpu_count() or 1)
        load = round(os.getloadavg()[0], 2)
        figures = benchmark(data, given.every, Path(temporary))
    about = {
        "data": str(given.data) if given.data else "replica of 1 subject a split, seed 0",
        "every": given.every,
        "cores": os.cpu_count(),
        "load_before": load,
        "python": platform.python_version(),
    }
    print(json.dumps({"about": about, **rounded(figures)}, indent=1))


if __name__ == "__main__":
    main()
