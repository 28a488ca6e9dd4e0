"""Attacks of the second generation: a live frame printed or shown, and held up in another room.

What a sheet must have to be taken for one (measured with a released anti-spoofing model): a white
or black border of at least 3% of its width on a sheet of about two face widths, then a texture:
narrow gamut and mild halftone for print; washed gamma, blue cast and grey moire for a screen.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.replica.mesh import draw_mesh, grid_triangles, rotation
from pipeline.replica.pixels import colour_matrix, light_screen

_CELLS = 13
MARGIN = 4  # transparent pixels around a sheet's texture, so that its edges are drawn softly


@dataclass(frozen=True)
class Medium:
    """How an instrument shows a picture. Lengths are shares of the sheet's width.

    `border` and its `colour` (R, G, B in [0, 1]; a screen's is black); `widths`: the sheet's width
    in face widths, least and most; `aspect` height over width; the rest are strengths that
    show_print or show_screen read.
    """

    screen: bool
    border: float
    widths: tuple[float, float]
    aspect: float
    saturation: float
    black: float
    cast: tuple[float, float, float]
    texture: float
    period: float
    colour: tuple[float, float, float] = (0.02, 0.02, 0.025)

    def border_px(self, width: int) -> int:
        """Pixels of the border around a picture of so many pixels' width, two at least."""
        return max(2, round(self.border * width / (1 - 2 * self.border)))


MEDIA = {
    "printer1": Medium(
        False, 0.055, (1.9, 2.3), 1.32, 0.62, 0.17, (1.0, 0.97, 0.90), 0.30, 3.3, (0.97, 0.97, 0.94)
    ),
    "printer2": Medium(
        False, 0.050, (1.8, 2.2), 1.30, 0.70, 0.14, (0.96, 0.95, 1.0), 0.24, 2.8, (0.96, 0.96, 0.98)
    ),
    "print": Medium(
        False, 0.055, (1.8, 2.1), 1.3, 0.60, 0.18, (0.98, 0.97, 0.92), 0.28, 3.0, (0.97, 0.97, 0.95)
    ),
    "printed_photo": Medium(
        False, 0.050, (1.9, 2.3), 1.28, 0.66, 0.15, (1.0, 0.96, 0.94), 0.26, 3.1, (0.97, 0.97, 0.97)
    ),
    "photo": Medium(
        False, 0.055, (1.8, 2.2), 1.30, 0.64, 0.16, (1.0, 0.97, 0.93), 0.27, 3.0, (0.97, 0.96, 0.94)
    ),
    "display1": Medium(True, 0.045, (2.0, 2.2), 1.30, 0.90, 0.07, (0.88, 0.97, 1.10), 0.055, 5.5),
    "display2": Medium(True, 0.055, (2.0, 2.2), 1.25, 0.80, 0.09, (0.92, 0.98, 1.08), 0.050, 7.5),
    "ipad": Medium(True, 0.060, (2.05, 2.2), 1.33, 0.92, 0.06, (0.90, 0.97, 1.09), 0.048, 6.5),
    "iphone": Medium(True, 0.045, (2.0, 2.1), 1.45, 0.85, 0.06, (0.88, 0.96, 1.10), 0.052, 5.2),
    "mobile": Medium(True, 0.050, (2.0, 2.1), 1.40, 0.82, 0.08, (0.82, 0.94, 1.12), 0.055, 5.4),
    "highdef": Medium(True, 0.050, (2.05, 2.2), 1.33, 0.92, 0.06, (0.83, 0.95, 1.11), 0.048, 7.0),
    "screen": Medium(True, 0.055, (2.0, 2.2), 1.33, 0.86, 0.08, (0.89, 0.97, 1.10), 0.052, 6.4),
}


def _grade(picture: np.ndarray, medium: Medium, gamma: float) -> np.ndarray:
    """Narrow the gamut of a picture (H, W, 3) uint8: less colour, no deep black, a cast."""
    mixed = cv2.transform(picture, colour_matrix(medium.saturation))
    levels = medium.black + (0.97 - medium.black) * np.linspace(0, 1, 256) ** gamma
    table = np.clip(levels[:, None] * medium.cast * 255, 0, 255)
    return cv2.LUT(mixed, np.rint(table).astype(np.uint8)[None])


def show_print(picture: np.ndarray, medium: Medium, zoom: float) -> np.ndarray:
    """The picture (H, W, 3) uint8 RGB in ink: narrow gamut, mild halftone, soft; as uint8.

    `zoom` is texture pixels a frame pixel, so that the dots keep their size in the frame.
    """
    out = _grade(picture, medium, 1.0).astype(np.float32) / 255
    height, width = out.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    period = medium.period * zoom
    turn = 2 * np.pi / period * np.sqrt(0.5)
    screen = np.cos(turn * (x + y)) * np.cos(turn * (x - y))
    # Dots weigh most in the middle tones, none in paper white and full ink.
    room = 4 * out * (1 - out)
    out = out + medium.texture * 0.5 * screen[..., None] * room
    streak = np.sin(2 * np.pi * y / (11 * zoom)) * 0.012
    soft = cv2.GaussianBlur(out + streak[..., None], (0, 0), 0.55 * zoom)
    return np.rint(np.clip(soft, 0, 1) * 255).astype(np.uint8)


def show_screen(picture: np.ndarray, medium: Medium) -> np.ndarray:
    """The picture (H, W, 3) uint8 as a screen shows it: washed out and blue; uint8."""
    return _grade(picture, medium, 0.7)


def sheet_texture(picture: np.ndarray, medium: Medium) -> np.ndarray:
    """The picture with its border and a transparent MARGIN: (H', W', 4) uint8, premultiplied."""
    height, width = picture.shape[:2]
    border = medium.border_px(width)
    out = np.full((height + 2 * border, width + 2 * border, 4), 255, np.uint8)
    out[..., :3] = np.rint(np.array(medium.colour) * 255)
    out[border : border + height, border : border + width, :3] = picture
    return np.pad(out, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)))


