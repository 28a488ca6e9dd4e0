"""What the report says of the data: counts, quality, shipped positions, corrections, truth."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from pipeline.bundle import Bundle, Shard
from pipeline.config import Config
from pipeline.datasets.base import read_index
from pipeline.errors import UserError
from pipeline.files.records import shown
from pipeline.index import adapter, dataset_root
from pipeline.indexing.counts import Comparison, compare
from pipeline.layout import Layout

Kind = tuple[str, str, str]
"""Split, attack and instrument."""

FAR = 0.25
"""A mesh further than this from the dataset's own position is worth a look, in face squares."""

QUALITY = {
    "face_size": ("face square, pixels", ".0f"),
    "detection_score": ("detection score", ".2f"),
    "yaw": ("yaw, degrees", "z.0f"),
    "pitch": ("pitch, degrees", "z.0f"),
    "roll": ("roll, degrees", "z.0f"),
    "sharpness": ("sharpness", ".0f"),
    "brightness": ("brightness", ".2f"),
    "padding": ("padding", ".2f"),
}
"""The quality figures that are shown: title and format."""

QUANTILES = (0.05, 0.5, 0.95)
NAMES_SHOWN = 20


def published(config: Config, layout: Layout) -> dict[str, Comparison]:
    """Each dataset's index beside the list of its published videos, where there is one."""
    compared = {
        dataset: compare(read_index(layout.index(dataset)), adapter(dataset, settings))
        for dataset, settings in sorted(config.datasets.items())
    }
    return {dataset: found for dataset, found in compared.items() if found is not None}


def quality_rows(shards: dict[str, list[Shard]]) -> list[dict[str, Any]]:
    """Quantiles of each quality figure by dataset and class: rows of dataset, kind, and by the
    names of QUALITY the texts, "-" where nothing is known.
    """
    rows = []
    for dataset, of_dataset in shards.items():
        for live in (1, 0):
            row: dict[str, Any] = {"dataset": dataset, "kind": "live" if live else "spoof"}
            for name, (_, form) in QUALITY.items():
                values = column(of_dataset, name, live)
                known = values[np.isfinite(values)]
                row[name] = (
                    " / ".join(format(value, form) for value in np.quantile(known, QUANTILES))
                    if len(known)
                    else "-"
                )
            rows.append(row)
    return rows


def column(shards: Iterable[Shard], name: str, live: int) -> np.ndarray:
    """One field of all N samples of a class: (N,) in its stored dtype."""
    parts = [getattr(shard, name)[shard.live == live] for shard in shards]
    return np.concatenate(parts) if parts else np.zeros(0)


def shipped_rows(shards: dict[str, list[Shard]]) -> list[dict[str, Any]]:
    """The meshes against the face positions that a dataset ships, for those that ship any.

    median and high (95%) are distances in sides of the face square; far: how many are above FAR;
    worst: up to three of these, as (distance, video, frame); of: how many samples there are.
    """
    rows = []
    for dataset, of_dataset in shards.items():
        found = [
            (float(distance), str(shard.video[i]), int(shard.frame[i]))
            for shard in of_dataset
            for i, distance in enumerate(shard.shipped_distance)
            if np.isfinite(distance)
        ]
        if not found:
            continue
        distances = np.array([distance for distance, _, _ in found])
        rows.append(
            {
                "dataset": dataset,
                "samples": len(found),
                "of": sum(len(shard) for shard in of_dataset),
                "median": float(np.median(distances)),
                "high": float(np.quantile(distances, 0.95)),
                "far": int((distances > FAR).sum()),
                "worst": [one for one in sorted(found, reverse=True)[:3] if one[0] > FAR],
            }
        )
    return rows


def listed(bundle: Bundle, name: str) -> list[dict[str, Any]]:
    """A list of the manifest; empty in a bundle that was made before there was one."""
    return list(bundle.manifest.get(name, []))


def versions_of(provenance: dict[str, Any]) -> dict[str, str]:
    """The versions of every package that had a part in a bundle, by name; several with commas."""
    found: dict[str, set[str]] = {}
    for of_dataset in provenance.values():
        makers = [maker for label in of_dataset["backends"].values() for maker in label]
        for versions in (of_dataset["versions"], *(maker["versions"] for maker in makers)):
            for name, version in versions.items():
                found.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(found[name])) for name in sorted(found)}


def count_rows(
    config: Config, layout: Layout, bundle: Bundle, shards: dict[str, list[Shard]]
) -> list[dict[str, Any]]:
    """Videos, samples and failures by dataset, split, attack and instrument, which are the keys of
    a row.

    Raises UserError where the bundle holds a video that the index has not.
    """
    rows = []
    for dataset in sorted(config.datasets):
        index = layout.index(dataset)
        kinds: dict[str, Kind] = {
            video.path: (video.split, video.attack, video.instrument) for video in read_index(index)
        }
        of_samples = [str(video) for shard in shards.get(dataset, []) for video in shard.video]
        of_failures = [row["video"] for row in bundle.failures if row["dataset"] == dataset]
        for path in (*of_samples, *of_failures):
            if path not in kinds:
                raise UserError(
                    f"{index}: no video {shown(path)}, which the bundle holds; run ocim pack again"
                )
        videos, samples, failures = (
            Counter(kinds[path] for path in paths) for paths in (kinds, of_samples, of_failures)
        )
        order = {"train": 0, "dev": 1, "test": 2}
        rows += [
            {
                "dataset": dataset,
                **dict(zip(("split", "attack", "instrument"), kind, strict=True)),
                "videos": videos[kind],
                "samples": samples[kind],
                "failures": failures[kind],
            }
            for kind in sorted(videos, key=lambda kind: (order[kind[0]], *kind[1:]))
        ]
    return rows


def truth_of(
    config: Config, layout: Layout, shards: dict[str, list[Shard]]
) -> dict[str, Any] | None:
    """The labels' agreement with the truth, as pipeline/truth.py gives it, where videos have one
    beside them, else None.

    Also None when the videos are no longer at hand: a report needs only the run.
    """
    from pipeline.truth import label_truth, truth_path

    for dataset, settings in config.datasets.items():
        try:
            root = dataset_root(dataset, settings)
        except UserError:
            return None
        for shard in shards.get(dataset, []):
            for video in np.unique(shard.video[shard.live == 1]):
                if truth_path(root, str(video)).is_file():
                    return label_truth(config, layout)
    return None
