"""The benchmark scripts run, and count what there is to count."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

CROPS = Path(__file__).parents[1] / "benchmarks" / "crops.py"
STAGES = Path(__file__).parents[1] / "benchmarks" / "stages.py"


@pytest.mark.slow
def test_stages_are_measured_on_the_videos_that_are_given(tmp_path, portrait, video_writer):
    for name in ("real/real_client001", "attack/attack_client001"):
        kind = "" if "real" in name else "_printed_photo"
        path = tmp_path / "msu" / "scene01" / f"{name}_laptop_SD{kind}_scene01.mov"
        video_writer(path, [np.roll(portrait, shift, axis=1) for shift in range(8)])
    command = [sys.executable, str(STAGES), "--data", str(tmp_path), "--every", "4"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    stages = json.loads(done.stdout)["stages"]
    assert list(stages) == ["decode", "crop", "depth", "parse", "pack"]
    assert stages["decode"]["frames"] == 16 and stages["decode"]["sampled_frames"] == 4
    assert stages["crop"]["samples"] == 4 and stages["crop"]["failures"] == 0
    assert stages["depth"]["live"] == 2 and stages["parse"]["samples"] == 4
    assert stages["pack"]["bytes"] > 4 * 266_240
    for figures in stages.values():
        assert figures["cpu_s"] > 0 and figures["peak_mb"] > 20


@pytest.mark.slow
def test_crops_are_measured_part_by_part(tmp_path, portrait, video_writer):
    for name in ("one", "two"):
        video_writer(tmp_path / f"{name}.mp4", [np.roll(portrait, n, axis=1) for n in range(8)])
    command = [sys.executable, str(CROPS), "--data", str(tmp_path), "--every", "4"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["videos"] == 2
    assert (figures["opencv"]["frames"], figures["opencv"]["read"]) == (16, 4)
    crop = figures["crop"]
    assert (crop["samples"], crop["failures"]) == (4, 0)
    parts = {"decode", "convert", "detector", "mesh", "find", "cut and measure", "write", "hash"}
    assert parts <= set(crop["parts"])
    assert sum(crop["parts"].values()) == pytest.approx(crop["total_s"], abs=0.01)
    assert 0 < crop["own_share"] < 1
    assert figures["speedup_of_two"] > 0


def test_a_folder_without_datasets_is_one_line(tmp_path):
    command = [sys.executable, str(STAGES), "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert (
        done.stderr.strip() == f"{tmp_path}: none of the folders oulu, casia, replay, msu is here"
    )
