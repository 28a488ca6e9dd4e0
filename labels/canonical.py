"""MediaPipe's canonical face model: the mesh that all landmarks share.

The vertices are in the order of the face mesh's landmarks. Other public copies of this model exist
with another order; this one comes from MediaPipe's own face geometry metadata.
"""

from importlib import resources

import numpy as np


def _read() -> tuple[np.ndarray, np.ndarray]:
    text = resources.files("labels").joinpath("data/canonical_face.obj").read_text("utf-8")
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    vertices = np.array([row[1:] for row in rows if row[0] == "v"], np.float32)
    triangles = np.array([row[1:] for row in rows if row[0] == "f"], np.int32) - 1
    vertices.setflags(write=False)
    triangles.setflags(write=False)
    return vertices, triangles


VERTICES, TRIANGLES = _read()
"""VERTICES: 468 x 3 float32, centimetres, x to the subject's left, y up, z towards the viewer.
TRIANGLES: 898 x 3 int32 landmark numbers; eyes and mouth are closed."""

RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263
"""The landmarks at the outer corners of the subject's eyes."""
