"""benchmarks/label_speed.py draws one surface by both routes, and times them."""

import pytest
from run_benchmark import figures


@pytest.mark.slow
def test_speeds_are_measured_beside_the_original_route():
    found = figures("label_speed", "--rounds", "2")
    route = found["vertices_to_depth"]
    assert abs(route["vertices"] - 43867) < 50
    assert route["correlation_inside"] > 0.999  # both draw the same surface
    assert set(found["twice_over_once"]) == {"depth", "parsing"}
    assert all(value > 0 for value in found["frame"].values() if isinstance(value, float))
