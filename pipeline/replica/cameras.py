"""The cameras of the four made datasets, with automatic exposure and focus.

Exposure and focus bring every video to a brightness and a sharpness that are drawn beforehand,
alike for live and spoof: otherwise a white sheet or a halftone could be told without a look at
the face.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.replica.rooms import focus

_GREY = np.float32([0.299, 0.587, 0.114])


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
        (96, 124), (170, 290), 0.75,
    ),
    "casia-low": Camera(
        300, 400, 12, "mpeg4", (14, 18), 74, (0.97, 1.0, 1.06), 1.08, 0.85, 0.7, (3.0, 2.5), 0.16,
        (88, 116), (150, 260), 1.0,
    ),
    "casia-normal": Camera(
        360, 480, 12, "mpeg4", (14, 18), 92, (0.98, 1.0, 1.05), 1.05, 0.88, 0.65, (2.5, 2.0), 0.14,
        (90, 118), (150, 260), 0.95,
    ),
    "casia-high": Camera(
        480, 640, 12, "mpeg4", (14, 18), 122, (1.0, 1.0, 1.02), 1.02, 0.95, 0.6, (1.8, 1.2), 0.10,
        (94, 122), (150, 260), 0.9,
    ),
    "replay": Camera(
        240, 320, 15, "libx264", (18, 24), 66, (1.08, 1.0, 0.88), 0.95, 0.82, 0.6, (3.2, 2.0), 0.18,
        (100, 130), (200, 340), 0.9,
    ),
    "msu-android": Camera(
        428, 640, 15, "libx264", (16, 20), 112, (0.95, 1.0, 1.04), 1.10, 1.12, 0.55, (2.2, 1.6), 0.08,
        (84, 112), (160, 280), 0.6,
    ),
    "msu-laptop": Camera(
        480, 640, 15, "libx264", (16, 20), 120, (1.04, 1.0, 0.98), 0.97, 0.9, 0.75, (2.8, 1.8), 0.12,
        (92, 120), (130, 230), 0.55,
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
    """A camera during one video: the same lens, colours and noise for all its frames."""

    def __init__(self, camera: Camera, generator: np.random.Generator) -> None:
        self.camera = camera
        height, width = camera.height, camera.width
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        r2 = ((x / width - 0.5) ** 2 + (y / height - 0.5) ** 2) * 2
        balance = np.float32(camera.balance) * (1 + generator.uniform(-0.015, 0.015, 3))
        self._colour = ((1 - camera.vignette * r2)[..., None] * balance).astype(np.float32)
        luminance = generator.standard_normal((height + 32, width + 32, 1), np.float32)
        chroma = generator.standard_normal((height + 32, width + 32, 3), np.float32)
        chroma = cv2.GaussianBlur(chroma, (0, 0), 0.8) * 2.6
        noise = camera.noise[0] * luminance + camera.noise[1] * chroma
        self._noise = (noise / 255).astype(np.float32)
        self._offsets = generator.integers(0, 33, (64, 2))

    def see(self, frame: np.ndarray) -> np.ndarray:
        """The frame (H, W, 3) float32 through the lens, with the camera's colours."""
        out = cv2.GaussianBlur(frame, (0, 0), self.camera.lens)
        grey = (out @ _GREY)[..., None]
        out = (grey + (out - grey) * np.float32(self.camera.saturation)) * self._colour
        return np.clip(out, 0, 1) ** np.float32(self.camera.gamma)

    def read(self, seen: np.ndarray, number: int, gain: float, amount: float) -> np.ndarray:
        """The seen frame exposed, focused and read out with noise: (H, W, 3) uint8."""
        y, x = self._offsets[number % len(self._offsets)]
        noise = self._noise[y : y + seen.shape[0], x : x + seen.shape[1]]
        return cv2.convertScaleAbs(np.maximum(focus(seen, amount) * gain + noise, 0), alpha=255)


def measure(frames: list[np.ndarray]) -> tuple[float, float]:
    """Mean grey and mean variance of the Laplacian of uint8 RGB frames (H, W, 3)."""
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    sharp = [cv2.Laplacian(grey, cv2.CV_32F).var() for grey in greys]
    return float(np.mean([grey.mean() for grey in greys])), float(np.mean(sharp))


def settle(sensor: Sensor, seen: list[np.ndarray], targets: Targets) -> tuple[float, float]:
    """The gain and the focus with which these frames (a few of the video) meet the targets."""
    gain, amount = 1.0, 0.0

    def look(gain: float, amount: float) -> tuple[float, float]:
        return measure([sensor.read(frame, i, gain, amount) for i, frame in enumerate(seen)])

    for _ in range(2):
        for _ in range(3):
            gain *= targets.brightness / look(gain, amount)[0]
        low, high = -1.0, 2.5
        for _ in range(8):
            amount = (low + high) / 2
            if look(gain, amount)[1] < targets.sharpness:
                low = amount
            else:
                high = amount
    gain *= targets.brightness / look(gain, amount)[0]
    return gain, amount
