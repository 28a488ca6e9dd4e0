"""How the pipeline grows: workers, partitions, videos, and the plan against what a run took.

`workers`: `ocim run` with one, two and four on a replica, and what each gains on one.
`partitions`: the same videos in few and in many, and what one more costs.
`videos`: each step on more and more tiny videos, 125 a partition: seconds and peak memory, and how
long each video more takes than at the number before (the same at all where time is linear).
`plan`: rates measured on a replica, and the core seconds and bytes that `ocim plan` promises with
them for other sizes, beside those that the verbs then took.
Prints one JSON object. `cpu_s` is processor time of all processes of a step, `wall_s` the clock's,
`peak_mb` the peak of its largest process. On a busy machine believe the first and the last.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

if sys.path[0] == str(Path(__file__).parent):  # there labels.py would hide the package labels
    sys.path[0] = str(Path(__file__).parents[1])

from benchmarks.parts.measuring import machine, ocim, progress
from benchmarks.parts.processes import Figures, part, timed, workers

DATASETS = ("oulu", "casia", "replay", "msu")
VIDEOS_A_PARTITION = 125


def say(text: str) -> None:
    """Tell how far it is, and when."""
    progress(f"{time.strftime('%H:%M:%S')} {text}")


def replica_config(folder: Path, replica: Path, every: int, partitions: int) -> Path:
    """A configuration of the datasets that lie in a replica, with its outputs in `folder`."""
    config = {
        "out": str(folder),
        "datasets": {
            name: {"root": str(replica / name), "sampling": "every", "every": every,
                   "partitions": partitions}
            for name in DATASETS if (replica / name).is_dir()
        },
    }  # fmt: skip
    return write(folder, config)


def write(folder: Path, config: dict[str, Any]) -> Path:
    """Write a configuration beside its outputs; JSON is YAML."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder.with_name(f"{folder.name}.yaml")
    path.write_text(json.dumps(config), "utf-8")
    return path


def of_workers(folder: Path, replica: Path, counts: Sequence[int], every: int) -> Figures:
    """`ocim run` with some numbers of workers, and again when all is done: what a start costs."""
    by_count: Figures = {}
    for count in counts:
        say(f"workers: {count}")
        config = replica_config(folder / f"workers{count}", replica, every, partitions=8)
        command = ocim("run", "--config", config, "--workers", str(count))
        figures = timed(command, folder / "log.txt")
        figures["again_s"] = timed(command, folder / "log.txt")["wall_s"]
        one = by_count.setdefault(str(counts[0]), figures)
        figures["speed_up"] = round(one["wall_s"] / figures["wall_s"], 2)
        work, of_one = (f["wall_s"] - f["again_s"] for f in (figures, one))
        figures["speed_up_without_start"] = round(of_one / work, 2)
        by_count[str(count)] = figures
    return by_count


def of_partitions(folder: Path, videos: int, counts: Sequence[int]) -> Figures:
    """The same tiny videos in few and in many partitions, by one process that goes on."""
    data = folder / "few"
    timed(part("tiny_videos", data, str(videos)), folder / "log.txt")
    figures: Figures = {"videos": videos}
    for count in counts:
        say(f"partitions: {count}")
        config = tiny_config(folder / f"cut{count}", data, count)
        timed(ocim("index", "--config", config, "--dataset", "tiny"), folder / "log.txt")
        figures[str(count)] = workers(config, "tiny", 1, folder)[0]["cpu_s"]
    few, many = counts[0], counts[-1]
    figures["s_a_partition"] = round((figures[str(many)] - figures[str(few)]) / (many - few), 3)
    return figures


def tiny_config(folder: Path, data: Path, partitions: int) -> Path:
    """A configuration of the tiny videos alone."""
    tiny = {"root": str(data), "adapter": "table", "every": 2, "partitions": partitions}
    return write(folder, {"out": str(folder), "datasets": {"tiny": tiny}})


