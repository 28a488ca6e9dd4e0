"""Pseudo-depth by PRNet: the network of the released checkpoint, and the surface that it gives.

Feng et al., "Joint 3D Face Reconstruction and Dense Alignment with Position Map Regression
Network", ECCV 2018. The layers follow the authors' TensorFlow graph, `SAME` padding included.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from labels import devices
from labels.backends import DEPTH
from labels.depth.maps import normalise
from labels.depth.position_map import SIDE, grid_triangles, nearness, read_face_index
from labels.depth.prnet_square import after, cut_square, square_affine
from labels.frames import clear_outside
from labels.view import LabelError, View
from labels.weights import find, load_strict, read_tensors
from pipeline.errors import UserError

RANGE = 1.1 * SIDE
"""Positions are the last layer's 0 to 1 times this, in pixels of what the network saw."""
BLOCKS = (32, 32, 64, 64, 128, 128, 256, 256, 512, 512)
"""Channels of the residual blocks; every other one, from the first on, halves the picture."""
UPWARDS = (512, 256, 256, 256, 128, 128, 128, 64, 64, 64, 32, 32, 16, 16, 3, 3, 3)
"""Channels of the transposed convolutions."""
DOUBLING = (1, 4, 7, 10, 12)
"""Which of these double the picture."""


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=0.001)


