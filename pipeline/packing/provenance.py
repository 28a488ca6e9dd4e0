"""What decided a bundle's bytes, written into its manifest and every shard, and its notice."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.config import Config
from pipeline.files import keys
from pipeline.packing.gather import STAGES, PartitionFiles

LABELS = {"landmarks": "crops", "depth": "depth", "parsing": "parsing"}
"""What is made by a back end, and the file of a partition that says by which."""

TERMS = {
    "oulu": "OULU-NPU: under the licence agreement of the University of Oulu",
    "casia": "CASIA-FASD: under the release agreement of CASIA",
    "replay": "Replay-Attack: under the licence agreement of the Idiap Research Institute",
    "msu": "MSU-MFSD: under the licence agreement of Michigan State University",
}


def of_dataset(
    config: Config, dataset: str, partitions: Iterable[PartitionFiles]
) -> dict[str, Any]:
    """What decides the bytes of shards besides their videos, as plain values for JSON.

    partitions: those that samples come from. It holds settings; for landmarks, depth and parsing
    the back ends that made them, with the versions of their packages, their weights and where they
    ran; what packed them. No path, core count, time or machine name is among them.
    """
    return {
        "settings": {
            "crop": config.crop.choice().decides,
            "depth": config.depth.choice().decides,
            "parse": config.parse.choice().decides,
            "pack": config.pack.model_dump(mode="json"),
            "sampling": config.datasets[dataset].decides(),
        },
        "backends": makers(partitions),
        "versions": keys.versions(("h5py", "numpy", "ocim")),
    }


def makers(partitions: Iterable[PartitionFiles]) -> dict[str, list[dict[str, Any]]]:
    """The different makers of each label of LABELS, sorted; several where machines differed."""
    texts: dict[str, set[str]] = {label: set() for label in LABELS}
    for partition in partitions:
        for label, stage in LABELS.items():
            texts[label].add(partition.makers[STAGES.index(stage)])
    return {label: [json.loads(text) for text in sorted(texts[label])] for label in LABELS}


def notice(provenance: Mapping[str, Mapping[str, Any]]) -> str:
    """What whoever is given a bundle must know: licences, that faces are biometric data, weights.

    provenance: of each dataset, by its name.
    """
    lines = [
        "This bundle holds pictures of faces: biometric data of people who can be recognised.",
        "Keep it where only those can read it who may, do not publish it, and delete it when its",
        "purpose ends. In many countries (in Europe by the GDPR, article 9) the law asks for more.",
        "",
        "The pictures are parts of datasets, whose terms hold for this bundle as well. The four of",
        "the literature allow research that is not commercial, to those who signed an agreement,",
        "and no passing on. What you signed is what counts.",
        *(f"- {TERMS.get(name, f'{name}: under the terms of its owner')}" for name in provenance),
        "",
        "The labels (landmarks, depth, parsing) were made by",
        *_maker_lines(provenance.values()),
        "",
        "A score of a model that learned from this bundle is no proof that a person is alive.",
    ]
    return "\n".join(lines) + "\n"


def _maker_lines(provenances: Iterable[Mapping[str, Any]]) -> Sequence[str]:
    """Each label's back end with its weights and their licences, each once, sorted."""
    texts = set()
    for provenance in provenances:
        for label, makers_of_label in provenance["backends"].items():
            for maker in makers_of_label:
                weights = [
                    f"  weights {w['name']} {w['sha256']}, licence: {w['licence']}"
                    for w in maker["weights"]
                ] or ["  no weights but those within its packages (MediaPipe's: Apache-2.0)"]
                texts.add("\n".join([f"- {label}: {maker['backend']}", *weights]))
    return sorted(texts)
