"""What the runtimes of a face parsing network share: its pictures, its answer, its threads."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from labels.parsing.enlarge import enlarged_classes
from pipeline.errors import UserError

SIDE = 512
"""Of the pictures, in pixels."""

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's red, green and blue in [0, 1]: what the networks were trained with."""

_UNIT = np.arange(256, dtype=np.float32) / 255
_VALUES = [
    (_UNIT - np.float32(mean)) / np.float32(deviation)
    for mean, deviation in zip(MEAN, DEVIATION, strict=True)
]


class NotFiniteError(ArithmeticError):
    """A network's logits are not finite."""


class Network(Protocol):
    """Pictures (512, 512, 3) uint8 RGB in, the numbers of classes (512, 512) uint8 out, in order.

    made_on: the runtime and its precision, for instance `openvino bfloat16`.
    """

    made_on: str

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The same result for a picture whatever the others are.

        Raises NotFiniteError where a logit is no number, ValueError for another picture.
        """
        ...


def threads() -> int:
    """How many threads a network takes: OMP_NUM_THREADS, else one."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(given)) if given.isdecimal() else 1


def check_picture(picture: np.ndarray) -> None:
    """Raise ValueError unless it is a looser picture, (512, 512, 3) uint8."""
    if picture.shape != (SIDE, SIDE, 3) or picture.dtype != np.uint8:
        wanted = f"({SIDE}, {SIDE}, 3) uint8"
        raise ValueError(f"a looser picture is {wanted}, not {picture.shape} {picture.dtype}")


def normalised(picture: np.ndarray) -> np.ndarray:
    """A picture (512, 512, 3) uint8 RGB as the networks read it: (1, 3, 512, 512) float32."""
    check_picture(picture)
    return np.stack([np.take(values, picture[..., c]) for c, values in enumerate(_VALUES)])[None]


def numbers_of(logits: np.ndarray) -> np.ndarray:
    """The number of each pixel's class (512, 512) uint8 of logits (C, h, w) float32.

    Raises NotFiniteError where a logit is no number; for the rest see enlarged_classes.
    """
    if not np.isfinite(logits).all():
        raise NotFiniteError("logits are not finite")
    return enlarged_classes(logits, SIDE, SIDE)


def check_shapes(
    path: Path, inputs: Sequence[Sequence[Any]], outputs: Sequence[Sequence[Any]], classes: int
) -> None:
    """UserError unless an .onnx file takes pictures and gives logits first.

    inputs, outputs: their sizes; what is no whole number may be any.
    """

    def fits(sizes: Sequence[Any], wanted: Sequence[int]) -> bool:
        return len(sizes) == len(wanted) and all(
            not isinstance(size, int) or size == want
            for size, want in zip(sizes, wanted, strict=True)
        )

    if len(inputs) != 1 or not fits(inputs[0], (1, 3, SIDE, SIDE)):
        raise UserError(f"{path}: a network of one input 1 x 3 x {SIDE} x {SIDE} is wanted")
    if not outputs or not fits(outputs[0], (1, classes, SIDE, SIDE)):
        raise UserError(f"{path}: its first output is not 1 x {classes} x {SIDE} x {SIDE}")
