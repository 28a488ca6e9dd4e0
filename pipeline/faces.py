"""The faces of a frame: by hand, from the dataset's own files, or by the detector."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.corrections import Correction, face_box, turn
from pipeline.shipped import Shipped, face_box_of
from pipeline.video import Frame, turned

if TYPE_CHECKING:
    from labels.landmarks import Face, FaceMesh


class Seen(NamedTuple):
    """An upright frame with its faces, best first; `given`: the place of the one was given."""

    image: np.ndarray
    faces: "list[Face]"
    given: bool


class FaceFinder:
    """Finds the faces of one video's frames, each frame by itself.

    by_hand: the video's corrections. shipped: face positions by frame that are to be used in the
    detector's place, None to detect. A box given by hand comes before both.
    """

    def __init__(
        self,
        mesh: "FaceMesh",
        by_hand: Sequence[Correction],
        shipped: Mapping[int, Shipped] | None,
    ) -> None:
        self._mesh = mesh
        self._by_hand = by_hand
        self._shipped = shipped

    def upright(self, frame: Frame) -> np.ndarray:
        """The frame as H x W x 3 uint8 RGB, turned by hand as well."""
        return turned(frame.rgb(), turn(self._by_hand, frame.number))

    def __call__(self, frame: Frame) -> Seen | None:
        """The frame and its faces; None where it has none.

        Where a box was given by hand and no face is in it, the faces are empty: the frame is not
        taken for one without a face, which another might stand in for.
        """
        box = face_box(self._by_hand, frame.number)
        if box is not None:
            image = self.upright(frame)
            by_hand = self._mesh.at(image, box)
            return Seen(image, [by_hand] if by_hand else [], given=True)
        if self._shipped is None:
            image = self.upright(frame)
            faces = self._mesh.find(image)
            return Seen(image, faces, given=False) if faces else None
        place = self._shipped.get(frame.number)
        if place is None:
            return None
        image = self.upright(frame)
        face = self._mesh.at(image, face_box_of(place), place.eyes)
        return Seen(image, [face], given=True) if face else None
