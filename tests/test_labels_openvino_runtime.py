"""Networks compiled by OpenVINO."""

import sys

import numpy as np
import pytest

from labels.landmarks.embedded import _model
from labels.openvino_runtime import compiled

MESH = _model()


@pytest.mark.skipif(MESH is None, reason="this mediapipe carries no mesh network")
def test_a_network_stays_on_no_core():
    """OpenVINO's default moves the calling thread to core 0 while it computes, in every process."""
    network = compiled(MESH, threads=1, precision="f32")
    assert network.get_property("ENABLE_CPU_PINNING") is False
    assert network.get_property("INFERENCE_NUM_THREADS") == 1
    patch = np.zeros(list(network.input(0).shape), np.float32)
    assert all(np.isfinite(part).all() for part in network(patch).values())


def test_nothing_is_told_of_its_use():
    assert sys.modules["openvino_telemetry"] is None
