"""benchmarks/scaling.py measures step by step, and counts what there is to count."""

import pytest
from run_benchmark import figures


@pytest.mark.slow
def test_videos_and_partitions_are_measured_step_by_step():
    found = figures("scaling", "--parts", "partitions", "videos", "--videos", "48", "60",
                    "--partitions", "1", "3", "--few", "6")  # fmt: skip
    assert found["partitions"]["videos"] == 6
    for count in ("48", "60"):
        steps = found["videos"][count]
        assert list(steps) == ["index", "plan", "graph", "labels", "pack", "verify", "report"]
        assert all(step["cpu_s"] > 0 and step["peak_mb"] > 20 for step in steps.values())
    for name, step in found["videos"]["60"].items():
        more = step["cpu_s"] - found["videos"]["48"][name]["cpu_s"]
        assert step["ms_a_video_more"] == pytest.approx(more / 12 * 1000, abs=0.01)


@pytest.mark.slow
def test_the_plan_stands_beside_what_the_run_took(tmp_path, portrait, video_writer):
    for number in (1, 2):
        video_writer(tmp_path / "casia" / "train_release" / "1" / f"{number}.avi", [portrait] * 4)
    found = figures("scaling", "--parts", "plan", "--replica", tmp_path, "--every", "2")
    (one,) = found["plan"]
    assert one["samples"] == {"promised": 4, "measured": 4, "ratio": 1.0}
    assert one["bundle_mb"]["measured"] > 4 * 0.266
    assert one["core_s"]["promised"] > 0 and one["core_s"]["measured"] > 0
