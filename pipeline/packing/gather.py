"""What the stages left of one dataset: samples, failures, remarks and corrections, for pack.

A partition's files are read once for what is small and closed again: there may be thousands. Where
in them the arrays lie is kept, so that rows are later read without HDF5.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from pipeline import crop, labelling
from pipeline.bundle import FIELDS, PIXELS
from pipeline.config import Config
from pipeline.datasets.base import Video
from pipeline.errors import UserError
from pipeline.files import layers
from pipeline.files.layers import Failure, Remark, Source
from pipeline.indexing import corrections
from pipeline.places import Out, Range, State

FROM_INDEX = ("attack", "device", "instrument", "session", "subject")
FROM_CROPS = tuple(
    name for name, field in FIELDS.items() if field.dtype is not None and name not in PIXELS
)
STAGES = ("crops", "depth", "parsing")
"""The three files of a partition, in the order in which they are spoken of here."""
_PLACES = dict.fromkeys(("image", *FROM_CROPS), 0) | {"depth": 1, "parsing": 2}
"""In which of the three each column lies."""
_WHOLE = 1 << 18
"""Bytes of a column of small entries up to which it is read whole: one read is less than many."""
_SMALL = 1 << 10


class Column(NamedTuple):
    """Where an array lies in a partition's files.

    file: which of STAGES. offset: its first byte. dtype: numpy's name. shape: of one entry.
    """

    file: int
    offset: int
    dtype: str
    shape: tuple[int, ...]


class PartitionFiles(NamedTuple):
    """The three files of one partition, as far as rows are to be read of them.

    number: of the partition. rows: how many samples it has. makers: what made each file, as JSON.
    states: of the files when they were looked at. columns: where each array lies.
    """

    number: int
    rows: int
    makers: tuple[str, ...]
    states: tuple[State, ...]
    columns: Mapping[str, Column]


class Partition(NamedTuple):
    """What was read of a partition.

    videos, frames: paths and frame numbers of its samples. failures: of each of the three files.
    remarks, sources: the tables `remarks` and `videos` of the crops.
    """

    files: PartitionFiles
    videos: list[str]
    frames: list[int]
    failures: tuple[list[Failure], ...]
    remarks: list[Remark]
    sources: list[Source]


class Sample(NamedTuple):
    """One sample's identity, the path of its video and the frame's number, and where it lies: the
    number of the partition, and the row in it.
    """

    video: str
    frame: int
    partition: int
    row: int


def read_partition(
    config: Config, out: Out, dataset: str, number: int, rows: Sequence[Video]
) -> Partition:
    """Read what is small of the files of one partition. rows: its part of the index.

    Raises UserError, with the stage to run, where one is missing, damaged, or was made for another
    index or configuration, or where the layers belong to other crops.
    """
    paths = [out.layout.partition(folder, dataset, number) for folder in STAGES]
    with ExitStack() as stack:
        opened = partial(_opened, stack, out)
        for_crops = crop.made_for(rows, config.crop, config.datasets[dataset])
        of_crops = opened(paths[0], "crop", ("image", "video", *FROM_CROPS), for_crops)
        crops = of_crops[0]
        key = str(crops.attrs["key"])
        for_depth = labelling.made_for(config.depth.choice(), key)
        for_parsing = labelling.made_for(config.parse.choice(), key)
        of_depth = opened(paths[1], "depth", ("depth", "frame", "video"), for_depth)
        of_parsing = opened(paths[2], "parse", ("frame", "parsing", "video"), for_parsing)
        files, states = zip(of_crops, of_depth, of_parsing, strict=True)
        videos, frames = crops["video"][:], crops["frame"][:]
        for layer, path in zip(files[1:], paths[1:], strict=True):
            same_frames = np.array_equal(layer["frame"][:], frames)
            if not (same_frames and np.array_equal(layer["video"][:], videos)):
                raise UserError(f"{out.address(path)}: made for other crops; run its stage again")
        makers = tuple(str(file.attrs["made_by"]) for file in files)
        columns = {name: _column(files[at], at, name, len(frames)) for name, at in _PLACES.items()}
        return Partition(
            PartitionFiles(number, len(frames), makers, states, columns),
            _texts(videos),
            frames.tolist(),
            tuple(layers.read_failures(file) for file in files),
            layers.read_remarks(crops),
            layers.read_sources(crops),
        )


def _opened(
    stack: ExitStack, out: Out, path: Path, verb: str, names: Sequence[str], made_for: str
) -> tuple[h5py.File, State]:
    """A file of a partition, which `ocim VERB` makes, and its state; UserError as above."""
    address, state = out.address(path), out.state(path)
    if state is None:
        raise UserError(f"{address}: missing; run ocim {verb} for this partition")
    source = stack.enter_context(out.reading(path))
    file = stack.enter_context(layers.open_input(path, verb, names, source, address))
    if file.attrs.get("made_for") != made_for:
        raise UserError(
            f"{address}: made for another index or configuration; run ocim {verb} for this"
            " partition"
        )
    return file, state


def _texts(stored: np.ndarray) -> list[str]:
    """Bytes as texts, of equal ones the same: a video has many samples."""
    texts = {data: data.decode("utf-8") for data in set(stored.tolist())}
    return [texts[data] for data in stored.tolist()]


def _column(file: h5py.File, at: int, name: str, rows: int) -> Column:
    stored = file[name]
    offset = stored.id.get_offset() if rows else 0
    shape = FIELDS[name].shape
    if offset is None or stored.external or stored.shape != (rows, *shape):
        raise UserError(
            f"{file.filename}: '{name}' is not stored as this version stores it; make it again"
        )
    return Column(at, int(offset), stored.dtype.str, shape)


def read_columns(
    out: Out,
    dataset: str,
    partitions: Mapping[int, PartitionFiles],
    samples: Sequence[Sample],
    names: Iterable[str],
) -> dict[str, np.ndarray]:
    """Some columns of some samples, by name: arrays (N, *shape of an entry) in the samples' order.

    partitions: those that the samples lie in, by number. names: of FROM_CROPS or PIXELS. Raises
    UserError where a file ends before its rows do.
    """
    ranges: list[Range] = []
    wanted: list[tuple[np.ndarray, list[int], list[int]]] = []
    of_part: dict[int, list[int]] = {}
    for place, sample in enumerate(samples):
        of_part.setdefault(sample.partition, []).append(place)
    found: dict[str, np.ndarray] = {}
    for name in names:
        for number, places in of_part.items():
            column = partitions[number].columns[name]
            path = out.layout.partition(STAGES[column.file], dataset, number)
            if name not in found:
                found[name] = np.empty((len(samples), *column.shape), column.dtype)
            entry = found[name][0].nbytes
            rows = [samples[place].row for place in places]
            if entry < _SMALL and partitions[number].rows * entry <= _WHOLE:
                size = partitions[number].rows * entry
                ranges.append(Range(path, column.offset, column.offset + size))
                wanted.append((found[name], places, rows))
                continue
            for place, row in zip(places, rows, strict=True):
                start = column.offset + row * entry
                ranges.append(Range(path, start, start + entry))
                wanted.append((found[name], [place], [0]))
    for (array, places, rows), data in zip(wanted, out.read(ranges), strict=True):
        entries = np.frombuffer(data, array.dtype).reshape(-1, *array.shape[1:])
        array[places] = entries[rows]
    return found


def refuse_changed(out: Out, dataset: str, partitions: Iterable[PartitionFiles]) -> None:
    """Raise UserError where a partition's file is not what it was when read_partition read it."""
    now = {name: out.states(out.layout.partition(name, dataset, 0).parent) for name in STAGES}
    for partition in partitions:
        for name, state in zip(STAGES, partition.states, strict=True):
            path = out.layout.partition(name, dataset, partition.number)
            if now[name].get(path.name) != state:
                raise UserError(
                    f"{out.address(path)}: changed while it was packed; run ocim pack again"
                )


