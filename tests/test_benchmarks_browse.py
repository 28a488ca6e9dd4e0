"""benchmarks/browse.py times what the page does, and its bundle is one."""

import numpy as np
import pytest
from run_benchmark import figures

from pipeline.bundle import Bundle, sample_checksum

SAMPLES = 600


@pytest.mark.slow
def test_what_the_page_does_is_measured_on_a_bundle_that_takes_little_disk(tmp_path):
    found = figures("browse", "--samples", str(SAMPLES), "--rounds", "4", "--keep", tmp_path / "b")
    assert found["samples"] == SAMPLES and found["shards"] == 12
    assert found["page_of_60_crops"]["pictures"] == 60
    assert found["page_of_60_side_by_side"]["pictures"] == 180
    for name in ("filter", "list_of_60", "page_of_60_crops", "page_of_60_side_by_side", "detail"):
        assert 0 < found[name]["median_ms"] <= found[name]["p95_ms"]
    assert found["start_s"] > 0
    files = list((tmp_path / "b").glob("*.h5"))
    assert sum(path.stat().st_size for path in files) > SAMPLES * 266_240
    assert sum(path.stat().st_blocks * 512 for path in files) < SAMPLES * 266_240 / 2
    shards = [shard for name in ("casia", "oulu") for shard in Bundle(tmp_path / "b").shards(name)]
    for shard in shards:
        parts = (np.asarray(getattr(shard, name)[0]) for name in ("image", "depth", "parsing"))
        assert sample_checksum(*parts) == shard.checksum[0]
        assert not shard.image[len(shard) - 1].any()
