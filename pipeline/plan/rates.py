"""Rates: how long a core takes for a frame, a crop, a label; where from, and for which machine.

Every rate is core seconds: what one core takes that nothing else wants.
"""

from collections.abc import Sequence
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import UserError

Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Point = tuple[Annotated[int, Field(gt=0)], Milliseconds]
"""(pixels of a frame, milliseconds)."""
Curve = Annotated[list[Point], Field(min_length=1)]


class Starts(BaseModel):
    """Seconds until a job of a stage can work: imports, networks, compiled code."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    crop: Seconds
    depth: Seconds
    parse: Seconds
    pack: Seconds


class DatasetRates(BaseModel):
    """What the crop stage took on videos of one dataset: how often a face is not found at once, and
    how the files are coded, makes more of a difference than the size of the frames.

    pixels: of a frame, on average. landmarks: what found them.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    pixels: Annotated[int, Field(gt=0)]
    landmarks: str
    decode_ms_a_frame: Milliseconds
    crop_ms_a_look: Milliseconds


class Rates(BaseModel):
    """What `ocim plan --measure --save` writes. Keys of the back ends are their names."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    processor: str
    measured: str
    """When, and on what."""
    decode_ms_a_frame: Curve
    crop_ms_a_look: dict[str, Curve]
    """By what finds the landmarks: to look for a face in a frame, and to cut and write it."""
    depth_ms_a_live_sample: dict[str, Milliseconds]
    parse_ms_a_sample: dict[str, Milliseconds]
    pack_ms_a_sample: Milliseconds
    start_s: Starts
    loose_bytes_a_sample: Annotated[int, Field(gt=0)]
    datasets: dict[str, DatasetRates] = {}
    """Of the datasets that were measured; they go before the curves."""

    def decode_ms(self, dataset: str, pixels: int) -> float:
        """Milliseconds to decode one frame of so many pixels; a measured dataset has a rate of its
        own.
        """
        own = self.datasets.get(dataset)
        points = [(own.pixels, own.decode_ms_a_frame)] if own else self.decode_ms_a_frame
        return interpolated(points, pixels, grows=True)

    def look_ms(self, dataset: str, landmarks: str, pixels: int) -> float:
        """Milliseconds to look for a face in one frame of so many pixels and cut it; 0 where no
        rate is known for what finds the landmarks.
        """
        own = self.datasets.get(dataset)
        if own and own.landmarks == landmarks:
            return own.crop_ms_a_look
        curve = self.crop_ms_a_look.get(landmarks)
        return interpolated(curve, pixels, grows=False) if curve else 0.0


def shipped() -> Rates:
    """The rates that this project measured (docs/scaling.md)."""
    return Rates.model_validate_json(files("pipeline").joinpath("data/rates.json").read_bytes())


def read(path: Path) -> Rates:
    """The rates of a JSON file. Raises UserError where it cannot be read, or with the key that is
    wrong.
    """
    try:
        return Rates.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot read these rates: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        place = f"{key}: " if key else ""
        raise UserError(
            f"{path}: {place}{first['msg']}; write it by ocim plan --measure --save"
        ) from None


def interpolated(curve: Sequence[Point], pixels: int, grows: bool) -> float:
    """Milliseconds for a frame of so many pixels: on the straight line between the curve's points
    on both sides.

    Beyond the first and last point, in proportion to the pixels where it `grows` with them, else as
    at that point.
    """
    points = sorted(curve)
    (least, low), (most, high) = points[0], points[-1]
    if pixels <= least:
        return low * pixels / least if grows else low
    if pixels >= most:
        return high * pixels / most if grows else high
    for (left, before), (right, after) in pairwise(points):
        if pixels <= right:
            return before + (after - before) * (pixels - left) / (right - left)
    raise AssertionError("the points end after `pixels`")
