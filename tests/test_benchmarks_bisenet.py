"""benchmarks/bisenet.py compares every route with plain torch."""

import pytest
from run_benchmark import complaint, figures


@pytest.mark.slow
def test_every_route_is_measured_beside_plain_torch():
    found = figures("bisenet", "--rounds", "1")
    routes = found["routes"]
    exact = ("torch channels last", "ncnn", "onnxruntime", "openvino")
    assert {f"{name} float32" for name in exact} < routes.keys()
    assert ("openvino bfloat16" in routes) == found["about"]["bfloat16_by_processor"]
    assert ("openvino bfloat16" in found["missing"]) != ("openvino bfloat16" in routes)
    assert (routes["torch"]["times_torch"], routes["torch"]["agreement"]) == (1, 1)
    for name in exact:
        assert routes[f"{name} float32"]["agreement"] >= 0.9999
    assert all(route["seconds"] > 0 for route in routes.values())
    # In GFLOP: the first layer 1.23; the first stage 4.83, the others 4.30 each; heads, arms and
    # fusion 0.60 + 0.30 + 0.30 + 1.21 + 0.54 + 4.83 + 0.04.
    assert found["about"]["gflop_a_crop"] == pytest.approx(26.78, abs=0.05)


@pytest.mark.slow
def test_an_onnx_file_is_one_line(tmp_path):
    own = tmp_path / "own.onnx"
    own.write_bytes(b"")
    assert complaint("bisenet", "--weights", own).startswith(f"{own}: plain torch cannot run it")
