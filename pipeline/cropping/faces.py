"""The faces of a frame: by hand, from the dataset's own files, or by the detector."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.cropping.shipped import Shipped, face_box_of, turned
from pipeline.crops import CropError, face_square
from pipeline.frames.orientation import TURNED
from pipeline.frames.video import Frame
from pipeline.indexing.corrections import Correction, face_box, turn

if TYPE_CHECKING:
    from labels.landmarks import Face
    from labels.landmarks import FaceFinder as Landmarks


class Seen(NamedTuple):
    """An upright frame with its faces, best first.

    image: (H, W, 3) uint8 RGB. given: whether the place of the one face was given. shipped: where
    the dataset's own file says that the face is, in the pixels of this frame, if it says so.
    """

    image: np.ndarray
    faces: "list[Face]"
    given: bool
    shipped: Shipped | None


class FaceFinder:
    """Finds the faces of one video's frames, each frame by itself.

    by_hand: the video's corrections. shipped: the dataset's face positions by frame; use_shipped:
    whether they take the detector's place. A box given by hand comes before both.
    """

    def __init__(
        self,
        landmarks: "Landmarks",
        by_hand: Sequence[Correction],
        shipped: Mapping[int, Shipped],
        use_shipped: bool,
    ) -> None:
        self._landmarks = landmarks
        self._by_hand = by_hand
        self._shipped = shipped
        self._use_shipped = use_shipped

    def __call__(self, frame: Frame) -> Seen | None:
        """The frame and its faces; None where it has none.

        Where a box was given by hand and no face is in it, the faces are empty: the frame is not
        taken for one without a face, which another might stand in for.
        """
        box = face_box(self._by_hand, frame.number)
        shipped = self._shipped.get(frame.number)
        if box is None and self._use_shipped and shipped is None:
            return None
        degrees = turn(self._by_hand, frame.number)
        image = TURNED[degrees].apply(frame.rgb())
        if shipped is not None:
            shipped = turned(shipped, degrees, (image.shape[1], image.shape[0]))
        if box is not None:
            return Seen(image, self._at(image, box, None), True, shipped)
        if self._use_shipped and shipped is not None:
            faces = self._at(image, face_box_of(shipped), shipped.eyes)
            return Seen(image, faces, True, shipped) if faces else None
        faces = [face for face in self._landmarks.find(image) if is_face(face)]
        return Seen(image, faces, False, shipped) if faces else None

    def _at(
        self, image: np.ndarray, box: tuple[float, float, float, float], eyes: np.ndarray | None
    ) -> "list[Face]":
        face = self._landmarks.at(image, box, eyes)
        return [face] if face and is_face(face) else []


def is_face(face: "Face") -> bool:
    """Whether a mesh has an extent of a pixel or more, so that it can be cut out."""
    try:
        face_square(face.landmarks)
    except CropError:
        return False
    return True
