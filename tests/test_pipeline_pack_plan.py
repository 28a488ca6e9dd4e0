"""What is written again, and what is left: every test looks at inodes, not at keys."""

import hashlib
from pathlib import Path

import pytest
from made_run import FRAMES, made_config, made_rows, source_hash, write_partition, write_run

from pipeline.bundle import Bundle
from pipeline.config import Config, Layout
from pipeline.datasets.base import Video, write_index
from pipeline.errors import UserError
from pipeline.index import partition_of, partition_rows
from pipeline.layers import Failure
from pipeline.pack import pack
from pipeline.room import Room

ROWS = made_rows()
TRAIN, TEST = "oulu-train-00000-of-00001.h5", "oulu-test-00000-of-00001.h5"


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in folder.glob("*.h5")}


def written(config: Config, layout: Layout) -> set[str]:
    """Pack, and tell which shards took the place of one or are new."""
    before = stamps(layout.bundle)
    pack(config, layout)
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
        pack(config, layout)
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
    pack(config, layout)
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
    manifest = pack(config, layout)
    (layout.bundle / "bundle.json").unlink()
    left = layout.bundle / ".oulu-train-00000-of-00001.12345678.99.tmp.h5"
    left.write_bytes(b"half")
    assert written(config, layout) == set()
    assert Bundle(layout.bundle).manifest == manifest
    assert not left.exists()


def test_each_shard_lists_every_video_of_its_split_with_its_hash(tmp_path):
    rows = [*ROWS, Video("test/turned.avi", "oulu", "test", 1, "t9", upside_down=1)]
    config = made_config(tmp_path, pack={"shard_samples": 4})
    failed = [Failure("test/0_live.avi", -1, "the file is empty")]
    layout = write_run(config, rows, failed)
    pack(config, layout)
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
        pack(config, layout)
    assert not layout.bundle.exists()


def test_the_notice_stands_in_the_manifest_beside_it_and_in_each_shard(tmp_path):
    config = made_config(tmp_path)
    layout = write_run(config, ROWS)
    text = pack(config, layout)["notice"]
    assert (layout.bundle / "NOTICE.txt").read_text("utf-8") == text
    for words in ("biometric", "OULU-NPU", "landmarks: embedded", "no proof"):
        assert words in text
    data = (layout.bundle / TRAIN).read_bytes()
    assert hashlib.sha256(data).hexdigest() == Bundle(layout.bundle).manifest["shards"][0]["sha256"]
    assert b"biometric" in data
