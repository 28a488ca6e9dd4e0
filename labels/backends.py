"""The back ends there are, and what must be known of one before its module is imported.

A back end is a module with `load(...)`, which gives a function: views in, one label for each out,
in order. It is chosen by its name in the configuration, never by what happens to be installed.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Backend:
    """What is known of a back end without importing it.

    module: its full name. options: the keys of its section of the configuration that `load` takes;
    each decides bytes but `device` and `weights`. loose: whether it reads the looser picture.
    weights: names in labels.weights of the files that it always needs. packages: distributions
    that decide its bytes. batch: how many views it is given at a time, at most. never: classes it
    can never give. version: raised when its own code gives other bytes than before.
    """

    module: str
    options: tuple[str, ...] = ()
    loose: bool = False
    weights: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    batch: int = 32
    never: tuple[str, ...] = ()
    version: int = 1


DEPTH = {
    "facemesh": Backend("labels.depth.facemesh", ("device",), packages=("numba", "opencv")),
    "prnet": Backend(
        "labels.depth.prnet",
        ("device",),
        loose=True,
        weights=("prnet", "prnet-face-index"),
        packages=("numba", "opencv", "torch"),
        batch=8,
    ),
    "fan3d": Backend(
        "labels.depth.fan3d",
        ("device",),
        loose=True,
        weights=("3dfan4", "fan-depth"),
        packages=("face-alignment", "numba", "opencv", "scipy", "torch"),
        batch=4,
    ),
}
"""`load(device)` -> (Sequence[View]) -> list of (H, W) float32 in [0, 1], or LabelError each."""

PARSING = {
    "facemesh": Backend(
        "labels.parsing.facemesh",
        ("hair",),
        packages=("numba", "opencv"),
        never=("eyeglasses", "left ear", "right ear"),
    ),
    "bisenet": Backend(
        "labels.parsing.bisenet",
        ("weights", "order", "runtime", "precision"),
        loose=True,
        packages=("numba", "opencv"),
        batch=32,
    ),
}
"""`load(...)` -> (Sequence[View]) -> list of (H, W) uint8 in 0..12, or LabelError each."""

LANDMARKS = {
    "embedded": Backend("labels.landmarks.embedded", packages=("mediapipe", "opencv", "openvino")),
    "tasks": Backend(
        "labels.landmarks.tasks", weights=("face-landmarker",), packages=("mediapipe", "opencv")
    ),
    "fan": Backend(
        "labels.landmarks.fan",
        weights=("s3fd", "3dfan4", "fan-depth"),
        packages=("face-alignment", "opencv", "scipy", "torch"),
    ),
}
"""`load()` -> a FaceFinder of labels.landmarks: find, at, close."""

RUNTIME_PACKAGES = {
    "auto": ("ncnn", "openvino", "torch"),
    "torch": ("torch",),
    "ncnn": ("ncnn", "torch"),
    "onnxruntime": ("onnxruntime", "torch"),
    "openvino": ("openvino", "torch"),
}
"""What decides the bytes of a parsing network, by `parse.runtime`."""
