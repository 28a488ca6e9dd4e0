"""The report of a run: one HTML page that asks nothing of anywhere."""

import base64
import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from labels import classes
from pipeline import report_data
from pipeline.bundle import Bundle, Shard
from pipeline.config import Config, Layout, dump
from pipeline.datasets.base import Video, read_index
from pipeline.errors import UserError
from pipeline.index import dataset_root
from pipeline.sheets import Sample, data_uri, sheet
from pipeline.store import write_text
from train.published import RESULTS_SCHEMA, TABLE_I

COLUMNS = 6  # samples in a contact sheet
FAILURES_SHOWN = 200  # and remarks
NO_LOSSES = ("step", "epoch", "mining", "learning_rate", "gradient_norm")
CURVES_A_ROW = 5


def write_report(config: Config, layout: Layout) -> None:
    """Write OUT/report.html of a finished run.

    Raises UserError when the bundle, the results or the training curves are missing.
    """
    import jinja2

    bundle = Bundle(layout.bundle)
    results = read_results(layout.results)
    shards = {name: bundle.shards(name) for name in bundle.datasets}
    reasons = Counter(failure["reason"] for failure in bundle.failures)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    page = environment.get_template("report.html").render(
        protocol=results["protocol"],
        results=results,
        methods=list(TABLE_I),
        percent=lambda fraction: f"{fraction * 100:.2f}",
        curves=curves_picture(read(layout.model.parent / "curves.csv", "train")),
        counts=count_rows(config, layout, bundle, shards),
        truth=truth_of(config, layout, shards),
        classes=[
            (f"{number} {name}", f"#{bytes(classes.COLOURS[number]).hex()}")
            for number, name in enumerate(classes.NAMES)
        ],
        sheets=list(contact_sheets(shards)),
        published=report_data.published(config, layout),
        names_shown=report_data.NAMES_SHOWN,
        quality=report_data.quality_rows(shards),
        quality_names=report_data.QUALITY,
        shipped=report_data.shipped_rows(shards),
        far=report_data.FAR,
        corrections=report_data.listed(bundle, "corrections"),
        remarks=report_data.listed(bundle, "remarks"),
        failures=bundle.failures,
        reasons=reasons.most_common(),
        limit=FAILURES_SHOWN,
        configuration=dump(config),
        versions=versions_of(bundle.manifest["provenance"]),
        bundle_hash=bundle.manifest["hash"],
    )
    write_text(layout.report, page)


def versions_of(provenance: dict[str, Any]) -> dict[str, str]:
    """The versions of every package that had a part in a bundle, by name; several with commas."""
    found: dict[str, set[str]] = {}
    for of_dataset in provenance.values():
        makers = [maker for label in of_dataset["backends"].values() for maker in label]
        for versions in (of_dataset["versions"], *(maker["versions"] for maker in makers)):
            for name, version in versions.items():
                found.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(found[name])) for name in sorted(found)}


def read(path: Path, verb: str) -> str:
    """The text of a file that an earlier stage wrote; UserError names the stage."""
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; run ocim {verb} first") from None


def read_results(path: Path) -> dict[str, Any]:
    """The results that evaluate wrote; UserError when they are another program's, or damaged."""
    try:
        results = json.loads(read(path, "evaluate"))
        if results["schema"] == RESULTS_SCHEMA:
            return dict(results)
    except (ValueError, TypeError, KeyError):
        pass
    raise UserError(f"{path}: not the results of this version; run ocim evaluate again")


