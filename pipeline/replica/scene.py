"""A living person in a room, through a pinhole: the frames before any camera has spoilt them."""

from dataclasses import dataclass

import cv2
import numpy as np

from labels.canonical import TRIANGLES
from pipeline.replica.mesh import draw_mesh, rotation
from pipeline.replica.person import Motion, Person, express, scaled_texture
from pipeline.replica.source import CARRIERS, OVAL, Source

_GRID = 12
FACE_WIDTH = 14.6  # cm, the canonical model's


@dataclass(frozen=True)
class View:
    """The pinhole: a frame of height x width px, focal length in px, the face's distance in cm.

    `x`, `y` place the origin of the head (between the eyes and the mouth) in the frame, in px.
    """

    height: int
    width: int
    focal: float
    distance: float
    x: float
    y: float

    @property
    def pixels_per_cm(self) -> float:
        """Pixels that a centimetre takes at the face's distance."""
        return self.focal / self.distance


def view_for(height: int, width: int, face: float, x: float, y: float, focal: float) -> View:
    """The view in which a face is `face` px wide, in a frame of height x width px; `x`, `y` place
    the head, in px; `focal` is in longer sides of the frame.
    """
    length = focal * max(height, width)
    return View(height, width, length, length * FACE_WIDTH / face, x, y)


@dataclass(frozen=True)
class Light:
    """Direction the light comes from (3,), of length 1 in the canonical frame, and how much it
    shapes the face (0: not at all).
    """

    direction: np.ndarray
    strength: float


@dataclass(frozen=True)
class Drawn:
    """One frame of the person.

    colour (H, W, 4) uint8, premultiplied and not yet lit; shade (H, W) float32, the light's factor;
    landmarks (468, 3) float32, projected: x, y in px (centres +0.5), z in cm from the camera; depth
    (H, W) float32 in cm, inf off the face; where (H, W, 2) float32, the source pixel that each
    pixel shows; pixels_per_cm at the face's distance.
    """

    colour: np.ndarray
    shade: np.ndarray
    landmarks: np.ndarray
    depth: np.ndarray
    where: np.ndarray
    pixels_per_cm: float


def project(points: np.ndarray, view: View) -> np.ndarray:
    """Points (P, 3) cm about the head's origin to (P, 3): x, y in px and the distance in cm."""
    z = view.distance - points[:, 2]
    scale = view.focal / z
    return np.column_stack([view.x + points[:, 0] * scale, view.y - points[:, 1] * scale, z])


def _spline(targets: np.ndarray, sources: np.ndarray, height: int, width: int) -> np.ndarray:
    """Thin-plate spline that sends targets to sources, at all pixel centres: (H, W, 2) float32.

    Solved exactly and evaluated on a coarse grid; between its nodes it is interpolated linearly.
    """
    size = float(max(height, width))

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        r2 = ((a[:, None] - b[None]) ** 2).sum(-1) / size**2
        return r2 * np.log(r2 + 1e-12)

    count = len(targets)
    ones = np.column_stack([np.ones(count), targets / size])
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = kernel(targets, targets)
    system[:count, count:], system[count:, :count] = ones, ones.T
    weights = np.linalg.solve(system, np.concatenate([sources, np.zeros((3, 2))]))
    rows, columns = height // _GRID + 2, width // _GRID + 2
    y, x = np.mgrid[0:rows, 0:columns] * float(_GRID)
    nodes = np.column_stack([x.ravel(), y.ravel()])
    values = kernel(nodes, targets) @ weights[:count]
    values += np.column_stack([np.ones(len(nodes)), nodes / size]) @ weights[count:]
    coarse = values.reshape(rows, columns, 2).astype(np.float32)
    # Node (i, j) lies at pixel coordinates (12 i, 12 j): shift the enlargement by half a cell.
    enlarge = np.array([[_GRID, 0, -0.5], [0, _GRID, -0.5]])
    return cv2.warpAffine(coarse, enlarge, (width, height), flags=cv2.INTER_LINEAR)


def _normals(points: np.ndarray) -> np.ndarray:
    a, b, c = (points[TRIANGLES[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    out = np.zeros_like(points)
    for i in range(3):
        np.add.at(out, TRIANGLES[:, i], face)
    out /= np.linalg.norm(out, axis=1, keepdims=True) + 1e-9
    return out * np.sign(out[1, 2])  # The nose's tip looks at the viewer.


class Actor:
    """A person before a view, in a light; keeps what is the same in all its frames."""

    def __init__(self, source: Source, person: Person, view: View, light: Light) -> None:
        self.source, self.person, self.view, self.light = source, person, view, light
        self.texture, self.ratio = scaled_texture(person, view.pixels_per_cm)

    def draw(self, motion: Motion) -> Drawn:
        """Draw one frame of it."""
        view, source = self.view, self.source
        turn = rotation(motion.yaw, motion.pitch, motion.roll)
        move = np.array([motion.x, motion.y, 0.0])
        head = express(self.person.shape, motion) @ turn.T + move
        share = CARRIERS[:, 3:4]
        carried = self.person.carriers @ turn.T + move
        # The body sways a little with the head and leans under it.
        body = self.person.carriers + move * (0.5, 0.2, 0)
        carriers = share * carried + (1 - share) * body
        points = project(head, view)
        around = project(carriers, view)
        targets = np.concatenate([points[OVAL, :2], around[:, :2]])
        origins = np.concatenate([source.landmarks[OVAL, :2], CARRIERS[:, :2]])
        where = _spline(targets, origins, view.height, view.width)
        shading = 1 + self.light.strength * (
            np.clip(_normals(head) @ self.light.direction, 0, 1) - 0.72
        )
        values = np.column_stack([source.landmarks[:, :2], shading])
        depth, inside = draw_mesh(points, TRIANGLES, values, view.height, view.width)
        face = np.isfinite(depth)
        where[face] = inside[face, :2]
        shade = self._shade(inside[..., 2], face)
        landmarks = points.astype(np.float32)
        return Drawn(self._colour(where), shade, landmarks, depth, where, view.pixels_per_cm)

    def _colour(self, where: np.ndarray) -> np.ndarray:
        maps = where * np.float32(self.ratio) - np.float32(0.5)
        return cv2.remap(
            self.texture, maps, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )

    def _shade(self, shading: np.ndarray, face: np.ndarray) -> np.ndarray:
        """The light of the face, carried softly over to hair and neck; far away it is 1."""
        size = (max(face.shape[1] // 4, 8), max(face.shape[0] // 4, 8))
        weight = cv2.resize(face.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        amount = cv2.resize(shading - face, size, interpolation=cv2.INTER_AREA)
        sigma = self.view.pixels_per_cm * FACE_WIDTH / 4 * 0.09
        blurred = cv2.GaussianBlur(amount, (0, 0), sigma) / (
            cv2.GaussianBlur(weight, (0, 0), sigma) + 0.05
        )
        return 1 + cv2.resize(blurred, face.shape[::-1], interpolation=cv2.INTER_LINEAR)
