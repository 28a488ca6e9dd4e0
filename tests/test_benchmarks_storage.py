"""benchmarks/storage.py measures every way to store samples, and counts their bytes right."""

import pytest
from run_benchmark import figures


@pytest.mark.slow
def test_ways_to_store_are_measured_in_bytes_and_samples_a_second(tmp_path):
    found = figures("storage", "--samples", "12", "--batches", "1", "--rounds", "1",
                    "--no-cold", "--folder", tmp_path)  # fmt: skip
    ways, about = found["ways"], found["about"]
    assert ("chunked_zstd" in ways) != ("chunked_zstd" in about)
    plain = [name for name in ways if name.startswith("contiguous")]
    assert len(plain) == 7 and {"png_files", "jpeg_95_files", "chunked_gzip_4"} <= set(ways)
    for name in [*plain, "chunked"]:
        assert ways[name]["bytes_a_sample"] == 256 * 256 * 3 + 32 * 32 * 4 + 256 * 256
    assert ways["chunked_fletcher32"]["bytes_a_sample"] == 266_240 + 3 * 4
    assert ways["jpeg_95_files"]["bytes_a_sample"] < ways["png_files"]["bytes_a_sample"] < 266_240
    assert all(way["warm"] > 0 and "cold" not in way for way in ways.values())
    assert list(tmp_path.iterdir()) == []
