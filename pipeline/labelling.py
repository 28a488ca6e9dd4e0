"""A layer of labels over the crops of one partition: what the depth and parse stages share."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from labels.view import LabelError
from pipeline import views
from pipeline.backends import Choice
from pipeline.files import keys, layers
from pipeline.files.layers import Failure, Rows

BLOCK = 64
"""Labels that are written at a time."""


class Layer(NamedTuple):
    """What a stage makes of each crop.

    name: of its array, and of the stage. version: of the stage. shape, dtype: of one label.
    choice: the back end. of_spoofs: whether spoofs get a label as well, or zeros. finish: from the
    back end's label in the crop's size to what is stored.
    """

    name: str
    version: int
    shape: tuple[int, ...]
    dtype: str
    choice: Choice
    of_spoofs: bool
    finish: Callable[[np.ndarray], np.ndarray]


def made_for(choice: Choice, crops: str) -> str:
    """A hash of the settings and weights, and of the key of the crops, that a layer is made for."""
    return keys.key(settings=choice.decides, weights=choice.digests(), crops=crops)


def layer_key(layer: Layer, crops: str) -> str:
    """The key of a layer over the crops of this key."""
    return keys.key(
        stage=layer.name,
        version=(layer.version, layer.choice.backend.version),
        made_for=made_for(layer.choice, crops),
        versions=layer.choice.versions(),
    )


def make_layer(layer: Layer, crops: Path, out: Path, force: bool) -> bool:
    """Write the layer that belongs to `crops`; False when `out` is finished work already.

    A sample that gets no label is a failure, never zeros. force: make it again even when the key
    says that it is finished.
    """
    choice = layer.choice
    with layers.open_input(crops, "crop", views.needed(choice.backend.loose)) as file:
        purpose = made_for(choice, str(file.attrs["key"]))
        key = layer_key(layer, str(file.attrs["key"]))
        if not force and keys.stored_key(out) == key:
            return False
        label = choice.loaded()
        frames, videos = file["frame"][:], file["video"][:]
        failures: list[Failure] = []
        rows = Rows(len(frames), layer.shape, layer.dtype, _blocks(file, layer, label, failures))
        arrays = {layer.name: rows, "frame": frames, "video": videos}
        made_by = choice.made_by(label.made_on, layer.version)
        attributes = {"key": key, "made_by": made_by, "made_for": purpose, "stage": layer.name}
        layers.write(out, attributes, arrays, failures)
    return True


def _blocks(
    file: h5py.File, layer: Layer, label: views.Label, failures: list[Failure]
) -> Iterator[np.ndarray]:
    """The label of each crop of an open file; what gives none is added to failures."""
    videos, frames = file["video"][:], file["frame"][:]
    wanted = (file["live"][:] == 1) | layer.of_spoofs
    block: list[np.ndarray] = []
    for i, made in enumerate(views.labels_of(file, wanted, label, layer.choice.backend)):
        if len(block) == BLOCK:
            yield np.stack(block)
            block = []
        stored = np.zeros(layer.shape, layer.dtype)
        if isinstance(made, LabelError):
            reason = f"no {layer.name}: {made}"
            failures.append(Failure(videos[i].decode(), int(frames[i]), reason))
        elif made is not None:
            stored = layer.finish(made)
        block.append(stored)
    if block:
        yield np.stack(block)
