"""How far the same samples of two bundles differ, field by field.

Memory stays flat: pixels and meshes are read in blocks, and pixels only where checksums differ.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pipeline.bundle import FIELDS, PIXELS, Shard
from pipeline.inspect.read import column, fields_of

Sample = tuple[str, int]
"""video and frame"""
_BLOCK = 8
"""Samples whose pixels are in memory at once, of each bundle."""
_MESHES = 512
"""The same of landmarks and affines."""
_IDENTITY = ("video", "frame")


@dataclass
class Difference:
    """What differs in one field.

    samples: how many. measured: of how many there is a measure; of the others one value is NaN or
    infinite. total, largest: of the measures. first: the first sample that differs. pair: its two
    texts. missing_in: the bundle, a or b, that has no such field.
    """

    samples: int = 0
    measured: int = 0
    total: float = 0.0
    largest: float = 0.0
    first: Sample | None = None
    pair: tuple[str, str] | None = None
    missing_in: str = ""

    def to_json(self, name: str) -> dict[str, Any]:
        """The same by the names that are printed; None where there is no measure."""
        found: dict[str, Any] = {"samples": self.samples}
        if self.first is not None:
            found["first"] = {"video": self.first[0], "frame": self.first[1]}
        if self.missing_in:
            return {**found, "missing_in": self.missing_in}
        if self.pair is not None:
            return {**found, "a": self.pair[0], "b": self.pair[1]}
        if self.samples > self.measured:
            found["without_number"] = self.samples - self.measured
        if name in MEASURES:
            found[MEASURES[name].name] = self.total / self.measured if self.measured else None
        else:
            found[LARGEST.name] = self.largest if self.measured else None
        return found


class Differences(dict[str, Difference]):
    """The fields that differ among samples that two bundles share."""

    def add(
        self, a: Shard, b: Shard, rows: Sequence[tuple[int, int]], samples: Sequence[Sample]
    ) -> None:
        """Compare samples of two shards: row in a and in b of each, and its identity.

        Raises BundleError for a damaged shard.
        """
        in_a, in_b = fields_of(a), fields_of(b)
        of_a, of_b = [row for row, _ in rows], [row for _, row in rows]
        for name, field in FIELDS.items():
            if name in (*PIXELS, *_IDENTITY, "checksum"):
                continue
            if (name in in_a) != (name in in_b):
                one = self.setdefault(name, Difference())
                one.missing_in = "a" if name in in_b else "b"
                one.samples += len(rows)
            elif name in in_a and field.shape:
                for at in range(0, len(rows), _MESHES):
                    part = slice(at, at + _MESHES)
                    left, right = column(a, name, of_a[part]), column(b, name, of_b[part])
                    self.compare(name, left, right, samples[part])
            elif name in in_a:
                self.compare(name, column(a, name)[of_a], column(b, name)[of_b], samples)
        sums_a, sums_b = column(a, "checksum")[of_a], column(b, "checksum")[of_b]
        apart = np.flatnonzero(sums_a != sums_b).tolist()
        for at in range(0, len(apart), _BLOCK):
            part_of = apart[at : at + _BLOCK]
            self._pixels(a, b, [rows[i] for i in part_of], [samples[i] for i in part_of])

    def _pixels(
        self, a: Shard, b: Shard, rows: Sequence[tuple[int, int]], samples: Sequence[Sample]
    ) -> None:
        """Compare the pixels of samples whose checksums differ."""
        explained = np.zeros(len(rows), bool)
        for name in PIXELS:
            left = column(a, name, [row for row, _ in rows])
            right = column(b, name, [row for _, row in rows])
            explained |= self.compare(name, left, right, samples)
        # The same pixels under two checksums: one of these is wrong.
        left = column(a, "checksum", [row for row, _ in rows])
        right = column(b, "checksum", [row for _, row in rows])
        wrong = np.flatnonzero(~explained)
        self.compare("checksum", left[wrong], right[wrong], [samples[i] for i in wrong])

    def compare(
        self, name: str, a: np.ndarray, b: np.ndarray, samples: Sequence[Sample]
    ) -> np.ndarray:
        """Note how a field differs between (N, ...) values of the same N samples; (N,) bool: which
        do.
        """
        apart = differs(a, b)
        where = np.flatnonzero(apart)
        if not len(where):
            return apart
        one = self.setdefault(name, Difference())
        at = int(where[0])
        if one.first is None:
            one.first = samples[at]
            one.pair = (str(a[at]), str(b[at])) if a.dtype.kind == "U" else None
        one.samples += len(where)
        if a.dtype.kind != "U":
            measures = MEASURES.get(name, LARGEST).of_samples(a[where], b[where])
            measures = measures[np.isfinite(measures)]
            one.measured += len(measures)
            one.total += float(measures.sum())
            one.largest = max(one.largest, float(measures.max(initial=0)))
        return apart


def differs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Which of N samples have another value: (N,) bool. NaN is the same as NaN."""
    apart = a != b
    if a.dtype.kind == "f":
        apart &= ~(np.isnan(a) & np.isnan(b))
    return np.asarray(apart.any(axis=tuple(range(1, apart.ndim))))


def _absolute(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Absolute differences as float64; two NaN have none."""
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(a.astype(np.float64) - b.astype(np.float64))
    if a.dtype.kind == "f":
        apart[np.isnan(a) & np.isnan(b)] = 0
    return apart


def _largest(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(_absolute(a, b).reshape(len(a), -1).max(axis=1))


def _mean(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(_absolute(a, b).reshape(len(a), -1).mean(axis=1))


def _share(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray((a != b).reshape(len(a), -1).mean(axis=1))


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean distance of the points of (N, points, 3) meshes, in pixels."""
    with np.errstate(over="ignore"):
        return np.asarray(np.sqrt((_absolute(a, b) ** 2).sum(axis=2)).mean(axis=1))


class Measure(NamedTuple):
    """What is said of a field besides how many samples differ.

    name: in JSON. of_samples: one number for each of N samples, from two arrays (N, ...).
    """

    name: str
    of_samples: Callable[[np.ndarray, np.ndarray], np.ndarray]


LARGEST = Measure("largest_difference", _largest)
"""Of numbers that MEASURES does not name; of texts the first pair is said."""
MEASURES = {
    "image": Measure("mean_absolute_difference", _mean),
    "depth": Measure("mean_absolute_difference", _mean),
    "parsing": Measure("share_of_pixels", _share),
    "landmarks": Measure("mean_distance", _distance),
}
"""By field; the mean over the samples that differ is said."""
