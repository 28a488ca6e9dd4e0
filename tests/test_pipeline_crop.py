"""The crop stage: whose face is cut out, how small and turned it may be, and in how much memory."""

import subprocess
import sys
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from odd_encode import scene

from pipeline.datasets.base import Video

pytest_plugins = "made_film"


@pytest.mark.slow
def test_the_print_beside_its_holder_is_meant_in_every_frame(film, held, holder):
    stage = film([held, held, held, holder, held, held, held])
    stage.run(reach=0)  # 0, 3 (the holder alone), 6
    assert stage.frames == [0, 6]
    assert stage.failures == [(3, "only another person's face is here")]
    assert all(centre < 250 for centre in stage.centres())
    assert stage.columns["faces"].tolist() == [2, 2]
    # 0.6^2 / 0.9^2 = 0.44 of the area: no doubt in a live video, some in a spoof.
    assert stage.remarks == []
    stage.row = Video("a.mp4", "mydata", "test", 0, "1", "print")
    stage.run(reach=0)
    assert stage.frames == [0, 6]
    assert [frame for frame, _ in stage.remarks] == [0, 6]


def test_faces_of_like_size_are_listed_as_unsure(film, portrait):
    stage = film([scene(portrait, (20, 40, 0.8), (340, 60, 0.75))] * 4)
    stage.run()
    assert stage.frames == [0, 3]
    assert stage.remarks == [(0, "2 faces, which is meant?"), (3, "2 faces, which is meant?")]
    assert all(centre < 300 for centre in stage.centres())


@pytest.mark.slow
def test_aligned_crops_have_level_eyes(film, one):
    turn = cv2.getRotationMatrix2D((320, 200), 20, 1)
    stage = film([cv2.warpAffine(one, turn, (640, 480))] * 4)
    stage.run("aligned")
    for affine, landmarks in zip(stage.columns["affine"], stage.columns["landmarks"], strict=True):
        points = landmarks[:, :2].astype(float) @ affine[:, :2].T + affine[:, 2]
        right, left = points[[33, 133]].mean(axis=0), points[[362, 263]].mean(axis=0)
        assert abs(np.degrees(np.arctan2(*(left - right)[::-1]))) < 1.5
    assert stage.columns["roll"] == pytest.approx([-20, -20], abs=4)


@pytest.mark.slow
def test_a_person_of_60_pixels_in_a_large_frame_is_found(film, portrait):
    # The astronaut's face is about 105 pixels wide in the portrait.
    frame = np.full((1080, 1920, 3), 110, np.uint8)
    small = cv2.resize(portrait, None, fx=0.55, fy=0.55, interpolation=cv2.INTER_AREA)
    frame[600 : 600 + small.shape[0], 1300 : 1300 + small.shape[1]] = small
    stage = film([frame] * 2)
    stage.run()
    assert stage.frames == [0]
    assert 45 < stage.columns["face_size"][0] < 75


PEAK_OF_CROPPING = """
import sys
from pathlib import Path
from pipeline.config import CropSettings, DatasetSettings
from pipeline.crop import Job, crop
from pipeline.datasets.base import Video
from pipeline.files.keys import sha256_file
folder = Path(sys.argv[1])
job = Job(folder, CropSettings(), DatasetSettings(root="unused", sampling="all"))
crop([Video("a.mp4", "mydata", "test", 1, "1")], job, folder / "crops.h5", sha256_file)
children = " ".join(path.read_text() for path in Path("/proc/self/task").glob("*/children"))
assert len(children.split()) == 1  # the one that decodes
for process in ("self", *children.split()):
    status = Path(f"/proc/{process}/status").read_text()
    print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs Linux's /proc")
def test_memory_does_not_grow_with_the_video(one, tmp_path, video_writer):
    peaks = []
    for frames in (100, 600):  # 105 MB of crops and landmarks more, 190 MB of frames
        video_writer(tmp_path / "a.mp4", (one for _ in range(frames)))
        command = [sys.executable, "-c", PEAK_OF_CROPPING, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append([int(peak) * 1024 for peak in done.stdout.split()])
        with h5py.File(tmp_path / "crops.h5") as file:
            assert len(file["frame"]) == frames
    for short, long in zip(*peaks, strict=True):  # of the stage, and of its child
        assert long - short < 50e6
