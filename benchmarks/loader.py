"""How fast training gets its samples: this loader beside a bare memory map and picture files.

A sample is image, depth and parsing; a batch is what the trainer reads for one step, of three
datasets 20 samples each. All ways take the same samples in the same order, in rounds, each way
once a round; figures are medians over the rounds, ratios are medians of the rounds' ratios. The
memory of the process is told before and after everything was read once.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

if sys.path[0] == str(Path(__file__).parent):  # there labels.py would hide the package labels
    sys.path[0] = str(Path(__file__).parents[1])

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from benchmarks.parts.made_samples import make_bundle
from benchmarks.parts.measuring import forget, machine, memory, ratio
from pipeline.bundle import PIXELS, Bundle
from train.batches import data, loader
from train.batches.buffers import Buffers
from train.batches.domain import Domain
from train.config import Settings

BATCH = 20
Way = Callable[[range], object]
"""Reads the steps, or picture files, of these numbers."""
Maps = dict[tuple[str, str], list[np.memmap]]


def map_all(sources: list[data.Source]) -> Maps:
    """Memory maps of their own of every shard, by dataset and field."""
    return {
        (source.domain.name, name): [
            np.memmap(shard.path, stored.dtype, "r", stored.offset, stored.shape)
            for shard in source.domain.shards
            for stored in [getattr(shard, name)]
        ]
        for source in sources
        for name in PIXELS
    }


def mapped(sources: list[data.Source], kept: Maps | None, steps: range) -> None:
    """The bare memory map: each row is copied to its place in memory that is used again.

    kept: maps that stay, so that pages once read are the process's own; None: mapped anew.
    """
    all_maps, buffers = kept or map_all(sources), Buffers()
    for step in steps:
        read: list[Tensor] = []
        for source in sources:
            domain, samples = source.domain, source.samples(step)
            for name in PIXELS:
                maps = all_maps[domain.name, name]
                shape = (len(samples), *maps[0].shape[1:])
                read.append(buffers.take(shape, maps[0].dtype))
                out = read[-1].numpy()
                for at, i in enumerate(samples):
                    out[at] = maps[domain.shard[i]][domain.row[i]]


def ours(steps_of_run: loader.Steps, steps: range, prefetch: int = 0) -> None:
    """This loader, as the trainer uses it; prefetch: steps that its thread reads ahead."""
    with loader.ahead(steps_of_run.__getitem__, steps, prefetch) as draws:
        for _ in draws:
            pass


def by_workers(items: Dataset, numbers: Sequence[int], workers: int, at_once: int | None) -> None:
    """torch's DataLoader with forked workers, their start included; 0: none.

    at_once: items a batch; None: items are batches.
    """
    options: dict[str, Any] = {"multiprocessing_context": "fork"} if workers else {}
    for _ in DataLoader(Subset(items, numbers), at_once, num_workers=workers, **options):
        pass


def with_hsv(sources: list[data.Source], steps: range) -> None:
    """This loader and the networks' input of six float planes, made on the processor."""
    for step in steps:
        for source in sources:
            source.batch(step, torch.device("cpu"))


class PictureFiles(Dataset[tuple[Tensor, Tensor]]):
    """The RFMetaFAS way: a face and a depth picture a sample, each opened when it is asked for."""

    def __init__(self, folder: Path, suffix: str, count: int) -> None:
        self.folder, self.suffix, self.count = folder, suffix, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        face = self.folder / f"{number}.{self.suffix}"
        colours = [tensor(Image.open(face).convert(mode)) for mode in ("RGB", "HSV")]
        depth = Image.open(self.folder / f"{number}-depth.jpg").convert("L")
        small = depth.resize((32, 32), Image.Resampling.BICUBIC)
        return torch.cat(colours), tensor(small)


def tensor(picture: Image.Image) -> Tensor:
    """Channels first, float32, 0 to 1."""
    values = torch.from_numpy(np.array(picture))
    return values.reshape(*values.shape[:2], -1).permute(2, 0, 1).contiguous().float() / 255


def write_files(sources: list[data.Source], folder: Path, count: int) -> None:
    """Write the first samples of the run as files: PNG, JPEG of quality 95, depth a grey JPEG."""
    folder.mkdir()
    written = 0
    for step in range(count):
        for source in sources:
            raw = source.read(source.samples(step))
            for image, depth in zip(raw.images.numpy(), raw.depth.numpy(), strict=True):
                if written == count:
                    return
                picture = Image.fromarray(image)
                picture.save(folder / f"{written}.png")
                picture.save(folder / f"{written}.jpg", quality=95)
                large = Image.fromarray((depth * 255).astype(np.uint8)).resize((256, 256))
                large.save(folder / f"{written}-depth.jpg", quality=95)
                written += 1


def paths_of(folder: Path, suffix: str) -> list[Path]:
    """Files below a folder, by the end of their names."""
    return sorted(folder.rglob(f"*{suffix}"))


