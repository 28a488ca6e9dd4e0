"""Answers queries on a catalogue: which samples in which order, and how many of each kind."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from pipeline.browse.catalogue import FIGURES, TEXTS, Catalogue
from pipeline.browse.query import Query

BINS = 40
"""Bars of a histogram."""
LISTED_AT_MOST = 1000
"""Choices that are listed of one name; a data set may have any number of subjects."""
LISTED = tuple(name for name in TEXTS if name != "video")
"""What is counted by value; videos are too many, and are found by a text."""
_REMEMBERED = 16


class Scale:
    """The bars of one figure: BINS equal ones from `low` to `high`, the outer two open outwards.

    low, high: 0.1% and 99.9% of the values, so that a few far ones do not squeeze the rest; None
    where there is no value. least, most: of all values. bins: (N,) uint8, the bar of each sample,
    BINS where it has no value.
    """

    def __init__(self, values: np.ndarray) -> None:
        finite = values[np.isfinite(values)].astype(np.float64)
        self.low = self.high = self.least = self.most = None
        self.bins = np.full(len(values), BINS, np.uint8)  # BINS: has none
        if not len(finite):
            return
        self.least, self.most = float(finite.min()), float(finite.max())
        low, high = (float(one) for one in np.quantile(finite, (0.001, 0.999)))
        self.low, self.high = low, high
        step = (high - low) / BINS or 1.0
        places = np.floor((values.astype(np.float64) - low) / step)
        known = np.isfinite(values)
        self.bins[known] = np.clip(places[known], 0, BINS - 1).astype(np.uint8)


class Search:
    """Answers on one catalogue, to several threads; what was asked last is remembered."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.scales = {name: Scale(values) for name, values in catalogue.figures.items()}
        self.numbers = lru_cache(maxsize=_REMEMBERED)(self._numbers)
        self.counts = lru_cache(maxsize=_REMEMBERED)(self._counts)
        self._order = lru_cache(maxsize=_REMEMBERED)(self._ordered)

    def masks(self, query: Query) -> dict[str, np.ndarray]:
        """For each filter of the query, by its name, which samples pass it: (N,) bool."""
        found: dict[str, np.ndarray] = {}
        for name, wanted in query.choices:
            texts = self.catalogue.texts[name]
            found[name] = np.array([value in wanted for value in texts.values], bool)[texts.codes]
        for name, (low, high) in query.ranges:
            figures = self.catalogue.figures[name]
            # As float32, for 0.7 as it is shown and typed shall be the stored 0.7.
            with np.errstate(over="ignore"):
                least = np.float32(-np.inf if low is None else low)
                most = np.float32(np.inf if high is None else high)
            found[name] = (figures >= least) & (figures <= most)
        for name in query.without:
            found[name] = np.isnan(self.catalogue.figures[name])
        if query.words:
            videos, codes = self.catalogue.texts["video"]
            folded = [video.casefold() for video in videos]
            hits = [all(word in video for word in query.words) for video in folded]
            found["text"] = np.array(hits, bool)[codes]
        return found

    def _all(self, masks: Mapping[str, np.ndarray], but: str = "") -> np.ndarray:
        passed = np.ones(self.catalogue.size, bool)
        for name, mask in masks.items():
            if name != but:
                passed &= mask
        return passed

    def _numbers(self, query: Query) -> np.ndarray:
        """Numbers of the samples that a query asks for, in its order: int32."""
        order = self._order(query.sort, query.descending)
        return order[self._all(self.masks(query))[order]]

    def _ordered(self, sort: str, descending: bool) -> np.ndarray:
        """All samples in an order; equal ones as they are stored, those without a figure last."""
        known = self.catalogue
        if sort in FIGURES:
            values = known.figures[sort].astype(np.float64)
            # Stable, and numpy puts NaN last.
            return np.argsort(-values if descending else values, kind="stable").astype(np.int32)
        if sort == "stored":
            order = np.arange(known.size, dtype=np.int32)
        else:
            dataset, video = known.texts["dataset"].codes, known.texts["video"].codes
            keys = (known.frames, video, dataset)  # the last one counts first
            if sort == "video":
                keys = (dataset, known.frames, video)
            order = np.lexsort(keys).astype(np.int32)
        return order[::-1] if descending else order

    def position(self, query: Query, number: int) -> int | None:
        """At which place of the query's samples one stands; None where it is not among them."""
        places = np.flatnonzero(self.numbers(query) == number)
        return int(places[0]) if len(places) else None

    def of_video(self, number: int) -> np.ndarray:
        """Numbers (n,) int64 of all samples of a sample's video, by frame."""
        known = self.catalogue
        same = np.ones(known.size, bool)
        for name in ("dataset", "video"):
            codes = known.texts[name].codes
            same &= codes == codes[number]
        found = np.flatnonzero(same)
        return found[np.argsort(known.frames[found], kind="stable")]

    def _counts(self, query: Query) -> dict[str, Any]:
        """How many samples, and of what kinds, as plain JSON.

        choices: by name, [value, samples] of those that pass all other filters, the most listed;
        more: how many values are left out. histograms: samples in each bar, those without a figure
        apart, that pass all filters but this figure's.
        """
        masks = self.masks(query)
        passed = self._all(masks)
        live = self.catalogue.texts["live"]
        kinds = np.bincount(live.codes[passed], minlength=len(live.values)).tolist()
        videos = self._distinct_videos(passed)
        found: dict[str, Any] = {
            "samples": int(passed.sum()),
            "live": dict(zip(live.values, kinds, strict=True)).get("live", 0),
            "videos": videos,
            "choices": {},
            "more": {},
            "histograms": {},
            "without": {},
        }
        for name in LISTED:
            values, codes = self.catalogue.texts[name]
            of = self._all(masks, name) if name in masks else passed
            counts = np.bincount(codes[of], minlength=len(values)).tolist()
            chosen = dict(query.choices).get(name, frozenset())
            rows = list(zip(values, counts, strict=True))
            # Those that are chosen stay in the list, or they could not be taken back.
            rows.sort(key=lambda row: (row[0] not in chosen, -row[1], row[0]))
            found["choices"][name] = sorted(rows[:LISTED_AT_MOST])
            found["more"][name] = max(0, len(rows) - LISTED_AT_MOST)
        for name in FIGURES:
            of = self._all(masks, name) if name in masks else passed
            bars = np.bincount(self.scales[name].bins[of], minlength=BINS + 1).tolist()
            found["histograms"][name], found["without"][name] = bars[:BINS], bars[BINS]
        return found

    def _distinct_videos(self, passed: np.ndarray) -> int:
        videos, datasets = self.catalogue.texts["video"], self.catalogue.texts["dataset"]
        pairs = datasets.codes.astype(np.int64) * len(videos.values) + videos.codes
        seen = np.zeros(len(datasets.values) * len(videos.values), bool)
        seen[pairs[passed]] = True
        return int(seen.sum())
