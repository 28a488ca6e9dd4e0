"""The cameras of the four made datasets, with automatic exposure and focus.

Exposure and focus bring every video to a brightness and a sharpness that are drawn beforehand,
alike for live and spoof: otherwise a white sheet or a halftone could be told without a look at
the face.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.replica.pixels import colour_matrix, read_out

_SHOULDER, _ROOM = 175.0, 80.0
FOCUS = 1.3  # px, the blur that focus adds or takes away


@dataclass(frozen=True)
class Camera:
    """One camera: frame size and rate, codec and container, optics and sensor.

    `balance` are factors of R, G, B; `lens` the blur in px; `noise` the deviations of luminance
    and colour noise in grey levels of 255; `vignette` the loss of light in the corners;
    `brightness` (mean grey, 0 to 255) and `sharpness` (variance of the Laplacian) the least and
    most that its exposure and focus aim at; `bits` a pixel; `face` the width of a face in px.
    """

    height: int
    width: int
    rate: int
    codec: str
    frames: tuple[int, int]
    face: float
    balance: tuple[float, float, float]
    gamma: float
    saturation: float
    lens: float
    noise: tuple[float, float]
    vignette: float
    brightness: tuple[float, float]
    sharpness: tuple[float, float]
    bits: float


CAMERAS = {
    "oulu": Camera(
        480, 360, 15, "libx264", (16, 22), 100, (1.02, 1.0, 0.97), 1.0, 1.08, 0.5, (2.0, 1.2), 0.10,
        (88, 114), (185, 310), 0.34,
    ),
    "casia-low": Camera(
        300, 400, 12, "mpeg4", (14, 18), 74, (0.97, 1.0, 1.06), 1.08, 0.85, 0.7, (2.4, 1.8), 0.16,
        (88, 116), (170, 290), 0.70,
    ),
    "casia-normal": Camera(
        360, 480, 12, "mpeg4", (14, 18), 92, (0.98, 1.0, 1.05), 1.05, 0.88, 0.65, (2.1, 1.5), 0.14,
        (90, 118), (180, 310), 0.62,
    ),
    "casia-high": Camera(
        480, 640, 12, "mpeg4", (14, 18), 122, (1.0, 1.0, 1.02), 1.02, 0.95, 0.6, (1.8, 1.2), 0.10,
        (94, 122), (135, 225), 0.55,
    ),
    "replay": Camera(
        240, 320, 15, "libx264", (18, 24), 66, (1.05, 1.0, 0.95), 0.95, 0.82, 0.6, (2.5, 1.5), 0.18,
        (94, 120), (215, 360), 0.42,
    ),
    "msu-android": Camera(
        428, 640, 15, "libx264", (16, 20), 112, (0.97, 1.0, 1.03), 1.1, 1.06, 0.5, (1.8, 1.2), 0.08,
        (84, 112), (160, 270), 0.28,
    ),
    "msu-laptop": Camera(
        480, 640, 15, "libx264", (16, 20), 120, (1.03, 1.0, 0.98), 1.0, 0.9, 0.75, (2.0, 1.2), 0.12,
        (92, 120), (120, 205), 0.26,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Targets:
    """What one video is brought to: mean grey (0 to 255), variance of the Laplacian, frames, and
    its size as a factor of what the camera's bit rate gives.
    """

    brightness: float
    sharpness: float
    frames: int
    size: float


def spread(count: int, generator: np.random.Generator) -> np.ndarray:
    """`count` points (count, 4) in (0, 1) whose every column is evenly spread.

    A shifted Kronecker sequence (its four steps from the root of x^5 = x + 1), each column then
    replaced by its ranks: two classes drawn so have the same quantiles in each column, and nearly
    independent columns.
    """
    steps = 1.1673039782614187 ** -np.arange(1.0, 5.0)
    points = (generator.uniform(size=4) + np.arange(1, count + 1)[:, None] * steps) % 1
    ranks = points.argsort(0, kind="stable").argsort(0, kind="stable")
    return (ranks + 0.5) / count


def aim(camera: Camera, point: np.ndarray) -> Targets:
    """The targets at a point (4,) of the unit cube."""
    low, high = camera.sharpness
    least, most = camera.frames
    return Targets(
        brightness=camera.brightness[0] + (camera.brightness[1] - camera.brightness[0]) * point[0],
        sharpness=float(low * (high / low) ** point[1]),
        frames=least + int(point[2] * (most - least + 1)),
        size=0.88 + 0.24 * float(point[3]),
    )


class Sensor:
    """A camera during one video: the same lens, colours and noise for all its frames.

    `generator` draws the noise and a balance within 1.5% of the camera's.
    """

    def __init__(self, camera: Camera, generator: np.random.Generator) -> None:
        self.camera = camera
        height, width = camera.height, camera.width
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        r2 = ((x / width - 0.5) ** 2 + (y / height - 0.5) ** 2) * 2
        self._corners = (1 - camera.vignette * r2).astype(np.float32)
        self._balance = np.array(camera.balance) * (1 + generator.uniform(-0.015, 0.015, 3))
        self._mix = colour_matrix(camera.saturation)
        size = (height + 32, width + 32)
        noise = generator.standard_normal((*size, 1), np.float32) * np.float32(camera.noise[0])
        chroma = generator.standard_normal((*size, 3), np.float32)
        chroma = cv2.GaussianBlur(chroma, (0, 0), 0.8)
        self._noise = (noise + chroma * np.float32(2.6 * camera.noise[1])).astype(np.float32)
        self._offsets = generator.integers(0, 33, (64, 2))

    def see(self, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The frame (H, W, 3) uint8 RGB through the lens, in the camera's saturation, and the same
        out of focus; both (H, W, 3) uint8.
        """
        sharp = cv2.transform(cv2.GaussianBlur(frame, (0, 0), self.camera.lens), self._mix)
        return sharp, cv2.GaussianBlur(sharp, (0, 0), FOCUS)

    def read(
        self, seen: tuple[np.ndarray, np.ndarray], number: int, gain: float, amount: float
    ) -> np.ndarray:
        """The seen frame `number` focused, exposed and read out with noise: (H, W, 3) uint8.

        `gain` is a factor of light; `amount` -1 is out of focus, 0 as the lens gives it, above 0
        sharpened.
        """
        picture = cv2.addWeighted(seen[0], 1 + amount, seen[1], -amount, 0)
        levels = (np.arange(256) / 255) ** self.camera.gamma * 255
        curve = levels[:, None] * self._balance * gain
        # A soft shoulder: lights are compressed, not cut off.
        shoulder = _SHOULDER + _ROOM * np.tanh((curve - _SHOULDER) / _ROOM)
        curve = np.where(curve < _SHOULDER, curve, shoulder).astype(np.float32)
        y, x = self._offsets[number % len(self._offsets)]
        return read_out(picture, curve, self._corners, self._noise, int(y), int(x))


