"""What is written again, and what is left: every test looks at inodes, not at keys."""

import json
import os
from pathlib import Path
from typing import Any

import h5py
import pytest
from made_run import FRAMES, made_config, made_rows, write_partition, write_run

from pipeline.bundle import Bundle, order
from pipeline.config import Config
from pipeline.datasets.base import Video, write_index
from pipeline.files.layers import Failure
from pipeline.files.store import this_machine
from pipeline.index import by_partition, partition_of
from pipeline.layout import Layout
from pipeline.pack import pack
from pipeline.packing.plan import finished

ROWS = made_rows()
TRAIN, TEST = "oulu-train-00000-of-00001.h5", "oulu-test-00000-of-00001.h5"


@pytest.fixture
def run(tmp_path: Path) -> tuple[Config, Layout]:
    """A run of one partition that was never packed."""
    config = made_config(tmp_path)
    return config, write_run(config, ROWS)


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    status = {path.name: path.stat() for path in folder.glob("*.h5")}
    return {name: (found.st_ino, found.st_mtime_ns) for name, found in status.items()}


def written(config: Config, layout: Layout) -> set[str]:
    """Pack, and tell which shards took the place of one or are new."""
    before = stamps(layout.bundle)
    pack(config)
    return {name for name, stamp in stamps(layout.bundle).items() if before.get(name) != stamp}


def test_a_video_more_writes_its_dataset_and_split_alone(run):
    config, layout = run
    assert written(config, layout) == {TRAIN, TEST}
    assert written(config, layout) == set()
    # The one partition, which both splits share, is made anew for it.
    write_run(config, [*ROWS, Video("test/9_print.avi", "oulu", "test", 0, "new", "print")])
    assert written(config, layout) == {TEST}


def test_a_video_that_changed_writes_its_split_alone(tmp_path):
    config = made_config(tmp_path, partitions=2)
    layout = write_run(config, ROWS)
    written(config, layout)
    path = next(r.path for r in ROWS if r.split == "train")
    number = partition_of("oulu", path, 2)
    rows = by_partition(sorted(ROWS, key=lambda row: row.path.encode()), 2)[number]
    write_partition(config, "oulu", number, [(row, f) for row in rows for f in FRAMES], key="new")
    splits = {row.split for row in rows}
    assert written(config, layout) == {f"oulu-{split}-00000-of-00001.h5" for split in splits}


def test_a_new_failure_in_a_split_writes_it(run):
    config, layout = run
    written(config, layout)
    write_run(config, ROWS, [Failure(ROWS[0].path, 10, "no face found")])
    assert written(config, layout) == {TRAIN}
    (shard,) = Bundle(layout.bundle).shards("oulu", ["train"])
    assert shard.table("failures") == [
        {"video": ROWS[0].path, "frame": 10, "reason": "no face found"}
    ]


def test_another_subject_in_the_index_writes_the_split_without_new_crops(run):
    config, layout = run
    written(config, layout)
    rows = [
        Video(r.path, r.dataset, r.split, r.live, r.subject, r.attack, r.instrument, "7", r.device)
        if r.split == "test"
        else r
        for r in ROWS
    ]
    write_index(layout.index("oulu"), sorted(rows, key=lambda row: row.path.encode()))
    assert written(config, layout) == {TEST}
    (shard,) = Bundle(layout.bundle).shards("oulu", ["test"])
    assert set(shard.session.tolist()) == {"7"}


@pytest.mark.parametrize("manifest", ["kept", "gone"])
def test_a_flipped_bit_in_a_finished_shard_is_not_taken_for_finished_work(run, manifest):
    config, layout = run
    pack(config)
    path = layout.bundle / TRAIN
    whole = path.read_bytes()
    hurt = bytearray(whole)
    hurt[20_000] ^= 4  # a pixel: the key is still right
    path.write_bytes(hurt)
    if manifest == "gone":
        (layout.bundle / "bundle.json").unlink()
    assert TRAIN in written(config, layout)
    assert path.read_bytes() == whole


def test_a_pack_that_was_killed_before_the_manifest_keeps_its_shards(run):
    config, layout = run
    manifest = pack(config)
    (layout.bundle / "bundle.json").unlink()
    left = layout.bundle / f".oulu-train-00000-of-00001.12345678.{this_machine()}.99.tmp.h5"
    left.write_bytes(b"half")
    assert written(config, layout) == set()
    assert Bundle(layout.bundle).manifest == manifest
    assert not left.exists()


def test_what_another_pack_is_writing_now_is_left_alone(run):
    config, layout = run
    layout.bundle.mkdir(parents=True)
    name = ".oulu-train-00000-of-00001.12345678"
    alive = layout.bundle / f"{name}.{this_machine()}.{os.getppid()}.tmp.h5"
    dead = layout.bundle / f"{name}.{this_machine()}.{2**22 + 1}.tmp.h5"
    # The stem of a temporary name is cut; what is left of it says nothing of shards.
    long = layout.bundle / (
        f".my_own_dataset_of_replays_2024-train-00.12345678.{this_machine()}.{2**22 + 1}.tmp.h5"
    )
    for path in (alive, dead, long):
        path.write_bytes(b"half")
    pack(config)
    assert (alive.exists(), dead.exists(), long.exists()) == (True, False, False)


