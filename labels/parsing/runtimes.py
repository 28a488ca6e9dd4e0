"""What runs a face parsing network: torch on a processor or CUDA, ncnn, ONNX Runtime, OpenVINO.

All take pictures of 512 x 512 and give the number of each pixel's class. A network that can be cut
in front of its last enlargement is finished by labels.parsing.enlarge.

On a processor pictures go through one by one: a batch gains nothing there, and no picture can
depend on its neighbours. On CUDA they go in batches of one fixed size, the last one filled up.
On a processor every runtime uses as many threads as OMP_NUM_THREADS says, one where it does not:
stages run many processes at once.
"""

from pathlib import Path

import torch

from labels.parsing.bisenet_network import BiSeNet
from labels.parsing.by_torch import Torch
from labels.parsing.networks import Network
from labels.tensors import load_strict, read_tensors
from pipeline.errors import UserError

RUNTIMES = ("auto", "torch", "ncnn", "onnxruntime", "openvino")
PRECISIONS = ("auto", "float32", "bfloat16")


def chosen(path: Path, runtime: str, precision: str) -> tuple[str, str]:
    """The runtime and the precision that settings mean here, for a weight file: no `auto` is left.

    runtime: `torch` (on CUDA where there is it), `ncnn`, `onnxruntime`, `openvino`; `auto` is the
    fastest measured: torch where there is CUDA, else openvino where the processor computes in
    bfloat16 and that is not ruled out, else ncnn; for an .onnx file always openvino. precision:
    `float32`, `bfloat16`; `auto` is bfloat16 on CUDA and by openvino where the processor computes
    in it, else float32. UserError, naming the setting, for what cannot be.
    """
    for name, value, known in (
        ("runtime", runtime, RUNTIMES),
        ("precision", precision, PRECISIONS),
    ):
        if value not in known:
            raise UserError(f"parse.{name}: '{value}' is none of {', '.join(known)}")
    is_onnx = path.suffix == ".onnx"
    cuda = torch.cuda.is_available()
    if runtime == "auto":
        runtime = _fastest(is_onnx, cuda, precision)
    if is_onnx and runtime in ("torch", "ncnn"):
        raise UserError(
            f"parse.runtime: {runtime} does not run {path}; onnxruntime and openvino do"
        )
    if precision == "float32":
        return runtime, precision
    if runtime == "torch":
        # On a processor without it torch is right, but slow: it must be named.
        able = precision == "bfloat16" or (cuda and torch.cuda.is_bf16_supported())
    else:
        able = runtime == "openvino" and openvino_has_bfloat16()
    if precision == "bfloat16" and not able:
        where = "for openvino this processor has" if runtime == "openvino" else f"{runtime} has"
        raise UserError(f"parse.precision: {where} no bfloat16; take float32, or auto")
    return runtime, "bfloat16" if able else "float32"


def _fastest(is_onnx: bool, cuda: bool, precision: str) -> str:
    if is_onnx:
        return "openvino"
    if cuda:
        return "torch"
    if precision == "bfloat16" or (precision == "auto" and openvino_has_bfloat16()):
        return "openvino"
    return "ncnn"


def openvino_has_bfloat16() -> bool:
    """Whether OpenVINO computes in bfloat16 on this processor."""
    from labels.parsing.by_openvino import has_bfloat16

    return has_bfloat16()


def load(path: Path, classes: int, runtime: str, precision: str, batch: int) -> Network:
    """The network of a weight file; runtime and precision are such as chosen gives.

    classes: how many it tells apart. batch: how many pictures go through CUDA at a time. UserError
    where the file does not fit.
    """
    if path.suffix == ".onnx":
        if runtime == "openvino":
            from labels.parsing.by_openvino import OpenVINO

            return OpenVINO.from_file(path, classes, precision)
        from labels.parsing.by_onnxruntime import ONNXRuntime

        return ONNXRuntime.from_file(path, classes)
    return from_network(read(path, classes), runtime, precision, batch)


def read(path: Path, classes: int) -> BiSeNet:
    """The network of a .pth or .safetensors file. UserError where the file does not fit."""
    network = BiSeNet(classes)
    load_strict(network, read_tensors(path), path)
    return network.eval()


def from_network(network: BiSeNet, runtime: str, precision: str, batch: int) -> Network:
    """A network in memory, ready to run; arguments as for load."""
    if runtime == "torch":
        if torch.cuda.is_available():
            return Torch(network, precision, batch, "cuda")
        return Torch(network, precision, 1, "cpu")
    if runtime == "openvino":
        from labels.parsing.by_openvino import OpenVINO

        return OpenVINO.from_network(network, precision)
    if runtime == "ncnn":
        from labels.parsing.by_ncnn import Ncnn

        return Ncnn(network)
    from labels.parsing.by_onnxruntime import ONNXRuntime

    return ONNXRuntime.from_network(network)
