"""A shard is the same however its samples are gathered on the way to the disk."""

import h5py
import numpy as np
from made_bundle import columns_of, sample

from pipeline.bundle import sample_checksum
from pipeline.packing.shard import BLOCK, write_shard

ABOUT = {"dataset": "oulu", "split": "train", "key": "k", "provenance": "{}", "notice": "n"}


def test_every_sample_stands_in_its_row_where_there_are_more_than_are_written_together(tmp_path):
    count = 2 * BLOCK + 3
    rng = np.random.default_rng(0)
    few = [sample(rng, live, 0) for live in (1, 0, 1)]
    given = [few[i % 3] for i in range(count)]
    rows = [(f"train/1_{i % 3 != 1:d}.avi", int(i % 3 != 1), i) for i in range(count)]
    write_shard(tmp_path / "a.h5", ABOUT, columns_of(rows), iter(given), [], [])
    with h5py.File(tmp_path / "a.h5", "r") as file:
        assert len(file["checksum"]) == count
        for place, name in enumerate(("image", "depth", "parsing")):
            stored = file[name][:]
            assert all(np.array_equal(stored[i], given[i][place]) for i in range(count))
        wanted = [sample_checksum(*one).encode() for one in given]
        assert file["checksum"][:].tolist() == wanted
