"""Faces and their landmarks by MediaPipe Tasks: MediaPipe 1.x with numpy 2, and 0.10.21 as well.

Detector and landmark network lie in one file that a user fetches (`face-landmarker`). The detector
is the short-range one, so pictures are searched by smaller pieces. The landmarker takes no region:
it detects again in what it is given, so it is given an upright patch around the face, twice: first
around the detection, then around the landmarks that came out, which places them better.
"""

import zipfile

import cv2
import numpy as np

from labels import weights
from labels.boxes import bounds
from labels.canonical import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from labels.landmarks.quiet import Sieve, quiet_stderr, without
from labels.landmarks.search import Detection, FaceFinder
from labels.patches import cut_patch, fitted_size, patch_affine, shrink, to_frame

MIN_SCORE = 0.5

SEEN = 128
"""Side in pixels of what the detector sees."""

DETAIL = 2
"""Pictures reach the detector at this many times that side: it gives boxes in whole pixels."""

SIDE, REACH = 384, 2.1
"""The patch's side in pixels, and over the longer side of the box.

With these the landmarker cuts squares of about 256 pixels out of the patch, which is what its
network sees. It maps corners where pixel centres are meant: at another scale that would move the
landmarks, by half the difference of the two pixels' sides.
"""

SURE = 0.75
"""Score that a face found in a piece must have in its patch, where it stands large and upright.

In pieces the short-range detector gives 0.5 to 0.8 to much that is no face. Frontal faces have 0.74
to 0.92 in their patches whatever their size.
"""

NEIGHBOURS = 4
"""How many faces may be found in a patch; the one in its middle is meant."""


def load() -> "FaceTasks":
    """The runtime, ready to find faces; UserError where its weights are missing."""
    return FaceTasks()


class FaceTasks(FaceFinder):
    """Finds faces and their refined mesh, whose first 468 points are the plain one here.

    Use as a context manager, or call close(). Making one takes about a second. Standard error is
    turned off meanwhile, for MediaPipe writes notices there that mean nothing to a user.
    """

    reach = SEEN
    pieces = (2, 4, 8)

    def __init__(self) -> None:
        path = weights.find("face-landmarker")
        whole = path.read_bytes()
        with zipfile.ZipFile(path) as parts:
            detector = parts.read("face_detector.tflite")
        with quiet_stderr(), without("tensorflow"):
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision

            self._picture = mediapipe.Image
            self._rgb = mediapipe.ImageFormat.SRGB
            self._detector = vision.FaceDetector.create_from_options(
                vision.FaceDetectorOptions(
                    base_options=BaseOptions(model_asset_buffer=detector),
                    min_detection_confidence=MIN_SCORE,
                )
            )
            self._landmarker = vision.FaceLandmarker.create_from_options(
                vision.FaceLandmarkerOptions(
                    base_options=BaseOptions(model_asset_buffer=whole),
                    num_faces=NEIGHBOURS,
                    min_face_detection_confidence=MIN_SCORE,
                )
            )
            self._sieve = Sieve()
            blank = np.zeros((SIDE, SIDE, 3), np.uint8)
            self.detect(blank)
            self._points(blank)

    def close(self) -> None:
        """Free the graphs."""
        with quiet_stderr():
            self._detector.close()
            self._landmarker.close()
        self._sieve.close()

    def detect(self, image: np.ndarray) -> list[Detection]:
        """The faces that the short-range detector sees."""
        frame = np.array(image.shape[1::-1], np.float64)
        width, height = fitted_size(image, SEEN)
        size = (width * DETAIL, height * DETAIL)
        image = cv2.resize(shrink(image, SEEN), size, interpolation=cv2.INTER_NEAREST)
        found = []
        with self._sieve:
            detections = self._detector.detect(self._image(image)).detections
        for detection in detections:
            place = detection.bounding_box
            low = np.array([place.origin_x, place.origin_y], np.float64)
            box = np.concatenate([low, low + (place.width, place.height)])
            eyes = np.array([(point.x, point.y) for point in detection.keypoints[:2]])
            score = float(detection.categories[0].score)
            found.append(Detection(score, box * np.tile(frame / size, 2), eyes * frame))
        return found

    def seen_again(self, image: np.ndarray, landmarks: np.ndarray) -> bool:
        """Whether the detector is sure of it in its patch."""
        seen = self.detect(cut_patch(image, _around(landmarks), SIDE))
        return any(
            face.score >= SURE and np.abs(_middle(face.box) - SIDE / 2).max() < SIDE / 4
            for face in seen
        )

    def meshes(
        self, image: np.ndarray, box: np.ndarray, eyes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """The first 468 and all 478 landmarks near a box, or None: no face there."""
        first = self._mesh(image, patch_affine(box, eyes, SIDE, REACH))
        if first is None:
            return None
        refined = self._mesh(image, _around(first))
        return None if refined is None else (refined[:468].copy(), refined)

    def _mesh(self, image: np.ndarray, affine: np.ndarray) -> np.ndarray | None:
        faces = self._points(cut_patch(image, affine, SIDE))
        if not faces:
            return None
        points = min(faces, key=lambda face: np.abs(_middle(bounds(face)) - SIDE / 2).max())
        return to_frame(points, affine)

    def _points(self, patch: np.ndarray) -> list[np.ndarray]:
        """Landmarks (478, 3) float64 in patch pixels of each face in a patch; z as well."""
        with self._sieve:
            faces = self._landmarker.detect(self._image(patch)).face_landmarks
        return [SIDE * np.array([(p.x, p.y, p.z) for p in face]) for face in faces]

    def _image(self, image: np.ndarray) -> object:
        return self._picture(image_format=self._rgb, data=np.ascontiguousarray(image))


def _around(landmarks: np.ndarray) -> np.ndarray:
    """The affine to the patch around landmarks, upright."""
    eyes = landmarks[[RIGHT_EYE_OUTER, LEFT_EYE_OUTER], :2]
    return patch_affine(bounds(landmarks), eyes, SIDE, REACH)


def _middle(box: np.ndarray) -> np.ndarray:
    return (box[:2] + box[2:]) / 2
