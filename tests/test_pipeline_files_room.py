"""pipeline/files/room.py: how much a disk must have before anything is begun."""

import shutil
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.files.room import SLACK, Room, gigabytes, room_for


def test_what_is_replaced_stays_until_the_new_file_is_whole(tmp_path):
    (tmp_path / "b").write_bytes(bytes(700))
    files = [(tmp_path / "a", 1000), (tmp_path / "b", 800), (tmp_path / "c", 50)]
    # a: 1000; b beside the old one: 1800, after it 1100; c: 1150.
    assert room_for(tmp_path, files).needed == 1800 + SLACK
    assert room_for(tmp_path, files).size == 1850


def test_the_free_bytes_are_those_of_the_disk_also_before_the_folder_is_there(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    found = room_for(tmp_path / "not" / "yet", [(tmp_path / "a", 1)])
    assert abs(found.free - free) < 100_000_000
    found.require()


def test_too_little_room_is_one_line_with_both_numbers():
    room = Room(Path("runs/x/bundle"), 3, 5_000_000_000, 5_100_000_000, 1_250_000_000)
    with pytest.raises(UserError) as caught:
        room.require()
    assert str(caught.value) == (
        "runs/x/bundle: the disk has 1.2 GB free, and 5.1 GB are needed for 3 shards; make room, or"
        " set another out; what is finished is kept"
    )


def test_nothing_to_write_needs_no_room():
    Room(Path("x"), 0, 0, SLACK, 0).require()


@pytest.mark.parametrize(
    "size, text", [(12, "0 kB"), (1500, "2 kB"), (2_340_000, "2.3 MB"), (53_248_000_000, "53.2 GB")]
)
def test_sizes_for_people(size, text):
    assert gigabytes(size) == text
