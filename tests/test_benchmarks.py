"""The benchmark scripts run, and count what there is to count."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

LOADER = Path(__file__).parents[1] / "benchmarks" / "loader.py"
STORAGE = Path(__file__).parents[1] / "benchmarks" / "storage.py"
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


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="files cannot be forgotten here")
def test_loaders_are_measured_side_by_side(tmp_path):
    command = [sys.executable, str(LOADER), "--samples", "90", "--steps", "1", "--files", "20"]
    done = subprocess.run([*command, "--rounds", "1", "--folder", str(tmp_path)],
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (figures["samples"], figures["shards"]) == (90, 3)
    assert figures["memory"]["steps"] == 1  # 15 live of 30, 10 a step, the rest dropped
    both = {"memory_map", "ours", "ours_thread", "ours_2_workers"}
    both |= {
        f"rfmetafas_style_{end}{more}" for end in ("png", "jpg") for more in ("", "_2_workers")
    }
    assert set(figures["cold"]) == both
    assert set(figures["warm"]) == both | {"memory_map_kept", "ours_with_hsv_on_cpu"}
    for found in (figures["warm"], figures["cold"]):
        assert all(way["samples_a_second"] > 0 for way in found.values())
        files, ours = found["rfmetafas_style_png"], found["ours"]
        ratio = ours["samples_a_second"] / files["samples_a_second"]
        assert ours["times_rfmetafas_style_png"] == pytest.approx(ratio, rel=0.02)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_ways_to_store_are_measured_in_bytes_and_samples_a_second(tmp_path):
    command = [sys.executable, str(STORAGE), "--samples", "12", "--batches", "1", "--rounds", "1"]
    done = subprocess.run([*command, "--no-cold", "--folder", str(tmp_path)],
                          capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    ways, about = found["ways"], found["about"]
    assert ("chunked_zstd" in ways) != ("chunked_zstd" in about)
    plain = [name for name in ways if name.startswith("contiguous")]
    assert len(plain) == 7 and {"png_files", "jpeg_95_files", "chunked_gzip_4"} <= set(ways)
    for name in [*plain, "chunked"]:
        assert ways[name]["bytes_a_sample"] == 256 * 256 * 3 + 32 * 32 * 4 + 256 * 256
    assert ways["chunked_fletcher32"]["bytes_a_sample"] == 266_240 + 3 * 4
    assert ways["jpeg_95_files"]["bytes_a_sample"] < ways["png_files"]["bytes_a_sample"] < 266_240
    assert all(way["warm"] > 0 and "cold" not in way for way in ways.values())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_datasets_is_one_line(tmp_path):
    command = [sys.executable, str(STAGES), "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert (
        done.stderr.strip() == f"{tmp_path}: none of the folders oulu, casia, replay, msu is here"
    )
