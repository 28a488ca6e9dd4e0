"""Reads a bundle through torch's DataLoader with worker processes: `python loader_workers.py FOLDER
METHOD [OTHER]`.

A program of its own: the process of the tests has loaded many libraries whose threads do not get
over a fork. With OTHER a shard of that bundle takes the place of one before the workers start.
"""

import pickle
import sys
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from pipeline.bundle import Bundle, BundleError
from pipeline.errors import UserError
from train.batches.data import Raw, Source
from train.batches.domain import Domain
from train.batches.loader import Steps
from train.config import Settings

SETTINGS = Settings(batch=4)
STEPS = 7
REPLACED = "oulu-train-00000-of-00001.h5"


def sources_of(folder: Path) -> list[Source]:
    bundle = Bundle(folder)
    return [Source(Domain(bundle, name), SETTINGS) for name in ("casia", "oulu")]


def same(one: tuple[Raw, ...], other: tuple[Raw, ...]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(a, b)
        for ours, theirs in zip(one, other, strict=True)
        for a, b in zip(ours[:4], theirs[:4], strict=True)
    )


def main(folder: Path, method: str, other: Path | None) -> None:
    """Print whether the workers' steps are those of this process, or the error they end with."""
    steps = Steps(sources_of(folder), STEPS)
    if other is not None:
        steps = pickle.loads(pickle.dumps(steps))
        (other / REPLACED).replace(folder / REPLACED)
    loaded = DataLoader(steps, batch_size=None, num_workers=2, multiprocessing_context=method)
    try:
        found = [tuple(one) for one in loaded]
    except BundleError as error:
        print(isinstance(error, UserError), error)
        return
    print(len(found), all(same(one, steps[step]) for step, one in enumerate(found)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]) if len(sys.argv) > 3 else None)
