"""How far the runtimes of the landmarks lie apart."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.runtimes import compared
from labels.canonical import VERTICES

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "benchmarks" / "runtimes.py"


def test_a_known_shift_is_found_in_every_figure() -> None:
    # The canonical face, 200 pixels high or wide, moved by 2 pixels to the right and 1 down.
    points = VERTICES * (1, -1, -1)
    points = (points - points.min(0)) * 200 / np.ptp(points[:, :2], axis=0).max() + (150, 100, 0)
    points = np.concatenate([points, points[:10]]).astype(np.float32)
    one = {"plain": points[:468] + np.float32((2, 1, 0)), "refined": points + np.float32((4, 0, 0))}
    other = {"plain": points[:468], "refined": points}
    row = compared(one, other, np.zeros((400, 500, 3), np.uint8))
    assert row["plain_offset_x_percent"] == pytest.approx(1.0, abs=1e-4)
    assert row["plain_offset_y_percent"] == pytest.approx(0.5, abs=1e-4)
    assert row["plain_distance_percent"] == pytest.approx(np.sqrt(1.25), abs=1e-4)
    assert row["refined_distance_at_512"] == pytest.approx(0.02 * 512, abs=1e-3)
    assert row["z"] == pytest.approx(1)
    assert 0.9 < row["depth_correlation"] < 1


@pytest.mark.slow
def test_what_cannot_run_is_told_and_the_rest_measured(tmp_path: Path) -> None:
    command = [sys.executable, SCRIPT, "--python", tmp_path / "none"]
    run = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=ROOT,
        env={"OCIM_WEIGHTS": str(tmp_path), "PATH": "", "HOME": str(tmp_path)},
    )  # fmt: skip
    figures = json.loads(run.stdout)
    assert figures["embedded"]["faces"] == figures["pictures"] == 4
    assert "ocim weights fetch face-landmarker" in figures["tasks"]["skipped"]
