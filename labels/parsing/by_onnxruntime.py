"""A face parsing network by ONNX Runtime: float32 on the processor."""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from labels.parsing.bisenet_network import BiSeNet, Coarse
from labels.parsing.networks import SIDE, check_shapes, normalised, numbers_of, threads
from pipeline.errors import UserError


class ONNXRuntime:
    """See labels.parsing.networks.Network. model: an ONNX network, its first output the logits."""

    made_on = "onnxruntime float32"

    def __init__(self, model: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[0].name

    @classmethod
    def from_network(cls, network: BiSeNet) -> "ONNXRuntime":
        """Of a network in memory."""
        return cls(exported(Coarse(network)))

    @classmethod
    def from_file(cls, path: Path, classes: int) -> "ONNXRuntime":
        """From an .onnx file. UserError where it holds no network of so many classes."""
        try:
            made = cls(path.read_bytes())
        except Exception as error:  # ONNX Runtime's have no base of their own
            raise UserError(f"{path}: {str(error).splitlines()[0]}") from error
        inputs, outputs = made._session.get_inputs(), made._session.get_outputs()
        check_shapes(
            path, [port.shape for port in inputs], [port.shape for port in outputs], classes
        )
        return made

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The numbers of the pictures' classes."""
        feeds = ({self._input: normalised(picture)} for picture in pictures)
        return [numbers_of(self._session.run([self._output], feed)[0][0]) for feed in feeds]


def exported(network: torch.nn.Module) -> bytes:
    """An ONNX file of a network that takes pictures (1, 3, 512, 512)."""
    written = io.BytesIO()
    with warnings.catch_warnings():
        # The exporter by tracing is the older one; the newer takes four times as long and two
        # packages more for the same operations.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, SIDE, SIDE),),
            written,  # type: ignore[arg-type]  # a file will do
            dynamo=False,
            opset_version=17,
            input_names=["input"],
            output_names=["output"],
        )
    return written.getvalue()
