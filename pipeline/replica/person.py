"""Who is in front of the camera: proportions and colours of a subject, and how the head moves."""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.replica.source import CARRIERS, SCALE, Source

_UPPER_LIDS = [246, 161, 160, 159, 158, 157, 173, 466, 388, 387, 386, 385, 384, 398]
_LOWER_LIDS = [7, 163, 144, 145, 153, 154, 155, 249, 390, 373, 374, 380, 381, 382]


@dataclass(frozen=True)
class Person:
    """A subject: shape (468, 3) and carriers (E, 3) in cm, both float64, texture (H, W, 4) uint8.

    The texture is premultiplied by its alpha and as large as the source picture.
    """

    shape: np.ndarray
    carriers: np.ndarray
    texture: np.ndarray


def _proportions(points: np.ndarray, draw: np.ndarray) -> np.ndarray:
    """Deform head points (P, 3) cm smoothly; `draw` holds twelve numbers in [-1, 1]."""
    out = points.copy()
    x, y = points[:, 0], points[:, 1]
    out[:, 0] *= 1 + 0.07 * draw[0]
    out[:, 1] *= 1 + 0.06 * draw[1]
    jaw = 1 / (1 + np.exp((y + 4) / 1.2))
    out[:, 0] *= 1 + 0.10 * draw[2] * jaw
    chin = np.exp(-(((y + 8.5) / 2.2) ** 2) - (x / 4.5) ** 2)
    out[:, 1] -= 0.6 * draw[3] * chin
    nose = np.exp(-((x / 2.4) ** 2) - ((y + 0.5) / 2.2) ** 2)
    out[:, 0] *= 1 + 0.22 * draw[4] * nose
    out[:, 1] -= 0.45 * draw[5] * nose
    out[:, 2] += 0.7 * draw[6] * nose
    side = np.sign(x)
    eyes = np.exp(-(((np.abs(x) - 3.2) / 2.0) ** 2) - ((y - 2.6) / 1.3) ** 2)
    out[:, 0] += side * 0.28 * draw[7] * eyes
    out[:, 1] += (y - 2.6) * 0.22 * draw[8] * eyes
    brows = np.exp(-(((np.abs(x) - 3.4) / 3.0) ** 2) - ((y - 4.6) / 1.0) ** 2)
    out[:, 1] += 0.35 * draw[9] * brows
    mouth = np.exp(-((x / 3.4) ** 2) - ((y + 4.6) / 1.6) ** 2)
    out[:, 0] *= 1 + 0.16 * draw[10] * mouth
    out[:, 1] += (y + 4.6) * 0.25 * draw[11] * mouth
    return out


def _tint(picture: np.ndarray, source: Source, generator: np.random.Generator) -> np.ndarray:
    """The picture (H, W, 3) float32 in [0, 1] with this subject's skin, hair and cloth."""
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
    tone = generator.uniform(0, 1)
    skin = source.skin[..., None]
    light, a, b = cv2.split(lab)
    # Skin from fair (tone 0) to deep brown (tone 1); shadows deepen less than lights.
    gain = 1.0 - 0.38 * tone**1.2
    changed = cv2.merge(
        [
            np.clip(light * gain, 0, 100),
            a * (1 - 0.15 * tone) + generator.uniform(-2, 3),
            b * (1 + 0.15 * tone) + generator.uniform(-2, 5),
        ]
    )
    lab = lab + (changed - lab) * skin
    # Lightness and colour strength as factors, then red added: black, brown, blond, grey, red.
    hairs = [(0.35, 0.2, 0.5), (0.55, 0.6, 4.0), (0.8, 0.8, 2.0), (1.05, 0.85, 1.0)]
    hairs += [(0.85, 0.15, 0.0), (0.6, 0.8, 9.0)]
    kind = int(generator.integers(len(hairs))) if tone < 0.5 else int(generator.integers(2))
    hair = source.hair[..., None]
    dark, chroma, red = hairs[kind]
    dyed = lab * (dark, chroma, chroma) + (0, red, 0)
    lab = lab + (dyed - lab) * hair
    # Cloth: turn the hue of the orange suit and take most of its strength away.
    angle = generator.uniform(0, 2 * np.pi)
    strength = generator.uniform(0.15, 0.7)
    turned = np.stack(
        [
            lab[..., 0] * generator.uniform(0.5, 1.15),
            (lab[..., 1] * np.cos(angle) - lab[..., 2] * np.sin(angle)) * strength,
            (lab[..., 1] * np.sin(angle) + lab[..., 2] * np.cos(angle)) * strength,
        ],
        -1,
    )
    lab = lab + (turned - lab) * source.cloth[..., None]
    return cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB)


