"""The crops of a partition as a back end is given them, a batch of one video at a time."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import h5py
import numpy as np

from labels.backends import Backend
from labels.view import LabelError, View
from pipeline.cropping.samples import from_jpeg
from pipeline.errors import UserError

OF_CROPS = (
    "affine", "frame", "frame_size", "image", "landmarks", "landmarks_refined", "live", "video",
)  # fmt: skip
OF_VIEW = ("image", "affine", "landmarks", "landmarks_refined", "frame_size")
"""Of those, what a View takes, in its order."""
OF_LOOSE = ("loose", "loose_affine", "loose_offset")
Label = Callable[[Sequence[View]], list[np.ndarray | LabelError]]


def needed(loose: bool) -> tuple[str, ...]:
    """The names in a crops file that views are made of."""
    return (*OF_CROPS, *(OF_LOOSE if loose else ()))


def labels_of(
    file: h5py.File, wanted: np.ndarray, label: Label, backend: Backend
) -> Iterator[np.ndarray | LabelError | None]:
    """The label of each crop of an open file, in order; None of those that are not wanted.

    wanted: (N,) bool. label: the back end, loaded. No batch reaches over a video's end, so that a
    video more or less changes nothing of another's.
    """
    videos = file["video"][:]
    for _, group in groupby(range(len(videos)), key=videos.__getitem__):
        rows = list(group)
        chosen = [row for row in rows if wanted[row]]
        made: dict[int, np.ndarray | LabelError] = {}
        for start in range(0, len(chosen), backend.batch):
            batch = chosen[start : start + backend.batch]
            views = views_of(file, batch, backend.loose)
            made |= dict(zip(batch, label(views), strict=True))
        for row in rows:
            yield made.get(row)


def views_of(file: h5py.File, rows: Sequence[int], loose: bool) -> list[View]:
    """Samples of an open crops file; rows rise. What lies together is read together."""
    views = []
    for start, stop in runs(rows):
        columns = [file[name][start:stop] for name in OF_VIEW]
        more = _loose(file, start, stop) if loose else [()] * (stop - start)
        for picture, affine, plain, refined, (width, height), extra in zip(
            *columns, more, strict=True
        ):
            size = int(width), int(height)
            views.append(View(picture, affine, plain, refined, size, *extra))
    return views


def runs(rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Rising numbers as ranges without gaps: the first of each, and one past its last."""
    start = 0
    for i in range(1, len(rows) + 1):
        if i == len(rows) or rows[i] != rows[i - 1] + 1:
            yield rows[start], rows[i - 1] + 1
            start = i


def _loose(file: h5py.File, start: int, stop: int) -> list[tuple[Any, ...]]:
    """The looser picture (512 x 512 x 3 uint8 RGB) of samples, and the affine to it."""
    affines = file["loose_affine"][start:stop]
    ends = file["loose_offset"][start : stop + 1]
    data = file["loose"][ends[0] : ends[-1]]
    found = []
    for i, affine in enumerate(affines):
        piece = data[ends[i] - ends[0] : ends[i + 1] - ends[0]]
        try:
            picture = from_jpeg(piece)
        except ValueError:
            raise UserError(
                f"{file.filename}: the looser picture of row {start + i} is damaged; run ocim crop"
            ) from None
        found.append((picture, affine))
    return found