def test_labels_of_other_code_write_the_shards_anew(run):
    config, layout = run
    pack(config)
    path = layout.partition("parsing", "oulu", 0)
    with h5py.File(path, "r+") as file:
        made_by = json.loads(file.attrs["made_by"])
        made_by["stage"][0] += 1
        file.attrs["made_by"] = json.dumps(made_by)
    assert written(config, layout) == {TRAIN, TEST}


def test_hdf5_sees_nothing_of_a_recorded_shard_that_is_damaged(run, monkeypatch):
    """A flipped bit can make HDF5 hang: a shard is hashed first."""
    config, layout = run
    manifest = pack(config)
    entry = manifest["shards"][0]
    path = layout.bundle / entry["file"]
    whole = path.read_bytes()
    path.write_bytes(whole[:60] + bytes([whole[60] ^ 1]) + whole[61:])
    opened: list[str] = []
    real = h5py.File

    def noted(name: Any, *words: Any, **options: Any) -> h5py.File:
        opened.append(str(name))
        return real(name, *words, **options)

    monkeypatch.setattr(h5py, "File", noted)
    assert finished(path, entry["key"], (entry["key"], entry["sha256"])) == ""
    assert opened == []


def test_finished_shards_are_left_and_those_of_another_cut_removed(tmp_path):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
    first = pack(config)
    before = stamps(layout.bundle)
    assert pack(config) == first
    assert stamps(layout.bundle) == before
    pack(made_config(tmp_path, pack={"shard_samples": 3}))
    assert sorted(stamps(layout.bundle)) == [
        f"oulu-{split}-0000{n}-of-00003.h5" for split in ("test", "train") for n in range(3)
    ]


def test_a_changed_partition_writes_only_the_shards_that_it_gives_to(tmp_path):
    config = made_config(tmp_path, partitions=2)
    rows = [row for row in ROWS if row.split == "train"]
    extra = Video(next_path("test/", 0), "oulu", "test", 0, "t", "print", "printer1")
    other = Video(next_path("train/", 1), "oulu", "train", 0, "u", "print", "printer1")
    rows = [row for row in rows if partition_of("oulu", row.path, 2) == 1] + [other]
    layout = write_run(config, [*rows, extra])
    pack(config)
    before = stamps(layout.bundle)
    write_partition(config, "oulu", 0, [(extra, frame) for frame in FRAMES], key="changed")
    pack(config)
    changed = {name for name, stamp in stamps(layout.bundle).items() if stamp != before[name]}
    assert changed == {"oulu-test-00000-of-00001.h5"}


def next_path(folder: str, partition: int) -> str:
    """The first made path in a folder that lies in the partition, of two."""
    paths = (f"{folder}{number}.avi" for number in range(100))
    return next(path for path in paths if partition_of("oulu", path, 2) == partition)


def test_a_shard_is_written_again_when_only_the_place_of_its_cut_has_moved(tmp_path):
    # Four samples of partition 0 come first in the split, those of partition 1 after them. With two
    # more of these the first shard is to hold four instead of three, from the same two videos.
    paths = [f"{number}.avi" for number in range(300)]
    first, last = {}, {}
    for path in paths:
        places = [order("oulu", path, frame) for frame in FRAMES]
        if partition_of("oulu", path, 2) == 0:
            first[path] = max(places)
        else:
            last[path] = min(places)
    early = sorted(sorted(first, key=first.__getitem__)[:2])
    late = sorted(last, key=last.__getitem__)[-2:]
    assert max(first[path] for path in early) < min(last[path] for path in late)
    rows = [Video(path, "oulu", "train", 0, path, "print") for path in (*early, *late)]

    config = made_config(tmp_path, partitions=2, pack={"shard_samples": 4})
    layout = write_run(config, rows, [Failure(late[0], -1, "no face found")])
    assert [entry["samples"] for entry in pack(config)["shards"]] == [3, 3]
    write_partition(
        config, "oulu", 1, [(row, f) for row in rows[2:] for f in FRAMES], key="changed"
    )
    assert [entry["samples"] for entry in pack(config)["shards"]] == [4, 4]
    shards = Bundle(layout.bundle).shards("oulu")
    assert [len(shard) for shard in shards] == [4, 4]
    identities = {(v, f) for shard in shards for v, f in zip(shard.video, shard.frame, strict=True)}
    assert len(identities) == 8


def test_another_dataset_leaves_the_shards_of_the_first_untouched(tmp_path):
    one = made_config(tmp_path)
    layout = write_run(one, ROWS)
    pack(one)
    before = stamps(layout.bundle)
    both = {name: {"root": "x", "partitions": 1} for name in ("oulu", "msu")}
    config = made_config(tmp_path, datasets=both)
    write_run(config, made_rows("msu"), dataset="msu")
    pack(config)
    after = stamps(layout.bundle)
    assert {name: after[name] for name in before} == before
    assert len(after) == 4
    pack(one)
    assert stamps(layout.bundle) == before
