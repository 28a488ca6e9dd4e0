"""Which person of a video is meant, decided once a video from the faces of its sampled frames.

The rule. Sampled frames are gone through in order; a face belongs to the person whose last face was
nearest, if it lies within one face square's side of it and is at most twice as large or small,
else it begins a new person. Meant is the person whose face squares, summed over the frames, cover
the largest area: a print held up to the camera, and not its holder beside or behind it; the
subject, and not who passes. A face that was given by hand or by the dataset decides at once.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

REACH = 1.0
"""How far a person's face moves at most from one sampled frame to the next, in face squares."""

GROWTH = 2.0
"""How many times larger or smaller it becomes at most."""

SMALLER = 3.0
"""A lone face so many times smaller than the person's is a poster's, say, not theirs."""

ALIKE = {1: 0.5, 0: 0.1}
"""Another face of at least this share of the chosen one's area makes the choice unsure, in a live
(1) and in a spoof (0) video: there it may be the holder's own beside a print, or the print."""


class Square(NamedTuple):
    """A face square: its centre and side in frame pixels."""

    x: float
    y: float
    side: float


class Choice(NamedTuple):
    """What the rule says of one frame.

    face: the number of the face that is meant, from 0; None where the person is not there, and then
    `reason` says why. unsure: why the choice may be wrong, "" where it is sure.
    """

    face: int | None
    unsure: str = ""
    reason: str = ""


class People:
    """The persons of one video, as far as its frames have been gone through."""

    def __init__(self, live: int) -> None:
        """live: 1 or 0, of the video."""
        self._alike = ALIKE[live]
        self._frames: list[list[tuple[int, Square]]] = []  # (person, face) of each frame
        self._last: list[Square] = []  # of each person
        self._area: list[float] = []
        self._given: list[int | None] = []  # of each frame: the face whose place was given

    def add(self, faces: Sequence[Square], given: bool = False) -> None:
        """Take the next sampled frame's faces; `given`: the first of them was given."""
        pairs = sorted(
            (distance, number, person)
            for number, face in enumerate(faces)
            for person, last in enumerate(self._last)
            if (distance := _distance(face, last)) is not None
        )
        owner: dict[int, int] = {}
        for _, number, person in pairs:
            if number not in owner and person not in owner.values():
                owner[number] = person
        for number, face in enumerate(faces):
            if number not in owner:
                owner[number] = len(self._last)
                self._last.append(face)
                self._area.append(0.0)
            self._last[owner[number]] = face
            self._area[owner[number]] += face.side**2
        self._frames.append([(owner[number], face) for number, face in enumerate(faces)])
        self._given.append(0 if given else None)

    def choose(self) -> list[Choice]:
        """The choice in every frame, in the order in which they were added."""
        if not self._area:
            return [Choice(None, reason="no face found") for _ in self._frames]
        given = {f[n][0] for f, n in zip(self._frames, self._given, strict=True) if n is not None}
        meant = max(
            given or range(len(self._area)), key=lambda person: (self._area[person], -person)
        )
        people = [[person for person, _ in frame] for frame in self._frames]
        beside = {person for together in people if meant in together for person in together}
        sides = [face.side for frame in self._frames for person, face in frame if person == meant]
        least = float(np.median(sides)) / SMALLER
        return [
            self._of_frame(frame, face, meant, beside, least)
            for frame, face in zip(self._frames, self._given, strict=True)
        ]

    def _of_frame(
        self,
        frame: list[tuple[int, Square]],
        given: int | None,
        meant: int,
        beside: set[int],
        least: float,
    ) -> Choice:
        if given is not None:
            return Choice(given)
        for number, (person, face) in enumerate(frame):
            if person == meant:
                rival = max((f.side**2 for p, f in frame if p != meant), default=0.0)
                alike = rival >= self._alike * face.side**2
                return Choice(number, f"{len(frame)} faces, which is meant?" if alike else "")
        if len(frame) == 1 and frame[0][0] not in beside and frame[0][1].side >= least:
            return Choice(0, "the only face is far from where the person's was before")
        return Choice(None, reason="only another person's face is here")


def _distance(face: Square, last: Square) -> float | None:
    """Between centres, in sides of the larger square; None where it is too far or too unlike."""
    larger, smaller = max(face.side, last.side), min(face.side, last.side)
    distance = float(np.hypot(face.x - last.x, face.y - last.y)) / larger
    return distance if distance <= REACH and larger <= GROWTH * smaller else None
