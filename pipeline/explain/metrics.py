"""Mean IoU of predicted parsing, and mean absolute error of predicted depth, by the labels."""

from typing import Any

import numpy as np

from pipeline.bundle import CLASS_NAMES

CLASSES = len(CLASS_NAMES)


def confusion(label: np.ndarray, found: np.ndarray) -> np.ndarray:
    """CLASSES x CLASSES int64: how many pixels of label c (row) were found to be d (column).

    label, found: of one shape, classes below CLASSES.
    """
    places = label.astype(np.int64).ravel() * CLASSES + found.astype(np.int64).ravel()
    return np.bincount(places, minlength=CLASSES**2).reshape(CLASSES, CLASSES)


def iou(counts: np.ndarray) -> dict[str, float]:
    """Intersection over union, 0 to 1, of every class that the labels have, by name; pixels of all
    samples together. counts: what `confusion` gives, or the sum of several. A class that is found
    and never labelled counts against the others alone.
    """
    inside = np.diag(counts)
    union = counts.sum(0) + counts.sum(1) - inside
    return {
        name: float(inside[c] / union[c]) for c, name in enumerate(CLASS_NAMES) if counts[c].any()
    }


class Tally:
    """What is counted over samples, live and spoof apart."""

    def __init__(self) -> None:
        self._pixels = {live: np.zeros((CLASSES, CLASSES), np.int64) for live in (True, False)}
        self._depth: dict[bool, list[float]] = {True: [], False: []}

    def add_parsing(self, live: bool, label: np.ndarray, found: np.ndarray) -> None:
        """Count one sample: its classes by the label and as found, both S x S."""
        self._pixels[live] += confusion(label, found)

    def add_depth(self, live: bool, label: np.ndarray, found: np.ndarray) -> None:
        """Count one sample: its depth by the label and as found, both s x s, in units of the label
        (0 background, 1 nearest).
        """
        self._depth[live].append(float(np.abs(found.astype(np.float64) - label).mean()))

    def parsing(self) -> dict[str, Any] | None:
        """{"mean_iou": {"all", "live", "spoof"}, "iou": {class: of all}}, 0 to 1, None for a kind
        without a sample; None of nothing.
        """
        counts = {
            "all": self._pixels[True] + self._pixels[False],
            "live": self._pixels[True],
            "spoof": self._pixels[False],
        }
        if not counts["all"].any():
            return None
        of_each = {name: iou(pixels) for name, pixels in counts.items()}
        means = {name: _mean(list(one.values())) for name, one in of_each.items()}
        return {"mean_iou": means, "iou": of_each["all"]}

    def depth(self) -> dict[str, Any] | None:
        """{"mean_absolute_error": {"all", "live", "spoof"}} in units of depth, each the mean of its
        samples' means, None for a kind without a sample; None of nothing.
        """
        live, spoof = self._depth[True], self._depth[False]
        if not live + spoof:
            return None
        found = {"all": _mean(live + spoof), "live": _mean(live), "spoof": _mean(spoof)}
        return {"mean_absolute_error": found}


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
