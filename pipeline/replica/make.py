"""All of a replica: which videos, what each is brought to, and the files, over many processes."""

import json
import os
import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import UserError
from pipeline.files import keys
from pipeline.files.store import write_bytes, write_json, write_text
from pipeline.replica.cameras import CAMERAS, Sensor, Targets, aim, settle, spread
from pipeline.replica.encode import encode_video
from pipeline.replica.film import Film, generator_for, make_film
from pipeline.replica.layout import (
    DATASETS,
    MAX_SUBJECTS,
    MSU_SUBJECTS,
    Video,
    all_videos,
    oulu_protocols,
    replay_protocols,
)
from pipeline.replica.readme import README
from pipeline.replica.truth import truth_of, write_truth

VERSION = 2
PACKAGES = ("av", "mediapipe", "numba", "numpy", "opencv-python", "scikit-image")
MADE_BY = "replica.json"  # what decides the bytes, so that the same command goes on
Progress = Callable[[int, int], None]


def all_targets(videos: list[Video], seed: int) -> list[Targets]:
    """Brightness, sharpness, length and size of every video: within one camera, live and spoof
    are spread over the same ranges with the same quantiles.
    """
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, video in enumerate(videos):
        kind = "live" if video.live else "spoof"
        if video.path.startswith("enrollment/"):
            kind = "enrolment"
        groups[video.camera, kind].append(i)
    out: dict[int, Targets] = {}
    for (camera, kind), members in groups.items():
        generator = generator_for(seed, "targets", camera, kind)
        # The order within a class is shuffled, so that no attack always has the same quantiles.
        for i, point in zip(
            generator.permutation(members), spread(len(members), generator), strict=True
        ):
            out[int(i)] = aim(CAMERAS[camera], point)
    return [out[i] for i in range(len(videos))]


def _write_eyes(path: Path, eyes: np.ndarray) -> None:
    lines = [
        f"{i},{','.join(str(int(v)) for v in np.rint(pair.ravel()))}\n"
        for i, pair in enumerate(eyes)
    ]
    write_text(path, "".join(lines))


def _write_faces(path: Path, faces: np.ndarray, height: int, width: int) -> None:
    """Replay-Attack's face file: frame, x, y, width, height in whole px within the frame of
    `height` and `width`, and zeros where no face is in it.
    """
    low = np.clip(np.floor(faces[:, :2]), 0, (width, height)).astype(int)
    sides = np.clip(np.ceil(faces[:, 2:]), 0, (width, height)).astype(int) - low
    boxes = np.where((sides > 0).all(1, keepdims=True), np.hstack([low, sides]), 0)
    lines = [f"{i} {x} {y} {w} {h}\n" for i, (x, y, w, h) in enumerate(boxes)]
    write_text(path, "".join(lines))


