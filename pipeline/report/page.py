"""The report of a run put together: one HTML page that asks nothing of anywhere."""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from labels import classes
from pipeline.bundle import Bundle, Shard
from pipeline.config import Config, dump
from pipeline.errors import UserError
from pipeline.files.store import write_text
from pipeline.layout import Layout
from pipeline.look.pages import template
from pipeline.look.sheets import choose, jpeg_uri, sheet
from pipeline.report import data, gallery, histograms, rates, table_rows, training, videos
from pipeline.report.results import RULES, Results, read_results, text_of
from pipeline.report.scores import read_scored, samples_of, videos_of
from train.evaluation.intervals import Groups
from train.evaluation.scores import LEVELS, Score, by_level
from train.protocols import parse

FAILURES_SHOWN = 200  # and remarks


def write_report(config: Config, layout: Layout) -> Path:
    """Write OUT/report.html of a finished run; return its path.

    Raises UserError where the index, the results, the scores or the training curves are missing or
    damaged, or the index lacks a video of the bundle; BundleError for what is no bundle.
    """
    bundle = Bundle(layout.bundle)
    results = read_results(layout.results)
    rows = read_scored(layout.scores)
    losses = training.read_curves(text_of(layout.model.parent / "curves.csv", "train"))
    shards = {name: bundle.shards(name) for name in bundle.datasets}
    page = render(
        **of_results(results, bundle, config),
        **of_data(config, layout, bundle, shards),
        **of_scores(results, rows, shards, layout),
        curves=training.curves_picture(*losses, kept=results.steps),
    )
    write_text(layout.report, page)
    return layout.report


def of_results(results: Results, bundle: Bundle, config: Config) -> dict[str, Any]:
    """What the template takes of results.json."""
    train = config.train
    here = {
        "protocol": str(parse(train.protocol)),
        **{name: getattr(train, name) for name in ("variant", "seed", "width", "input_size")},
    }
    return {
        "results": results,
        "levels": LEVELS,
        "rules": RULES,
        "rule_names": table_rows.RULE_NAMES,
        "rate_names": table_rows.RATES,
        "percent": table_rows.percent,
        "threshold_text": table_rows.threshold_text,
        "score_text": table_rows.score_text,
        "headline": table_rows.headline(results),
        "at_rules": table_rows.at_rules(results),
        "instruments": table_rows.instruments(results),
        "paper": table_rows.paper_rows(results),
        "other_bundle": results.evaluated_on != bundle.hash,
        "other_training": [name for name in here if getattr(results, name) != here[name]],
    }


def of_scores(
    results: Results, rows: list[Score], shards: dict[str, list[Shard]], layout: Layout
) -> dict[str, Any]:
    """Histograms, curves, the worst frames and the table of videos.

    Raises UserError where live or spoof has no score.
    """
    groups = Groups(rows)
    drawn = {}
    for level, those in by_level(rows).items():
        samples = samples_of(those)
        if len(set(samples.live.tolist())) < 2:
            raise UserError(
                f"{layout.scores}: live and spoof must both have a score; run ocim evaluate again"
            )
        rules = results.rules(level)
        around = rates.band(those, groups)
        drawn[level] = {
            "histogram": histograms.histogram(samples, rules),
            "instruments": histograms.by_instrument(samples, rules),
            "roc": rates.roc(samples, rules, around),
            "det": rates.det(samples, rules, around),
        }
    of_frames = results.rules("frame")
    return {
        "drawn": drawn,
        "drawn_by": groups.by,
        "worst": {
            kind: gallery.cards(gallery.worst(rows, live), shards, of_frames)
            for kind, live in (("live", 1), ("spoof", 0))
        },
        "frame_rules": of_frames,
        "videos_json": in_script(videos.table(videos_of(rows), results.rules("video"))),
        "videos_count": len({row.identity for row in rows}),
    }


def of_data(
    config: Config, layout: Layout, bundle: Bundle, shards: dict[str, list[Shard]]
) -> dict[str, Any]:
    """Counts, quality, labels, failures and remarks, and how it was all made.

    Raises UserError where the bundle holds a video that the index has not.
    """
    return {
        "counts": data.count_rows(config, layout, bundle, shards),
        "truth": data.truth_of(config, layout, shards),
        "classes": [f"{number} {name}" for number, name in enumerate(classes.NAMES)],
        "sheets": list(contact_sheets(shards)),
        "published": data.published(config, layout),
        "names_shown": data.NAMES_SHOWN,
        "quality": data.quality_rows(shards),
        "quality_names": data.QUALITY,
        "shipped": data.shipped_rows(shards),
        "far": data.FAR,
        "corrections": data.listed(bundle, "corrections"),
        "remarks": data.listed(bundle, "remarks"),
        "failures": bundle.failures,
        "reasons": Counter(failure["reason"] for failure in bundle.failures).most_common(),
        "limit": FAILURES_SHOWN,
        "configuration": dump(config),
        "versions": data.versions_of(bundle.manifest["provenance"]),
        "bundle_hash": bundle.hash,
    }


def render(**values: Any) -> str:
    """The page, of the values that report.html takes. Style and script stand in it, and its policy
    allows these two by their hash.
    """
    style = _part("report.css") + class_colours()
    script = _part("report.js")
    return template("report.html", trim_blocks=True, lstrip_blocks=True).render(
        style=style, script=script, policy=policy(style, script), **values
    )


def policy(style: str, script: str) -> str:
    """A Content-Security-Policy: nothing but this style, this script, and pictures in the page."""

    def hashed(text: str) -> str:
        digest = hashlib.sha256(text.encode()).digest()
        return "'sha256-" + base64.b64encode(digest).decode("ascii") + "'"

    return (
        f"default-src 'none'; img-src data:; style-src {hashed(style)};"
        f" script-src {hashed(script)}; base-uri 'none'; form-action 'none'"
    )


def class_colours() -> str:
    """A rule of style for the colour of each parsing class."""
    return "".join(
        f".class-{number}{{background:#{bytes(colour).hex()}}}\n"
        for number, colour in enumerate(classes.COLOURS)
    )


def in_script(value: Any) -> str:
    """JSON that may stand in a script element whatever its texts hold: ASCII, without < > and &.

    Raises ValueError for a number that is not finite.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _part(name: str) -> str:
    return resources.files("pipeline").joinpath("templates", name).read_text("utf-8")


def contact_sheets(shards: dict[str, list[Shard]]) -> Iterator[dict[str, Any]]:
    """Two sheets a dataset, live and spoof: one sample a video, as many kinds as there are.

    The order of the shards is a hash of the samples, so their first ones are a fair mixture.
    """
    for dataset, of_dataset in shards.items():
        for live in (1, 0):
            chosen = choose(of_dataset, live)
            if chosen:
                yield {
                    "title": f"{dataset}, {'live' if live else 'spoof'}",
                    "samples": [_caption(s.shard, s.row) for s in chosen],
                    "picture": jpeg_uri(sheet(chosen)),
                }


def _caption(shard: Shard, row: int) -> Sequence[str]:
    """Video, frame and attack of a sample."""
    return str(shard.video[row]), str(shard.frame[row]), str(shard.attack[row])
