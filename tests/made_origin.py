"""A run whose one sample is cut from a video, for tests of the way back to its frame."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from made_bundle import columns_of, manifest_of, sample, write_manifest

from pipeline.config import validate, write_once
from pipeline.crops import warp
from pipeline.files.hdf5 import fixed_strings
from pipeline.files.keys import sha256_file
from pipeline.packing.shard import write_shard

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
    root, bundle = folder / "videos", folder / "run" / "bundle"
    bundle.mkdir(parents=True)
    columns = columns_of([(VIDEO, 1, FRAME)])
    columns["affine"][0] = AFFINE
    columns["landmarks"][0] = np.random.default_rng(1).uniform(60, 250, (468, 3))
    columns["subject"] = fixed_strings(["zoe"])
    _, depth, parsing = sample(np.random.default_rng(2), 1, 0)
    path = bundle / "own-train-00000-of-00001.h5"
    same = {"dataset": "own", "split": "train", "key": "k"}
    source = {
        "video": VIDEO,
        "sha256": sha256_file(root / VIDEO),
        "faces_sha256": "",
        "upside_down": upside_down,
    }
    image = warp(upright, AFFINE, (256, 256))
    attributes = {**same, "provenance": "{}", "notice": "n"}
    write_shard(path, attributes, columns, [(image, depth, parsing)], [source], [])
    entry = {"file": path.name, **same, "samples": 1, "live": 1, "spoof": 0}
    rows = [{"dataset": "own", "video": VIDEO, "reason": "lies", **one} for one in corrected]
    write_manifest(bundle, manifest_of([entry], corrections=rows))
    own = {"root": str(root), "adapter": "table"}
    write_once(validate({"out": str(folder / "run"), "datasets": {"own": own}}, "made"))
    return path


def plain_run(folder: Path, portrait: np.ndarray, writer: Writer) -> Path:
    """A run with one sample of one plain video; returns the shard."""
    path = writer(folder / "videos" / VIDEO, film(portrait))
    return run_of(folder, stored_frame(path, FRAME))
