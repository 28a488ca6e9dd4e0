"""OpenVINO, imported so that it tells nobody of it."""

import sys

# It reports its import and each conversion to its maker; without this package it cannot.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402

__all__ = ["openvino"]
