"""Pack with many partitions and in several processes."""

import resource
from pathlib import Path

import pytest
from made_run import made_config, made_rows, write_run

from pipeline.files.many import in_processes
from pipeline.files.room import SLACK, room_for, room_to_send
from pipeline.pack import pack


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
def test_two_processes_pack_the_bytes_of_one(tmp_path):
    config = made_config(tmp_path, partitions=40, pack={"shard_samples": 5})
    layout = write_run(config, made_rows(videos=4))
    manifest = pack(config)
    alone = contents(layout.bundle)
    assert len(alone) == 8 + 2
    for path in layout.bundle.iterdir():
        path.unlink()
    with in_processes(2) as each:
        assert pack(config, each=each, at_once=2) == manifest
    assert contents(layout.bundle) == alone


@pytest.mark.slow
def test_there_may_be_more_partitions_than_files_can_be_open(tmp_path):
    config = made_config(tmp_path, partitions=60)
    write_run(config, made_rows(videos=4))
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (opened + 24, limits[1]))
    try:
        manifest = pack(config)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert sum(row["samples"] for row in manifest["counts"].values()) == 32


def test_there_is_room_for_as_many_shards_as_are_written_at_once(tmp_path):
    (tmp_path / "b").write_bytes(bytes(700))
    files = [(tmp_path / "a", 1000), (tmp_path / "b", 800), (tmp_path / "c", 50)]
    # a and b beside the old b: 1800; after a: b and c beside the old one, 1850.
    assert room_for(tmp_path, files, 2).needed == 1850 + SLACK
    # What is sent away leaves room for the next.
    assert room_to_send(tmp_path, files, 1).needed == 1000 + SLACK
    assert room_to_send(tmp_path, files, 2).needed == 1800 + SLACK
    assert room_to_send(tmp_path, files, 9).size == 1850