def samples_of(dataset: str, partitions: Sequence[Partition]) -> Iterator[Sample]:
    """Every sample of the partitions; UserError where one stands twice."""
    owner: dict[str, int] = {}
    for partition in partitions:
        seen: set[tuple[str, int]] = set()
        number = partition.files.number
        for row, identity in enumerate(zip(partition.videos, partition.frames, strict=True)):
            if identity in seen or owner.setdefault(identity[0], number) != number:
                raise UserError(
                    f"{dataset}: the sample {identity} stands twice in partition {number}, or in"
                    f" {owner[identity[0]]} as well; make their crops again"
                )
            seen.add(identity)
            yield Sample(*identity, number, row)


def failures_of(
    dataset: str, partitions: Sequence[Partition], videos: Mapping[str, Video]
) -> list[dict[str, Any]]:
    """The failures of all stages with what the index says of their videos, as rows for the
    manifest, sorted by video, frame and reason. UserError for a video that is not in the index.

    videos: the rows of the index by their paths.
    """
    failures = []
    for partition in partitions:
        for failure in chain.from_iterable(partition.failures):
            row = videos.get(failure.video)
            if row is None:
                number = partition.files.number
                raise UserError(
                    f"{dataset}: {failure.video} of partition {number} is not in the index; run"
                    " ocim crop"
                )
            about = {name: getattr(row, name) for name in ("split", "live", *FROM_INDEX)}
            failures.append({"dataset": dataset, **failure._asdict(), **about})
    return sorted(failures, key=lambda f: (f["video"], f["frame"], f["reason"]))


def remarks_of(dataset: str, partitions: Sequence[Partition]) -> list[dict[str, Any]]:
    """What the crop stage remarked of samples and videos, as rows for the manifest, sorted."""
    remarks = sorted(remark for partition in partitions for remark in partition.remarks)
    return [{"dataset": dataset, **remark._asdict()} for remark in remarks]


def corrections_of(
    dataset: str, videos: Mapping[str, Video], samples: Sequence[Sample]
) -> Iterator[dict[str, Any]]:
    """The corrections by hand of a dataset as rows for the manifest, each with how many samples it
    concerns. videos: the rows of the index by their paths.
    """
    frames: dict[str, list[int]] = {}
    for sample in samples:
        frames.setdefault(sample.video, []).append(sample.frame)
    for row in videos.values():
        by_hand = corrections.of_row(row)
        for correction, summary in zip(by_hand, corrections.summary([row]), strict=True):
            concerned = sum(map(correction.covers, frames.get(row.path, [])))
            yield {"dataset": dataset, **summary, "samples": concerned}
