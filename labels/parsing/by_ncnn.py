"""BiSeNet by ncnn on the processor, in float32: the fastest where there is no bfloat16.

ncnn computes 3 x 3 convolutions by Winograd's method, with less than half of the multiplications;
the answer is float32's all the same. It reads a network as text and bytes, which are written here
from the module itself, its batch norms folded into the convolutions.
"""

import tempfile
from collections import Counter
from collections.abc import Sequence

import ncnn
import numpy as np
import torch
from torch import nn

from labels.parsing.bisenet_network import AttentionRefinement, BasicBlock, BiSeNet, ConvBNReLU
from labels.parsing.networks import SIDE, normalised, numbers_of, threads

RELU, SIGMOID = 1, 4
"""ncnn's numbers for what follows a layer."""


class Ncnn:
    """See labels.parsing.networks.Network."""

    made_on = "ncnn float32"

    def __init__(self, network: BiSeNet) -> None:
        text, weights = written(network)
        self._net = ncnn.Net()
        options = self._net.opt
        options.num_threads = threads()
        for name in dir(options):
            if name.startswith(("use_fp16", "use_bf16", "use_int8", "use_vulkan")):
                setattr(options, name, False)
        # Through a file: from memory ncnn would go on reading bytes that Python has given up.
        with tempfile.NamedTemporaryFile(suffix=".bin") as file:
            file.write(weights)
            file.flush()
            if self._net.load_param_mem(text) or self._net.load_model(file.name):
                raise RuntimeError("ncnn does not read the network that was written for it")

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The numbers of the pictures' classes."""
        return [numbers_of(self.coarse(picture)) for picture in pictures]

    def coarse(self, picture: np.ndarray) -> np.ndarray:
        """Logits (C, 64, 64) float32, in front of the last enlargement.

        picture: (512, 512, 3) uint8 RGB; ValueError for another. RuntimeError where ncnn stops.
        """
        x = normalised(picture)[0]
        run = self._net.create_extractor()
        run.input("input", ncnn.Mat(x))
        failed, logits = run.extract("output")
        if failed:
            raise RuntimeError(f"ncnn stopped with {failed}")
        return np.array(logits)


class _Writer:
    """A network in ncnn's form, layer by layer: each method gives the name of its output."""

    def __init__(self) -> None:
        self._layers: list[tuple[str, list[str], str, dict[int, int]]] = []
        self.weights: list[bytes] = []

    def layer(self, kind: str, inputs: Sequence[str], name: str = "", /, **options: int) -> str:
        """name: of the output, where it matters. options: by ncnn's numbers, as p0=64."""
        output = name or f"{kind.lower()}{len(self._layers)}"
        numbered = {int(number[1:]): value for number, value in options.items()}
        self._layers.append((kind, list(inputs), output, numbered))
        return output

    def conv(
        self,
        x: str,
        conv: nn.Conv2d,
        bn: nn.BatchNorm2d | None = None,
        then: int = 0,
        name: str = "",
    ) -> str:
        weight = self._fold(conv, bn)
        sizes = {"p0": len(weight), "p5": int(bn is not None), "p6": weight.numel(), "p9": then}
        shape = {"p1": conv.kernel_size[0], "p3": conv.stride[0], "p4": int(conv.padding[0])}
        return self.layer("Convolution", [x], name, **shape, **sizes)

    def linear(
        self, x: str, conv: nn.Conv2d, bn: nn.BatchNorm2d | None = None, then: int = 0
    ) -> str:
        """A 1 x 1 convolution of channel means."""
        weight = self._fold(conv, bn)
        sizes = {"p0": len(weight), "p1": int(bn is not None), "p2": weight.numel(), "p9": then}
        return self.layer("InnerProduct", [x], **sizes)

    def _fold(self, conv: nn.Conv2d, bn: nn.BatchNorm2d | None) -> torch.Tensor:
        """Keep a convolution's weights, and the bias that a batch norm makes of its own."""
        weight, bias = conv.weight.double(), None
        if bn is not None:
            assert bn.running_mean is not None and bn.running_var is not None
            factor = bn.weight.double() / (bn.running_var.double() + bn.eps).sqrt()
            weight = weight * factor[:, None, None, None]
            bias = bn.bias.double() - bn.running_mean.double() * factor
        self.weights.append(bytes(4) + weight.float().numpy().tobytes())  # 0: plain float32
        if bias is not None:
            self.weights.append(bias.float().numpy().tobytes())
        return weight

    def means(self, x: str) -> str:
        return self.layer("Pooling", [x], p0=1, p4=1)

    def add(self, one: str, other: str) -> str:
        return self.layer("BinaryOp", [one, other], p0=0)

    def times(self, one: str, other: str) -> str:
        return self.layer("BinaryOp", [one, other], p0=2)

    def enlarge(self, x: str, side: int) -> str:
        return self.layer("Interp", [x], p0=1, p3=side, p4=side)

    def text(self) -> str:
        """The layers, with a Split behind each whose output several read, which ncnn wants."""
        readers = Counter(name for _, inputs, _, _ in self._layers for name in inputs)
        lines, blobs, handed = [], 0, Counter[str]()

        def source(name: str) -> str:
            if readers[name] < 2:
                return name
            handed[name] += 1
            return f"{name}_{handed[name]}"

        for number, (kind, inputs, output, options) in enumerate(self._layers):
            names = [*(source(name) for name in inputs), output]
            chosen = " ".join(f"{key}={value}" for key, value in sorted(options.items()))
            count = len(inputs)
            lines.append(f"{kind} layer{number} {count} 1 {' '.join(names)} {chosen}".rstrip())
            blobs += 1
            if readers[output] > 1:
                copies = [f"{output}_{k + 1}" for k in range(readers[output])]
                lines.append(f"Split split{number} 1 {len(copies)} {output} {' '.join(copies)}")
                blobs += len(copies)
        return "\n".join(["7767517", f"{len(lines)} {blobs}", *lines, ""])