def curves_picture(text: str) -> str:
    """The losses of curves.csv as an SVG data URI: thin each step, thick the mean of ten."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = list(csv.DictReader(io.StringIO(text)))
    if not rows:
        raise UserError("train/curves.csv holds no step; run ocim train again")
    names = [name for name in rows[0] if name not in NO_LOSSES and rows[0][name]]
    lines = -(-len(names) // CURVES_A_ROW)
    steps = np.array([int(row["step"]) for row in rows])
    with matplotlib.rc_context({"svg.hashsalt": "ocim", "font.size": 9}):
        figure, axes = pyplot.subplots(
            lines, CURVES_A_ROW, figsize=(11, 2.1 * lines), layout="constrained", squeeze=False
        )
        for axis in axes.flat[len(names) :]:
            axis.set_axis_off()
        for axis, name in zip(axes.flat, names, strict=False):
            values = np.array([float(row[name]) for row in rows])
            axis.plot(steps, values, linewidth=0.5, alpha=0.5)
            width = min(10, len(values))
            mean = np.convolve(values, np.ones(width) / width, "valid")
            axis.plot(steps[width - 1 :], mean, linewidth=1.6)
            axis.set_title(name.replace("_", " "))
            axis.set_ylim(bottom=0)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
        pyplot.close(figure)
    encoded = base64.b64encode(buffer.getvalue().encode()).decode("ascii")
    return "data:image/svg+xml;base64," + encoded


def count_rows(
    config: Config, layout: Layout, bundle: Bundle, shards: dict[str, list[Shard]]
) -> list[dict[str, Any]]:
    """Videos, samples and failures by dataset, split, attack and instrument."""
    rows = []
    for dataset in sorted(config.datasets):
        index = {video.path: video for video in read_index(layout.index(dataset))}

        def kind(video: Video) -> tuple[str, str, str]:
            return video.split, video.attack, video.instrument

        videos = Counter(kind(video) for video in index.values())
        samples = Counter(kind(index[str(v)]) for s in shards.get(dataset, []) for v in s.video)
        failures = Counter(
            kind(index[f["video"]]) for f in bundle.failures if f["dataset"] == dataset
        )
        order = {"train": 0, "dev": 1, "test": 2}
        rows += [
            {
                "dataset": dataset,
                "split": split,
                "attack": attack,
                "instrument": instrument,
                "videos": videos[split, attack, instrument],
                "samples": samples[split, attack, instrument],
                "failures": failures[split, attack, instrument],
            }
            for split, attack, instrument in sorted(videos, key=lambda k: (order[k[0]], *k[1:]))
        ]
    return rows


def truth_of(
    config: Config, layout: Layout, shards: dict[str, list[Shard]]
) -> dict[str, Any] | None:
    """The labels' agreement with the truth where videos have one beside them, else None.

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


def contact_sheets(shards: dict[str, list[Shard]]) -> Iterator[dict[str, str]]:
    """Two sheets a dataset, live and spoof: one sample a video, as many kinds as there are.

    The order of the shards is a hash of the samples, so their first ones are a fair mixture.
    """
    for dataset, of_dataset in shards.items():
        for live in (1, 0):
            chosen = choose(of_dataset, live)
            if not chosen:
                continue
            caption = "; ".join(
                f"{s.shard.video[s.row]} frame {s.shard.frame[s.row]}"
                + (f" ({s.shard.attack[s.row]})" if not live else "")
                for s in chosen
            )
            yield {
                "title": f"{dataset}, {'live' if live else 'spoof'}",
                "caption": caption,
                "picture": data_uri(sheet(chosen)),
            }


def choose(shards: Sequence[Shard], live: int) -> list[Sample]:
    """Up to COLUMNS samples of one class: each from a video of its own, kinds in turn."""
    kinds: dict[tuple[str, str], list[Sample]] = {}
    seen = set()
    # The first of each shard, then the second of each, so that all splits have their turn.
    ranked = [
        (rank, number, int(row))
        for number, shard in enumerate(shards)
        for rank, row in enumerate(np.flatnonzero(shard.live == live))
    ]
    for _, number, row in sorted(ranked):
        shard = shards[number]
        video = str(shard.video[row])
        if video not in seen:
            seen.add(video)
            kind = (str(shard.attack[row]), str(shard.instrument[row]))
            kinds.setdefault(kind, []).append(Sample(shard, row))
    chosen: list[Sample] = []
    turn = 0
    while len(chosen) < COLUMNS and any(len(samples) > turn for samples in kinds.values()):
        chosen += [kinds[kind][turn] for kind in sorted(kinds) if len(kinds[kind]) > turn]
        turn += 1
    return chosen[:COLUMNS]
