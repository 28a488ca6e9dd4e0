"""The samples of one dataset of a bundle: where each lies, and the fast way to its bytes."""

import mmap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pipeline.bundle import FIELDS, PIXELS, Bundle, Shard
from pipeline.errors import UserError
from train.protocols import SPLITS


class Rows(NamedTuple):
    """What of a draw lies in one shard: sample places[k] of the draw is its row rows[k]."""

    shard: Shard
    rows: list[int]
    places: list[int]


class Domain:
    """The samples of one dataset in some splits of a bundle, in the order of their identity.

    splits: their names; shards: open shards; shard, row: (N,) where sample i lies; live: (N,)
    uint8; frame: (N,) int32; paths: (V,) str, of all videos; number: (N,) int32, the place in paths
    of each sample's video; spoof_depth: `zero`, or `raw` where spoofs keep the depth that was made
    of them. 17 bytes a sample stay in memory. Pickled it is its shards' paths and keys. Raises
    UserError when there is no sample, BundleError where a shard cannot be read.
    """

    def __init__(self, bundle: Bundle, name: str, splits: Sequence[str] = SPLITS) -> None:
        shards = bundle.shards(name, splits)
        if not sum(len(shard) for shard in shards):
            where = " or ".join(splits)
            raise UserError(f"{bundle.folder}: dataset '{name}' has no sample in {where}")
        self.name, self.splits, self.shards = name, tuple(splits), shards
        self.spoof_depth = bundle.spoof_depth
        self._find_samples()

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("name", "splits", "spoof_depth", "shards")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._find_samples()

    def _find_samples(self) -> None:
        """Read from the shards where each sample lies."""
        tables: list[tuple[np.ndarray, np.ndarray]] = [
            np.unique(s.read("video"), return_inverse=True) for s in self.shards
        ]
        self.paths = np.unique(np.concatenate([paths for paths, _ in tables]))
        places = [np.asarray(np.searchsorted(self.paths, paths)) for paths, _ in tables]
        video = np.concatenate([at[of] for at, (_, of) in zip(places, tables, strict=True)])
        frame = np.concatenate([s.read("frame") for s in self.shards])
        order = np.lexsort((frame, video))
        lengths = [len(s) for s in self.shards]
        self.shard = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)[order]
        self.row = np.concatenate([np.arange(n, dtype=np.int32) for n in lengths])[order]
        self.number, self.frame = video[order].astype(np.int32), frame[order]
        self.live = self.column("live")

    def __len__(self) -> int:
        return len(self.row)

    @property
    def video(self) -> np.ndarray:
        """(N,) str, the path of each sample's video; made anew each time it is asked for."""
        return self.paths[self.number]

    def column(self, name: str) -> np.ndarray:
        """A field of the shards without pixels (attack, subject, ...): (N,), in the domain's order.

        Raises BundleError where a file changed.
        """
        parts = [shard.read(name) for shard in self.shards]
        first = np.cumsum([0, *(len(part) for part in parts)])
        return np.concatenate(parts)[first[self.shard] + self.row]

    def by_shard(self, samples: Sequence[int] | np.ndarray) -> list[Rows]:
        """A draw, shard by shard. samples: their numbers, from 0 to N - 1."""
        numbers = np.asarray(samples, np.intp)
        by_shard: dict[int, Rows] = {}
        pairs = zip(self.shard[numbers].tolist(), self.row[numbers].tolist(), strict=True)
        for place, (shard, row) in enumerate(pairs):
            rows = by_shard.setdefault(shard, Rows(self.shards[shard], [], []))
            rows.rows.append(row)
            rows.places.append(place)
        return list(by_shard.values())

    def read(self, samples: Sequence[int] | np.ndarray, field: str) -> Tensor:
        """Read image, depth, parsing, landmarks or affine: a tensor (len(samples), ...) of the
        stored shape and dtype (pipeline.bundle.FIELDS). Raises BundleError where a file changed.
        """
        out = np.empty((len(samples), *FIELDS[field].shape), FIELDS[field].dtype)
        self.fill(samples, {field: out})
        return torch.from_numpy(out)

    def fill(self, samples: Sequence[int] | np.ndarray, outs: Mapping[str, np.ndarray]) -> None:
        """Read fields of a draw, by their names, straight from the files into arrays of the stored
        shape and dtype. Raises BundleError where a file changed.
        """
        for shard, rows, places in self.by_shard(samples):
            shard.read_into(outs, rows, places)

    def landmarks(self, samples: Sequence[int] | np.ndarray) -> Tensor:
        """Face meshes in crop pixels: n x 468 x 3 float32; z in the same unit, smaller is nearer.

        Raises BundleError where a file changed.
        """
        frame = self.read(samples, "landmarks").double()
        affine = self.read(samples, "affine")
        scale = torch.linalg.det(affine[:, :, :2]).abs().sqrt()
        flat = frame[..., :2] @ affine[:, :, :2].transpose(1, 2) + affine[:, None, :, 2]
        return torch.cat([flat, frame[..., 2:] * scale[:, None, None]], 2).float()

    def announce(self, samples: Sequence[int] | np.ndarray) -> None:
        """Tell the system which pixels are read next, so that the disk begins on all at once."""
        for shard, rows, _ in self.by_shard(samples):
            for field in PIXELS:
                pixels = getattr(shard, field)
                if isinstance(pixels, np.memmap):  # not a compressed one
                    _announce(pixels, rows)


def _announce(pixels: np.memmap, rows: Sequence[int]) -> None:
    """The map is only for this: what is read through it counts as the process's own memory, and
    a file that is cut short would end the process.
    """
    whole = pixels.base
    if not isinstance(whole, mmap.mmap) or not hasattr(mmap, "MADV_WILLNEED"):
        return  # a system that takes no such advice
    size = pixels.strides[0]
    for row in rows:
        start = pixels.offset % mmap.ALLOCATIONGRANULARITY + row * size
        page = start - start % mmap.PAGESIZE
        whole.madvise(mmap.MADV_WILLNEED, page, start + size - page)
