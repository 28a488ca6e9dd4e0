"""BiSeNet as a parsing back end: faces with their looser pictures in, the thirteen classes out.

The network sees the looser picture (it was trained on portraits and does badly on tight crops); its
19 classes become thirteen, sides are put right from the landmarks, and the map is cut to the
picture that is asked for.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from labels import weights as store
from labels.affines import moved
from labels.backends import PARSING
from labels.frames import clear_outside
from labels.parsing import runtimes
from labels.parsing.cut import cut
from labels.parsing.networks import Network, NotFiniteError
from labels.parsing.order_check import OrderCheck
from labels.parsing.orders import OF_WEIGHTS, order_of, table
from labels.parsing.sides import put_right
from labels.view import LabelError, View
from pipeline.errors import UserError


def load(weights: str, order: str | None, runtime: str, precision: str) -> "Parser":
    """The back end, ready: a function from views to one map (H, W) uint8 of labels.classes each.

    weights: a name of labels.weights (`bisenet`, `bisenet-resnet18`), or a file of one's own: .pth
    or .safetensors with the tensors of bisenet_network.BiSeNet, or .onnx. order: how the file
    numbers its classes (labels.parsing.orders); None for files that are known. runtime and
    precision: see labels.parsing.runtimes.chosen. UserError where one of them does not fit.
    """
    path = store.find(weights)
    order = order_of(_registered(weights, path), order)
    runtime, precision = runtimes.chosen(path, runtime, precision)
    batch = PARSING["bisenet"].batch
    return Parser(runtimes.load(path, len(table(order)), runtime, precision, batch), order, path)


def _registered(weights: str, path: Path) -> str:
    """The name of a weight file whose bytes are known, wherever it lies; else as it was given."""
    if weights in OF_WEIGHTS:
        return weights
    digest = store.sha256_file(path)
    return next((name for name in OF_WEIGHTS if store.expected(name) == digest), weights)


class Parser:
    """What load gives. made_on: what the network runs on, for instance `openvino bfloat16`."""

    def __init__(self, network: Network, order: str, path: Path) -> None:
        self.made_on = network.made_on
        self._network = network
        self._table = table(order)
        self._check = OrderCheck(order)
        self._path = path

    def __call__(self, views: Sequence[View]) -> list[np.ndarray | LabelError]:
        """The classes of each view's picture; no view's depend on the others.

        Raises ValueError for a view without its looser picture, UserError where the weights' order
        of classes is found to be wrong or a logit is no number.
        """
        pictures = []
        for view in views:
            if view.loose is None or view.loose_affine is None:
                raise ValueError("bisenet reads the looser picture, which a view has not")
            pictures.append(view.loose)
        try:
            numbers = self._network(pictures)
        except NotFiniteError as error:
            raise UserError(
                f"{self._path}: the network gives values that are no numbers"
            ) from error
        return [self._finished(*each) for each in zip(numbers, views, strict=True)]

    def _finished(self, numbers: np.ndarray, view: View) -> np.ndarray:
        assert view.loose_affine is not None
        landmarks = moved(view.landmarks_refined, view.loose_affine)
        self._check.see(numbers, landmarks[:, :2])
        parsing = put_right(self._table[numbers], landmarks)
        height, width = view.picture.shape[:2]
        drawn = cut(parsing, view.loose_affine, view.affine, height, width)
        clear_outside(drawn, view.affine, view.frame_size)
        return drawn
