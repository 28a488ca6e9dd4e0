"""One video of the replica, from its name to raw frames; prints and screens are filmed here."""

from dataclasses import replace

import cv2
import numpy as np

from pipeline.crops import LEFT_EYE, RIGHT_EYE
from pipeline.replica.attacks import (
    MARGIN,
    MEDIA,
    Medium,
    Moire,
    SheetPose,
    add_screen_light,
    place_sheet,
    sheet_texture,
    show_print,
    show_screen,
)
from pipeline.replica.cameras import CAMERAS, Camera
from pipeline.replica.layout import Video, generator_for
from pipeline.replica.live import (
    Film,
    box_of,
    eyes_of,
    hand_sway,
    light_from_above,
    live_film,
    person_of,
    rooms_behind,
)
from pipeline.replica.person import Motion, head_motion
from pipeline.replica.pixels import compose
from pipeline.replica.scene import Actor, view_for
from pipeline.replica.source import Source

ZOOM = 1.25
"""Pixels of a sheet's texture for one of the frame."""


def _shown_pictures(
    source: Source,
    video: Video,
    medium: Medium,
    sheet: float,
    face: float,
    frames: int,
    seed: int,
    generator: np.random.Generator,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The live frames that are printed or shown, and their landmarks in texture px (with border).

    `sheet` and `face` are widths in px of the attack's frame; the texture has ZOOM px for each.
    """
    inner = sheet * (1 - 2 * medium.border)
    width = round(inner * ZOOM)
    height = round(sheet * (medium.aspect - 2 * medium.border) * ZOOM)
    camera = replace(CAMERAS[video.camera], height=height, width=width, face=face * ZOOM)
    view = view_for(
        height,
        width,
        face * ZOOM,
        width * (0.5 + generator.uniform(-0.03, 0.03)),
        height * 0.47,
        1.2,
    )
    person = person_of(source, video.dataset, video.person, seed)
    actor = Actor(source, person, view, light_from_above(generator, 0.45))
    rooms = rooms_behind(video.dataset, video.room + 1, camera, frames, generator)
    pictures, landmarks = [], []
    border = medium.border_px(width) + MARGIN
    for motion, room in zip(head_motion(frames, generator), rooms, strict=True):
        # On paper and screens people look at the camera with open eyes.
        drawn = actor.draw(replace(motion, blink=motion.blink if frames > 1 else 0.0))
        picture = compose(drawn.colour, drawn.shade, room)
        if medium.screen:
            picture = show_screen(picture, medium)
        else:
            picture = show_print(picture, medium, ZOOM)
        pictures.append(sheet_texture(picture, medium))
        landmarks.append(drawn.landmarks[:, :2].astype(np.float64) + border)
    return pictures, landmarks


def _poses(
    video: Video, camera: Camera, sheet: float, frames: int, generator: np.random.Generator
) -> list[SheetPose]:
    held = 1.0 if video.held else 0.08
    sway = hand_sway(frames, 0.006 * camera.width * held, generator)
    turn = hand_sway(frames, 0.02 * held, generator)
    bends = {"warped": (1.1, 1.6), "bent": (0.4, 0.7), "cut": (0.0, 0.25), "print": (0.0, 0.15)}
    low, high = bends.get(video.attack, (0.0, 0.0))
    bend = generator.uniform(low, high) * generator.choice([-1, 1])
    pulse = 1 + 0.12 * np.sin(np.arange(frames) / 15 * 2 * np.pi * generator.uniform(0.3, 0.8))
    yaw, pitch, roll = generator.uniform(-1, 1, 3) * (0.14, 0.10, 0.06)
    lean = generator.uniform(-0.35, 0.35) if video.attack == "warped" else 0.0
    if video.attack == "warped":  # Seen from a little above or below, so that the bend shows.
        pitch = generator.uniform(0.12, 0.25) * generator.choice([-1, 1])
    x = camera.width * (0.5 + generator.uniform(-0.03, 0.03))
    y = camera.height * (0.5 + generator.uniform(-0.02, 0.02))
    return [
        SheetPose(
            x + sway[i, 0],
            y + sway[i, 1],
            sheet,
            yaw + turn[i, 0],
            pitch + turn[i, 1],
            roll + 0.5 * turn[i, 0],
            bend * (pulse[i] if video.attack == "warped" else 1.0),
            lean,
            max(camera.width, camera.height),
        )
        for i in range(frames)
    ]


def _with_eyes_cut_out(texture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The print with its eyes cut out, the paper's edge white around the holes."""
    fine = 4
    height, width = texture.shape[:2]
    mask = np.zeros((height * fine, width * fine), np.uint8)
    for ring in (RIGHT_EYE, LEFT_EYE):
        p = landmarks[ring]
        middle = p.mean(0)
        reach = np.abs(p - middle).max(0) * (1.12, 1.5)
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        edge = middle + np.column_stack([np.cos(angle), np.sin(angle)]) * reach
        cv2.fillPoly(mask, [np.rint(edge * fine).astype(np.int32)[:, None]], (255,))
    hole = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    rim = cv2.dilate(hole, np.ones((3, 3), np.uint8)).astype(np.float32)[..., None] / 255
    out = texture.astype(np.float32)
    out[..., :3] += (225 - out[..., :3]) * rim * 0.8
    out *= 1 - hole.astype(np.float32)[..., None] / 255
    return np.rint(out).astype(np.uint8)


def _put_behind(
    room: np.ndarray, actor: Actor, motion: Motion, holes: np.ndarray, camera: Camera
) -> np.ndarray:
    """The room (H, W, 3) uint8 with the attacker's face where it is seen through the holes.

    The face is turned and scaled so that its eyes lie behind the `holes` (2, 2), frame px.
    """
    drawn = actor.draw(motion)
    eyes = eyes_of(drawn.landmarks)
    a, b = eyes[1] - eyes[0], holes[1] - holes[0]
    ratio = complex(*b) / complex(*a)
    linear = np.array([[ratio.real, -ratio.imag], [ratio.imag, ratio.real]])
    matrix = np.column_stack([linear, holes.mean(0) - linear @ eyes.mean(0)])
    size = (camera.width, camera.height)
    dark = np.zeros((*drawn.shade.shape, 3), np.uint8)
    # A little darker: the sheet keeps light away.
    face = compose(drawn.colour, drawn.shade * np.float32(0.85), dark)
    face = cv2.warpAffine(face, matrix, size, flags=cv2.INTER_LINEAR)
    mask = np.zeros((camera.height, camera.width), np.uint8)
    for hole in holes:
        centre = (int(hole[0]), int(hole[1]))
        cv2.circle(mask, centre, round(float(np.hypot(*b)) * 0.45), (1,), -1)
    return np.where(mask[..., None] > 0, face, room)


def _moire(medium: Medium, sheet: float, generator: np.random.Generator) -> Moire:
    count = sheet / medium.period
    angle = generator.uniform(0.2, 1.3)
    return Moire(
        medium.texture * generator.uniform(0.85, 1.2),
        count * np.cos(angle),
        count * np.sin(angle),
        generator.uniform(-4, 4),
        generator.uniform(0.06, 0.2),
        generator.choice([generator.uniform(0.05, 0.25), generator.uniform(0.75, 0.95)]),
        generator.uniform(0.05, 0.35),
    )


def attack_film(source: Source, video: Video, frames: int, seed: int) -> Film:
    """A print or a screen with a person on it, before the dataset's camera in another room:
    `frames` raw frames, with the eyes and faces of the person on the sheet.
    """
    camera = CAMERAS[video.camera]
    generator = generator_for(seed, video.dataset, video.path)
    medium = MEDIA[video.medium]
    face = camera.face * generator.uniform(0.92, 1.1)
    # No sheet is higher than what is seen of it with some room around.
    tallest = 0.92 * camera.height / (medium.aspect * face)
    sheet = face * min(generator.uniform(*medium.widths), tallest)
    clip = frames if medium.screen and video.moving else 1
    textures, landmarks = _shown_pictures(source, video, medium, sheet, face, clip, seed, generator)
    if video.attack == "cut":
        textures[0] = _with_eyes_cut_out(textures[0], landmarks[0])
        attacker = person_of(source, video.dataset, f"attacker of {video.person}", seed)
        size = round(face * 2)
        view = view_for(size, size, face, size / 2, size / 2, 1.2)
        actor = Actor(source, attacker, view, light_from_above(generator, 0.4))
        motions = head_motion(frames, generator, 0.5)
    moire = _moire(medium, sheet, generator)
    rooms = rooms_behind(video.dataset, video.room, camera, frames, generator)
    pictures, eyes, faces = [], [], []
    texture_width = sheet * ZOOM + 2 * MARGIN
    poses = _poses(video, camera, sheet * texture_width / (sheet * ZOOM), frames, generator)
    for i, (pose, room) in enumerate(zip(poses, rooms, strict=True)):
        texture = textures[i % clip]
        placed = place_sheet(texture, pose, camera.height, camera.width)
        places = placed.locate(landmarks[i % clip], texture)
        room = _shadow(room, placed.colour[..., 3], camera)
        if video.attack == "cut":
            room = _put_behind(room, actor, motions[i], eyes_of(places), camera)
        if medium.screen:
            lit = add_screen_light(placed, moire, 0.5 * i * (1.0 if video.held else 0.2))
            pictures.append(compose(lit, np.ones_like(placed.shade), room))
        else:
            pictures.append(compose(placed.colour, placed.shade, room))
        eyes.append(eyes_of(places))
        faces.append(box_of(places))
    return Film(pictures, np.stack(eyes), np.stack(faces), [])


def _shadow(room: np.ndarray, alpha: np.ndarray, camera: Camera) -> np.ndarray:
    """The room darkened softly below and beside the sheet."""
    size = (camera.width, camera.height)
    small = cv2.resize(alpha, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), camera.width / 160)
    # Enlarged and moved down and to the right in one step.
    move = np.array([[4, 0, camera.width / 100], [0, 4, camera.height / 80]])
    soft = cv2.warpAffine(small, move, size, flags=cv2.INTER_LINEAR)
    keep = cv2.LUT(soft, np.rint(255 * (1 - 0.3 * np.linspace(0, 1, 256))).astype(np.uint8))
    return cv2.multiply(room, cv2.merge([keep] * 3), scale=1 / 255)


def make_film(source: Source, video: Video, frames: int, seed: int) -> Film:
    """The `frames` raw frames of a video; the same `seed` gives the same pixels."""
    if video.live:
        return live_film(source, video, frames, seed)
    return attack_film(source, video, frames, seed)
