"""Triangle meshes turned and drawn to maps, for faces and for sheets."""

import numba
import numpy as np


@numba.njit(cache=True)
def _fill(
    points: np.ndarray,
    triangles: np.ndarray,
    values: np.ndarray,
    depth: np.ndarray,
    out: np.ndarray,
) -> None:
    height, width = depth.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = points[a, 0], points[a, 1], points[a, 2]
        bx, by, bz = points[b, 0], points[b, 1], points[b, 2]
        cx, cy, cz = points[c, 0], points[c, 1], points[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9:
            continue
        x0 = max(int(np.floor(min(ax, bx, cx) - 0.5)), 0)
        x1 = min(int(np.ceil(max(ax, bx, cx) + 0.5)), width)
        y0 = max(int(np.floor(min(ay, by, cy) - 0.5)), 0)
        y1 = min(int(np.ceil(max(ay, by, cy) + 0.5)), height)
        for y in range(y0, y1):
            py = y + 0.5
            for x in range(x0, x1):
                px = x + 0.5
                wa = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / area
                wb = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / area
                wc = 1.0 - wa - wb
                if wa < -1e-6 or wb < -1e-6 or wc < -1e-6:
                    continue
                z = wa * az + wb * bz + wc * cz
                if z < depth[y, x]:
                    depth[y, x] = z
                    for k in range(values.shape[1]):
                        out[y, x, k] = wa * values[a, k] + wb * values[b, k] + wc * values[c, k]


def draw_mesh(
    points: np.ndarray, triangles: np.ndarray, values: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a mesh by z-buffer, sampled at pixel centres (+0.5).

    `points` (V, 3) are x right and y down in pixels and z away from the viewer; `triangles` (T, 3)
    are numbers of points; `values` (V, K) are carried along linearly. Returns depth (height, width)
    float32, inf where nothing is drawn, and the values (height, width, K) float32, 0 there.
    """
    depth = np.full((height, width), np.inf, np.float32)
    out = np.zeros((height, width, values.shape[1]), np.float32)
    _fill(
        np.ascontiguousarray(points, np.float64),
        np.ascontiguousarray(triangles, np.int32),
        np.ascontiguousarray(values, np.float64),
        depth,
        out,
    )
    return depth, out


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """(3, 3) float64: roll after pitch after yaw, in radians, about the axes z, x and y."""
    cy, sy = np.cos(yaw), np.sin(yaw)
    cp, sp = np.cos(pitch), np.sin(pitch)
    cr, sr = np.cos(roll), np.sin(roll)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_z @ about_x @ about_y


def grid_triangles(rows: int, columns: int) -> np.ndarray:
    """Triangles (T, 3) int32 of a grid of rows x columns vertices, numbered row by row."""
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    first = np.stack([corner, corner + 1, corner + columns], 1)
    second = np.stack([corner + 1, corner + columns + 1, corner + columns], 1)
    return np.concatenate([first, second]).astype(np.int32)
