"""One video of the replica: filmed, seen by its camera, encoded, with what lies beside the file."""

from pathlib import Path

import cv2
import numpy as np

from pipeline.files.store import write_bytes, write_text
from pipeline.replica.cameras import CAMERAS, Sensor, Targets, settle
from pipeline.replica.encode import encode_video
from pipeline.replica.film import make_film
from pipeline.replica.layout import Video, generator_for
from pipeline.replica.source import load_source
from pipeline.replica.truth import truth_of, write_truth


def make_video(folder: Path, video: Video, targets: Targets, seed: int) -> None:
    """Make one video (and its truth, and the positions that O and I ship) below `folder`.

    The video is written last, so that one that is there is finished. Raises OSError where it cannot
    be written.
    """
    cv2.setNumThreads(1)
    source = load_source()
    camera = CAMERAS[video.camera]
    film = make_film(source, video, targets.frames, seed)
    sensor = Sensor(camera, generator_for(seed, "sensor", video.dataset, video.path))
    seen = [sensor.see(frame) for frame in film.frames]
    gain, amount = settle(sensor, [seen[len(seen) // 2]], targets)
    frames = [sensor.read(frame, i, gain, amount) for i, frame in enumerate(seen)]
    if video.upside_down:
        frames = [np.ascontiguousarray(frame[::-1, ::-1]) for frame in frames]
    size = camera.bits * camera.height * camera.width * targets.frames / 8 * targets.size
    path = folder / video.dataset / video.path
    data = encode_video(frames, path.suffix, camera.rate, camera.codec, size, video.matrix)
    if film.drawn:
        write_truth(path.with_suffix(".npz"), truth_of(source, film.drawn))
    if video.dataset == "oulu":
        write_eyes(path.with_suffix(".txt"), film.eyes)
    if video.dataset == "replay" and not video.enrolment:
        place = folder / "replay" / "face-locations" / video.path
        write_faces(place.with_suffix(".face"), film.faces, camera.height, camera.width)
    write_bytes(path, data)


def write_eyes(path: Path, eyes: np.ndarray) -> None:
    """OULU-NPU's eye file: frame, x, y of the right eye, x, y of the left, of eyes (F, 2, 2) px."""
    lines = [
        f"{i},{','.join(str(int(v)) for v in np.rint(pair.ravel()))}\n"
        for i, pair in enumerate(eyes)
    ]
    write_text(path, "".join(lines))


def write_faces(path: Path, faces: np.ndarray, height: int, width: int) -> None:
    """Replay-Attack's face file: frame, x, y, width, height of faces (F, 4) px, whole px within the
    frame of `height` and `width`, and zeros where no face is in it.
    """
    low = np.clip(np.floor(faces[:, :2]), 0, (width, height)).astype(int)
    sides = np.clip(np.ceil(faces[:, 2:]), 0, (width, height)).astype(int) - low
    boxes = np.where((sides > 0).all(1, keepdims=True), np.hstack([low, sides]), 0)
    lines = [f"{i} {x} {y} {w} {h}\n" for i, (x, y, w, h) in enumerate(boxes)]
    write_text(path, "".join(lines))
