"""Face meshes without perspective, and crops of them, for tests of crop geometry."""

import numpy as np
from hypothesis import strategies as st

from labels.canonical import VERTICES
from pipeline import crops

FRONT = VERTICES.astype(np.float64) * (1, -1, -1)
"""The canonical face as a picture has it: x right, y down, z away, seen from the front."""
FACE = np.array([[100.0, 60.0, -7.0], [180.0, 110.0, 3.0], [140.0, 160.0, 0.0]], np.float32)
"""Landmarks with the bounding box x 100 to 180, y 60 to 160: centre (140, 110), side 100."""
finite = {"allow_nan": False, "allow_infinity": False}


def turn_of(degrees: float) -> np.ndarray:
    """Clockwise in a picture, whose y runs down."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cos, -sin], [sin, cos]])


def mesh(extent: float, yaw: float, roll: float, centre: tuple[float, float]) -> np.ndarray:
    """The canonical face seen without perspective, turned, `extent` pixels tall when upright."""
    x, y, z = (FRONT - FRONT.mean(0)).T
    x = x * np.cos(np.radians(yaw)) - z * np.sin(np.radians(yaw))
    points = np.column_stack([x, y]) @ turn_of(roll).T
    return points * (extent / np.ptp(FRONT[:, 1])) + centre


@st.composite
def affines(draw: st.DrawFn, extents: tuple[float, float] = (8, 4000)) -> tuple[np.ndarray, int]:
    """Crops of every kind: faces near, far, turned, over the border and outside; and their size."""
    face = mesh(
        draw(st.floats(*extents, **finite)),
        draw(st.floats(-60, 60, **finite)),
        draw(st.floats(-180, 180, **finite)),
        (draw(st.floats(-3000, 7000, **finite)), draw(st.floats(-3000, 5000, **finite))),
    )
    margin = draw(st.floats(1.0, 3.0, **finite))
    shift = draw(st.floats(-0.5, 0.5, **finite))
    size = draw(st.integers(64, 512))
    mode = draw(st.sampled_from(["box", "aligned"]))
    return crops.crop_affine(face.astype(np.float32), mode, margin, shift, size), size
