"""How far the runtimes of the landmarks lie apart, as JSON: embedded, and Tasks by two MediaPipes.

Each runs in a process of its own: `embedded` and `tasks` by this Python, `tasks, second` by that of
the second environment (--python), where it is there. Of every picture in which all find a face the
largest is compared. `distance`: mean distance in the picture, for a face square of 512 pixels and
in percent of its side; `offset_percent`: mean of x and y, to the right and down; `z`: correlation;
`depth`: correlation of the depth maps at 256 x 256 over the pixels of both, and the mean absolute
difference. `find_ms` is the median time of a picture, all its faces and both meshes.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import combinations
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OPENCV_FOR_THREADS_NUM="1")

if sys.path[0] == str(Path(__file__).parent):  # there labels.py would hide the package labels
    sys.path[0] = str(Path(__file__).parents[1])

import cv2
import numpy as np

from labels.depth.facemesh import depth_map
from labels.landmarks import load
from pipeline.crops import crop_affine, face_square
from pipeline.errors import UserError
from pipeline.frames.pictures import is_picture, read_picture

SECOND = Path(".venv-extra/bin/python")
Pictures = dict[str, np.ndarray]
Faces = dict[str, dict[str, np.ndarray]]


def public_pictures() -> Pictures:
    """One photograph in the public domain, as it is, mirrored, turned by 20 degrees and shrunk."""
    from skimage.data import astronaut

    picture = astronaut()
    turn = cv2.getRotationMatrix2D((224, 150), 20, 1)
    return {
        "astronaut": picture,
        "mirrored": np.ascontiguousarray(picture[:, ::-1]),
        "turned": cv2.warpAffine(picture, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE),
        "shrunk": cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA),
    }


def pictures_of(folder: Path) -> Pictures:
    """The pictures of a folder, by name."""
    paths = sorted(path for path in folder.iterdir() if is_picture(path))
    return {path.name: read_picture(path) for path in paths}


def dump(name: str, pictures: Path, out: Path) -> None:
    """Find the largest face of each picture by one runtime and save its landmarks and the time."""
    landmarks: dict[str, Any] = {}
    with load(name) as finder, np.load(pictures) as arrays:
        for key in arrays.files:
            picture = arrays[key]
            finder.find(picture)
            started = time.perf_counter()
            faces = finder.find(picture)
            landmarks[f"{key}|ms"] = 1000 * (time.perf_counter() - started)
            if faces:
                face = max(faces, key=lambda one: face_square(one.landmarks)[2])
                landmarks[f"{key}|plain"] = face.landmarks
                landmarks[f"{key}|refined"] = face.landmarks_refined
    np.savez(out, **landmarks)


def run(python: Path, name: str, pictures: Path, folder: Path) -> Faces | str:
    """What a runtime found by another Python: picture -> plain, refined, ms; or why nothing."""
    out = folder / "found.npz"
    command = [python, __file__, "--dump", name, pictures, out]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["no message"])[-1]
    faces: Faces = {}
    with np.load(out) as arrays:
        for key in arrays.files:
            picture, what = key.rsplit("|", 1)
            faces.setdefault(picture, {})[what] = arrays[key]
    return faces


def between(one: Faces, other: Faces, pictures: Pictures, both: list[str]) -> dict[str, Any]:
    """The figures of two runtimes over the pictures in which both found a face."""
    rows = [compared(one[name], other[name], pictures[name]) for name in both]
    means = {key: float(np.mean([row[key] for row in rows], axis=0)) for key in rows[0]}
    worst = max(row["plain_distance_percent"] for row in rows)
    return {**means, "plain_distance_percent_at_most": worst, "pictures": len(rows)}


def compared(
    one: dict[str, np.ndarray], other: dict[str, np.ndarray], picture: np.ndarray
) -> dict[str, float]:
    """The figures of two faces of one picture."""
    side = face_square(other["plain"])[2]
    row = {}
    for mesh in ("plain", "refined"):
        offset = (one[mesh] - other[mesh])[:, :2].astype(np.float64) / side
        distance = float(np.linalg.norm(offset, axis=1).mean())
        row[f"{mesh}_distance_at_512"] = 512 * distance
        row[f"{mesh}_distance_percent"] = 100 * distance
        row[f"{mesh}_offset_x_percent"], row[f"{mesh}_offset_y_percent"] = 100 * offset.mean(0)
    row["z"] = np.corrcoef(one["plain"][:, 2], other["plain"][:, 2])[0, 1]
    size = (picture.shape[1], picture.shape[0])
    affine = crop_affine(other["plain"], "box", 1.4, 0.0, 256)
    maps = [depth_map(face["plain"], size, affine) for face in (one, other)]
    seen = (maps[0] > 0) & (maps[1] > 0)
    row["depth_correlation"] = np.corrcoef(maps[0][seen], maps[1][seen])[0, 1]
    row["depth_difference"] = float(np.abs(maps[0] - maps[1])[seen].mean())
    return row


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, help="a folder of pictures, beside the public one")
    parser.add_argument("--python", type=Path, default=SECOND, help="of the second environment")
    parser.add_argument("--dump", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.dump:
        try:
            dump(arguments.dump[0], Path(arguments.dump[1]), Path(arguments.dump[2]))
        except UserError as error:
            sys.exit(str(error))
        return
    pictures = public_pictures() | (pictures_of(arguments.pictures) if arguments.pictures else {})
    runtimes = {
        "embedded": (Path(sys.executable), "embedded"),
        "tasks": (Path(sys.executable), "tasks"),
    }
    if arguments.python.exists():
        runtimes["tasks, second"] = (arguments.python, "tasks")
    figures: dict[str, Any] = {"pictures": len(pictures)}
    by_runtime: dict[str, Faces] = {}
    with tempfile.TemporaryDirectory() as temporary:
        np.savez(Path(temporary) / "pictures.npz", **pictures)
        for label, (python, name) in runtimes.items():
            faces = run(python, name, Path(temporary) / "pictures.npz", Path(temporary))
            if isinstance(faces, str):
                figures[label] = {"skipped": faces}
                continue
            by_runtime[label] = faces
            figures[label] = {
                "faces": sum("plain" in face for face in faces.values()),
                "find_ms": statistics.median(float(face["ms"]) for face in faces.values()),
            }
    both = [
        name for name in pictures if all("plain" in faces[name] for faces in by_runtime.values())
    ]
    if both:
        for one, other in combinations(by_runtime, 2):
            figures[f"{other} - {one}"] = between(
                by_runtime[other], by_runtime[one], pictures, both
            )
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
