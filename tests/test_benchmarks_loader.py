"""benchmarks/loader.py measures every way to read samples, and beside which."""

import os

import pytest
from run_benchmark import figures


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="files cannot be forgotten here")
def test_loaders_are_measured_side_by_side(tmp_path):
    found = figures("loader", "--samples", "90", "--steps", "1", "--files", "20",
                    "--rounds", "1", "--folder", tmp_path)  # fmt: skip
    assert (found["samples"], found["shards"]) == (90, 3)
    assert found["memory"]["steps"] == 1  # 15 live of 30, 10 a step, the rest dropped
    both = {"memory_map", "ours", "ours_thread", "ours_2_workers"}
    both |= {
        f"rfmetafas_style_{end}{more}" for end in ("png", "jpg") for more in ("", "_2_workers")
    }
    assert set(found["cold"]) == both
    assert set(found["warm"]) == both | {"memory_map_kept", "ours_with_hsv_on_cpu"}
    for ways in (found["warm"], found["cold"]):
        assert all(way["samples_a_second"] > 0 for way in ways.values())
        files, ours = ways["rfmetafas_style_png"], ways["ours"]
        ratio = ours["samples_a_second"] / files["samples_a_second"]
        assert ours["times_rfmetafas_style_png"] == pytest.approx(ratio, rel=0.02)
    assert list(tmp_path.iterdir()) == []
