"""benchmarks/end_to_end.py takes videos every way, and its shares are of the whole."""

import numpy as np
import pytest
from run_benchmark import complaint, figures


@pytest.mark.slow
def test_the_whole_job_is_measured_beside_decoding_and_todays_way(tmp_path, portrait, video_writer):
    for name in ("train/live/one", "train/spoof/two"):
        (tmp_path / name).parent.mkdir(parents=True)
        video_writer(tmp_path / f"{name}.mp4", [np.roll(portrait, n, axis=1) for n in range(8)])
    found = figures("end_to_end", "--data", tmp_path, "--every", "4")
    assert (found["about"]["live"], found["about"]["spoof"]) == (1, 1)
    assert found["bare"]["frames"] == 16 and found["bare"]["pyav_over_opencv"] > 0
    ways = found["ways"]
    assert list(ways) == ["facemesh", "spoofs_without_depth", "bisenet", "today"]
    for way in ways.values():
        assert way["labelled_frames"] == 4
        assert way["frames_a_second"] == pytest.approx(
            4 * way["labelled_frames_a_second"], rel=0.01
        )
        assert sum(part["share"] for part in way["parts"].values()) == pytest.approx(1, abs=0.001)
    ours = {"decode", "convert", "detector", "mesh networks", "cut", "depth", "parse", "pack"}
    for name in ("facemesh", "spoofs_without_depth", "bisenet"):
        assert ours | {"hash", "write crops"} <= set(ways[name]["parts"])
        assert {"today_over_it", "today_over_it_without_decoding"} <= set(ways[name])
    theirs = {"decode", "detector", "cut", "prnet", "griddata", "median", "bisenet", "write"}
    assert set(ways["today"]["parts"]) == theirs
    assert set(found["goals"]) == {"facemesh", "bisenet"}


@pytest.mark.slow
def test_a_folder_without_videos_is_one_line(tmp_path):
    assert complaint("end_to_end", "--data", tmp_path) == f"{tmp_path}: no video is here"
