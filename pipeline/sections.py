"""The sections of the configuration that choose a back end: crops, depth, parsing."""

from collections.abc import Callable, Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from labels.backends import DEPTH, LANDMARKS, PARSING, RUNTIME_PACKAGES
from pipeline.backends import Choice


class Section(BaseModel):
    """A part of the configuration: unknown keys and values of another type are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _one_of(names: Iterable[str]) -> Callable[[str], str]:
    """A check that a name is one of those; the message lists them."""

    def check(name: str) -> str:
        if name not in names:
            raise ValueError(f"'{name}' is none of {', '.join(names)}")
        return name

    return check


class Limits(Section):
    """What one video may cost; one that costs more is listed, and left out or ended there."""

    seconds: Annotated[int, Field(ge=1)] = 3600
    """From its first byte to its last sample."""
    stalled: Annotated[int, Field(ge=1)] = 120
    """Seconds without another frame."""
    memory_gb: Annotated[float, Field(gt=0, le=1_000_000)] = 4.0
    """On top of what the loaded networks take."""
    frames: Annotated[int, Field(ge=1)] = 1_000_000


class CropSettings(Section):
    """How faces are found, and the geometry of the crop, in multiples of the face square's side."""

    landmarks: Annotated[str, AfterValidator(_one_of(LANDMARKS))] = "embedded"
    """What finds faces and their landmarks."""

    mode: Literal["box", "aligned"] = "box"
    """box: an upright square around the face mesh; aligned: the eyes level and at fixed places."""
    margin: Annotated[float, Field(ge=1.0, le=3.0)] = 1.4
    """Side of the crop."""
    shift: Annotated[float, Field(ge=-0.5, le=0.5)] = 0.0
    """How far the crop's centre lies below the face square's."""
    loose: Literal["auto", "always", "never"] = "auto"
    """Whether the looser picture is kept; auto: when a chosen back end reads it."""
    limits: Limits = Limits()

    def choice(self) -> Choice:
        """The back end for landmarks, and what decides its bytes.

        Of the limits only the number of frames does, which is left out where it is the usual one.
        """
        backend = LANDMARKS[self.landmarks]
        decides = self.model_dump(exclude={"loose", "limits"})
        if self.limits.frames != Limits().frames:
            decides["limits"] = {"frames": self.limits.frames}
        return Choice(self.landmarks, backend, decides, {}, backend.weights, backend.packages)


class DepthSettings(Section):
    """How pseudo-depth is made."""

    backend: Annotated[str, AfterValidator(_one_of(DEPTH))] = "facemesh"
    reduce: Literal["area", "bicubic"] = "area"
    """How it comes to 32 x 32: the mean, or the filter that RFMetaFAS reduces with."""
    spoof_depth: Literal["zero", "raw"] = "zero"
    """raw keeps what the back end makes of a spoof, to be studied; such a bundle trains nothing."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where a network runs; auto: on CUDA where there is it."""

    def choice(self) -> Choice:
        """The back end, and what decides its bytes."""
        backend = DEPTH[self.backend]
        return Choice(
            self.backend,
            backend,
            self.model_dump(exclude={"device"}),
            self.model_dump(include=set(backend.options)),
            backend.weights,
            backend.packages,
        )


class ParseSettings(Section):
    """How parsing is made."""

    backend: Annotated[str, AfterValidator(_one_of(PARSING))] = "facemesh"
    hair: Literal["colour", "grabcut"] = "colour"
    """For `facemesh`: how hair is told from the forehead."""
    weights: str = "bisenet"
    """For `bisenet`: a name that `ocim weights list` shows, or a file of one's own."""
    order: Literal["zllrunning", "celebamask"] | None = None
    """For `bisenet`: the order of classes in that file; null: the one that a listed name has."""
    runtime: Literal["auto", "torch", "ncnn", "onnxruntime", "openvino"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"

    def choice(self) -> Choice:
        """The back end, and what decides its bytes."""
        backend = PARSING[self.backend]
        options, weights, packages = set(backend.options), backend.weights, backend.packages
        if "weights" in options:
            weights = (self.weights,)
        if "runtime" in options:
            packages = (*packages, *RUNTIME_PACKAGES[self.runtime])
        return Choice(
            self.backend,
            backend,
            self.model_dump(include={"backend", *(options - {"weights"})}),
            self.model_dump(include=options),
            weights,
            packages,
        )
