"""A run whose one sample is cut from a video, for tests of the way back to its frame."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from made_bundle import columns_of, sample, source_of, write_own

from pipeline.config import validate, write_once
from pipeline.crops import warp
from pipeline.files.hdf5 import fixed_strings
from pipeline.files.keys import sha256_file

AFFINE = np.array([(0.8, 0, -16), (0, 0.8, -24)])
VIDEO = "größe 脸/ä 1.mp4"
FRAME = 2
Writer = Callable[..., Path]


def film(portrait: np.ndarray, quarters: int = 0) -> list[np.ndarray]:
    """Four frames of a portrait that moves, stored turned anticlockwise by quarters."""
    return [np.rot90(np.roll(portrait, 12 * n, axis=1), quarters) for n in range(4)]


def stored_frame(path: Path, number: int) -> np.ndarray:
    """A frame as it is stored, by PyAV alone."""
    import av

    with av.open(str(path)) as container:
        for at, frame in enumerate(container.decode(video=0)):
            if at == number:
                return frame.to_ndarray(format="rgb24")
    raise AssertionError(f"{path} has no frame {number}")


def run_of(
    folder: Path,
    upright: np.ndarray,
    upside_down: int = 0,
    corrected: Sequence[dict[str, str]] = (),
) -> Path:
    """A run whose bundle has one live sample, cut from `upright`; returns the shard.

    The videos lie in folder/videos.
    """
    columns = columns_of([(VIDEO, 1, FRAME)])
    columns["affine"][0] = AFFINE
    columns["landmarks"][0] = np.random.default_rng(1).uniform(60, 250, (468, 3))
    columns["subject"] = fixed_strings(["zoe"])
    _, depth, parsing = sample(np.random.default_rng(2), 1, 0)
    pixels = [(warp(upright, AFFINE, (256, 256)), depth, parsing)]
    source = source_of(VIDEO, sha256_file(folder / "videos" / VIDEO), upside_down)
    rows = [{"dataset": "own", "video": VIDEO, "reason": "lies", **one} for one in corrected]
    write_own_config(folder)
    return write_own(folder / "run" / "bundle", columns, pixels, [source], corrections=rows)


def write_own_config(folder: Path) -> None:
    """Write the configuration of the run in folder/run, whose videos lie in folder/videos."""
    own = {"root": str(folder / "videos"), "adapter": "table"}
    write_once(validate({"out": str(folder / "run"), "datasets": {"own": own}}, "made"))


def plain_run(folder: Path, portrait: np.ndarray, writer: Writer) -> Path:
    """A run with one sample of one plain video; returns the shard."""
    path = writer(folder / "videos" / VIDEO, film(portrait))
    return run_of(folder, stored_frame(path, FRAME))
