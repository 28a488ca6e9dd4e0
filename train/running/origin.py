"""What a model tells of the data that it was trained on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.bundle import Bundle
from train.batches.domain import Domain


def section(bundle: Bundle, dataset: str, name: str) -> dict[str, Any]:
    """A section of the settings that a dataset was made with (crop, sampling, ...); empty where its
    provenance has none.
    """
    made: Any = bundle.manifest.get("provenance")
    for key in (dataset, "settings", name):
        made = made.get(key) if isinstance(made, dict) else None
    return made if isinstance(made, dict) else {}


def crop_of(bundle: Bundle, sources: Sequence[str]) -> dict[str, Any]:
    """How the sources were cropped; empty where that is not known, or not the same for all."""
    first, *others = [section(bundle, name, "crop") for name in sources]
    return first if all(other == first for other in others) else {}


def data_of(
    bundle: Bundle, domains: Sequence[Domain], held_out: Mapping[str, frozenset[str]]
) -> dict[str, Any]:
    """What is trained on: {"datasets": {source: {"samples", "subjects", "videos", "live", "spoof",
    "sampling"}}, "licences": the lines of the bundle's notice}. held_out: by source, subjects that
    are not.
    """
    datasets = {}
    for domain in domains:
        subjects = domain.column("subject")
        there = ~np.isin(subjects, list(held_out[domain.name]))
        live = int(domain.live[there].sum())
        datasets[domain.name] = {
            "samples": int(there.sum()),
            "subjects": len(np.unique(subjects[there])),
            "videos": len(np.unique(domain.number[there])),
            "live": live,
            "spoof": int(there.sum()) - live,
            "sampling": section(bundle, domain.name, "sampling"),
        }
    notice = str(bundle.manifest.get("notice", ""))
    return {"datasets": datasets, "licences": notice.splitlines()}
