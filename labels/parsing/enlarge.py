"""From coarse logits to the class of each pixel, without the enlarged logits in between."""

import numba
import numpy as np


def enlarged_classes(logits: np.ndarray, height: int, width: int) -> np.ndarray:
    """The class with the largest logit at each pixel, (height, width) uint8.

    logits: (C, h, w) float32, at most 256 classes, h and w at least 2 or those of the output. They
    are thought enlarged bilinearly, corner pixels on corner pixels (torch's align_corners=True); of
    equal ones the first class is taken. The answer is that of the enlarged logits up to rounding:
    between four neighbours a class cannot win whose largest value of the four is below another's
    smallest, so most of them need not be computed. Raises ValueError where a logit is no number, or
    for other shapes.
    """
    if logits.ndim != 3 or not 0 < len(logits) <= 256:
        raise ValueError(f"logits must be (C, h, w) of at most 256 classes, not {logits.shape}")
    for coarse, fine in zip(logits.shape[1:], (height, width), strict=True):
        if fine < coarse or (coarse < 2 and fine != coarse):
            raise ValueError(f"logits {logits.shape} cannot be enlarged to {height} x {width}")
    if not np.isfinite(logits).all():
        raise ValueError("logits are not finite")
    if logits.shape[1:] == (height, width):
        return _largest(np.ascontiguousarray(logits, np.float32))
    classes_last = np.ascontiguousarray(logits.transpose(1, 2, 0), np.float32)
    rows, columns = _between(logits.shape[1], height), _between(logits.shape[2], width)
    return _enlarged(classes_last, *rows, *columns)


def _between(coarse: int, fine: int) -> tuple[np.ndarray, np.ndarray]:
    """For each fine pixel the coarse one before it (not the last), and the share of the next."""
    if coarse < 2:
        return np.zeros(fine, np.int64), np.zeros(fine, np.float32)
    place = np.arange(fine) * ((coarse - 1) / max(fine - 1, 1))
    before = np.minimum(place.astype(np.int64), coarse - 2)
    return before, (place - before).astype(np.float32)


@numba.njit(cache=True)
def _largest(logits: np.ndarray) -> np.ndarray:
    count, height, width = logits.shape
    found = np.zeros((height, width), np.uint8)
    for y in range(height):
        best = logits[0, y].copy()
        for c in range(1, count):
            for x in range(width):
                if logits[c, y, x] > best[x]:
                    best[x] = logits[c, y, x]
                    found[y, x] = c
    return found


@numba.njit(cache=True)
def _enlarged(
    logits: np.ndarray,
    above: np.ndarray,
    down: np.ndarray,
    before: np.ndarray,
    across: np.ndarray,
) -> np.ndarray:
    """logits: (h, w, C); above and before, down and across: what _between gives."""
    coarse_height, coarse_width, count = logits.shape
    found = np.empty((above.size, before.size), np.uint8)
    able = np.empty(count, np.int64)
    top = 0
    while top < above.size:
        row = above[top]
        bottom = _run_end(above, top)
        left = 0
        while left < before.size:
            column = before[left]
            right = _run_end(before, left)
            below = min(row + 1, coarse_height - 1)
            beside = min(column + 1, coarse_width - 1)
            corners = (
                logits[row, column],
                logits[row, beside],
                logits[below, column],
                logits[below, beside],
            )
            many = _able(corners, able)
            for y in range(top, bottom):
                for x in range(left, right):
                    if many == 1:
                        found[y, x] = able[0]
                    else:
                        found[y, x] = _winner(corners, able[:many], across[x], down[y])
            left = right
        top = bottom
    return found


@numba.njit(cache=True, inline="always")
def _run_end(values: np.ndarray, start: int) -> int:
    """Where the run of equal values that begins at start is over."""
    end = start
    while end < values.size and values[end] == values[start]:
        end += 1
    return end


@numba.njit(cache=True, inline="always")
def _winner(corners: tuple, able: np.ndarray, u: float, v: float) -> int:
    """Of these classes the largest at a place between four corners: u of the way across, v down."""
    best, winner = np.float32(-np.inf), able[0]
    for c in able:
        upper = (1 - u) * corners[0][c] + u * corners[1][c]
        lower = (1 - u) * corners[2][c] + u * corners[3][c]
        value = (1 - v) * upper + v * lower
        if value > best:
            best, winner = value, c
    return winner


@numba.njit(cache=True, inline="always")
def _able(corners: tuple, able: np.ndarray) -> int:
    """The classes that can be the largest somewhere between four corners, into able; how many."""
    one, two, three, four = corners
    sure = np.float32(-np.inf)
    first, same = 0, True
    for k in range(4):
        values = corners[k]
        largest = 0
        for c in range(1, values.size):
            if values[c] > values[largest]:
                largest = c
        if k == 0:
            first = largest
        elif largest != first:
            same = False
    if same:
        able[0] = first
        return 1
    for c in range(one.size):
        sure = max(sure, min(one[c], two[c], three[c], four[c]))
    many = 0
    for c in range(one.size):
        if max(one[c], two[c], three[c], four[c]) >= sure:
            able[many] = c
            many += 1
    return many
