"""Writes a planned export: the folder appears whole or not at all, and knows that it is finished.

Pictures are encoded by threads (OpenCV lets go of Python's lock) and written by the calling thread
alone, in the plan's order: so a signal that stops it meets no other writer, and the number of
threads changes no byte.
"""

import json
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.errors import UserError
from pipeline.export.plan import Part, Picture, Plan
from pipeline.files.records import shown
from pipeline.files.room import SLACK, free_in, gigabytes
from pipeline.files.store import (
    canonical_json,
    remove_left_over,
    removed_in_the_end,
    replace_whole,
)

VERSION = 1
"""Raised when the same plan is written otherwise."""
MARKER = "export.json"
MADE_BY = "ocim bundle export"
LEFT_BY_SSDG = {f"choose_{name}_label.json" for name in ("real", "fake", "all")}
"""What SSDG itself writes beside the lists."""
BLOCK = 4096  # bytes in which file systems count a file or a folder
TRIED = 16  # pictures of a dataset that are encoded to learn how large they become


def png(image: np.ndarray) -> bytes:
    """H x W x 3 uint8 RGB as PNG, without alpha. With OpenCV's own setting: 1.8 times as fast as
    Pillow at its level 1, files 18% larger.
    """
    return bytes(cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1])


def depth_jpeg(depth: np.ndarray) -> bytes:
    """H x W float32 from 0 to 1 as a JPEG of one channel, 0 to 255, quality 100."""
    levels = np.rint(depth * 255).astype(np.uint8)
    return bytes(cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, 100])[1])


def encode(picture: Picture) -> bytes:
    """The bytes of one picture's file: `png` of an image, `depth_jpeg` of depth."""
    (array,) = picture.shard.read(picture.field, [picture.row])
    return png(array) if picture.field == "image" else depth_jpeg(array)


def export(plan: Plan, out: Path, jobs: int, tell: Callable[[str], None]) -> bool:
    """Write the export to the folder `out`, resolved; False where it is finished already.

    jobs: threads. tell: takes a line once a dataset is done. Raises UserError for a folder that is
    not to be replaced, and where the disk has no room; nothing is written then. Raises BundleError
    where the bundle has changed meanwhile.
    """
    if is_finished(plan, out):
        for part in plan.parts:
            tell(part.line())
        return False
    check_replaceable(out)
    check_room(plan, out)
    with ExitStack() as afterwards, replace_whole(out) as temporary:
        # What exports to the same folder had begun whose process was killed.
        remove_left_over(out.parent, f"{temporary.name.rpartition(f'.{os.getpid()}.')[0]}.")
        temporary.mkdir()
        fill(plan, temporary, jobs, tell)
        if out.is_dir():
            # Out of the way in one step: a kill while it is deleted leaves no half of it.
            old = temporary.with_name(f"{temporary.name}.old")
            afterwards.enter_context(removed_in_the_end(old))
            out.rename(old)
    return True


def fill(plan: Plan, folder: Path, jobs: int, tell: Callable[[str], None]) -> None:
    """Write every file of the plan below `folder`, the marker last."""
    size = write_files(folder, plan.files)
    for part in plan.parts:
        size += write_part(part, folder, jobs)
        tell(part.line())
    (folder / MARKER).write_text(canonical_json({**about(plan), "bytes": size}), "utf-8")


def write_part(part: Part, folder: Path, jobs: int) -> int:
    """Write what one dataset has, its pictures by `jobs` threads; how many bytes that is."""
    for parent in sorted({picture.path.rpartition("/")[0] for picture in part.pictures}):
        (folder / parent).mkdir(parents=True, exist_ok=True)
    size = write_files(folder, part.files)
    for path, data in encoded(part.pictures, jobs):
        size += (folder / path).write_bytes(data)
    return size


def write_files(folder: Path, files: Mapping[str, bytes]) -> int:
    """Write files that are ready, by their paths below `folder`; how many bytes that is."""
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return sum(map(len, files.values()))


