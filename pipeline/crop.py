"""The crop stage: the videos of one partition to crops, landmarks, affines and failures.

Full frames never touch the disk. What gives nothing is a row in `failures`, not an exception.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline import crops, keys, layers
from pipeline.bundle import IMAGE_SIDE, fixed_strings
from pipeline.config import CropSettings, DatasetSettings
from pipeline.datasets.base import Video
from pipeline.layers import Failure
from pipeline.sampling import wanted_frames
from pipeline.video import VideoError, decode

if TYPE_CHECKING:
    from labels.landmarks import Face, FaceMesh

VERSION = 1
PACKAGES = ("av", "h5py", "mediapipe", "numpy", "opencv-python")
LOOSE_SIDE = 512
LOOSE_MARGIN = 2.0
LOOSE_QUALITY = 95  # JPEG: as plain pixels 200,000 samples would take 200 GB


@dataclass
class Samples:
    """What a partition has given so far: one entry a sample in every list."""

    video: list[str] = field(default_factory=list)
    frame: list[int] = field(default_factory=list)
    live: list[int] = field(default_factory=list)
    image: list[np.ndarray] = field(default_factory=list)
    loose: list[bytes] = field(default_factory=list)
    landmarks: list[np.ndarray] = field(default_factory=list)
    landmarks_refined: list[np.ndarray] = field(default_factory=list)
    affine: list[np.ndarray] = field(default_factory=list)
    loose_affine: list[np.ndarray] = field(default_factory=list)
    frame_size: list[tuple[int, int]] = field(default_factory=list)
    detection_score: list[float] = field(default_factory=list)
    face_size: list[float] = field(default_factory=list)
    sharpness: list[float] = field(default_factory=list)
    brightness: list[float] = field(default_factory=list)
    padding: list[float] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def arrays(self) -> dict[str, np.ndarray | list[np.ndarray]]:
        """The lists as arrays of fixed dtype and shape, also when they are empty.

        The images stay a list where there are any: one array of them would be a second copy.
        """
        n = len(self.frame)

        def stack(values: Sequence[object], dtype: str, *shape: int) -> np.ndarray:
            return np.array(values, dtype).reshape(n, *shape)

        side = IMAGE_SIDE
        arrays: dict[str, np.ndarray | list[np.ndarray]] = {
            "video": fixed_strings(self.video),
            "frame": stack(self.frame, "<i4"),
            "live": stack(self.live, "|u1"),
            "image": self.image or np.empty((0, side, side, 3), "|u1"),
            "landmarks": stack(self.landmarks, "<f4", 468, 3),
            "landmarks_refined": stack(self.landmarks_refined, "<f4", 478, 3),
            "affine": stack(self.affine, "<f8", 2, 3),
            "loose_affine": stack(self.loose_affine, "<f8", 2, 3),
            "frame_size": stack(self.frame_size, "<i4", 2),
        }
        for name in ("detection_score", "face_size", "sharpness", "brightness", "padding"):
            arrays[name] = stack(getattr(self, name), "<f4")
        if self.loose:
            lengths = [0, *(len(picture) for picture in self.loose)]
            arrays["loose"] = np.frombuffer(b"".join(self.loose), "|u1")
            arrays["loose_offset"] = np.cumsum(lengths, dtype="<i8")
        return arrays


def crop_key(
    rows: Sequence[Video],
    hashes: Sequence[str],
    settings: CropSettings,
    sampling: DatasetSettings,
    keep_loose: bool,
) -> str:
    """The key of one partition's crops; hashes are the sha256 of the rows' videos."""
    return keys.key(
        stage="crops",
        version=VERSION,
        crop=settings.model_dump(exclude={"loose"}),
        sampling=sampling.model_dump(include={"sampling", "every"}),
        keep_loose=keep_loose,
        rows=[asdict(row) for row in rows],
        videos=list(hashes),
        versions=keys.versions(PACKAGES),
    )


def crop(
    rows: Sequence[Video],
    root: Path,
    settings: CropSettings,
    sampling: DatasetSettings,
    keep_loose: bool,
    out: Path,
    hash_video: Callable[[Path], str],
) -> bool:
    """Write the crops of one partition to `out`; False when `out` is finished work already.

    rows: the partition's part of the index. root: the folder their paths are relative to.
    keep_loose: whether the looser picture is kept. hash_video: sha256 of a file, in hex.
    """
    inside = root.resolve()
    found, hashes, failures = [], [], []
    for row in rows:
        path = root / row.path
        hashes.append("")
        if not (path.is_file() and path.resolve().is_relative_to(inside)):
            failures.append(Failure(row.path, -1, "the file is missing"))
            continue
        try:
            hashes[-1] = hash_video(path)
        except OSError as error:
            failures.append(Failure(row.path, -1, f"the file cannot be read: {error.strerror}"))
        else:
            found.append(row)
    key = crop_key(rows, hashes, settings, sampling, keep_loose)
    if keys.stored_key(out) == key:
        return False
    samples = Samples(failures=failures)
    if found:
        from labels.landmarks import FaceMesh

        with FaceMesh() as mesh:
            for row in found:
                crop_video(row, root / row.path, mesh, settings, sampling, keep_loose, samples)
    samples.failures.sort()
    layers.write(out, {"key": key, "stage": "crops"}, samples.arrays(), samples.failures)
    return True


def crop_video(
    row: Video,
    path: Path,
    mesh: "FaceMesh",
    settings: CropSettings,
    sampling: DatasetSettings,
    keep_loose: bool,
    samples: Samples,
) -> None:
    """Add one video's samples and failures to `samples`."""
    last = -1
    try:
        for number, image in decode(path, bool(row.upside_down), wanted_frames(sampling)):
            last = number
            faces = mesh.find(image, faces=1)
            if faces:
                add(samples, row, number, image, faces[0], settings, keep_loose)
            else:
                samples.failures.append(Failure(row.path, number, "no face found"))
    except (VideoError, OSError) as error:
        where = f" (after sampled frame {last})" if last >= 0 else ""
        samples.failures.append(Failure(row.path, -1, f"{error}{where}"))


