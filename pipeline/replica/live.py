"""Living people before a dataset's camera: raw frames, and what all films have in common."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from pipeline.crops import LEFT_EYE, RIGHT_EYE
from pipeline.replica.cameras import CAMERAS, Camera
from pipeline.replica.layout import Video, generator_for
from pipeline.replica.person import Person, head_motion, make_person
from pipeline.replica.pixels import compose
from pipeline.replica.rooms import BORDER, room_picture
from pipeline.replica.scene import Actor, Drawn, Light, View, view_for
from pipeline.replica.source import Source


@dataclass(frozen=True)
class Film:
    """Raw frames (H, W, 3) uint8 RGB; eyes (F, 2, 2) px, the subject's right eye first;
    faces (F, 4) px, x0, y0, x1, y1 around the mesh; for live videos what was drawn, frame by frame.
    """

    frames: list[np.ndarray]
    eyes: np.ndarray
    faces: np.ndarray
    drawn: list[Drawn]


@lru_cache(maxsize=24)
def person_of(source: Source, dataset: str, name: str, seed: int) -> Person:
    """The subject called `name` in a dataset: always the same for one seed."""
    return make_person(source, generator_for(seed, "person", dataset, name))


def light_from_above(generator: np.random.Generator, strength: float) -> Light:
    """A light from somewhere above the camera and beside it; `strength` as a Light has it."""
    direction = np.array([generator.uniform(-0.9, 0.9), generator.uniform(0.0, 0.8), 1.0])
    return Light(direction / np.linalg.norm(direction), strength)


def hand_sway(frames: int, amount: float, generator: np.random.Generator) -> np.ndarray:
    """A hand's slow motion and tremor: (frames, 2) float64 about 0, of about `amount` px."""
    t = np.arange(frames) / 15.0
    out = np.zeros((frames, 2))
    for rate, share in ((0.4, 1.0), (1.3, 0.35), (3.1, 0.12)):
        phase = generator.uniform(0, 2 * np.pi, 2)
        out += share * np.sin(2 * np.pi * rate * t[:, None] + phase)
    return out * amount


def rooms_behind(
    dataset: str, number: int, camera: Camera, frames: int, generator: np.random.Generator
) -> list[np.ndarray]:
    """The room behind, `frames` times (H, W, 3) uint8 of the camera's size, as a camera in a hand
    sees it.
    """
    room = room_picture(dataset, number, camera.height, camera.width)
    sway = hand_sway(frames, 0.004 * camera.width, generator)
    place = generator.uniform(-0.03, 0.03, 2) * camera.width
    size = (camera.width, camera.height)
    out = []
    for shift in sway + place:
        x, y = shift + (camera.width * BORDER, camera.height * BORDER)
        matrix = np.array([[1, 0, x], [0, 1, y]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        out.append(cv2.warpAffine(room, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT))
    return out


def eyes_of(landmarks: np.ndarray) -> np.ndarray:
    """Centres (2, 2) of the eyes of landmarks (468, 2 or 3), in their px, the subject's right one
    first.
    """
    return np.stack([landmarks[RIGHT_EYE, :2].mean(0), landmarks[LEFT_EYE, :2].mean(0)])


def box_of(landmarks: np.ndarray) -> np.ndarray:
    """x0, y0, x1, y1 (4,) around landmarks (468, 2 or 3), in their px."""
    return np.concatenate([landmarks[:, :2].min(0), landmarks[:, :2].max(0)])


def _view(camera: Camera, generator: np.random.Generator) -> View:
    return view_for(
        camera.height,
        camera.width,
        camera.face * generator.uniform(0.9, 1.1),
        camera.width * (0.5 + generator.uniform(-0.05, 0.05)),
        camera.height * (0.47 + generator.uniform(-0.03, 0.03)),
        generator.uniform(1.0, 1.3),
    )


def live_film(source: Source, video: Video, frames: int, seed: int) -> Film:
    """`frames` raw frames of a living person before the dataset's camera, with what was drawn."""
    camera = CAMERAS[video.camera]
    generator = generator_for(seed, video.dataset, video.path)
    person = person_of(source, video.dataset, video.person, seed)
    actor = Actor(source, person, _view(camera, generator), light_from_above(generator, 0.55))
    rooms = rooms_behind(video.dataset, video.room, camera, frames, generator)
    drawn = [actor.draw(motion) for motion in head_motion(frames, generator)]
    pictures = [compose(d.colour, d.shade, room) for d, room in zip(drawn, rooms, strict=True)]
    eyes = np.stack([eyes_of(d.landmarks) for d in drawn])
    return Film(pictures, eyes, np.stack([box_of(d.landmarks) for d in drawn]), drawn)
