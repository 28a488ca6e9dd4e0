"""Folders of this machine for what is brought from a store."""

import os

import pytest

from pipeline.errors import UserError
from pipeline.places import scratch


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("OCIM_SCRATCH", str(tmp_path / "scratch"))
    return tmp_path / "scratch"


def ended() -> int:
    """The number of a process that is gone."""
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    return child


def test_a_folder_is_new_closed_to_others_and_removed_after_the_block(place):
    with scratch.folder("s3://bucket/a") as one, scratch.folder("s3://bucket/a") as other:
        assert one != other and one.parent == other.parent == place
        assert one.stat().st_mode & 0o777 == 0o700
        (one / "file").write_bytes(b"fetched")
    assert list(place.iterdir()) == []


def test_what_a_killed_process_has_left_goes_with_the_next_one(place):
    with scratch.folder("s3://bucket/a") as mine:
        left = place / mine.name.replace(f".{os.getpid()}.", f".{ended()}.")
        left.mkdir()
        (left / "file").write_bytes(b"fetched")
        others = place / left.name.replace("ocim-fetched", "somebody")  # in /tmp there are such
        others.mkdir()
        with scratch.folder("s3://bucket/b"):
            assert mine.is_dir() and others.is_dir() and not left.exists()


def test_a_place_that_takes_no_folder_is_one_line(place):
    place.write_bytes(b"a file")
    with (
        pytest.raises(UserError, match=r"no folder can be made here .* set OCIM_SCRATCH"),
        scratch.folder("s3://bucket/a"),
    ):
        pass
