"""The samples of a partition while it is being made: cut, measured, and kept on disk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pipeline import crops
from pipeline.bundle import IMAGE_SIDE
from pipeline.config import CropSettings
from pipeline.cropping.spool import ByteSpool, Spool
from pipeline.datasets.base import Video
from pipeline.files.hdf5 import fixed_strings
from pipeline.files.layers import Failure, Remark, Rows

if TYPE_CHECKING:
    from labels.landmarks import Face

LOOSE_SIDE = 512
LOOSE_MARGIN = 2.0
"""Side of the looser picture, in face squares."""
LOOSE_QUALITY = 95  # JPEG: as plain pixels 200,000 samples would take 200 GB
QUALITY = (
    "brightness", "detection_score", "face_size", "padding", "pitch", "roll", "sharpness",
    "shipped_distance", "yaw",
)  # fmt: skip
FIELDS: dict[str, tuple[str, tuple[int, ...]]] = {
    "frame": ("<i4", ()),
    "faces": ("|u1", ()),
    "image": ("|u1", (IMAGE_SIDE, IMAGE_SIDE, 3)),
    "landmarks": ("<f4", (468, 3)),
    "landmarks_refined": ("<f4", (478, 3)),
    "affine": ("<f8", (2, 3)),
    "loose_affine": ("<f8", (2, 3)),
    "frame_size": ("<i4", (2,)),
    **dict.fromkeys(QUALITY, ("<f4", ())),
}
"""Of a record of the spool: everything of a sample but its video and its looser picture."""
RECORD = np.dtype([(name, *field) for name, field in FIELDS.items()])


@dataclass
class Samples:
    """What a partition has given so far.

    Every face that may turn out to be the one that is meant is a record of the spool, and a piece
    of `loose`, empty where the looser picture is not kept. chosen: (number of the record, its
    video) of those that are samples.
    """

    spool: Spool
    loose: ByteSpool
    settings: CropSettings
    keep_loose: bool
    chosen: list[tuple[int, Video]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    def fail(self, video: Video, frame: int, reason: str) -> None:
        """Add a failure: what gave no sample; frame -1: the video as a whole."""
        self.failures.append(Failure(video.path, frame, reason))

    def remark(self, video: Video, frame: int, text: str) -> None:
        """Add a remark: what ought to be known of a sample or (frame -1) of a video."""
        self.remarks.append(Remark(video.path, frame, text))

    def add(
        self, number: int, image: np.ndarray, face: "Face", faces: int, shipped_distance: float
    ) -> int:
        """Cut a face out of its frame; the number of its record is returned.

        number: of the frame. image: H x W x 3 uint8 RGB. faces: how many there are in the frame.
        shipped_distance: how far off the dataset's own position is, in sides of the face square;
        NaN where there is none. Raises CropError where the landmarks give no crop.
        """
        import cv2

        from labels.pose import PoseError, angles

        height, width = image.shape[:2]
        mode, shift = self.settings.mode, self.settings.shift
        affine = crops.crop_affine(face.landmarks, mode, self.settings.margin, shift, IMAGE_SIDE)
        loose_affine = crops.crop_affine(face.landmarks, mode, LOOSE_MARGIN, shift, LOOSE_SIDE)
        picture = crops.warp(image, affine, (IMAGE_SIDE, IMAGE_SIDE))
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        try:
            yaw, pitch, roll = angles(face.landmarks, (width, height))
        except PoseError:
            yaw = pitch = roll = float("nan")
        jpeg = b""
        if self.keep_loose:
            jpeg = to_jpeg(crops.warp(image, loose_affine, (LOOSE_SIDE, LOOSE_SIDE)))
        self.loose.add(jpeg)
        return self.spool.add(
            frame=number,
            faces=min(faces, 255),
            image=picture,
            landmarks=face.landmarks,
            landmarks_refined=face.landmarks_refined,
            affine=affine,
            loose_affine=loose_affine,
            frame_size=(width, height),
            brightness=grey.mean() / 255,
            detection_score=face.score,
            face_size=crops.face_square(face.landmarks)[2],
            padding=crops.padding(affine, (width, height), IMAGE_SIDE),
            pitch=pitch,
            roll=roll,
            sharpness=cv2.Laplacian(grey, cv2.CV_64F).var(),
            shipped_distance=shipped_distance,
            yaw=yaw,
        )

    def loose_pictures(self, numbers: Sequence[int]) -> Iterator[np.ndarray]:
        """The looser pictures (512, 512, 3) uint8 RGB of the records of these numbers, where they
        are kept.
        """
        for data in self.loose.rows(numbers).blocks:
            yield from_jpeg(data)

    def arrays(self) -> dict[str, np.ndarray | Rows]:
        """The datasets of the crops file, one entry a sample: FIELDS, `video` and `live`; where the
        looser picture is kept, `loose`, all JPEGs in one (N,) uint8, and `loose_offset` as well.
        """
        numbers = [number for number, _ in self.chosen]
        arrays: dict[str, np.ndarray | Rows] = {n: self.spool.rows(n, numbers) for n in FIELDS}
        arrays["video"] = fixed_strings([video.path for _, video in self.chosen])
        arrays["live"] = np.array([video.live for _, video in self.chosen], "|u1")
        if self.keep_loose:
            arrays["loose"] = self.loose.rows(numbers)
            arrays["loose_offset"] = self.loose.offsets(numbers)
        return arrays


def to_jpeg(picture: np.ndarray) -> bytes:
    """A looser picture (H, W, 3) uint8 RGB as the bytes of a JPEG."""
    import cv2

    quality = [cv2.IMWRITE_JPEG_QUALITY, LOOSE_QUALITY]
    # numpy copies turned slices pixel by pixel, which takes three times as long as all this.
    return bytes(cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)[1])


def from_jpeg(data: np.ndarray) -> np.ndarray:
    """The picture (H, W, 3) uint8 RGB of JPEG bytes (N,) uint8; ValueError where they are none."""
    import cv2

    picture = cv2.imdecode(np.ascontiguousarray(data), cv2.IMREAD_COLOR) if len(data) else None
    if picture is None:
        raise ValueError("no JPEG")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
