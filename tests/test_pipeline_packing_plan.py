"""What is written again, and what is left: every test looks at inodes, not at keys."""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import pytest
from made_run import FRAMES, made_config, made_rows, source_hash, write_partition, write_run

from pipeline.bundle import Bundle
from pipeline.config import Config
from pipeline.datasets.base import Video, write_index
from pipeline.errors import UserError
from pipeline.files.layers import Failure
from pipeline.files.room import Room
from pipeline.files.store import this_machine
from pipeline.index import partition_of, partition_rows
from pipeline.layout import Layout
from pipeline.pack import pack
from pipeline.packing.plan import finished

ROWS = made_rows()
TRAIN, TEST = "oulu-train-00000-of-00001.h5", "oulu-test-00000-of-00001.h5"


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in folder.glob("*.h5")}


def written(config: Config, layout: Layout) -> set[str]:
    """Pack, and tell which shards took the place of one or are new."""
    before = stamps(layout.bundle)
    pack(config)
    return {name for name, inode in stamps(layout.bundle).items() if before.get(name) != inode}


def test_a_video_more_writes_its_dataset_and_split_alone(tmp_path):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
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
    rows = partition_rows(sorted(ROWS, key=lambda row: row.path.encode()), number, 2)
    write_partition(config, "oulu", number, [(row, f) for row in rows for f in FRAMES], key="new")
    splits = {row.split for row in rows}
    assert written(config, layout) == {f"oulu-{split}-00000-of-00001.h5" for split in splits}


def test_a_new_failure_in_a_split_writes_it(tmp_path):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
    written(config, layout)
    write_run(config, ROWS, [Failure(ROWS[0].path, 10, "no face found")])
    assert written(config, layout) == {TRAIN}
    (shard,) = Bundle(layout.bundle).shards("oulu", ["train"])
    assert shard.table("failures") == [
        {"video": ROWS[0].path, "frame": 10, "reason": "no face found"}
    ]


def test_the_number_of_partitions_changes_no_byte(tmp_path):
    bundles = []
    for partitions in (1, 3):
        config = made_config(tmp_path / str(partitions), partitions=partitions)
        layout = write_run(config, ROWS, [Failure(ROWS[1].path, -1, "the file is empty")])
        pack(config)
        bundles.append({p.name: p.read_bytes() for p in layout.bundle.iterdir()})
    assert bundles[0] == bundles[1]


def test_another_subject_in_the_index_writes_the_split_without_new_crops(tmp_path):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
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
def test_a_flipped_bit_in_a_finished_shard_is_not_taken_for_finished_work(tmp_path, manifest):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
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


def test_a_pack_that_was_killed_before_the_manifest_keeps_its_shards(tmp_path):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
    manifest = pack(config)
    (layout.bundle / "bundle.json").unlink()
    left = layout.bundle / f".oulu-train-00000-of-00001.12345678.{this_machine()}.99.tmp.h5"
    left.write_bytes(b"half")
    assert written(config, layout) == set()
    assert Bundle(layout.bundle).manifest == manifest
    assert not left.exists()


def test_what_another_pack_is_writing_now_is_left_alone(tmp_path):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
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


def test_labels_of_other_code_write_the_shards_anew(tmp_path):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
    pack(config)
    path = layout.partition("parsing", "oulu", 0)
    with h5py.File(path, "r+") as file:
        made_by = json.loads(file.attrs["made_by"])
        made_by["stage"][0] += 1
        file.attrs["made_by"] = json.dumps(made_by)
    assert written(config, layout) == {TRAIN, TEST}


def test_hdf5_sees_nothing_of_a_recorded_shard_that_is_damaged(tmp_path, monkeypatch):
    """A flipped bit can make HDF5 hang: a shard is hashed first."""
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
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


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["crops", "depth", "parsing"])
def test_a_partition_whose_metadata_is_damaged_is_one_line(tmp_path, stage):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
    path = layout.partition(stage, "oulu", 0)
    whole = path.read_bytes()
    for place in range(40, 1200, 13):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
        with suppress(UserError):
            pack(config)


def test_each_shard_lists_every_video_of_its_split_with_its_hash(tmp_path):
    rows = [*ROWS, Video("test/turned.avi", "oulu", "test", 1, "t9", upside_down=1)]
    config = made_config(tmp_path, pack={"shard_samples": 4})
    failed = [Failure("test/0_live.avi", -1, "the file is empty")]
    layout = write_run(config, rows, failed)
    pack(config)
    for shard in Bundle(layout.bundle).shards("oulu", ["test"]):
        assert shard.table("videos") == [
            {
                "video": row.path,
                "sha256": source_hash(row),
                "faces_sha256": "",
                "upside_down": row.upside_down,
            }
            for row in sorted(rows, key=lambda row: row.path.encode())
            if row.split == "test"
        ]
        assert shard.table("failures") == [one._asdict() for one in failed]


def test_a_disk_without_room_is_told_before_anything_is_written(tmp_path, monkeypatch):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
    monkeypatch.setattr("shutil.disk_usage", lambda path: Room(path, 0, 0, 0, 5_000_000))
    with pytest.raises(UserError, match=r"5\.0 MB free, and 2\d\.\d MB are needed for 2 shards"):
        pack(config)
    assert not layout.bundle.exists()


def test_the_notice_stands_in_the_manifest_beside_it_and_in_each_shard(tmp_path):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
    text = pack(config)["notice"]
    assert (layout.bundle / "NOTICE.txt").read_text("utf-8") == text
    for words in ("biometric", "OULU-NPU", "landmarks: embedded", "no proof"):
        assert words in text
    data = (layout.bundle / TRAIN).read_bytes()
    assert hashlib.sha256(data).hexdigest() == Bundle(layout.bundle).manifest["shards"][0]["sha256"]
    assert b"biometric" in data
