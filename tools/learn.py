"""Does it learn? Trains on a bundle of made data and writes the answer as a table.

Three seeds of the whole method on each of the four protocols, and of its five ablations on one of
them: trainings of small networks, with the settings below. A training that has finished is not
made again, so the same command goes on where it was stopped. Prints JSON; --table writes the page.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

sys.path.append(str(Path(__file__).parents[1]))  # benchmarks/ is not installed
from benchmarks.parts.measuring import machine
from pipeline.files.store import write_text
from pipeline.tables.cells import Cell
from train.evaluation.published import PROTOCOLS
from train.evaluation.scores import Score, read_scores, video_scores
from train.variants import VARIANTS

SEEDS = (0, 1, 2)
COMPARED_ON = "O&M&I to C"
"""The protocol of the ablations: the paper's hardest, with cut attacks that no source has."""
EARLY = 8
"""Steps after which a checkpoint is looked at as well: in the end all variants know made data."""
SETTINGS = {"steps": 40, "batch": 12, "threads": 2}
RUNNING = {"checkpoint_every": EARLY, "keep_checkpoints": 9, "tensorboard": "false"}
LIMIT = 90
"""Seconds that one training may take on two cores of a CPU."""
RESAMPLES = 500


def folder_name(cell: Cell) -> str:
    """The name of a training's folder, such as OCI-to-M-ours-0."""
    letters = cell.protocol.replace("&", "").replace(" ", "-")
    return f"{letters}-{cell.variant}-{cell.seed}"


def cells() -> Iterator[Cell]:
    """All trainings, the whole method first."""
    for protocol in PROTOCOLS:
        for seed in SEEDS:
            yield Cell(protocol, "ours", seed)
    for variant, what in VARIANTS.items():
        if what.method == "meta" and variant not in ("ours", "rfmetafas"):
            for seed in SEEDS:
                yield Cell(COMPARED_ON, variant, seed)


def run(cell: Cell, bundle: Path, out: Path) -> float:
    """Train one cell and evaluate its two states, in processes of their own; give the training's
    seconds, as they were when it was made.
    """
    folder = out / folder_name(cell)
    clock = folder / "seconds.json"
    finished = clock.is_file() and (folder / "model.pt").is_file()
    command = [sys.executable, "-m", "train", "--bundle", str(bundle), "--preset", "demo"]
    command += ["--protocol", cell.protocol, "--variant", cell.variant, "-o", str(folder)]
    for key, value in {**SETTINGS, **RUNNING, "seed": cell.seed}.items():
        command += ["--set", f"{key}={value}"]
    began = time.monotonic()
    call(command + ([] if finished else ["--restart"]))
    if not finished:
        clock.write_text(json.dumps(time.monotonic() - began))
    states = {"early": f"checkpoints/step-{EARLY:08d}.pt", "end": "model.pt"}
    for name, state in states.items():
        command = [sys.executable, "-m", "train", "evaluate", "--model", str(folder / state)]
        command += ["--bundle", str(bundle), "-o", str(folder / f"results-{name}.json")]
        command += ["--scores", str(folder / f"scores-{name}.csv")]
        call(command)
    return float(json.loads(clock.read_text()))


