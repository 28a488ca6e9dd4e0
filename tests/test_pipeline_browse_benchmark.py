"""The benchmark of `ocim browse` runs, and its bundle is one."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.bundle import Bundle, sample_checksum

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "browse.py"
SAMPLES = 600


@pytest.mark.slow
def test_what_the_page_does_is_measured_on_a_bundle_that_takes_little_disk(tmp_path):
    command = [sys.executable, str(SCRIPT), "--samples", str(SAMPLES), "--rounds", "4"]
    done = subprocess.run([*command, "--keep", str(tmp_path / "b")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["samples"] == SAMPLES and told["shards"] == 12
    assert (told["page_of_60_crops"]["pictures"], told["page_of_60_side_by_side"]["pictures"]) == (
        60, 180,
    )  # fmt: skip
    for name in ("filter", "list_of_60", "page_of_60_crops", "page_of_60_side_by_side", "detail"):
        assert 0 < told[name]["median_ms"] <= told[name]["p95_ms"]
    assert told["start_s"] > 0
    files = list((tmp_path / "b").glob("*.h5"))
    assert sum(path.stat().st_size for path in files) > SAMPLES * 266_240
    assert sum(path.stat().st_blocks * 512 for path in files) < SAMPLES * 266_240 / 2
    shards = [shard for name in ("casia", "oulu") for shard in Bundle(tmp_path / "b").shards(name)]
    for shard in shards:
        parts = (np.asarray(getattr(shard, name)[0]) for name in ("image", "depth", "parsing"))
        assert sample_checksum(*parts) == shard.checksum[0]
        assert not shard.image[len(shard) - 1].any()
