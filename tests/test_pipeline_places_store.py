"""A store's folder, tried on fsspec's store in memory and on its store of local files."""

import errno
import hashlib
import uuid

import pytest

from pipeline.errors import UserError
from pipeline.places.failures import with_retries
from pipeline.places.ranges import Piece
from pipeline.places.scratch import scratch_name
from pipeline.places.store import Store


@pytest.fixture(params=["memory", "file"])
def store(request, tmp_path) -> Store:
    where = f"/{uuid.uuid4().hex}" if request.param == "memory" else tmp_path / "store"
    return Store(f"{request.param}://{where}")


def test_what_is_sent_comes_back(store, tmp_path):
    path = tmp_path / "x.h5"
    path.write_bytes(b"first")
    store.put(path, "a/b/x.h5")
    path.write_bytes(b"the second")
    store.put(path, "a/b/x.h5")
    state = store.get("a/b/x.h5", tmp_path / "new" / "y.h5")
    assert (tmp_path / "new" / "y.h5").read_bytes() == b"the second"
    assert state == store.state("a/b/x.h5") and state.size == 10
    assert store.sha256("a/b/x.h5") == hashlib.sha256(b"the second").hexdigest()
    assert store.states("a/b") == {"x.h5": state} and store.states("a") == {}
    assert [key for key, _ in store.walk()] == ["a/b/x.h5"]
    store.remove("a/b/x.h5")
    store.remove("a/b/x.h5")
    assert store.state("a/b/x.h5") is None and list(store.walk()) == []


def test_an_object_that_is_not_there_leaves_no_file(store, tmp_path):
    with pytest.raises(FileNotFoundError):
        store.get("a/x", tmp_path / "to" / "x")
    assert list((tmp_path / "to").iterdir()) == []
    assert store.sha256("a/x") == "" and store.states("a") == {} and list(store.walk()) == []


def test_a_state_changes_with_the_content(store, tmp_path):
    path, states = tmp_path / "x", []
    for data in (b"one", b"two", b"three"):
        path.write_bytes(data)
        store.put(path, "x")
        states.append(store.state("x"))
    assert len(set(states)) == 3


def test_pieces_come_in_the_order_asked_for(store, tmp_path):
    data = bytes(range(256)) * 4000
    for name in ("x", "y"):
        (tmp_path / name).write_bytes(data)
        store.put(tmp_path / name, name)
    wanted = [
        Piece("y", 1_000_000, 1_000_010), Piece("x", 5, 9), Piece("x", 0, 3), Piece("x", 7, 900),
        Piece("x", 300_000, 300_001), Piece("y", 1_000_005, 1_000_006), Piece("x", 9, 9),
    ]  # fmt: skip
    assert store.pieces(wanted) == [data[start:end] for _, start, end in wanted]


def test_a_piece_beyond_the_end_is_an_error(store, tmp_path, monkeypatch):
    monkeypatch.setenv("OCIM_STORE_PATIENCE", "0")
    (tmp_path / "x").write_bytes(b"short")
    store.put(tmp_path / "x", "x")
    with pytest.raises(UserError, match="x: reading failed: 5 of 9 bytes came"):
        store.pieces([Piece("x", 0, 9)])
    with pytest.raises(UserError, match="gone: no more there"):
        store.pieces([Piece("gone", 0, 9)])


class Request:
    """Fails with the given errors, one each time, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.asked = list(errors), 0

    def __call__(self) -> str:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def test_what_fails_for_a_while_is_tried_again():
    request = Request(OSError(errno.EIO, "odd"), ConnectionResetError("cut"), TimeoutError())
    assert with_retries(request, "s3://b/x", "reading") == "done"
    assert request.asked == 4


def test_what_fails_for_longer_is_one_line(monkeypatch):
    monkeypatch.setenv("OCIM_STORE_PATIENCE", "0.5")
    request = Request(*[ConnectionRefusedError("no\nanswer") for _ in range(99)])
    with pytest.raises(UserError) as caught:
        with_retries(request, "s3://b/x", "sending")
    assert str(caught.value) == (
        "s3://b/x: sending failed: no answer; what is finished is kept, the same command goes on"
        " when the store answers again"
    )
    assert 2 <= request.asked <= 5


@pytest.mark.parametrize(
    "error, raised",
    [
        (PermissionError("Access Denied"), UserError),
        (FileNotFoundError("x"), FileNotFoundError),
        (OSError(errno.ENOSPC, "full", "/tmp/x"), OSError),
        (TypeError("a bug"), TypeError),
        (UserError("told"), UserError),
    ],
)
def test_what_would_be_the_same_again_is_not_tried_again(error, raised):
    request = Request(error)
    with pytest.raises(raised):
        with_retries(request, "s3://b/x", "reading")
    assert request.asked == 1


def test_patience_that_is_no_number_is_one_line(monkeypatch):
    monkeypatch.setenv("OCIM_STORE_PATIENCE", "long")
    with pytest.raises(UserError, match="OCIM_STORE_PATIENCE is 'long', not a number of seconds"):
        with_retries(Request(), "s3://b/x", "reading")


@pytest.mark.parametrize("key", ["a", "a/b c/d.mp4", "ä/日本", "..a/.b", "x" * 255, "-x"])
def test_keys_that_can_be_files(key):
    assert scratch_name(key)


@pytest.mark.parametrize(
    "key",
    ["", "/a", "a/", "a//b", "../a", "a/../b", ".", "a/.", "a\nb", "a\0b", "a\\b", "x" * 256,
     "ä" * 128, "a\u202eb", "/".join("x" * 99 for _ in range(40)), "a\udcffb"],
)  # fmt: skip
def test_keys_that_can_be_no_files(key):
    assert not scratch_name(key)
