import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PREDICT = Path(__file__).parents[1] / "benchmarks" / "predict.py"


@pytest.mark.slow
def test_predict_is_measured_beside_its_bare_parts(tmp_path, portrait, video_writer):
    blank = np.zeros_like(portrait)  # searched in pieces
    clip = video_writer(tmp_path / "clip.mp4", [portrait, portrait, blank, portrait])
    command = [sys.executable, str(PREDICT), "--models", "demo", "--frames", "10", "--pairs", "2"]
    done = subprocess.run([*command, "--every", "2", "--video", str(clip)],
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["about"]["every"] == 2
    videos = found["models"]["demo"]
    assert list(videos) == ["made-1080p.mp4", "clip.mp4"]
    assert (videos["made-1080p.mp4"]["frames"], videos["made-1080p.mp4"]["scores"]) == (10, 5)
    assert (videos["clip.mp4"]["frames"], videos["clip.mp4"]["scores"]) == (4, 2)
    for figures in videos.values():
        assert len(figures["overheads"]) == 2
        assert figures["overhead"] == pytest.approx(np.median(figures["overheads"]), abs=1e-3)
        parts = ("decode", "detector", "plain_mesh", "refined_mesh", "scoring")
        assert set(figures["shares"]) == {*parts, "around"}
        assert sum(figures["shares"].values()) == pytest.approx(1, abs=1e-3)
        assert all(figures["shares"][part] > 0 for part in parts)
        rate = figures["frames"] / figures["predict_s"]
        assert figures["predict_frames_a_second"] == pytest.approx(rate, rel=0.02)


@pytest.mark.slow
def test_a_video_that_is_not_there_is_one_line(tmp_path):
    command = [sys.executable, str(PREDICT), "--video", str(tmp_path / "no.mp4")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip() == f"{tmp_path / 'no.mp4'}: no such video"
