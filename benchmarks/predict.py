"""What `ocim predict` adds to the decoder and the networks that it runs, on one core, as JSON.

Each video is scored by the program and, in turn with it, by a bare loop over the very same work,
which was noted down before: PyAV decodes and converts the frames that are taken; the face detector
gets these frames, the mesh networks the patches around the face, and the scoring network the crops,
as many at once. `around` is the rest: where to look, cutting, measuring, keeping. `overhead` is
predict_s over bare_s, less 1, the median over pairs. Networks are not trained: that takes the same
time. Loading (start_s) is told apart. All times are processor time on the one core, so that what
else runs on the machine does not count.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.update(OMP_NUM_THREADS="1", OPENCV_FOR_THREADS_NUM="1")  # one core

if sys.path[0] == str(Path(__file__).parent):  # there labels.py would hide the package labels
    sys.path[0] = str(Path(__file__).parents[1])

import av
import cv2
import numpy as np
import torch

from benchmarks.parts.measuring import machine, rounded
from pipeline.bundle import CLASS_NAMES
from pipeline.predict import scorer as of_scorer
from pipeline.predict.file import predict_file
from pipeline.predict.scorer import Scorer, scoring
from train import methods
from train.running import checkpoint
from train.settings import settings_from_dict

MODELS = {"demo": {"preset": "demo", "threads": 1}, "paper": {"threads": 1}}
PARTS = ("decode", "detector", "plain_mesh", "refined_mesh", "scoring")
Calls = list[tuple[str, tuple[Any, ...]]]


def write_model(path: Path, stated: dict[str, Any]) -> None:
    """A model of these settings that has not been trained."""
    settings = settings_from_dict(stated, "made")
    networks = methods.make(settings, len(settings.sources))
    crop = {"landmarks": "embedded", "mode": "box", "margin": 1.4, "shift": 0.0}
    fixed = {"frame": 0.5, "video": 0.5, "rule": "fixed", "how": "given", "from": "not trained"}
    checkpoint.save(
        path,
        checkpoint.Model(
            networks=networks.state_dict(), settings=settings, protocol=settings.protocol,
            bundle="", steps=0, all_steps=0, selection="not trained", environment={}, crop=crop,
            classes=list(CLASS_NAMES), threshold=fixed, data={"datasets": {}, "licences": []},
        ),
    )  # fmt: skip


def write_video(path: Path, count: int) -> None:
    """A video of 1920 x 1080, H.264, in which a photograph of a woman drifts over noise."""
    from skimage.data import astronaut

    random = np.random.default_rng(0)
    face = cv2.resize(astronaut(), (900, 900), interpolation=cv2.INTER_CUBIC)
    room = cv2.resize(random.integers(0, 256, (27, 48, 3), np.uint8), (1920, 1080))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        stream.thread_count = 1
        for number in range(count):
            picture = room.copy()
            left = 300 + 4 * (number % 60)
            picture[100:1000, left : left + 900] = face
            picture = picture + random.integers(0, 6, picture.shape, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


@contextmanager
def noted(owner: Any, name: str, part: str, calls: Calls) -> Iterator[None]:
    """Add what a method of `owner` is called with meanwhile to `calls`, as a call of this part."""
    plain = getattr(owner, name)

    def note(*values: Any) -> Any:
        calls.append((part, tuple(v.copy() if isinstance(v, np.ndarray) else v for v in values)))
        return plain(*values)

    with patch.object(owner, name, note):
        yield


def work_of(path: Path, scorer: Scorer, landmarks: Any, every: int) -> tuple[list[Calls], Calls]:
    """What predict asks of the networks for each frame that it looks at, and then for the crops."""
    calls: Calls = []
    with (
        noted(landmarks, "detect", "detector", calls),
        noted(landmarks._plain, "run", "plain_mesh", calls),
        noted(landmarks._refined, "run", "refined_mesh", calls),
        noted(of_scorer, "score_images", "scoring", calls),
    ):
        predict_file(path, scorer, landmarks, every)
    frames: list[Calls] = []
    for part, values in calls:
        if part == "detector":
            frames.append([])
        if part != "scoring":
            frames[-1].append((part, values))
    return frames, [call for call in calls if call[0] == "scoring"]


def bare(
    path: Path, every: int, landmarks: Any, frames: list[Calls], scoring: Calls
) -> tuple[dict[str, float], int]:
    """Seconds of each part in a loop that does nothing else; how many frames decode."""
    networks = {
        "detector": landmarks._detector.run,
        "plain_mesh": landmarks._plain.run,
        "refined_mesh": landmarks._refined.run,
        "scoring": torch.inference_mode()(of_scorer.score_images),
    }
    spent = dict.fromkeys(PARTS, 0.0)
    last = time.process_time()

    def passed(part: str) -> None:
        nonlocal last
        now = time.process_time()
        spent[part] += now - last
        last = now

    def call(those: Calls) -> None:
        for part, values in those:
            networks[part](*values)
            passed(part)

    waiting = iter(frames)
    count = 0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        for count, frame in enumerate(container.decode(stream), start=1):
            if (count - 1) % every == 0:
                frame.to_ndarray(format="rgb24")
                passed("decode")
                call(next(waiting, []))
    passed("decode")
    for those in waiting:
        call(those)
    call(scoring)
    return spent, count


def seconds(function: Callable[[], Any]) -> float:
    """How much of the processor a call takes, with all threads."""
    started = time.process_time()
    function()
    return time.process_time() - started


def measure(path: Path, model: Path, every: int, pairs: int) -> dict[str, Any]:
    """Figures of one video and one model."""
    started = time.process_time()
    with scoring(model) as scorer, scorer.crop.choice().load() as landmarks:
        start = time.process_time() - started
        frames, scored = work_of(path, scorer, landmarks, every)
        whole: list[float] = []
        parts: list[dict[str, float]] = []
        for number in range(pairs):

            def program() -> None:
                whole.append(seconds(lambda: predict_file(path, scorer, landmarks, every)))

            def alone() -> None:
                parts.append(bare(path, every, landmarks, frames, scored)[0])

            for measured in (program, alone) if number % 2 else (alone, program):
                measured()
        count = bare(path, every, landmarks, frames, scored)[1]
    ratios = [a / sum(b.values()) - 1 for a, b in zip(whole, parts, strict=True)]
    medians = {name: statistics.median(part[name] for part in parts) for name in PARTS}
    predict_s, bare_s = statistics.median(whole), sum(medians.values())
    return {
        "frames": count,
        "scores": sum(len(values[1]) for _, values in scored),
        "predict_s": predict_s,
        "predict_frames_a_second": count / predict_s,
        "bare_s": bare_s,
        "bare_frames_a_second": count / bare_s,
        "overhead": statistics.median(ratios),
        "overheads": ratios,
        "shares": {
            **{name: part / predict_s for name, part in medians.items()},
            "around": 1 - bare_s / predict_s,
        },
        "start_s": start,
    }


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--video", type=Path, action="append", default=[],
                        help="measure on this one, too; may be repeated")  # fmt: skip
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--frames", type=int, default=60, help="of the made video (60)")
    parser.add_argument("--every", type=int, default=5, help="as of predict (5)")
    parser.add_argument("--pairs", type=int, default=5, help="in turn (5)")
    arguments = parser.parse_args()
    for video in arguments.video:
        if not video.is_file():
            raise SystemExit(f"{video}: no such video")
    cv2.setNumThreads(1)
    about = machine()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "made-1080p.mp4")
        write_video(made, arguments.frames)
        for name in arguments.models:
            model = Path(folder, f"{name}.pt")
            write_model(model, MODELS[name])
            figures[name] = {
                video.name: measure(video, model, arguments.every, arguments.pairs)
                for video in (made, *arguments.video)
            }
    about["every"] = arguments.every
    print(json.dumps({"about": about, "models": rounded(figures)}, indent=1))


if __name__ == "__main__":
    main()
