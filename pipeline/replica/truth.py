"""The truth of a live video: what was drawn, inside the face box of every frame, in one .npz."""

import io
import zipfile
from pathlib import Path

import cv2
import numpy as np

from pipeline.files.store import replace_whole
from pipeline.replica.scene import Drawn
from pipeline.replica.source import Source


def face_box(drawn: Drawn) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 (exclusive) around the projected mesh, within the frame, whole px."""
    height, width = drawn.depth.shape
    low = np.floor(drawn.landmarks[:, :2].min(0)).astype(int)
    high = np.ceil(drawn.landmarks[:, :2].max(0)).astype(int)
    x0, y0 = np.clip(low, 0, (width - 1, height - 1))
    x1, y1 = np.clip(high, 1, (width, height))
    return int(x0), int(y0), int(x1), int(y1)


def depth_truth(drawn: Drawn) -> np.ndarray:
    """Depth (H, W) float32 in [0, 1]: nearest visible point 1, farthest 0, off the face 0."""
    face = np.isfinite(drawn.depth)
    near, far = drawn.depth[face].min(), drawn.depth[face].max()
    out = np.zeros(drawn.depth.shape, np.float32)
    out[face] = (far - drawn.depth[face]) / (far - near)
    return out


def truth_of(source: Source, drawn: list[Drawn]) -> dict[str, np.ndarray]:
    """The arrays of a video of F frames.

    box (F, 4) int32 x0, y0, x1, y1 in upright frame px; depth (F, h, w) float16 and parsing
    (F, h, w) uint8 of the box, padded with 0 to the largest; landmarks (F, 468, 3) float32, x and
    y in frame px with centres at +0.5, z in the same unit at the face's distance, away from the
    viewer, 0 at their mean.
    """
    boxes = np.array([face_box(d) for d in drawn], np.int32)
    height = int((boxes[:, 3] - boxes[:, 1]).max())
    width = int((boxes[:, 2] - boxes[:, 0]).max())
    depth = np.zeros((len(drawn), height, width), np.float16)
    parsing = np.zeros((len(drawn), height, width), np.uint8)
    landmarks = np.zeros((len(drawn), 468, 3), np.float32)
    for i, (d, (x0, y0, x1, y1)) in enumerate(zip(drawn, boxes, strict=True)):
        depth[i, : y1 - y0, : x1 - x0] = depth_truth(d)[y0:y1, x0:x1]
        where = np.ascontiguousarray(d.where[y0:y1, x0:x1]) - 0.5
        parsing[i, : y1 - y0, : x1 - x0] = cv2.remap(
            source.classes, where, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT
        )
        points = d.landmarks.astype(np.float64)
        points[:, 2] = (points[:, 2] - points[:, 2].mean()) * d.pixels_per_cm
        landmarks[i] = points
    return {"box": boxes, "depth": depth, "parsing": parsing, "landmarks": landmarks}


def write_truth(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays, by name, as .npz with fixed dates in the archive: the same arrays, the same
    bytes.
    """
    with replace_whole(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in sorted(arrays):
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(arrays[name]), version=(1, 0))
            entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, buffer.getvalue(), compresslevel=6)
