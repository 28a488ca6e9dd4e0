"""pipeline/files/store.py: files appear whole or not at all, and nothing is left over."""

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.files.store import (
    canonical_json,
    check_apart,
    is_running,
    left_over,
    replace_whole,
    stop_cleanly,
    this_machine,
    write_json,
    write_text,
)


def test_a_file_appears_whole_under_its_name_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "deep" / "er" / "a.h5"
    with replace_whole(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".h5"
        temporary.write_text("half")
        assert not path.exists()
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), replace_whole(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_fails_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(KeyboardInterrupt), replace_whole(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_that_writes_nothing_is_an_error_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(FileNotFoundError), replace_whole(path):
        pass
    assert path.read_text() == "old"


def test_a_folder_is_replaced_whole(tmp_path):
    for text in ("old", "new"):
        with replace_whole(tmp_path / "folder") as temporary:
            temporary.mkdir()
            (temporary / f"{text}.txt").write_text(text)
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["new.txt"]
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("stem", ["x" * 230, "ü" * 110])
def test_long_names_that_differ_only_at_their_end_do_not_meet(tmp_path, stem):
    one, other = tmp_path / f"{stem}_crop.png", tmp_path / f"{stem}_depth.png"
    with replace_whole(one) as first, replace_whole(other) as second:
        first.write_text("crop")
        second.write_text("depth")
    assert (one.read_text(), other.read_text()) == ("crop", "depth")


def test_text_is_utf_8_with_plain_line_ends(tmp_path):
    write_text(tmp_path / "a.txt", "Grün\nzwei\r\n")
    assert (tmp_path / "a.txt").read_bytes() == "Grün\nzwei\r\n".encode()


def test_json_has_one_form_whatever_the_order_of_its_keys(tmp_path):
    write_json(tmp_path / "a.json", {"b": [1, 2.5], "a": "ü"})
    assert (tmp_path / "a.json").read_text("utf-8") == (
        '{\n "a": "ü",\n "b": [\n  1,\n  2.5\n ]\n}\n'
    )
    assert canonical_json({"x": 1, "y": {"b": 1, "a": 2}}) == canonical_json(
        {"y": {"a": 2, "b": 1}, "x": 1}
    )
    assert json.loads(canonical_json({"x": None})) == {"x": None}


def test_json_has_no_nan(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"auc": float("nan")})
    assert list(tmp_path.iterdir()) == []


def _write_until_stopped(folder, number):
    """In a process of its own: two unfinished files and a folder, a child that is ended first."""
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_DFL)
    stop_cleanly()
    write_text(folder / "finished.txt", "whole")
    with (
        replace_whole(folder / "a.txt") as a,
        replace_whole(folder / "b.txt"),
        replace_whole(folder / "c") as c,
    ):
        a.write_text("half")
        c.mkdir()
        (c / "part").write_text("half")
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.write(writer, b"!")
            time.sleep(30)
        os.read(reader, 1)
        os.kill(child, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 128 + signal.SIGTERM
        assert a.exists()
        assert c.exists()
        os.kill(os.getpid(), number)
        time.sleep(60)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_stop_removes_what_is_unfinished(tmp_path, number):
    process = multiprocessing.get_context("spawn").Process(
        target=_write_until_stopped, args=(tmp_path, number)
    )
    process.start()
    process.join(60)
    assert process.exitcode == 128 + number
    assert [path.name for path in tmp_path.iterdir()] == ["finished.txt"]


def test_a_pipe_is_never_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="pipe: a device or a pipe"):
        write_text(tmp_path / "pipe", "text")
    assert (tmp_path / "pipe").is_fifo() and len(list(tmp_path.iterdir())) == 1


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that takes no file")
def test_a_place_that_takes_no_file_is_told():
    with pytest.raises(UserError, match="no file can be made here"):
        write_text(Path("/proc/ocim.txt"), "text")


def test_an_output_that_is_read_itself_is_refused(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    check_apart(one, [one])  # nothing is there yet
    one.write_text("")
    other.symlink_to(one)
    check_apart(tmp_path / "new", [one, other])
    with pytest.raises(UserError, match="is read here"):
        check_apart(other, [one])


def ended() -> int:
    """The number of a child that has ended; nobody has asked for its exit code yet."""
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    return child


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs Linux to tell them apart")
def test_a_process_that_ended_unasked_for_runs_no_more(tmp_path):
    child = ended()
    assert is_running(os.getpid()) and not is_running(child)
    os.waitpid(child, 0)
    assert not is_running(child)


def test_temporary_files_are_left_over_when_their_process_is_gone(tmp_path):
    with replace_whole(tmp_path / "crops.h5") as unfinished:
        unfinished.write_bytes(b"half")
        assert list(left_over(tmp_path)) == []
        gone = tmp_path / unfinished.name.replace(f".{os.getpid()}.", f".{ended()}.")
        gone.write_bytes(b"half")
        assert list(left_over(tmp_path)) == [gone]


def test_what_another_machine_is_writing_is_left_until_it_is_a_day_old(tmp_path):
    other = tmp_path / ".crops.12345678.0000ff.7.tmp.h5"
    other.write_bytes(b"half")
    assert this_machine() != "0000ff"
    assert list(left_over(tmp_path)) == []
    os.utime(other, (time.time() - 25 * 3600,) * 2)
    assert list(left_over(tmp_path)) == [other]
