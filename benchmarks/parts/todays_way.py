"""The way that labels are made today, written anew from its description, to be timed beside.

A script takes one frame after the other: OpenCV reads it, a detector finds the face, the face is
cut out at 256 x 256, PRNet gives a position map, scipy's griddata draws its 43,867 vertices on the
pixel grid and a median over 5 x 5 fills the gaps, BiSeNet parses the crop at 512 x 512, and three
PNG files are written. Torch runs one picture at a time, in float32.

Where scripts differ, the cheapest is taken: MediaPipe's detector, on a frame that is first made
smaller (PRNet's own script calls dlib's network, which takes seconds for a frame of 1080p), and
depth on the grid of the crop (that of the frame has four times as many pixels or more).

No weights lie here, so the networks have weights by rule and answer nonsense, in the same time.
What griddata is given is a made surface with as many vertices as PRNet's.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy.interpolate import griddata
from scipy.signal import medfilt2d

from benchmarks.parts.fine_mesh import fine_mesh
from benchmarks.parts.rule_tensors import rule_tensor
from labels.depth.prnet_network import PRNet
from labels.parsing.bisenet_network import BiSeNet

CROP, PARSED = 256, 512
DETECTOR_SIDE = 640
"""The longer side, in pixels, of what the detector is given."""
REACH = 1.6
"""Side of the crop in boxes of the detection."""
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
DEPTH_PARTS = ("prnet", "griddata", "median")


class TodaysWay:
    """Labels of videos, written as PNG below a folder; seconds of processor time by part."""

    def __init__(self, folder: Path) -> None:
        from mediapipe.python.solutions.face_detection import FaceDetection

        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.seconds: Counter[str] = Counter()
        self.detector = FaceDetection(min_detection_confidence=0.5, model_selection=1)
        self.prnet, self.bisenet = (by_rule(network) for network in (PRNet(), BiSeNet()))
        self.vertices, _ = fine_mesh()
        rows, columns = np.mgrid[:CROP, :CROP]
        self.grid = columns, rows

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the processor time of a block under a name."""
        started = time.process_time()
        yield
        self.seconds[name] += time.process_time() - started

    def video(self, path: Path, every: int) -> int:
        """Label each n-th frame of a video; how many had a face."""
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        number = labelled = 0
        while True:
            with self.part("decode"):
                read = capture.grab()
                if read and number % every == 0:
                    frame = capture.retrieve()[1]
            if not read:
                break
            if number % every == 0:
                labelled += self.frame(frame, f"{path.stem}_{number:05d}")
            number += 1
        capture.release()
        return labelled

    def frame(self, frame: np.ndarray, name: str) -> bool:
        """Write crop, depth and parsing of a frame (H, W, 3) uint8 BGR; False without a face."""
        with self.part("detector"):
            box = self.detect(frame)
        if box is None:
            return False
        with self.part("cut"):
            picture = cut(frame, box)
        with self.part("prnet"), torch.no_grad():
            seen = torch.from_numpy(picture[..., ::-1].astype(np.float32) / 255).permute(2, 0, 1)
            self.prnet(seen[None]).numpy()
        with self.part("griddata"):
            x, y, z = self.vertices.T
            z = 255 * (z - z.min()) / (z.max() - z.min())
            depth = griddata((x, y), z, self.grid, method="linear", fill_value=0)
        with self.part("median"):
            smooth = medfilt2d(depth, 5)
            depth = np.where(depth == 0, smooth, depth).astype(np.uint8)
        with self.part("bisenet"), torch.no_grad():
            large = cv2.resize(picture, (PARSED, PARSED), interpolation=cv2.INTER_LINEAR)
            seen = (large[..., ::-1].astype(np.float32) / 255 - MEAN) / DEVIATION
            logits = self.bisenet(torch.from_numpy(seen).permute(2, 0, 1)[None])
            parsing = logits[0].argmax(0).numpy().astype(np.uint8)
        with self.part("write"):
            for kind, made in (("crop", picture), ("depth", depth), ("parsing", parsing)):
                cv2.imwrite(str(self.folder / f"{name}_{kind}.png"), made)
        return True

    def detect(self, frame: np.ndarray) -> np.ndarray | None:
        """The best face's box x0, y0, x1, y1 in pixels."""
        height, width = frame.shape[:2]
        times = min(1.0, DETECTOR_SIDE / max(height, width))
        size = (round(width * times), round(height * times))
        small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        faces = self.detector.process(cv2.cvtColor(small, cv2.COLOR_BGR2RGB)).detections
        if not faces:
            return None
        box = faces[0].location_data.relative_bounding_box
        corners = (box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height)
        return np.array(corners) * (width, height, width, height)


def by_rule(network: torch.nn.Module) -> torch.nn.Module:
    """The network with weights whose names decide them."""
    state = network.state_dict()
    made = {name: rule_tensor(name, tuple(value.shape)) for name, value in state.items()}
    network.load_state_dict(made)
    return network.eval()


def cut(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The square (256, 256, 3) around a box."""
    middle = (box[:2] + box[2:]) / 2
    scale = CROP / (REACH * float((box[2:] - box[:2]).max()))
    affine = np.column_stack([np.eye(2) * scale, CROP / 2 - scale * middle])
    return cv2.warpAffine(frame, affine, (CROP, CROP), flags=cv2.INTER_LINEAR)
