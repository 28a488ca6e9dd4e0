"""The benchmark of the whole job: its ratios, its clips, and that it runs and counts right."""

import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import PictureType

sys.path.append(str(Path(__file__).parents[1]))  # benchmarks/ is not installed
from benchmarks.parts.end_to_end_figures import Run, as_shares, of_way, over
from benchmarks.parts.phone_clips import BITS_A_SECOND, CLIPS, make_clip

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "end_to_end.py"


def test_a_ratio_is_of_runs_measured_by_the_decoding_beside_them():
    ours = [Run(4.0, 4.0, bare=2.0, frames=10), Run(9.0, 9.0, bare=3.0, frames=10)]
    theirs = [Run(24.0, 24.0, bare=2.0, frames=10), Run(36.0, 36.0, bare=2.0, frames=10)]
    assert over(theirs, ours) == (12 / 2 + 18 / 3) / 2
    assert over(theirs, ours, decoding=False) == (11 / 1 + 17 / 2) / 2


def test_what_a_run_would_be_without_a_part_of_it():
    assert Run(24.0, 30.0, bare=2.0, frames=10).without(4.0).times_bare == 10.0


def test_rates_are_of_all_frames_and_of_those_that_were_labelled():
    found = of_way([Run(4.0, 5.0, bare=2.0, frames=10, start_s=1.0)], frames=50)
    assert (found["frames_a_second"], found["labelled_frames_a_second"]) == (12.5, 2.5)
    assert (found["times_bare"], found["wall_s"], found["start_s"]) == (2.0, 5.0, 1.0)


def test_shares_of_two_runs_are_of_their_sum_and_milliseconds_of_one_frame():
    found = as_shares([{"decode": 1.0, "parse": 1.0}, {"decode": 2.0}], frames=10)
    assert found == {"decode": {"share": 0.75, "ms": 150.0}, "parse": {"share": 0.25, "ms": 50.0}}


@pytest.mark.slow
@pytest.mark.parametrize("clip", [CLIPS[0], CLIPS[2]], ids=["live", "screen, B-frames"])
def test_a_clip_is_what_a_phone_takes(tmp_path, clip):
    path = tmp_path / "clip.mp4"
    make_clip(path, clip, frames=12, height=640)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (360, 640, 30)
        frames = list(container.decode(stream))
    assert len(frames) == 12
    assert any(frame.pict_type == PictureType.B for frame in frames) == (clip.b_frames > 0)
    bits = 8 * path.stat().st_size * 30 / 12
    assert 0.3 < bits / (BITS_A_SECOND * 640 * 360 / (1920 * 1080)) < 2.5
    first, last = (frames[i].to_ndarray(format="gray").astype(int) for i in (0, -1))
    assert np.abs(first - last).mean() > 2  # it moves


@pytest.mark.slow
def test_the_whole_job_is_measured_beside_decoding_and_todays_way(tmp_path, portrait, video_writer):
    for name in ("train/live/one", "train/spoof/two"):
        (tmp_path / name).parent.mkdir(parents=True)
        video_writer(tmp_path / f"{name}.mp4", [np.roll(portrait, n, axis=1) for n in range(8)])
    command = [sys.executable, str(SCRIPT), "--data", str(tmp_path), "--every", "4"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
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
    command = [sys.executable, str(SCRIPT), "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip() == f"{tmp_path}: no video is here"
