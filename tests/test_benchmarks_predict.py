"""benchmarks/predict.py times predict beside its bare parts, and its shares are of the whole."""

import numpy as np
import pytest
from run_benchmark import complaint, figures


@pytest.mark.slow
def test_predict_is_measured_beside_its_bare_parts(tmp_path, portrait, video_writer):
    blank = np.zeros_like(portrait)  # searched in pieces
    clip = video_writer(tmp_path / "clip.mp4", [portrait, portrait, blank, portrait])
    found = figures("predict", "--models", "demo", "--frames", "10", "--pairs", "2",
                    "--every", "2", "--video", clip)  # fmt: skip
    assert found["about"]["every"] == 2
    videos = found["models"]["demo"]
    assert list(videos) == ["made-1080p.mp4", "clip.mp4"]
    assert (videos["made-1080p.mp4"]["frames"], videos["made-1080p.mp4"]["scores"]) == (10, 5)
    assert (videos["clip.mp4"]["frames"], videos["clip.mp4"]["scores"]) == (4, 2)
    for of_video in videos.values():
        assert len(of_video["overheads"]) == 2
        assert of_video["overhead"] == pytest.approx(np.median(of_video["overheads"]), abs=1e-3)
        parts = ("decode", "detector", "plain_mesh", "refined_mesh", "scoring")
        assert set(of_video["shares"]) == {*parts, "around"}
        assert sum(of_video["shares"].values()) == pytest.approx(1, abs=1e-3)
        assert all(of_video["shares"][part] > 0 for part in parts)
        rate = of_video["frames"] / of_video["predict_s"]
        assert of_video["predict_frames_a_second"] == pytest.approx(rate, rel=0.02)


@pytest.mark.slow
def test_a_video_that_is_not_there_is_one_line(tmp_path):
    missing = tmp_path / "no.mp4"
    assert complaint("predict", "--video", missing) == f"{missing}: no such video"
