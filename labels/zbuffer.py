"""Triangles to pixels: the nearest surface under each pixel's centre."""

import numba
import numpy as np


def zbuffer(vertices: np.ndarray, triangles: np.ndarray, height: int, width: int) -> np.ndarray:
    """Height of the nearest surface at each pixel's centre, NaN where there is none.

    vertices: (V, 3) float; x and y in pixels (pixel i covers [i, i + 1)), the larger z is nearer.
    triangles: (T, 3) int vertex numbers, either orientation. Returns (height, width) float32.

    A pixel belongs to a triangle that holds its centre; a centre on an edge belongs to the triangle
    below or to the right of it, so neighbours leave no gap and what they cover does not grow. z is
    linear over a triangle. A triangle without area, or with a vertex that is not finite, covers
    nothing. Raises ValueError for other shapes, or numbers of vertices that are not there.
    """
    vertices = np.ascontiguousarray(vertices, np.float64)
    triangles = np.ascontiguousarray(triangles, np.int32)
    if vertices.ndim != 2 or vertices.shape[1] != 3:
        raise ValueError(f"vertices must be (V, 3), not {vertices.shape}")
    if triangles.ndim != 2 or triangles.shape[1] != 3:
        raise ValueError(f"triangles must be (T, 3), not {triangles.shape}")
    if triangles.size and not 0 <= triangles.min() <= triangles.max() < len(vertices):
        raise ValueError("triangles name vertices that are not there")
    buffer = np.full((height, width), np.nan, np.float32)
    _paint(vertices, triangles, buffer)
    return buffer


@numba.njit(cache=True)
def _paint(vertices: np.ndarray, triangles: np.ndarray, buffer: np.ndarray) -> None:
    height, width = buffer.shape
    for t in range(triangles.shape[0]):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, bx, cx = vertices[i, 0], vertices[j, 0], vertices[k, 0]
        left, right = _centres(ax, bx, cx, width)
        if left > right:  # most triangles of a fine mesh lie between the pixels' centres
            continue
        ay, by, cy = vertices[i, 1], vertices[j, 1], vertices[k, 1]
        top, bottom = _centres(ay, by, cy, height)
        if top > bottom:
            continue
        az, bz, cz = vertices[i, 2], vertices[j, 2], vertices[k, 2]
        if not np.isfinite(ax + ay + az + bx + by + bz + cx + cy + cz):
            continue
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0:
            continue
        if area < 0:  # one orientation: the inside has positive edge functions
            bx, by, bz, cx, cy, cz = cx, cy, cz, bx, by, bz
            area = -area
        zx = ((bz - az) * (cy - ay) - (cz - az) * (by - ay)) / area
        zy = ((cz - az) * (bx - ax) - (bz - az) * (cx - ax)) / area
        abx, aby, abw, abh, ab_counts = _edge(ax, ay, bx, by)
        bcx, bcy, bcw, bch, bc_counts = _edge(bx, by, cx, cy)
        cax, cay, caw, cah, ca_counts = _edge(cx, cy, ax, ay)
        for row in range(top, bottom + 1):
            y = row + 0.5
            ab_row, bc_row, ca_row = abw * (y - aby), bcw * (y - bcy), caw * (y - cay)
            z_row = az + zy * (y - ay)
            entered = False
            for column in range(left, right + 1):
                x = column + 0.5
                ab = ab_row - abh * (x - abx)
                bc = bc_row - bch * (x - bcx)
                ca = ca_row - cah * (x - cax)
                if (
                    (ab > 0 or (ab == 0 and ab_counts))
                    and (bc > 0 or (bc == 0 and bc_counts))
                    and (ca > 0 or (ca == 0 and ca_counts))
                ):
                    entered = True
                    z = np.float32(z_row + zx * (x - ax))
                    if not z <= buffer[row, column]:  # NaN: nothing there yet
                        buffer[row, column] = z
                elif entered:
                    break


@numba.njit(cache=True, inline="always")
def _centres(a: float, b: float, c: float, size: int) -> tuple[int, int]:
    """The first and the last pixel along one axis whose centre lies between three coordinates.

    Within 0 to size - 1; the first is larger than the last where there is none. Comparisons, for
    numba's min and max of three take four times as long, half of the whole.
    """
    low = a if a < b else b
    low = low if low < c else c
    high = a if a > b else b
    high = high if high > c else c
    if not (low <= size and high >= 0):  # NaN as well; what is left fits into an integer
        return 0, -1
    low = low if low > 0.5 else 0.5
    high = high if high < size - 0.5 else size - 0.5
    return int(np.ceil(low - 0.5)), int(np.floor(high - 0.5))


@numba.njit(cache=True, inline="always")
def _edge(ax: float, ay: float, bx: float, by: float) -> tuple[float, float, float, float, bool]:
    """The edge from a to b: an origin, its extent, and whether points on it belong to it.

    (x, y) lies inside where width * (y - origin_y) - height * (x - origin_x) > 0. The origin is
    the edge's smaller end either way, so that two triangles get the same rounding on a shared edge.
    Points on a left or top edge are inside.
    """
    counts = by < ay or (by == ay and bx > ax)
    if ax < bx or (ax == bx and ay < by):
        return ax, ay, bx - ax, by - ay, counts
    return bx, by, bx - ax, by - ay, counts
