"""The crops of a partition as a back end is given them, a batch of one video at a time."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import h5py
import numpy as np

from labels.backends import Backend
from labels.view import LabelError, View
from pipeline.errors import UserError
from pipeline.samples import from_jpeg

OF_CROPS = (
    "affine", "frame", "frame_size", "image", "landmarks", "landmarks_refined", "live", "video",
)  # fmt: skip
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
            views = [view_of(file, row, backend.loose) for row in batch]
            made |= dict(zip(batch, label(views), strict=True))
        for row in rows:
            yield made.get(row)


def view_of(file: h5py.File, row: int, loose: bool) -> View:
    """One sample of an open crops file."""
    width, height = (int(side) for side in file["frame_size"][row])
    extra: dict[str, Any] = {}
    if loose:
        extra = {"loose": loose_picture(file, row), "loose_affine": file["loose_affine"][row]}
    return View(
        file["image"][row],
        file["affine"][row],
        file["landmarks"][row],
        file["landmarks_refined"][row],
        (width, height),
        **extra,
    )


def loose_picture(file: h5py.File, row: int) -> np.ndarray:
    """The looser picture (512 x 512 x 3 uint8 RGB) of a sample."""
    start, stop = file["loose_offset"][row : row + 2]
    try:
        return from_jpeg(file["loose"][start:stop])
    except ValueError:
        raise UserError(
            f"{file.filename}: the looser picture of row {row} is damaged; run ocim crop"
        ) from None