def rounds(
    ways: dict[str, tuple[Way, int, int]], count: int, forgotten: list[Path]
) -> dict[str, list[float]]:
    """Samples a second of each way in each round, in an order drawn anew.

    ways: what reads steps; how many steps there are; samples a step. forgotten: files to read from
    the disk again each time.
    """
    shuffled = random.Random(0)
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(count):
        for name in shuffled.sample(sorted(ways), len(ways)):
            way, steps, each = ways[name]
            if forgotten:
                forget(forgotten)
            started = time.perf_counter()
            way(range(steps))
            rates[name].append(steps * each / (time.perf_counter() - started))
    return rates


def summary(rates: dict[str, list[float]], beside: str) -> dict[str, dict[str, float]]:
    """Median, least and most of each way, and its ratio to one of them, round by round."""
    return {
        name: {
            "samples_a_second": round(statistics.median(of_name), 1),
            "least": round(min(of_name), 1),
            "most": round(max(of_name), 1),
            f"times_{beside}": round(ratio(of_name, rates[beside]), 3),
        }
        for name, of_name in rates.items()
    }


def resident() -> dict[str, float]:
    """Memory of this process now and at its most, in MB; nothing where the system does not say."""
    return {name: round(size / 2**20, 1) for name, size in memory().items()}


def read_everything(sources: list[data.Source], steps_of_run: loader.Steps) -> dict[str, Any]:
    """Memory after the first steps and after all steps of a lap."""
    ours(steps_of_run, range(10), prefetch=2)
    before, started = resident(), time.perf_counter()
    lap = max(source.steps for source in sources)
    ours(steps_of_run, range(lap), prefetch=2)
    seconds = round(time.perf_counter() - started, 2)
    return {"steps": lap, "seconds": seconds, "mb_before": before, "mb_after": resident()}


def picture_ways(files: Path, count: int, workers: int) -> dict[str, tuple[Way, int, int]]:
    """The RFMetaFAS way in batches of 20, in one process and in several."""
    return {
        f"rfmetafas_style_{suffix}" + (f"_{number}_workers" if number else ""): (
            partial(by_workers, PictureFiles(files, suffix, count), workers=number, at_once=BATCH),
            count,
            1,
        )
        for suffix in ("png", "jpg")
        for number in (0, workers)
    }


def compared(rates: dict[str, list[float]]) -> dict[str, Any]:
    """The figures of one kind of rounds: each way beside the memory map, ours beside others too."""
    figures: dict[str, Any] = summary(rates, "memory_map")
    for other in ("memory_map_kept", "rfmetafas_style_png", "rfmetafas_style_jpg"):
        if other in rates:  # a kept map is only for warm rounds
            figures["ours"].update(summary(rates, other)["ours"])
    return figures


def benchmark(folder: Path, files: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure all ways on one bundle; `files`: where the picture files go."""
    bundle = Bundle(folder)
    settings = Settings(batch=BATCH)
    started = time.perf_counter()
    sources = [data.Source(Domain(bundle, name), settings) for name in bundle.datasets[:3]]
    figures: dict[str, Any] = {
        "samples": sum(len(source.domain) for source in sources),
        "shards": sum(len(source.domain.shards) for source in sources),
        "opened_in_s": round(time.perf_counter() - started, 3),
    }
    run = loader.Steps(sources, 10**9)
    figures["memory"] = read_everything(sources, run)
    write_files(sources, files, arguments.files)
    steps, workers, each = arguments.steps, arguments.workers, BATCH * len(sources)
    by_workers_of_ours = partial(by_workers, run, workers=workers, at_once=None)
    ways: dict[str, tuple[Way, int, int]] = {
        "memory_map": (partial(mapped, sources, None), steps, each),
        "ours": (partial(ours, run), steps, each),
        "ours_thread": (partial(ours, run, prefetch=2), steps, each),
        f"ours_{workers}_workers": (by_workers_of_ours, 4 * steps, each),
        **picture_ways(files, arguments.files, workers),
    }
    only_warm: dict[str, tuple[Way, int, int]] = {
        "memory_map_kept": (partial(mapped, sources, map_all(sources)), steps, each),
        "ours_with_hsv_on_cpu": (partial(with_hsv, sources), max(1, steps // 10), each),
    }
    figures["warm"] = compared(rounds({**ways, **only_warm}, arguments.rounds, []))
    del only_warm  # what is mapped cannot be forgotten
    if arguments.cold:
        forgotten = [*paths_of(folder, ".h5"), *paths_of(files, "g")]
        figures["cold"] = compared(rounds(ways, arguments.rounds, forgotten))
    return figures


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, help="a bundle; default: one of made samples")
    parser.add_argument("--samples", type=int, default=2000, help="made samples (2000)")
    parser.add_argument("--steps", type=int, default=20, help="steps a round (20)")
    parser.add_argument("--files", type=int, default=120, help="picture files (120)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cold", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--folder", type=Path, help="where to put what is made; a temporary one")
    arguments = parser.parse_args()
    about = machine()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        folder = arguments.bundle or Path(temporary) / "bundle"
        if arguments.bundle is None:
            make_bundle(folder, arguments.samples)
        figures = benchmark(folder, Path(temporary) / "files", arguments)
    print(json.dumps({"about": about, **figures}, indent=1))


if __name__ == "__main__":
    main()
