"""OpenVINO, imported so that it tells nobody of it, and networks compiled by it as all are here."""

import sys
from pathlib import Path
from typing import Any, Literal

# It reports its import and each conversion to its maker; without this package it cannot.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402

__all__ = ["compiled", "openvino"]


def compiled(
    model: "openvino.Model | Path", threads: int, precision: Literal["f32", "bf16"]
) -> Any:
    """A network, in memory or of a file, for the processor: one picture at a time.

    Nothing is pinned to a core, which OpenVINO does by itself: it takes the first ones, so that of
    several processes all wait for these while the others idle.
    """
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": precision,
        "ENABLE_CPU_PINNING": False,
    }
    given = str(model) if isinstance(model, Path) else model
    return openvino.Core().compile_model(given, "CPU", settings)