def _beard(
    picture: np.ndarray, source: Source, strength: float, generator: np.random.Generator
) -> np.ndarray:
    """Darken where a beard would grow, `strength` in [0, 1], with the grain of short hairs."""
    p = source.landmarks[:, :2]
    height, width = source.matte.shape
    mask = np.zeros((height, width), np.uint8)
    ring = p[[132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361,
              410, 423, 326, 97, 203, 186]]  # fmt: skip
    cv2.fillPoly(mask, [np.rint(ring).astype(np.int32)[:, None]], (1,))
    # Down onto the neck, or the beard's end would be taken for the chin's.
    low = ring[:, 1] > p[17, 1]
    ring[low, 1] += 14 * np.clip((ring[low, 1] - p[17, 1]) / 40, 0, 1)
    lips = p[[61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91]]
    cv2.fillPoly(mask, [np.rint(lips).astype(np.int32)[:, None]], (0,))
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 4.0)
    grain = generator.standard_normal(soft.shape, np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), 0.9) * 1.8
    amount = np.clip(strength * soft * (1 + 0.35 * grain), 0, 1)[..., None]
    return picture * (1 - amount * np.array([0.62, 0.66, 0.68], np.float32))


def make_person(source: Source, generator: np.random.Generator) -> Person:
    """Draw a subject: proportions, hair volume, skin, hair and cloth colours."""
    draw = generator.uniform(-1.1, 1.1, 12)
    carriers = source.carriers.copy()
    head = CARRIERS[:, 3] > 0.5
    centre = np.array([0.0, 3.0, -3.0])
    volume = generator.uniform(0.88, 1.06)
    carriers[head] = centre + (carriers[head] - centre) * (volume, volume, 1)
    carriers[head] = _proportions(carriers[head], draw)
    picture = _tint(source.picture.astype(np.float32) / 255, source, generator)
    if generator.uniform() < 0.35:
        # Stubble rather than a beard: under a full one no mesh finds the chin.
        picture = _beard(picture, source, generator.uniform(0.12, 0.4), generator)
    alpha = source.matte[..., None]
    texture = np.concatenate([np.clip(picture, 0, 1) * alpha, alpha], -1)
    texture = np.rint(texture * 255).astype(np.uint8)
    return Person(_proportions(source.shape, draw), carriers, texture)


def scaled_texture(person: Person, pixels_per_cm: float) -> tuple[np.ndarray, float]:
    """The texture (h, w, 4) uint8 reduced for faces of about this size, and its scale (0 to 1)
    against the full one.
    """
    own = SCALE * 92 / 14.6
    ratio = min(1.0, 1.25 * pixels_per_cm / own)
    height, width = person.texture.shape[:2]
    size = (round(width * ratio), round(height * ratio))
    if ratio > 0.95:
        return person.texture, 1.0
    return cv2.resize(person.texture, size, interpolation=cv2.INTER_AREA), size[0] / width


@dataclass(frozen=True)
class Motion:
    """One frame of a head: angles in radians, place in cm, blink and smile as shares."""

    yaw: float
    pitch: float
    roll: float
    x: float
    y: float
    blink: float
    smile: float


def head_motion(frames: int, generator: np.random.Generator, still: float = 1.0) -> list[Motion]:
    """A smooth path of a living head over one or two seconds, 15 frames a second; `still` scales
    how it moves (0: not at all).
    """
    t = np.arange(frames) / 15.0

    def path(middle: float, swing: float) -> np.ndarray:
        rate, phase = generator.uniform(0.25, 0.7), generator.uniform(0, 2 * np.pi)
        wave = np.sin(2 * np.pi * rate * t + phase) + 0.25 * np.sin(5 * rate * t + 2 * phase)
        return generator.uniform(-middle, middle) + swing * generator.uniform(0.3, 1) * wave

    turn = np.deg2rad
    yaw = path(turn(9), turn(5) * still)
    pitch = path(turn(4), turn(2.5) * still)
    roll = path(turn(4), turn(1.5) * still)
    x, y = path(0.6, 0.5 * still), path(0.4, 0.35 * still)
    smile = path(0.5, 0.3)
    moment = generator.uniform(-0.3, t[-1] + 0.5)
    blink = 0.75 * np.exp(-(((t - moment) / 0.09) ** 2))
    return [
        Motion(*(float(v[i]) for v in (yaw, pitch, roll, x, y, blink, smile)))
        for i in range(frames)
    ]


def express(shape: np.ndarray, motion: Motion) -> np.ndarray:
    """Landmarks (468, 3) cm with this frame's blink and smile; `shape` stays as it is."""
    out = shape.copy()
    upper, lower = out[_UPPER_LIDS], out[_LOWER_LIDS]
    out[_UPPER_LIDS, 1] += motion.blink * (lower[:, 1] - upper[:, 1])
    x, y = shape[:, 0], shape[:, 1]
    corners = np.exp(-(((np.abs(x) - 2.4) / 1.3) ** 2) - ((y + 4.3) / 1.2) ** 2)
    out[:, 1] += 0.22 * motion.smile * corners
    out[:, 0] += 0.15 * motion.smile * np.sign(x) * corners
    jaw = np.exp(-(((y + 7.0) / 2.0) ** 2) - (x / 4.0) ** 2)
    out[:, 1] -= 0.12 * motion.smile * jaw
    return out
