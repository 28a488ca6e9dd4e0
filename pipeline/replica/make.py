"""A whole replica: all its videos, over many processes, and the lists and README beside them."""

import json
import os
import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.files import keys
from pipeline.files.store import write_json, write_text
from pipeline.replica.cameras import CAMERAS, Targets, aim, spread
from pipeline.replica.layout import (
    DATASETS,
    MAX_SUBJECTS,
    MSU_SUBJECTS,
    Video,
    all_videos,
    generator_for,
    oulu_protocols,
    replay_protocols,
)
from pipeline.replica.video import make_video

README = (Path(__file__).parents[1] / "data" / "replica.md").read_text("utf-8")
"""What lies beside a replica; `subjects` and `seed` are filled in."""
VERSION = 2
PACKAGES = ("av", "mediapipe", "numba", "numpy", "opencv-python", "scikit-image")
MADE_BY = "replica.json"  # what decides the bytes, so that the same command goes on
Progress = Callable[[int, int], None]


def make_replica(
    folder: Path, subjects: int, seed: int, cores: int = 0, progress: Progress | None = None
) -> dict[str, dict[str, int]]:
    """Write the four made datasets below `folder`, parallel by video.

    `subjects` (1 to 15) in each split of each dataset; `cores` processes, 0 for as many as the
    machine has: their number does not change a byte. `progress(done, all)` is called after each
    video. Returns, for each dataset, the number of `live` and `spoof` videos and their `bytes`.

    Videos that the same call has left there already are kept, so it goes on where it was stopped; a
    replica of other numbers or package versions is removed first. Raises UserError for numbers out
    of range, and for a folder that holds anything but a replica.
    """
    _check(folder, subjects, seed)
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
    videos = all_videos(subjects, seed)
    _make_missing(folder, videos, seed, cores or os.cpu_count() or 1, progress)
    _write_lists(folder, videos, subjects)
    counts = {name: {"live": 0, "spoof": 0, "bytes": 0} for name in DATASETS}
    for video in videos:
        if not video.enrolment:
            counts[video.dataset]["live" if video.live else "spoof"] += 1
            counts[video.dataset]["bytes"] += _place(folder, video).stat().st_size
    return counts


def _check(folder: Path, subjects: int, seed: int) -> None:
    if not 1 <= subjects <= MAX_SUBJECTS:
        raise UserError(f"--subjects is {subjects}: give a number from 1 to {MAX_SUBJECTS}")
    if seed < 0:
        raise UserError(f"--seed is {seed}: give 0 or a positive number")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file: name a new folder for the replica")
    if folder.is_dir() and any(folder.iterdir()) and not _is_replica(folder):
        raise UserError(f"{folder} holds other files: name a new folder for the replica")


def _make_missing(
    folder: Path, videos: list[Video], seed: int, cores: int, progress: Progress | None
) -> None:
    """Make the videos that are not there yet, the heaviest first: the last to end is short."""
    import dask
    from dask.callbacks import Callback

    def heaviest_first(pair: tuple[Video, Targets]) -> tuple[int, str]:
        camera = CAMERAS[pair[0].camera]
        return -camera.height * camera.width, pair[0].person

    pairs = sorted(zip(videos, all_targets(videos, seed), strict=True), key=heaviest_first)
    missing = [pair for pair in pairs if not _place(folder, pair[0]).is_file()]
    make = dask.delayed(make_video, pure=False)
    done = 0

    def finished(key: object, result: object, graph: object, state: object, worker: object) -> None:
        nonlocal done
        if progress and str(key).startswith("make_video"):
            done += 1
            progress(done, len(missing))

    with Callback(posttask=finished):
        dask.compute(
            *(make(folder, video, targets, seed) for video, targets in missing),
            scheduler="processes",
            num_workers=cores,
            chunksize=1,
            optimize_graph=False,
        )


def _place(folder: Path, video: Video) -> Path:
    return folder / video.dataset / video.path


def all_targets(videos: list[Video], seed: int) -> list[Targets]:
    """Brightness, sharpness, length and size of every video: within one camera, live and spoof
    are spread over the same ranges with the same quantiles.
    """
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, video in enumerate(videos):
        kind = "enrolment" if video.enrolment else "live" if video.live else "spoof"
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