def make_video(folder: Path, video: Video, targets: Targets, seed: int) -> None:
    """Make one video (and its truth, and the positions that O and I ship) below `folder`.

    The video is written last, so that one that is there is finished.
    """
    import cv2

    from pipeline.replica.source import load_source

    cv2.setNumThreads(1)
    source = load_source()
    camera = CAMERAS[video.camera]
    film: Film = make_film(source, video, targets.frames, seed)
    sensor = Sensor(camera, generator_for(seed, "sensor", video.dataset, video.path))
    seen = [sensor.see(frame) for frame in film.frames]
    gain, amount = settle(sensor, [seen[len(seen) // 2]], targets)
    frames = [sensor.read(frame, i, gain, amount) for i, frame in enumerate(seen)]
    if video.upside_down:
        frames = [np.ascontiguousarray(frame[::-1, ::-1]) for frame in frames]
    size = camera.bits * camera.height * camera.width * targets.frames / 8 * targets.size
    path = folder / video.dataset / video.path
    data = encode_video(frames, path.suffix, camera.rate, camera.codec, size, video.matrix)
    if film.drawn:
        write_truth(path.with_suffix(".npz"), truth_of(source, film.drawn))
    if video.dataset == "oulu":
        _write_eyes(path.with_suffix(".txt"), film.eyes)
    if video.dataset == "replay" and not video.path.startswith("enrollment/"):
        place = folder / "replay" / "face-locations" / video.path
        _write_faces(place.with_suffix(".face"), film.faces, camera.height, camera.width)
    write_bytes(path, data)


def _write_lists(folder: Path, videos: list[Video], subjects: int) -> None:
    stems: dict[str, list[str]] = {"train": [], "dev": [], "test": []}
    for video in videos:
        if video.dataset == "oulu":
            part, name = video.path.split("/")
            stems[part.split("_")[0].lower()].append(Path(name).stem)
    for name, text in oulu_protocols(stems).items():
        write_text(folder / "oulu" / name, text)
    replay = [video.path for video in videos if video.dataset == "replay"]
    for name, text in replay_protocols(replay).items():
        write_text(folder / "replay" / name, text)
    for split, numbers in MSU_SUBJECTS.items():
        lines = "".join(f"{number:02d}\n" for number in sorted(numbers[:subjects]))
        write_text(folder / "msu" / f"{split}_sub_list.txt", lines)


def _is_replica(folder: Path) -> bool:
    """Whether a folder is one that make_replica may write over: it has a replica's own README."""
    readme = folder / "README.md"
    return readme.is_file() and readme.read_text("utf-8").startswith(README.splitlines()[0])


def _read_made_by(folder: Path) -> Any:
    """What the replica in a folder was made by; None where that cannot be told."""
    try:
        return json.loads((folder / MADE_BY).read_text("utf-8"))
    except (OSError, ValueError):
        return None


def make_replica(
    folder: Path, subjects: int, seed: int, cores: int = 0, progress: Progress | None = None
) -> dict[str, dict[str, int]]:
    """Write the four made datasets below `folder`, parallel by video.

    `subjects` (1 to 15) in each split of each dataset; `cores` processes, 0 for as many as the
    machine has: their number does not change a byte. `progress(done, all)` is called after each
    video. Returns, for each dataset, `live`, `spoof` and `bytes`.

    Videos that the same call has left there already are kept, so it goes on where it was stopped;
    a replica of other numbers or package versions is removed first.
    """
    import dask
    from dask.callbacks import Callback

    folder = Path(folder)
    if not 1 <= subjects <= MAX_SUBJECTS:
        raise UserError(f"--subjects is {subjects}: give a number from 1 to {MAX_SUBJECTS}")
    if seed < 0:
        raise UserError(f"--seed is {seed}: give 0 or a positive number")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file: name a new folder for the replica")
    if folder.is_dir() and any(folder.iterdir()) and not _is_replica(folder):
        raise UserError(f"{folder} holds other files: name a new folder for the replica")
    videos = all_videos(subjects, seed)
    targets = all_targets(videos, seed)
    made_by = {
        "version": VERSION,
        "subjects": subjects,
        "seed": seed,
        "packages": keys.versions(PACKAGES),
    }
    if _read_made_by(folder) != made_by:
        for dataset in DATASETS:
            shutil.rmtree(folder / dataset, ignore_errors=True)
    # Before the videos, so that a replica that was cut short is known for one.
    write_text(folder / "README.md", README.format(subjects=subjects, seed=seed))
    write_json(folder / MADE_BY, made_by)
    # The heaviest first, so that the last to end is a short one.
    order = sorted(
        range(len(videos)),
        key=lambda i: (
            -CAMERAS[videos[i].camera].height * CAMERAS[videos[i].camera].width,
            videos[i].person,
        ),
    )
    make = dask.delayed(make_video, pure=False)
    places = [folder / video.dataset / video.path for video in videos]
    jobs = [make(folder, videos[i], targets[i], seed) for i in order if not places[i].is_file()]
    done = [0]

    def finished(key: object, result: object, graph: object, state: object, worker: object) -> None:
        if str(key).startswith("make_video"):
            done[0] += 1
            if progress:
                progress(done[0], len(jobs))

    with Callback(posttask=finished):
        dask.compute(
            *jobs,
            scheduler="processes",
            num_workers=cores or os.cpu_count() or 1,
            chunksize=1,
            optimize_graph=False,
        )
    counts = {name: {"live": 0, "spoof": 0, "bytes": 0} for name in DATASETS}
    for video, place in zip(videos, places, strict=True):
        if video.path.startswith("enrollment/"):
            continue  # no part of anti-spoofing, and no index lists it
        counts[video.dataset]["live" if video.live else "spoof"] += 1
        counts[video.dataset]["bytes"] += place.stat().st_size
    _write_lists(folder, videos, subjects)
    return counts