def measure(frames: list[np.ndarray]) -> tuple[float, float]:
    """Mean grey and mean variance of the Laplacian of uint8 RGB frames (H, W, 3)."""
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    sharp = [cv2.Laplacian(grey, cv2.CV_32F).var() for grey in greys]
    return float(np.mean([grey.mean() for grey in greys])), float(np.mean(sharp))


def settle(
    sensor: Sensor, seen: list[tuple[np.ndarray, np.ndarray]], targets: Targets
) -> tuple[float, float]:
    """The gain and the focus (`amount` of Sensor.read) with which these seen frames (one or two of
    a video) meet the targets.

    Three steps settle the gain alone, then nine halve the range of the focus.
    """
    gain = 1.0
    low, high = -1.0, 3.0

    def look(amount: float) -> tuple[float, float]:
        return measure([sensor.read(frame, i, gain, amount) for i, frame in enumerate(seen)])

    for _ in range(3):
        gain *= targets.brightness / look(0.0)[0]
    for _ in range(9):
        amount = (low + high) / 2
        bright, sharp = look(amount)
        # Sharpness goes with the square of the gain, which brightness settles on the way.
        gain *= targets.brightness / bright
        if sharp * (targets.brightness / bright) ** 2 < targets.sharpness:
            low = amount
        else:
            high = amount
    return gain, (low + high) / 2