@dataclass(frozen=True)
class SheetPose:
    """Where a sheet is in the frame: centre and width in px, angles in radians, `bend` the angle
    that its width is bent through (0 is flat, its axis turned by `lean`), focal length in px.
    """

    x: float
    y: float
    width: float
    yaw: float
    pitch: float
    roll: float
    bend: float
    lean: float
    focal: float


def sheet_mesh(pose: SheetPose, aspect: float) -> tuple[np.ndarray, np.ndarray]:
    """The sheet's grid in the frame: points (169, 3), x and y in px, z growing away from the
    viewer, and the shade (169,) of a light from above left, about 1.
    """
    steps = np.linspace(-0.5, 0.5, _CELLS)
    v, u = np.meshgrid(steps, steps, indexing="ij")
    x, y = u.ravel(), v.ravel() * aspect
    c, s = np.cos(pose.lean), np.sin(pose.lean)
    along, across = c * x + s * y, -s * x + c * y
    slope = np.zeros_like(along)
    depth = np.zeros_like(along)
    if abs(pose.bend) > 1e-6:
        slope = along * pose.bend
        depth = (1 - np.cos(slope)) / pose.bend
        along = np.sin(slope) / pose.bend
    points = np.column_stack([c * along - s * across, s * along + c * across, depth])
    normal = np.column_stack([-c * np.sin(slope), -s * np.sin(slope), -np.cos(slope)])
    turn = rotation(pose.yaw, pose.pitch, pose.roll)
    points, normal = points @ turn.T, normal @ turn.T
    distance = pose.focal / pose.width
    z = distance + points[:, 2]
    placed = np.column_stack(
        [pose.x + pose.focal * points[:, 0] / z, pose.y + pose.focal * points[:, 1] / z, z]
    )
    light = np.array([-0.45, -0.5, -0.74])
    return placed, np.maximum(1 + 0.4 * (normal @ light - 0.74), 0.85)


@dataclass(frozen=True)
class Placed:
    """A sheet in a frame.

    colour (H, W, 4) uint8 premultiplied; shade (H, W) float32 its light; place (H, W, 2) float32,
    u and v in [0, 1] over the sheet's texture; grid (13, 13, 2) float32, where its regular grid
    lies in the frame.
    """

    colour: np.ndarray
    shade: np.ndarray
    place: np.ndarray
    grid: np.ndarray

    def locate(self, points: np.ndarray, texture: np.ndarray) -> np.ndarray:
        """Frame positions (P, 2) of texture pixels (P, 2), pixel centres at +0.5 in both."""
        height, width = texture.shape[:2]
        nodes = np.column_stack([points[:, 0] / width, points[:, 1] / height]) * (_CELLS - 1)
        maps = nodes.astype(np.float32)[:, None]
        return cv2.remap(self.grid, maps, None, cv2.INTER_LINEAR)[:, 0].astype(np.float64)


_GRID_TRIANGLES = grid_triangles(_CELLS, _CELLS)


def place_sheet(texture: np.ndarray, pose: SheetPose, height: int, width: int) -> Placed:
    """Draw the sheet, its texture (H', W', 4) uint8 premultiplied, into a frame of height x width
    px.
    """
    points, shade = sheet_mesh(pose, texture.shape[0] / texture.shape[1])
    steps = np.linspace(0, 1, _CELLS)
    v, u = np.meshgrid(steps, steps, indexing="ij")
    values = np.column_stack([u.ravel(), v.ravel(), shade])
    depth, drawn = draw_mesh(points, _GRID_TRIANGLES, values, height, width)
    outside = ~np.isfinite(depth)
    size = np.array([texture.shape[1], texture.shape[0]], np.float32)
    maps = drawn[..., :2] * size - np.float32(0.5)
    maps[outside] = -100
    colour = cv2.remap(texture, maps, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    grid = points[:, :2].reshape(_CELLS, _CELLS, 2).astype(np.float32)
    return Placed(colour, drawn[..., 2], drawn[..., :2], grid)


@dataclass(frozen=True)
class Moire:
    """Grey interference of a screen's pixels with the camera's, and glare on it.

    `amount` is a share of the light; `waves_x`, `waves_y` are waves over the sheet's width and
    height, to which `curve` adds its u² + v² fold; `glare` is added to colours, at `glare_x`,
    `glare_y` in shares of the sheet.
    """

    amount: float
    waves_x: float
    waves_y: float
    curve: float
    glare: float
    glare_x: float
    glare_y: float


def add_screen_light(placed: Placed, moire: Moire, phase: float) -> np.ndarray:
    """The lit colour (H, W, 4) uint8, premultiplied, of a screen with moire and glare. `phase`, in
    radians, moves in time.
    """
    waves = np.array([moire.amount, moire.waves_x, moire.waves_y, moire.curve])
    glare = np.array([moire.glare, moire.glare_x, moire.glare_y])
    return light_screen(placed.colour, placed.shade, placed.place, waves, glare, phase)
