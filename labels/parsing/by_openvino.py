"""A face parsing network by OpenVINO on the processor: float32, or bfloat16 where it has that."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from labels.openvino_runtime import compiled, openvino
from labels.parsing.bisenet_network import BiSeNet, Coarse
from labels.parsing.networks import SIDE, check_shapes, normalised, numbers_of, threads
from pipeline.errors import UserError


def has_bfloat16() -> bool:
    """Whether the processor computes in bfloat16."""
    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class OpenVINO:
    """See labels.parsing.networks.Network. model: of OpenVINO, its only output the logits.

    precision: `float32` or `bfloat16`.
    """

    def __init__(self, model: openvino.Model, precision: str) -> None:
        hint: Literal["f32", "bf16"] = "f32" if precision == "float32" else "bf16"
        self._compiled = compiled(model, threads(), hint)
        got = self._compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        if got != hint:
            raise UserError(f"parse.precision: openvino took {got} for {precision} here")
        self.made_on = f"openvino {precision}"

    @classmethod
    def from_network(cls, network: BiSeNet, precision: str) -> "OpenVINO":
        """Of a network in memory."""
        example = torch.zeros(1, 3, SIDE, SIDE)
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore", DeprecationWarning)  # tracing is the quickest way
            traced = torch.jit.trace(Coarse(network), example, check_trace=False)
            model = openvino.convert_model(traced, input=list(example.shape))
        return cls(model, precision)

    @classmethod
    def from_file(cls, path: Path, classes: int, precision: str) -> "OpenVINO":
        """From an .onnx file. UserError where it holds no network of so many classes."""
        try:
            model = openvino.Core().read_model(path)
        except RuntimeError as error:
            raise UserError(f"{path}: cannot be read as ONNX by openvino") from error
        check_shapes(path, _sizes(model.inputs), _sizes(model.outputs), classes)
        model.reshape([1, 3, SIDE, SIDE])
        logits = _before_enlarging(model.output(0).get_node().input_value(0))
        return cls(openvino.Model([logits], model.get_parameters()), precision)

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The numbers of the pictures' classes."""
        return [numbers_of(self._compiled(normalised(picture))[0][0]) for picture in pictures]


def _sizes(ports: Sequence[Any]) -> list[list[int | None]]:
    return [
        [size.get_length() if size.is_static else None for size in port.partial_shape]
        for port in ports
    ]


def _before_enlarging(logits: Any) -> Any:
    """What a network's last step enlarges, where that is the step that enlarge.py replaces."""
    node = logits.get_node()
    if node.get_type_name() != "Interpolate":
        return logits
    how = node.get_attributes()
    linear = how["mode"] in ("linear", "linear_onnx") and not how["antialias"]
    padded = any(how["pads_begin"]) or any(how["pads_end"])
    corners = how["coordinate_transformation_mode"] == "align_corners"
    coarse = node.input_value(0)
    shape = coarse.get_partial_shape()
    whole = len(shape) == 4 and shape.is_static and list(shape)[1] == logits.get_partial_shape()[1]
    return coarse if linear and corners and whole and not padded else logits