def encoded(pictures: Sequence[Picture], jobs: int) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of each picture, in order, made by `jobs` threads; memory stays flat."""
    waiting: deque[tuple[str, Future[bytes]]] = deque()
    with ThreadPoolExecutor(jobs) as pool:
        for picture in pictures:
            waiting.append((picture.path, pool.submit(encode, picture)))
            if len(waiting) > 8 * jobs:
                path, made = waiting.popleft()
                yield path, made.result()
        for path, made in waiting:
            yield path, made.result()


def about(plan: Plan) -> dict[str, Any]:
    """What the marker says, but for the bytes, which are known in the end."""
    return {
        "made_by": MADE_BY,
        "version": VERSION,
        "format": plan.form,
        "bundle": plan.bundle,
        "options": dict(plan.options),
        "datasets": {part.dataset: part.counts() for part in plan.parts},
        "files": sorted(plan.paths()),
    }


def read_marker(out: Path) -> dict[str, Any] | None:
    """What the export in a folder says of itself; None where there is none."""
    try:
        marker = json.loads((out / MARKER).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    is_ours = isinstance(marker, dict) and marker.get("made_by") == MADE_BY
    return marker if is_ours and isinstance(marker.get("files"), list) else None


def is_finished(plan: Plan, out: Path) -> bool:
    """Whether `out` is this very export, with every file there and none cut short."""
    marker = read_marker(out)
    if marker is None or marker != {**about(plan), "bytes": marker.get("bytes")}:
        return False
    try:
        size = sum((out / path).stat().st_size for path in plan.paths())
    except OSError:
        return False
    return size == marker["bytes"]


def check_apart(out: Path, bundle: Path) -> None:
    """Raise UserError where the export's folder lies in the bundle's, or holds it."""
    inside = bundle.resolve()
    if out.is_relative_to(inside) or inside.is_relative_to(out):
        raise UserError(f"{out}: the bundle {bundle} lies there; give another -o")


def check_replaceable(out: Path) -> None:
    """Raise UserError unless `out` is missing, empty, or an export with nothing else in it."""
    advice = "nothing there is deleted; give another -o, or take it away yourself"
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: a file, and no folder; {advice}")
    if os.path.ismount(out):
        raise UserError(f"{out}: a disk of its own cannot be replaced; give a folder in it")
    if not out.is_dir() or not any(out.iterdir()):
        return
    marker = read_marker(out)
    if marker is None:
        raise UserError(f"{out}: not empty, and no export made it (no {MARKER}); {advice}")
    if foreign := sorted(files_in(out) - {MARKER, *map(str, marker["files"])}):
        raise UserError(
            f"{out}: holds {len(foreign)} files that its export did not write, the first"
            f" {shown(foreign[0])}; {advice}"
        )


def files_in(folder: Path) -> set[str]:
    """Paths of the files and links below a folder, but for what SSDG writes there itself."""
    found = set()
    for place, folders, files in os.walk(folder):
        names = [name for name in files if name not in LEFT_BY_SSDG]
        names += [name for name in folders if Path(place, name).is_symlink()]
        found |= {Path(place, name).relative_to(folder).as_posix() for name in names}
    return found


def size_estimate(plan: Plan) -> int:
    """Bytes that an export takes on a disk, from some pictures of each dataset."""
    size = sum(map(len, plan.files.values()))
    for part in plan.parts:
        images = [picture for picture in part.pictures if picture.field == "image"]
        tried = images[:: max(1, len(images) // TRIED)]
        mean = sum(len(encode(picture)) for picture in tried) // len(tried)
        # A file takes half a block more than it has; a depth map one block; and a tenth for luck.
        size += len(images) * (mean + BLOCK) * 11 // 10
        size += (len(part.pictures) - len(images)) * BLOCK
        size += 2 * len(part.videos) * BLOCK + sum(map(len, part.files.values()))
    return size


def check_room(plan: Plan, out: Path) -> None:
    """Raise UserError where the disk has no room; an export that is there stays until the end."""
    needed, free = size_estimate(plan) + SLACK, free_in(out)
    if needed > free:
        raise UserError(
            f"{out}: the disk has {gigabytes(free)} free, and about {gigabytes(needed)} are needed"
            f" for {len(plan.paths())} files; make room, give another -o, or fewer --dataset"
        )