def of_videos(folder: Path, counts: Sequence[int], cores: int) -> Figures:
    """Each step at each number of tiny videos, and what a video more costs."""
    by_count: Figures = {}
    for count in counts:
        say(f"videos: {count}")
        by_count[str(count)] = of_count(folder, count, cores)
    for fewer, more in pairwise(counts):
        for name, step in by_count[str(more)].items():
            seconds = step["cpu_s"] - by_count[str(fewer)][name]["cpu_s"]
            step["ms_a_video_more"] = round(seconds / (more - fewer) * 1000, 3)
    return by_count


def of_count(folder: Path, count: int, cores: int) -> Figures:
    """Each step at one number of tiny videos; what they made is taken away."""
    data, out, log = folder / f"data{count}", folder / f"out{count}", folder / "log.txt"
    timed(part("tiny_videos", data, str(count)), log)
    config = tiny_config(out, data, -(-count // VIDEOS_A_PARTITION))
    graph = ["-m", "snakemake", "-n", "--quiet", "--cores", str(cores), "--configfile", config,
             "--", out / "bundle" / "bundle.json"]  # fmt: skip
    steps: dict[str, Callable[[], Figures]] = {
        "index": lambda: timed(ocim("index", "--config", config, "--dataset", "tiny"), log),
        "plan": lambda: timed(ocim("plan", "--config", config, "--headers", "500"), log),
        "graph": lambda: timed([sys.executable, *graph], log),
        "labels": lambda: of_labels(config, folder, cores),
        "pack": lambda: timed(ocim("pack", "--config", config), log),
        "verify": lambda: timed(ocim("bundle", "verify", out / "bundle"), log),
        "report": lambda: of_report(folder / f"report{count}", count, log),
    }
    figures: Figures = {}
    for name, measure in steps.items():
        say(f"  {name}")
        figures[name] = measure()
    shutil.rmtree(out)
    return figures


def of_labels(config: Path, folder: Path, cores: int) -> Figures:
    """Label every partition, by as many workers as cores: the figures of all of them together."""
    figures = workers(config, "tiny", cores, folder)
    return {
        "wall_s": max(worker["wall_s"] for worker in figures),
        "cpu_s": round(sum(worker["cpu_s"] for worker in figures), 2),
        "peak_mb": max(worker["peak_mb"] for worker in figures),
        "first_partition_peak_mb": max(worker["first_peak_mb"] for worker in figures),
    }


def of_report(folder: Path, count: int, log: Path) -> Figures:
    """The report of a made run whose target has so many videos."""
    timed(part("made_run", folder, str(count)), log)
    figures = timed(ocim("report", "--config", folder / "config.yaml"), log)
    figures["page_mb"] = round((folder / "report.html").stat().st_size / 1e6, 1)
    return figures


def of_plan(folder: Path, replica: Path, everies: Sequence[int], cores: int) -> list[Figures]:
    """What the plan promises at several sizes, and what the verbs then took."""
    first = replica_config(folder / "rates", replica, everies[0], partitions=2)
    rates = folder / "rates.json"
    say("plan: measuring rates")
    measure = ocim("plan", "--config", first, "--measure", "--save", rates)
    timed(measure, folder / "log.txt")
    rows = []
    for every in everies:
        say(f"plan: every {every}")
        path = replica_config(folder / f"plan{every}", replica, every, partitions=2)
        rows.append({"every": every, **promised_and_made(path, rates, folder, cores)})
    return rows


def promised_and_made(path: Path, rates: Path, folder: Path, cores: int) -> Figures:
    """What the plan promises for a configuration by these rates, beside what the verbs made."""
    from pipeline.config import load
    from pipeline.layout import Layout

    log = folder / "log.txt"
    timed(ocim("plan", "--config", path, "--rates", rates, "--cores", str(cores), "--json"), log)
    text = log.read_text("utf-8")
    plan = json.loads(text[text.index("{\n") :])
    samples = sum(dataset["samples"]["all"] for dataset in plan["datasets"])
    pack_s = plan["rates"]["start_s"]["pack"] + samples * plan["rates"]["pack_ms_a_sample"] / 1000

    config = load(path)
    for name in config.datasets:
        timed(ocim("index", "--config", path, "--dataset", name), log)
    began = time.perf_counter()
    cpu = sum(by_verbs(path, config.datasets, folder, cores))
    labels = time.perf_counter() - began
    pack = timed(ocim("pack", "--config", path, "--cores", "1"), log)
    layout = Layout(config.out)
    shards = json.loads((layout.bundle / "bundle.json").read_text("utf-8"))["shards"]
    stages = [
        file.stat().st_size
        for stage in ("crops", "depth", "parsing")
        for file in (layout.out / stage).rglob("*.h5")
    ]
    bundle_bytes = sum(shard["bytes"] for shard in shards)
    return {
        "samples": beside(samples, sum(shard["samples"] for shard in shards)),
        "core_s": beside(plan["seconds"]["cores"], cpu),
        "labels_s": beside(plan["seconds"]["labels"], labels),
        "pack_s": beside(pack_s, pack["cpu_s"]),
        "bundle_mb": beside(plan["bytes"]["bundle"] / 1e6, bundle_bytes / 1e6),
        "stages_mb": beside(plan["bytes"]["stages"] / 1e6, sum(stages) / 1e6),
    }


def beside(promised: float, measured: float) -> Figures:
    """Two figures and the first over the second."""
    return {
        "promised": round(promised, 2),
        "measured": round(measured, 2),
        "ratio": round(promised / measured, 3),
    }


def by_verbs(config: Path, datasets: Mapping[str, Any], folder: Path, cores: int) -> list[float]:
    """Processor seconds of every partition taken through `ocim crop`, `depth` and `parse`."""

    def seconds(job: tuple[str, int]) -> float:
        name, number = job
        words = ("--config", config, "--dataset", name, "--partition", str(number))
        log = folder / f"{name}{number}.txt"
        return sum(timed(ocim(verb, *words), log)["cpu_s"] for verb in ("crop", "depth", "parse"))

    jobs = [(name, number) for name, own in datasets.items() for number in range(own.partitions)]
    with ThreadPoolExecutor(cores) as threads:
        return list(threads.map(seconds, jobs))


def main() -> None:
    """Measure what is asked for and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    every_part = ("workers", "partitions", "videos", "plan")
    parser.add_argument("--parts", nargs="+", choices=every_part, default=every_part)
    parser.add_argument("--videos", nargs="+", type=int, default=[1250, 5000, 20_000])
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--partitions", nargs="+", type=int, default=[4, 64])
    parser.add_argument("--few", type=int, default=128, help="videos of the part `partitions`")
    parser.add_argument("--every", nargs="+", type=int, default=[5, 2, 1],
                        help="frames: all of these for `plan`, the last for `workers`")  # fmt: skip
    parser.add_argument("--replica", type=Path, help="default: one of one subject, made here")
    arguments = parser.parse_args()
    cores = os.cpu_count() or 1
    about = machine()
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")  # every video is hashed anew
        replica = (arguments.replica or folder / "replica").absolute()
        if arguments.replica is None and {"workers", "plan"} & set(arguments.parts):
            say("replica")
            timed(ocim("replica", "-o", replica, "--subjects", "1", "--seed", "5"), folder / "log")
        if "partitions" in arguments.parts:
            figures["partitions"] = of_partitions(folder, arguments.few, arguments.partitions)
        if "plan" in arguments.parts:
            figures["plan"] = of_plan(folder, replica, arguments.every, cores)
        if "workers" in arguments.parts:
            figures["workers"] = of_workers(folder, replica, arguments.workers, arguments.every[-1])
        if "videos" in arguments.parts:
            figures["videos"] = of_videos(folder, arguments.videos, cores)
    print(json.dumps({"about": about, **figures}, indent=1))


if __name__ == "__main__":
    main()