@torch.no_grad()
def written(network: BiSeNet) -> tuple[str, bytes]:
    """A network up to its coarse logits as ncnn's text and bytes; `input` to `output`."""
    w, path = _Writer(), network.cp
    trunk = path.resnet
    x = w.conv(w.layer("Input", [], "input"), trunk.conv1, trunk.bn1, RELU)
    x = w.layer("Pooling", [x], p0=0, p1=3, p2=2, p3=1, p5=1)
    stages = []
    for stage in (trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4):
        for block in stage:
            assert isinstance(block, BasicBlock)
            x = _block(w, x, block)
        stages.append(x)
    _, eighth, sixteenth, last = stages
    average = w.linear(w.means(last), path.conv_avg.conv, path.conv_avg.bn, RELU)
    context = w.add(_refined(w, last, path.arm32), average)
    context = _conv(w, w.enlarge(context, SIDE // 16), path.conv_head32)
    context = w.add(_refined(w, sixteenth, path.arm16), context)
    context = _conv(w, w.enlarge(context, SIDE // 8), path.conv_head16)
    joined = w.layer("Concat", [eighth, context], p0=0)
    features = _conv(w, joined, network.ffm.convblk)
    gate = w.linear(w.means(features), network.ffm.conv1, then=RELU)
    gate = w.linear(gate, network.ffm.conv2, then=SIGMOID)
    fused = w.add(w.times(features, gate), features)
    head = network.conv_out
    w.conv(_conv(w, fused, head.conv), head.conv_out, name="output")
    return w.text(), b"".join(w.weights)


def _conv(w: _Writer, x: str, module: ConvBNReLU) -> str:
    return w.conv(x, module.conv, module.bn, RELU)


def _block(w: _Writer, x: str, block: BasicBlock) -> str:
    shortcut = x
    if block.downsample is not None:
        assert isinstance(block.downsample, nn.Sequential)
        conv, bn = block.downsample
        assert isinstance(conv, nn.Conv2d) and isinstance(bn, nn.BatchNorm2d)
        shortcut = w.conv(x, conv, bn)
    inner = w.conv(w.conv(x, block.conv1, block.bn1, RELU), block.conv2, block.bn2)
    return w.layer("ReLU", [w.add(shortcut, inner)])


def _refined(w: _Writer, x: str, module: AttentionRefinement) -> str:
    features = _conv(w, x, module.conv)
    gate = w.linear(w.means(features), module.conv_atten, module.bn_atten, SIGMOID)
    return w.times(features, gate)
