"""What labels cost on one core, beside the original way of making depth, as JSON.

`vertices_to_depth`: the z-buffer over a mesh as fine as PRNet's (43,867 vertices) against the route
of PRNet-Depth-Generation (scipy's griddata over the vertices on the pixel grid, then a median over
5 x 5), both at 256 x 256, taken in turn; and over the face mesh's 468 vertices. `frame`:
`to_depth_ms` is from a frame and a detection in it to the depth map: two passes of the mesh, its
pose, the z-buffer; `parsing_more_ms` what parsing adds, the refined mesh included.
`twice_over_once`: twice the faces against once. Milliseconds are medians.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.update(OMP_NUM_THREADS="1", OPENCV_FOR_THREADS_NUM="1")  # one core

if sys.path[0] == str(Path(__file__).parent):  # there labels.py would hide the package labels
    sys.path[0] = str(Path(__file__).parents[1])

import cv2
import numpy as np
from scipy.interpolate import griddata
from scipy.signal import medfilt2d
from skimage.data import astronaut

from benchmarks.parts.fine_mesh import SIDE, fine_mesh
from benchmarks.parts.measuring import machine, rounded
from labels.canonical import TRIANGLES, VERTICES
from labels.depth import facemesh as depth
from labels.landmarks.embedded import FaceMesh
from labels.parsing import facemesh as parsing
from labels.view import View
from labels.zbuffer import zbuffer
from pipeline.crops import crop_affine, warp

FACES = 64  # once; twice as many beside


def griddata_route(vertices: np.ndarray) -> np.ndarray:
    """Depth (256, 256) by interpolation between scattered vertices: the route of the original."""
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    scattered = griddata(vertices[:, :2], vertices[:, 2], (columns, rows), fill_value=0)
    return medfilt2d(scattered, 5)


def in_turn(functions: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median milliseconds of each function, one call each a round, after one round unmeasured."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for number in range(rounds + 1):
        for name, function in functions.items():
            started = time.perf_counter()
            function()
            if number:
                times[name].append(1000 * (time.perf_counter() - started))
    return {name: statistics.median(of_name) for name, of_name in times.items()}


def vertices_to_depth(rounds: int) -> dict[str, Any]:
    """The z-buffer against griddata on one mesh, and over the face mesh's landmarks."""
    vertices, triangles = fine_mesh()
    landmarks = frontal() * (SIDE / 400, SIDE / 400, -1)
    times = in_turn(
        {
            "griddata_ms": lambda: griddata_route(vertices),
            "zbuffer_ms": lambda: zbuffer(vertices, triangles, SIDE, SIDE),
            "zbuffer_468_ms": lambda: zbuffer(landmarks, TRIANGLES, SIDE, SIDE),
        },
        rounds,
    )
    one, other = zbuffer(vertices, triangles, SIDE, SIDE), griddata_route(vertices)
    inner = cv2.erode(np.isfinite(one).astype(np.uint8), np.ones((9, 9))) > 0
    return {
        "vertices": len(vertices),
        "triangles": len(triangles),
        **times,
        "times_as_fast": times["griddata_ms"] / times["zbuffer_ms"],
        "correlation_inside": float(np.corrcoef(one[inner], other[inner])[0, 1]),
    }


def frontal() -> np.ndarray:
    """The canonical face as landmarks (468, 3) in a frame of 400 x 400."""
    return 16.0 * (VERTICES - VERTICES.mean(0)) * (1, -1, -1) + (200, 200, 0)


def of_frame(image: np.ndarray, mesh: FaceMesh, rounds: int) -> dict[str, Any]:
    """Frame to depth, and what parsing adds, for the best face of a frame, given its detection."""
    detections = mesh.detect(image)
    meshes = mesh.meshes(image, detections[0].box, detections[0].eyes) if detections else None
    if meshes is None:
        sys.exit("no face in the picture")
    detection, (plain, refined) = detections[0], meshes
    size = (image.shape[1], image.shape[0])
    affine = crop_affine(plain, "box", 1.4, 0.0, SIDE)
    crop = warp(image, affine, (SIDE, SIDE))

    def to_depth() -> None:
        landmarks = mesh.plain(image, detection.box, detection.eyes)
        assert landmarks is not None
        depth.depth_map(landmarks[0], size, affine)

    times = in_turn(
        {
            "to_depth_ms": to_depth,
            "of_it_mesh_ms": lambda: mesh.plain(image, detection.box, detection.eyes),
            "both_meshes_ms": lambda: mesh.meshes(image, detection.box, detection.eyes),
            "parse_ms": lambda: parsing.parse(crop, refined, affine, size),
            "detection_ms": lambda: mesh.detect(image),
        },
        rounds,
    )
    refined_ms = times["both_meshes_ms"] - times["of_it_mesh_ms"]
    return {"size": list(size), **times, "parsing_more_ms": refined_ms + times["parse_ms"]}


def linear(rounds: int) -> dict[str, float]:
    """Time of twice the faces over time of once, for depth and parsing back ends; memory kept."""
    landmarks = frontal().astype(np.float32)
    refined = np.concatenate([landmarks, np.repeat(landmarks[[468 - 1]], 10, 0)])
    affine = np.array([[0.64, 0, 0], [0, 0.64, 0]])
    view = View(np.full((SIDE, SIDE, 3), 127, np.uint8), affine, landmarks, refined, (400, 400))
    back_ends = depth.load("cpu"), parsing.load("colour")
    functions = {
        f"{name}_{times}": (lambda back_end=back_end, times=times: back_end([view] * FACES * times))
        for name, back_end in zip(("depth", "parsing"), back_ends, strict=True)
        for times in (1, 2)
    }
    medians = in_turn(functions, rounds)
    return {name: medians[f"{name}_2"] / medians[f"{name}_1"] for name in ("depth", "parsing")}


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", type=Path, help="a picture with a face (the astronaut)")
    parser.add_argument("--rounds", type=int, default=40, help="calls a median is of (40)")
    arguments = parser.parse_args()
    about = machine()
    image = astronaut()
    if arguments.picture:
        image = cv2.cvtColor(cv2.imread(str(arguments.picture)), cv2.COLOR_BGR2RGB)
    cv2.setNumThreads(1)
    with FaceMesh() as mesh:
        figures = {
            "vertices_to_depth": vertices_to_depth(max(5, arguments.rounds // 4)),
            "frame": of_frame(image, mesh, arguments.rounds),
            "twice_over_once": linear(max(5, arguments.rounds // 4)),
        }
    print(json.dumps({"about": about, **rounded(figures)}, indent=1))


if __name__ == "__main__":
    main()
