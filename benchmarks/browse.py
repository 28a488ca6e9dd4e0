"""How fast `ocim browse` is with many samples, as JSON: start, memory, filters, pages, details.

The bundle is made: all columns of every sample, and pixels of the first ones of each shard; the
rest of the pixels are holes in the files, which take no disk. What is asked for goes over HTTP to a
server in a process of its own, pictures over six connections as a browser opens them.
"""

import argparse
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

if sys.path[0] == str(Path(__file__).parent):  # there labels.py would hide the package labels
    sys.path[0] = str(Path(__file__).parents[1])

from benchmarks.parts import measuring
from benchmarks.parts.large_bundle import DATASETS, FILLED, make_bundle
from pipeline.browse.catalogue import FIGURES
from pipeline.bundle import MANIFEST

PAGE = 60
CONNECTIONS = 6


class Client:
    """One connection that stays open."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port)

    def get(self, path: str) -> bytes:
        """What lies at an address; a RuntimeError where nothing does."""
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body.decode()}")
        return body

    def timed(self, path: str) -> float:
        """Milliseconds until it is there."""
        begun = time.perf_counter()
        self.get(path)
        return (time.perf_counter() - begun) * 1000


def queries(rng: random.Random, count: int) -> Iterator[str]:
    """Filters as people set them, each other than all before."""
    for number in range(count):
        low = rng.uniform(0.2, 0.5)
        parts = [f"brightness={low:.5f}..{low + 0.3:.5f}", f"dataset={rng.choice(DATASETS)}"]
        parts += [f"live={rng.choice(('live', 'spoof'))}"] if number % 2 else []
        parts += [f"text={rng.randrange(100)}"] if number % 3 == 0 else []
        parts += [f"sort=-{rng.choice(FIGURES)}"] if number % 2 else []
        yield "&".join(parts)


def load_page(port: int, paths: Sequence[str]) -> float:
    """Milliseconds until all pictures of a page are there, asked for over some connections."""
    waiting: SimpleQueue[str] = SimpleQueue()
    for path in paths:
        waiting.put(path)

    def work() -> None:
        client = Client(port)
        while True:
            try:
                client.get(waiting.get_nowait())
            except Empty:
                return

    begun = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - begun) * 1000


def figures_of(times: Sequence[float]) -> dict[str, float]:
    """Median and 95% of times in milliseconds."""
    ordered = sorted(times)
    late = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return {"median_ms": round(statistics.median(ordered), 2), "p95_ms": round(late, 2)}


def memory(process: int) -> dict[str, float]:
    """Megabytes that a process holds, and held at most; none where the system does not tell."""
    sizes = measuring.memory(process)
    names = {"VmRSS": "now_mb", "VmHWM": "peak_mb"}
    return {to: round(sizes[name] / 2**20, 1) for name, to in names.items() if name in sizes}


def measure(port: int, entries: Sequence[dict[str, Any]], rounds: int) -> dict[str, Any]:
    """What the page does, timed. entries: the manifest's shards."""
    rng = random.Random(0)
    client = Client(port)
    filters = list(queries(rng, rounds * 2))
    figures: dict[str, Any] = {}
    figures["filter"] = figures_of([client.timed(f"/api/query?{query}") for query in filters])
    lists = [f"/api/samples?{query}&start=0&count={PAGE}" for query in filters]
    figures["list_of_60"] = figures_of([client.timed(path) for path in lists])
    first, filled = 0, []
    for entry in sorted(entries, key=lambda entry: str(entry["file"])):
        filled += range(first, first + min(FILLED, entry["samples"]))
        first += entry["samples"]
    pages = [rng.choices(filled, k=PAGE) for _ in range(max(3, rounds // 4))]
    for name, parts in (("crops", ("crop",)), ("side_by_side", ("crop", "depth", "parsing"))):
        paths = [[f"/picture/{n}/{part}" for n in page for part in parts] for page in pages]
        times = [load_page(port, page) for page in paths]
        figures[f"page_of_60_{name}"] = {**figures_of(times), "pictures": len(paths[0])}
    details = [f"/api/sample/{rng.choice(filled)}?{query}" for query in filters[:rounds]]
    figures["detail"] = figures_of([client.timed(path) for path in details])
    return figures


@contextmanager
def served(bundle: Path) -> Iterator[tuple[subprocess.Popen[str], int, float]]:
    """`ocim browse` of a bundle: its process, its port and the seconds that it took to start."""
    begun = time.perf_counter()
    server = subprocess.Popen(
        measuring.ocim("browse", bundle.absolute(), "--port", "0"),
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        cwd=measuring.ROOT,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        seconds = time.perf_counter() - begun
        yield server, int(line.split("http://127.0.0.1:")[1].split("/")[0]), seconds
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    """Make the bundle where none is given, serve it, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--keep", type=Path, help="folder for the bundle; used again if there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary) / "bundle"
        if not (folder / MANIFEST).is_file():
            make_bundle(folder, arguments.samples)
        shards = json.loads((folder / MANIFEST).read_text("utf-8"))["shards"]
        with served(folder) as (server, port, start):
            after_start = memory(server.pid)
            figures = measure(port, shards, arguments.rounds)
            figures = {
                "machine": measuring.machine(),
                "samples": sum(entry["samples"] for entry in shards), "shards": len(shards),
                "start_s": round(start, 2), "memory_after_start": after_start,
                **figures, "memory_in_the_end": memory(server.pid),
            }  # fmt: skip
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
