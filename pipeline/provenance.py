"""What decided a bundle's bytes, written into its manifest and every shard."""

import json
from collections.abc import Sequence
from typing import Any

from pipeline import keys
from pipeline.config import Config
from pipeline.gather import Partition

LABELS = {"landmarks": "crops", "depth": "depth", "parsing": "parsing"}
"""What is made by a back end, and the file of a partition that says by which."""


def of_dataset(config: Config, dataset: str, partitions: Sequence[Partition]) -> dict[str, Any]:
    """What decides the bytes of one dataset's shards besides its videos.

    Settings; for landmarks, depth and parsing the back ends that made them, with the versions of
    their packages, the sha256 of their weights and where they ran; what packed them. No path, core
    count, time or machine name is among them.
    """
    return {
        "settings": {
            "crop": config.crop.choice().decides,
            "depth": config.depth.choice().decides,
            "parse": config.parse.choice().decides,
            "pack": config.pack.model_dump(mode="json"),
            "sampling": config.datasets[dataset].decides(),
        },
        "backends": {label: makers(partitions, part) for label, part in LABELS.items()},
        "versions": keys.versions(("h5py", "numpy", "ocim")),
    }


def makers(partitions: Sequence[Partition], part: str) -> list[dict[str, Any]]:
    """The different makers of one file of the partitions; several where machines differed."""
    texts = {str(getattr(partition, part).attrs["made_by"]) for partition in partitions}
    return [json.loads(text) for text in sorted(texts)]