def call(command: list[str]) -> None:
    """Run a command; where it fails, say what it said and end."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")


def interval(rows: list[list[Score]]) -> tuple[float, float, float]:
    """Mean video AUC over seeds, and its 95% interval: subjects drawn with replacement, each with
    all of its videos, live and spoof; the same draw for every seed.

    rows: by seed, one row a video, the same videos.
    """
    videos = [row for row in rows[0] if row.score is not None]
    by_video = [{row.video: row.score for row in seed} for seed in rows]
    scores = np.array([[seed[row.video] for row in videos] for seed in by_video], float)
    live = np.array([bool(row.live) for row in videos])
    subjects = np.array([row.subject for row in videos])
    places = [np.flatnonzero(subjects == name) for name in np.unique(subjects)]
    random = np.random.default_rng(0)
    found = []
    for _ in range(RESAMPLES):
        chosen = np.concatenate([places[i] for i in random.integers(len(places), size=len(places))])
        found.append(np.mean([roc_auc_score(live[chosen], one[chosen]) for one in scores]))
    low, high = np.quantile(found, (0.025, 0.975))
    return float(np.mean([roc_auc_score(live, one) for one in scores])), float(low), float(high)


def summary(protocol: str, variant: str, out: Path, seconds: dict[str, float]) -> dict[str, Any]:
    """What the seeds of one protocol and variant give, by video; rates are fractions."""
    folders = [out / folder_name(Cell(protocol, variant, seed)) for seed in SEEDS]
    found: dict[str, Any] = {"protocol": protocol, "variant": variant}
    for state in ("early", "end"):
        rows = [video_scores(read_scores(folder / f"scores-{state}.csv")) for folder in folders]
        results = [json.loads((one / f"results-{state}.json").read_text()) for one in folders]
        mean, low, high = interval(rows)
        found[state] = {
            "auc": [result["video"]["auc"] for result in results],
            "auc_mean": mean,
            "auc_low": low,
            "auc_high": high,
            "hter": [result["video"]["hter_at_eer_threshold"] for result in results],
            "videos": len(rows[0]),
        }
    return {**found, "longest_seconds": max(seconds[folder.name] for folder in folders)}


def page(report: dict[str, Any], command: str) -> str:
    """The table as docs/learning.md has it."""

    def line(entry: dict[str, Any], first: str) -> str:
        columns = [first]
        for state in (entry["early"], entry["end"]):
            each = ", ".join(f"{value:.3f}" for value in state["auc"])
            columns.append(f"{state['auc_mean']:.3f} ({each})")
            columns.append(f"{state['auc_low']:.3f} to {state['auc_high']:.3f}")
        columns.append(f"{np.mean(entry['end']['hter']):.1%}")
        return "| " + " | ".join([*columns, f"{entry['longest_seconds']:.0f}"]) + " |"

    def table(first: str, entries: list[dict[str, Any]], key: str) -> str:
        head = (
            f"| {first} | AUC after {EARLY} steps (each seed) | 95% interval"
            f" | AUC at the end, {SETTINGS['steps']} | 95% interval | HTER at the end | seconds |"
        )
        lines = [head, "|---|---|---|---|---|---|---|", *(line(e, e[key]) for e in entries)]
        return "\n".join(lines)

    entries = report["cells"]
    values = ", ".join(f"{key} {value}" for key, value in SETTINGS.items())
    return f"""# Does it learn?

Written by `{command}`: {len(list(cells()))} trainings of small networks
(`--preset demo`, {values}) on made data (the replica of `make demo`), seeds
{", ".join(map(str, SEEDS))}. The tables show that all parts of the program work together.
They say nothing about real attacks, and little about the parts of the method: made data is so easy
that every variant knows it in the end, which is why a checkpoint of each run, after {EARLY} steps,
stands beside it.

By video, on the dataset that was left out, HTER at the target's own EER threshold. The interval is
a bootstrap by subject ({RESAMPLES} draws, {report["subjects"]} subjects a dataset) of the mean over
the seeds. Seconds are those of the longest training of the row, on {report["machine"]}.

## The whole method, each dataset left out

{table("protocol", [e for e in entries if e["variant"] == "ours"], "protocol")}

## What each part does: {COMPARED_ON}

{table("variant", [e for e in entries if e["protocol"] == COMPARED_ON], "variant")}
"""


def main() -> int:
    """Train what is missing, print the report; exit code 1 where something did not learn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path("runs/demo/bundle"))
    parser.add_argument("-o", "--out", type=Path, default=Path("runs/learn"))
    parser.add_argument("--table", type=Path, help="the page to write, as docs/learning.md")
    chosen = parser.parse_args()
    if not (chosen.bundle / "bundle.json").is_file():
        print(f"{chosen.bundle}: no bundle there; make demo makes one", file=sys.stderr)
        return 2
    seconds = {}
    for number, cell in enumerate(cells(), 1):
        name = folder_name(cell)
        seconds[name] = run(cell, chosen.bundle, chosen.out)
        print(f"{number}: {name} {seconds[name]:.0f} s", file=sys.stderr, flush=True)
    pairs = dict.fromkeys((cell.protocol, cell.variant) for cell in cells())
    found = [summary(*pair, chosen.out, seconds) for pair in pairs]
    firsts = [chosen.out / folder_name(Cell(protocol, "ours", 0)) for protocol in PROTOCOLS]
    tests = [read_scores(folder / "scores-end.csv") for folder in firsts]
    subjects = {len({row.subject for row in rows}) for rows in tests}
    where = machine()
    report = {
        "settings": SETTINGS,
        "seeds": SEEDS,
        "subjects": " or ".join(map(str, sorted(subjects))),
        "machine": f"{where['cores']} cores of {where['processor']}",
        "cells": found,
        "learned": all(e["end"]["auc_low"] > 0.5 for e in found if e["variant"] == "ours"),
        "within_limit": max(seconds.values()) <= LIMIT,
    }
    print(json.dumps(report, indent=1))
    if chosen.table:
        write_text(chosen.table, page(report, "make learn"))
    return 0 if report["learned"] else 1


if __name__ == "__main__":
    sys.exit(main())
