"""Labels of the crops of one partition: what the depth and the parse stage share.

A back end is given the crops of one video, a batch at a time, and returns a label of each, or why
there is none. The labels of a partition are called its layer, and lie in a file of their own.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from labels.backends import Backend
from labels.view import LabelError, View
from pipeline.backends import Choice
from pipeline.bundle import FIELDS
from pipeline.cropping.samples import from_jpeg
from pipeline.errors import UserError
from pipeline.files import keys, layers
from pipeline.files.layers import Failure, Rows

BLOCK = 64
"""Labels that are written at a time."""
OF_VIEW = ("image", "affine", "landmarks", "landmarks_refined", "frame_size")
"""The arrays of a crops file that a View takes, in its order."""
OF_LOOSE = ("loose", "loose_affine", "loose_offset")
"""Those of the looser picture, for back ends that read it."""
Label = Callable[[Sequence[View]], list[np.ndarray | LabelError]]
"""A back end, loaded."""


class Layer(NamedTuple):
    """What a stage makes of each crop.

    name: of its array, and of the stage; FIELDS says its dtype and shape. version: of the stage.
    choice: the back end. of_spoofs: whether spoofs get a label as well, or zeros. finish: from the
    back end's label in the crop's size to what is stored.
    """

    name: str
    version: int
    choice: Choice
    of_spoofs: bool
    finish: Callable[[np.ndarray], np.ndarray]


def made_for(choice: Choice, crops: str) -> str:
    """Sha256 in hex of the settings and weights, and of the key of the crops, that a layer is made
    for. UserError where weights are missing or wrong.
    """
    return keys.key(settings=choice.decides, weights=choice.digests(), crops=crops)


def layer_key(layer: Layer, crops: str) -> str:
    """The key of a layer over the crops of this key: what is made for, and all versions."""
    return keys.key(
        stage=layer.name,
        version=(layer.version, layer.choice.backend.version),
        made_for=made_for(layer.choice, crops),
        versions=layer.choice.versions(),
    )


def make_layer(layer: Layer, crops: Path, out: Path) -> None:
    """Write to `out` the layer that belongs to the crops file `crops`, whole or not at all.

    It has `video` and `frame` as the crops have them. A sample that gets no label is a failure, and
    pack leaves it out. Raises UserError where the crops are missing, damaged or lack what the back
    end reads, or the back end's weights are missing or wrong.
    """
    choice, field = layer.choice, FIELDS[layer.name]
    names = sorted(("frame", "live", "video", *OF_VIEW))
    names += OF_LOOSE if choice.backend.loose else ()
    with layers.open_input(crops, "crop", names) as file:
        crops_key = str(file.attrs["key"])
        label = choice.loaded()
        failures: list[Failure] = []
        frames, videos = file["frame"][:], file["video"][:]
        blocks = _blocks(file, layer, label, failures)
        rows = Rows(len(frames), field.shape, str(field.dtype), blocks)
        arrays = {layer.name: rows, "frame": frames, "video": videos}
        attributes = {
            "key": layer_key(layer, crops_key),
            "made_by": choice.made_by(label.made_on, layer.version),
            "made_for": made_for(choice, crops_key),
            "stage": layer.name,
        }
        layers.write(out, attributes, arrays, failures)


def _blocks(
    file: h5py.File, layer: Layer, label: Label, failures: list[Failure]
) -> Iterator[np.ndarray]:
    """What is stored of the crops of an open file, BLOCK at a time: (n, *shape of a label).

    A crop without a label is zeros here, and is added to failures where it was to have one.
    """
    field, videos, frames = FIELDS[layer.name], file["video"][:], file["frame"][:]
    wanted = (file["live"][:] == 1) | layer.of_spoofs
    labels = labels_of(file, wanted, label, layer.choice.backend)
    for start in range(0, len(frames), BLOCK):
        block = np.zeros((min(BLOCK, len(frames) - start), *field.shape), field.dtype)
        for i, made in enumerate(islice(labels, BLOCK)):
            if isinstance(made, LabelError):
                video, frame = videos[start + i].decode(), int(frames[start + i])
                failures.append(Failure(video, frame, f"no {layer.name}: {made}"))
            elif made is not None:
                block[i] = layer.finish(made)
        yield block


def labels_of(
    file: h5py.File, wanted: np.ndarray, label: Label, backend: Backend
) -> Iterator[np.ndarray | LabelError | None]:
    """The label of each crop of an open file, in order; None for those that are not wanted.

    wanted: (N,) bool. label: the back end, loaded; a label is what it gives: depth (256, 256)
    float32 in [0, 1], or parsing (256, 256) uint8 in 0..12. No batch reaches over a video's end, so
    that a video more or less changes nothing of another's.
    """
    videos = file["video"][:]
    for _, group in groupby(range(len(videos)), key=videos.__getitem__):
        rows = list(group)
        chosen = [row for row in rows if wanted[row]]
        made: dict[int, np.ndarray | LabelError] = {}
        for start in range(0, len(chosen), backend.batch):
            batch = chosen[start : start + backend.batch]
            made |= dict(zip(batch, label(views_of(file, batch, backend.loose)), strict=True))
        yield from map(made.get, rows)


def views_of(file: h5py.File, rows: Sequence[int], loose: bool) -> list[View]:
    """The views of some samples of an open crops file. What lies together is read together.

    rows: ascending. loose: with the looser picture. Raises UserError where that is damaged.
    """
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
    """Ascending numbers as ranges without gaps: the first of each, and one past its last."""
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
    pictures = []
    for i, affine in enumerate(affines):
        piece = data[ends[i] - ends[0] : ends[i + 1] - ends[0]]
        try:
            pictures.append((from_jpeg(piece), affine))
        except ValueError:
            raise UserError(
                f"{file.filename}: the looser picture of row {start + i} is damaged; run ocim crop"
            ) from None
    return pictures