class Convolution(nn.Module):
    """A convolution without bias as TensorFlow pads it (`SAME`), batch norm, ReLU."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        missing = kernel - stride  # for even sizes; the odd pixel goes to the right and below
        self.padding = [missing // 2, missing - missing // 2] * 2
        self.convolution = nn.Conv2d(channels, out, kernel, stride, bias=False)
        self.norm = _norm(out)

    def forward(self, x: Tensor) -> Tensor:
        """N x channels x H x W to N x out x H / stride x W / stride."""
        return functional.relu(self.norm(self.convolution(functional.pad(x, self.padding))))


class ResidualBlock(nn.Module):
    """1x1 to half the width, 4x4 with the stride, 1x1 linear; added to the shortcut; norm, ReLU."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != out:
            self.shortcut = nn.Conv2d(channels, out, 1, stride, bias=False)
        self.narrow = Convolution(channels, out // 2, 1)
        self.middle = Convolution(out // 2, out // 2, 4, stride)
        self.widen = nn.Conv2d(out // 2, out, 1, bias=False)
        self.norm = _norm(out)

    def forward(self, x: Tensor) -> Tensor:
        """N x channels x H x W to N x out x H / stride x W / stride."""
        inner = self.widen(self.middle(self.narrow(x)))
        return functional.relu(self.norm(inner + self.shortcut(x)))


class Transposed(nn.Module):
    """A transposed 4x4 convolution without bias, cut as TensorFlow's `SAME` does, batch norm."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        # Stride 1 leaves one row and column too many, which `SAME` takes from the far end.
        self.surplus = 2 - stride
        self.convolution = nn.ConvTranspose2d(channels, out, 4, stride, padding=1, bias=False)
        self.norm = _norm(out)

    def forward(self, x: Tensor) -> Tensor:
        """N x channels x H x W to N x out x H * stride x W * stride, before its activation."""
        x = self.convolution(x)
        if self.surplus:
            x = x[..., : -self.surplus, : -self.surplus]
        return self.norm(x)


class PRNet(nn.Module):
    """The position map regression network: a face picture in, its position map out."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, 16, 4)
        self.blocks = nn.ModuleList(
            ResidualBlock(channels, out, stride=1 if i % 2 else 2)
            for i, (channels, out) in enumerate(pairwise((16, *BLOCKS)))
        )
        self.transposed = nn.ModuleList(
            Transposed(channels, out, stride=2 if i in DOUBLING else 1)
            for i, (channels, out) in enumerate(pairwise((BLOCKS[-1], *UPWARDS)))
        )

    def forward(self, picture: Tensor) -> Tensor:
        """N x 3 x 256 x 256 RGB in [0, 1] to positions, N x 3 x 256 x 256.

        Channels x, y and z in pixels of the picture, pixel centres at whole numbers, z growing
        towards the viewer. Map pixels are points of the face in PRNet's own order.
        """
        if picture.shape[1:] != (3, SIDE, SIDE):
            raise ValueError(f"pictures must be (N, 3, {SIDE}, {SIDE}), not {tuple(picture.shape)}")
        x = self.stem(picture)
        for block in self.blocks:
            x = block(x)
        for layer in self.transposed[:-1]:
            x = functional.relu(layer(x))
        return RANGE * torch.sigmoid(self.transposed[-1](x))


def _numbered(scope: str, i: int) -> str:
    """TensorFlow's name of the i-th scope of a kind."""
    return f"{scope}_{i}" if i else scope


def variable_names() -> dict[str, str]:
    """TensorFlow's variable for each tensor of PRNet that comes from one, by the tensor's name."""
    convolutions = {"stem.convolution": "Conv"}
    norms = {"stem.norm": "Conv"}
    for i in range(len(BLOCKS)):
        block, scope = f"blocks.{i}", _numbered("resBlock", i)
        if not i % 2:
            convolutions[f"{block}.shortcut"] = f"{scope}/shortcut"
        for j, layer in enumerate(("narrow", "middle")):
            convolutions[f"{block}.{layer}.convolution"] = f"{scope}/{_numbered('Conv', j)}"
            norms[f"{block}.{layer}.norm"] = f"{scope}/{_numbered('Conv', j)}"
        convolutions[f"{block}.widen"] = f"{scope}/Conv_2"
        norms[f"{block}.norm"] = scope
    for i in range(len(UPWARDS)):
        scope = _numbered("Conv2d_transpose", i)
        convolutions[f"transposed.{i}.convolution"] = scope
        norms[f"transposed.{i}.norm"] = scope
    parts = {
        "weight": "gamma", "bias": "beta",
        "running_mean": "moving_mean", "running_var": "moving_variance",
    }  # fmt: skip
    names = {f"{own}.weight": f"resfcn256/{tf}/weights" for own, tf in convolutions.items()}
    for own, tf in norms.items():
        for part, variable in parts.items():
            names[f"{own}.{part}"] = f"resfcn256/{tf}/BatchNorm/{variable}"
    return names


def convert(variables: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """PRNet's state dict, float32, from the TensorFlow variables of its checkpoint by their names.

    Others than the network's 245 (an optimiser's) are passed over. UserError names the first that
    is missing or has another shape.
    """
    with torch.device("meta"):
        wanted = PRNet().state_dict()
    state = {}
    for name, variable in variable_names().items():
        if variable not in variables:
            raise UserError(f"not PRNet's checkpoint: the variable {variable} is missing")
        array = np.asarray(variables[variable], np.float32)
        # Height, width, in, out; transposed: height, width, out, in. torch has both the other way.
        turned = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
        if turned.shape != wanted[name].shape:
            shape = tuple(wanted[name].shape)
            shape = (*shape[2:], shape[1], shape[0]) if len(shape) == 4 else shape
            raise UserError(
                f"not PRNet's checkpoint: the variable {variable} has the shape {array.shape}, "
                f"not {shape}"
            )
        state[name] = torch.from_numpy(np.array(turned, order="C"))
    for name, own in wanted.items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.zeros(own.shape, dtype=own.dtype)
    return state


class PRNetDepth:
    """Views to depth maps; `made_on` says what the network ran on."""

    def __init__(self, network: PRNet, valid: np.ndarray, device: str) -> None:
        self.network = network.to(device).eval()
        self.valid = valid
        self.triangles = grid_triangles(valid)
        self.batch = DEPTH["prnet"].batch
        self.device = device
        self.made_on = f"{devices.kind(device)} float32"

    def __call__(self, views: Sequence[View]) -> list[np.ndarray | LabelError]:
        """Depth (H, W) float32 in [0, 1] of each view's picture, or why there is none.

        The network sees a square of the looser picture, upright in it, so also of a head that
        `aligned` crops have turned upright.
        """
        if len(views) > self.batch:
            raise ValueError(f"{len(views)} views, and a batch holds {self.batch}")
        seen = np.zeros((self.batch, 3, SIDE, SIDE), np.float32)
        back: list[np.ndarray | LabelError] = []
        for i, view in enumerate(views):
            try:
                seen[i], way = _square(view)
                back.append(way)
            except LabelError as error:
                back.append(error)
        positions = self._positions(seen)[: len(views)]
        return [self._depth(*each) for each in zip(views, positions, back, strict=True)]

    def _positions(self, seen: np.ndarray) -> np.ndarray:
        """The maps (batch, 3, 256, 256) of a whole batch, which always has the same shape."""
        exact = torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=False
        )
        with torch.inference_mode(), exact:
            return self.network(torch.from_numpy(seen).to(self.device)).cpu().numpy()

    def _depth(
        self, view: View, positions: np.ndarray, back: np.ndarray | LabelError
    ) -> np.ndarray | LabelError:
        if isinstance(back, LabelError):
            return back
        height, width = view.picture.shape[:2]
        near = nearness(positions, self.valid, self.triangles, back, height, width)
        clear_outside(near, view.affine, view.frame_size, np.nan)
        depth = normalise(near)
        return depth if depth.any() else LabelError("PRNet's surface lies outside of the frame")


def _square(view: View) -> tuple[np.ndarray, np.ndarray]:
    """What the network sees of a view, (3, 256, 256), and the affine from there to its picture."""
    if view.loose is None or view.loose_affine is None:
        raise ValueError("prnet reads the looser picture, and this view has none")
    loose = np.asarray(view.loose_affine, np.float64)
    square = square_affine(view.landmarks[:, :2] @ loose[:, :2].T + loose[:, 2])
    to_frame = cv2.invertAffineTransform(after(square, loose))
    return cut_square(view.loose, square), after(np.asarray(view.affine, np.float64), to_frame)


def load(device: str) -> PRNetDepth:
    """PRNet with the fetched weights. device: `auto` (CUDA where torch sees it), `cpu`, `cuda`.

    UserError where weights are missing or wrong, or there is no such device.
    """
    device = devices.choose(device)
    path = find("prnet")
    valid = read_face_index(find("prnet-face-index"))
    variables = {name: one.float().numpy() for name, one in read_tensors(path).items()}
    network = PRNet()
    load_strict(network, convert(variables), path)
    return PRNetDepth(network, valid, device)