def add(
    samples: Samples,
    row: Video,
    number: int,
    image: np.ndarray,
    face: "Face",
    settings: CropSettings,
    keep_loose: bool,
) -> None:
    """Cut one face out of its frame and add the sample."""
    import cv2

    height, width = image.shape[:2]
    affine = crops.box_affine(face.landmarks, settings.margin, settings.shift, IMAGE_SIDE)
    loose_affine = crops.box_affine(face.landmarks, LOOSE_MARGIN, settings.shift, LOOSE_SIDE)
    picture = crops.warp(image, affine, (IMAGE_SIDE, IMAGE_SIDE))
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    samples.video.append(row.path)
    samples.frame.append(number)
    samples.live.append(row.live)
    samples.image.append(picture)
    samples.landmarks.append(face.landmarks)
    samples.landmarks_refined.append(face.landmarks_refined)
    samples.affine.append(affine)
    samples.loose_affine.append(loose_affine)
    samples.frame_size.append((width, height))
    samples.detection_score.append(face.score)
    samples.face_size.append(crops.face_square(face.landmarks)[2])
    samples.sharpness.append(float(cv2.Laplacian(grey, cv2.CV_64F).var()))
    samples.brightness.append(float(grey.mean() / 255))
    samples.padding.append(crops.padding(affine, (width, height), IMAGE_SIDE))
    if keep_loose:
        loose = crops.warp(image, loose_affine, (LOOSE_SIDE, LOOSE_SIDE))
        _, jpeg = cv2.imencode(".jpg", loose[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, LOOSE_QUALITY])
        samples.loose.append(jpeg.tobytes())
