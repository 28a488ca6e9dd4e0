"""Faces and their landmarks. The runtimes are alike and chosen by name: `load`.

All coordinates are frame pixels with pixel centres at +0.5, x to the right and y down. Nothing is
kept between pictures: the same picture gives the same landmarks whatever came before it.
"""

from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import Protocol, Self, cast

import numpy as np

from labels.backends import LANDMARKS

RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263


@dataclass(frozen=True, eq=False)
class Face:
    """One face of a picture.

    score: the detector's, 0.5 to 1; NaN where the place was given. box: x0, y0, x1, y1 of the
    detection, or as given, frame pixels.
    landmarks: (468, 3) float32, the plain mesh: x, y in frame pixels, z in the same unit, smaller
    is nearer, 0 near the head's centre. landmarks_refined: (478, 3) float32, the mesh that looks
    again at eyes and lips, with ten points for the irises: better for parsing, worse for depth.
    """

    score: float
    box: tuple[float, float, float, float]
    landmarks: np.ndarray
    landmarks_refined: np.ndarray


class FaceFinder(Protocol):
    """What every runtime gives: `labels.landmarks.search.Search` says what its methods do.

    made_on: kind of device and precision, as "cpu".
    """

    made_on: str

    def find(self, image: np.ndarray, faces: int | None = None) -> list[Face]:
        """All faces of a picture (H, W, 3) uint8 RGB, or the first so many, best first."""
        ...

    def at(
        self,
        image: np.ndarray,
        box: tuple[float, float, float, float],
        eyes: np.ndarray | None = None,
    ) -> Face | None:
        """The face at a place known from elsewhere, or None."""
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def load(name: str) -> FaceFinder:
    """The runtime of a name in labels.backends.LANDMARKS. Use it as a context manager.

    Raises UserError where it cannot run here (another MediaPipe, weights that are missing).
    """
    return cast(FaceFinder, import_module(LANDMARKS[name].module).load())
