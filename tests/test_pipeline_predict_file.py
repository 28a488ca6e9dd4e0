"""One picture or video scored: which face, which frames, and in how much memory."""

import subprocess
import sys

import numpy as np
import pytest
from made_predict import Recorder
from PIL import Image

from labels.landmarks import load as load_landmarks
from pipeline import crops
from pipeline.predict.file import predict_file
from pipeline.predict.scorer import scoring

pytest_plugins = "made_predict"


def test_the_nearest_frame_with_a_face_stands_in_and_keeps_its_number(model, folder):
    with scoring(model) as scorer, load_landmarks("embedded") as landmarks:
        made = predict_file(folder / "sub" / "clip.mp4", scorer, landmarks, 5)
    assert made.frames.tolist() == [0, 4] and made.failures == []


def test_of_two_faces_the_larger_one_is_scored_and_the_other_remarked(model, portrait, tmp_path):
    height, width = portrait.shape[:2]
    two = np.zeros((height, width * 2, 3), np.uint8)
    small = Image.fromarray(portrait).resize((width * 6 // 10, height * 6 // 10))
    two[: small.height, : small.width] = np.asarray(small)
    two[:, width:] = portrait
    Image.fromarray(two).save(tmp_path / "two.png")
    recorder = Recorder(model)
    with load_landmarks("embedded") as landmarks:
        made = predict_file(tmp_path / "two.png", recorder, landmarks, 5)
        faces = landmarks.find(two)
    assert len(faces) == 2
    large = max(faces, key=lambda face: crops.face_square(face.landmarks)[2])
    affine = crops.crop_affine(large.landmarks, "box", 1.4, 0.0, 256)
    assert np.array_equal(recorder.seen[0][0], crops.warp(two, affine, (256, 256)))
    assert [one.text for one in made.remarks] == ["2 faces, which is meant?"]


@pytest.mark.slow
def test_memory_is_flat_in_the_length_of_a_video(model, portrait, video_writer, tmp_path):
    small = np.asarray(Image.fromarray(portrait).resize((640, 800)))
    peaks = []
    for count in (30, 210):
        path = video_writer(
            tmp_path / f"{count}.mp4", (np.roll(small, n % 9, axis=1) for n in range(count))
        )
        code = (
            "import resource, sys; from pipeline.cli import cli\n"
            f"cli(['predict', {str(model)!r}, {str(path)!r}, '--every', '1'],"
            " standalone_mode=False)\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert f"{count} frames" in done.stdout
        peaks.append(int(done.stdout.split()[-1]) / 1024)
    # 180 more crops alone would be 35 MB, their frames 276 MB.
    assert peaks[1] - peaks[0] < 20, peaks
