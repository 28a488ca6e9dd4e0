"""The benchmark of BiSeNet runs, and compares every route with plain torch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "bisenet.py"


@pytest.mark.slow
def test_every_route_is_measured_beside_plain_torch():
    command = [sys.executable, "-W", "ignore", str(SCRIPT), "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    routes = figures["routes"]
    exact = ("torch channels last", "ncnn", "onnxruntime", "openvino")
    assert {f"{name} float32" for name in exact} < routes.keys()
    assert ("openvino bfloat16" in routes) == figures["about"]["bfloat16_by_processor"]
    assert ("openvino bfloat16" in figures["missing"]) != ("openvino bfloat16" in routes)
    assert (routes["torch"]["times_torch"], routes["torch"]["agreement"]) == (1, 1)
    for name in exact:
        assert routes[f"{name} float32"]["agreement"] >= 0.9999
    assert all(one["seconds"] > 0 for one in routes.values())
    # In GFLOP: the first layer 1.23; the first stage 4.83, the others 4.30 each; heads, arms and
    # fusion 0.60 + 0.30 + 0.30 + 1.21 + 0.54 + 4.83 + 0.04.
    assert figures["about"]["gflop_a_crop"] == pytest.approx(26.78, abs=0.05)


@pytest.mark.slow
def test_an_onnx_file_is_one_line(tmp_path):
    (tmp_path / "own.onnx").write_bytes(b"")
    command = [sys.executable, str(SCRIPT), "--weights", str(tmp_path / "own.onnx")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{tmp_path / 'own.onnx'}: plain torch cannot run it")
    assert done.stderr.count("\n") == 1
