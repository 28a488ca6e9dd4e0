"""What `ocim plan` promises of a few videos is what the run then makes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import load
from pipeline.layout import Layout
from pipeline.partition import label_partition
from pipeline.plan import rates

SAMPLING: dict[str, dict] = {
    "each": {"sampling": "every", "every": 3},
    "some": {"sampling": "uniform", "frames": 4},
}
ROOT = Path(__file__).parents[2]


def ocim(*words: object) -> str:
    start = "import sys; from pipeline.cli import main; sys.argv[0] = 'ocim'; main()"
    command = [sys.executable, "-c", start, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def film(folder: Path, portrait: np.ndarray, write: Callable[..., Path]) -> None:
    """Eight videos of one dataset; in half of the frames of one there is nobody."""
    for number in range(8):
        kind = "live" if number % 2 else "spoof"
        frames = [np.roll(portrait, shift, axis=1) for shift in range(9 + number)]
        if number == 5:
            frames[:6] = [np.zeros_like(portrait)] * 6
        write(folder / "train" / kind / f"s{number}" / f"video{number}.mp4", frames)


@pytest.fixture(scope="module")
def run(tmp_path_factory, portrait, video_writer):
    folder = tmp_path_factory.mktemp("plan")
    for name in SAMPLING:
        film(folder / name, portrait, video_writer)
    datasets = {
        name: {"root": str(folder / name), "adapter": "table", "partitions": 3, "reach": 0, **how}
        for name, how in SAMPLING.items()
    }
    path = folder / "run.yaml"
    path.write_text(json.dumps({"out": str(folder / "out"), "datasets": datasets}))
    return path


@pytest.mark.slow
def test_the_plan_of_a_few_videos_is_what_the_run_makes(run):
    promised = json.loads(ocim("plan", "--config", run, "--json"))
    counted = json.loads(ocim("plan", "--config", run, "--json", "--count"))
    config = load(run)
    layout = Layout(config.out)
    for name in SAMPLING:
        ocim("index", "--config", run, "--dataset", name)
        for number in range(3):
            label_partition(config, name, number)
    ocim("pack", "--config", run)
    manifest = json.loads((layout.bundle / "bundle.json").read_text("utf-8"))
    for one, other in zip(promised["datasets"], counted["datasets"], strict=True):
        name = one["dataset"]
        index = layout.index(name).read_text("utf-8").splitlines()
        assert one["videos"]["all"] == len(index) - 1
        shards = [shard for shard in manifest["shards"] if shard["dataset"] == name]
        samples = sum(shard["samples"] for shard in shards)
        lost = sum(f["dataset"] == name and f["frame"] >= 0 for f in manifest["failures"])
        # Every frame that was wanted is a sample or a failure: the promise is exact, at most.
        assert one["samples"]["all"] == samples + lost
        assert abs(one["frames"] - other["frames"]) <= one["videos"]["all"]
        assert one["shards"] == len(shards)
        share = samples / one["samples"]["all"]
        size = sum(shard["bytes"] for shard in shards)
        assert one["bytes"]["bundle"] * share == pytest.approx(size, rel=0.04)
        for stage in ("crops", "depth", "parsing"):
            size = sum(file.stat().st_size for file in (layout.out / stage / name).glob("*.h5"))
            assert one["bytes"][stage] * share == pytest.approx(size, rel=0.04)
    again = json.loads(ocim("plan", "--config", run, "--json"))
    assert [one["partitions"] for one in again["datasets"]] == [{"all": 3, "done": 3}] * 2
    assert again["bytes"]["to_write"] == 0 and again["seconds"]["all"] == 0


@pytest.mark.slow
def test_rates_are_measured_on_the_videos_themselves_and_kept(run, tmp_path):
    path = tmp_path / "rates.json"
    told = ocim("plan", "--config", run, "--measure", "--save", path)
    assert "taken now on this machine" in told
    known = rates.read(path)
    assert set(known.datasets) == set(SAMPLING)
    numbers = [known.pack_ms_a_sample, *known.depth_ms_a_live_sample.values()]
    numbers += [one.crop_ms_a_look for one in known.datasets.values()]
    numbers += [known.start_s.crop, known.start_s.depth, known.start_s.parse]
    assert all(number > 0 for number in numbers)
    assert str(path) in ocim("plan", "--config", run, "--rates", path)
