"""What is seen of a folder: links, hidden files, folders that may not be read, lists in text."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.files.tree import LARGEST_LIST, files, find_file, folders, lines_of, walk


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def seen(root: Path, first: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:
    """The files, and what was told of."""
    told: list[str] = []
    found = sorted(walk(root, first, lambda path, reason: told.append(f"{path}: {reason}")))
    return found, sorted(told)


def test_every_file_is_seen_once_and_hidden_ones_never(tmp_path):
    touch(tmp_path, "a", "b/c.avi", "b/d/e", "b/.f", "._b", ".g/h", "ü/ö")
    assert seen(tmp_path) == (["a", "b/c.avi", "b/d/e", "ü/ö"], [])


def test_only_the_folders_asked_for_are_entered_in_any_case(tmp_path):
    touch(tmp_path, "One/a", "ONE/b", "two/one/c", "one.txt")
    assert seen(tmp_path, ("one",)) == (["ONE/b", "One/a", "one.txt"], [])


def test_links_inside_are_followed_and_those_that_lead_out_are_told(tmp_path):
    touch(tmp_path / "out", "x/secret", "file")
    root = touch(tmp_path / "root", "a/b/file")
    (root / "again").symlink_to(root / "a")
    (root / "a" / "up").symlink_to(root)
    (root / "one").symlink_to(root / "a" / "b" / "file")
    (root / "gone").symlink_to(root / "nowhere")
    (root / "itself").symlink_to(root / "itself")
    (root / "outside").symlink_to(tmp_path / "out" / "x")
    (root / "a" / "file").symlink_to("../../out/file")
    (root / "sibling").symlink_to(tmp_path / "root-2")
    touch(tmp_path / "root-2", "file")
    found, told = seen(root)
    assert found == ["a/b/file", "again/b/file", "one"]
    reason = "a link that leads out of the root is not followed"
    names = ("a/file", "again/file", "outside", "sibling")
    lost = [f"{name}: a link to nothing" for name in ("gone", "itself")]
    assert told == sorted([*(f"{name}: {reason}" for name in names), *lost])


def test_two_folders_that_link_to_each_other_come_to_an_end(tmp_path):
    touch(tmp_path, "a/x", "b/y")
    (tmp_path / "a" / "to").symlink_to(tmp_path / "b")
    (tmp_path / "b" / "to").symlink_to(tmp_path / "a")
    assert seen(tmp_path)[0] == ["a/to/y", "a/x", "b/to/x", "b/y"]


def test_the_root_may_be_a_link_and_deep_trees_are_no_matter(tmp_path):
    place = tmp_path / "root"
    place.mkdir()
    handle = os.open(place, os.O_RDONLY)
    for _ in range(1200):  # deeper than functions may call each other
        os.mkdir("d", dir_fd=handle)
        below = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(os.open("file", os.O_CREAT, dir_fd=handle))
    os.close(handle)
    (tmp_path / "link").symlink_to(place)
    try:
        assert seen(tmp_path / "link") == (["d/" * 1200 + "file"], [])
    finally:  # pytest cannot remove it
        subprocess.run(["rm", "-rf", place], check=True)


def test_names_that_are_no_utf_8_are_seen_and_do_no_harm(tmp_path):
    (tmp_path / os.fsdecode(b"\xff.avi")).touch()
    assert [os.fsencode(path) for path in walk(tmp_path)] == [b"\xff.avi"]


def test_what_is_neither_file_nor_folder_is_passed_over_and_told(tmp_path):
    os.mkfifo(tmp_path / "pipe.avi")
    assert seen(tmp_path) == ([], ["pipe.avi: no regular file"])


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that anybody may enter, for tests that run as nobody."""
    folder = Path(tempfile.mkdtemp(prefix="ocim-test-"))
    folder.chmod(0o755)
    yield folder
    os.seteuid(os.getuid())
    shutil.rmtree(folder)


def test_a_folder_that_may_not_be_read_is_told_and_the_rest_is_seen(place):
    touch(place, "a/x", "shut/y", "z")
    (place / "shut").chmod(0)
    if os.geteuid() == 0:
        os.seteuid(65534)  # root reads everything
    assert seen(place) == (["a/x", "z"], ["shut/: no leave to read this folder"])
    assert folders(place / "shut") == []
    assert find_file(place, "shut/y", place) is None
    os.seteuid(os.getuid())
    (place / "shut").chmod(0o755)


def test_a_root_that_is_no_folder_is_told(tmp_path):
    touch(tmp_path, "file")
    with pytest.raises(UserError, match="cannot read this folder"):
        list(walk(tmp_path / "file"))


def test_folders_leave_out_files_hidden_ones_and_links_out(tmp_path):
    touch(tmp_path / "root", "b/x", "a/x", "file", ".hidden/x")
    (tmp_path / "root" / "c").symlink_to(tmp_path)
    (tmp_path / "root" / "d").symlink_to(tmp_path / "root" / "a")
    assert [path.name for path in folders(tmp_path / "root")] == ["a", "b", "d"]


def test_files_are_chosen_by_suffix_in_any_case(tmp_path):
    touch(tmp_path, "a/b.AVI", "c.avi", "d.avi.txt", "avi")
    assert sorted(files(tmp_path, (".avi",))) == [("a/b.AVI", ["a", "b.AVI"]), ("c.avi", ["c.avi"])]


def test_a_file_is_found_in_any_case_and_its_own_spelling_first(tmp_path):
    touch(tmp_path, "Ab/C.txt", "Ab/c.TXT", "x/file")
    assert find_file(tmp_path, "ab/c.txt", tmp_path) == tmp_path / "Ab" / "C.txt"
    assert find_file(tmp_path, "Ab/c.TXT", tmp_path) == tmp_path / "Ab" / "c.TXT"
    assert find_file(tmp_path, "ab", tmp_path) is None
    assert find_file(tmp_path, "ab/none", tmp_path) is None
    assert find_file(tmp_path, "x/file/more", tmp_path) is None
    assert find_file(tmp_path / "x", "file", tmp_path / "Ab") is None
    assert find_file(tmp_path, "x" * 300, tmp_path) is None


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lines_have_their_numbers_whatever_ends_them(tmp_path, end, encoding):
    (tmp_path / "list").write_bytes(end.join(["", " a b ", "\t", "ü\u2028x"]).encode(encoding))
    assert list(lines_of(tmp_path / "list")) == [(2, "a b"), (4, "ü\u2028x")]


@pytest.mark.parametrize("data", [b"a\n\xff\xffb", b"\xff\xfea"])
def test_a_list_that_is_no_text_is_told(tmp_path, data):
    (tmp_path / "list").write_bytes(data)
    with pytest.raises(UserError, match="list: cannot read this list"):
        list(lines_of(tmp_path / "list"))


def test_what_is_no_file_and_links_to_nothing_are_told(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "lost.png").symlink_to(tmp_path / "nothing")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "out.png").symlink_to(tmp_path.parent)
    told = {}
    assert list(walk(tmp_path, trouble=told.__setitem__)) == ["a.png"]
    assert told == {
        "pipe.png": "no regular file",
        "lost.png": "a link to nothing",
        "loop.png": "a link to nothing",
        "out.png": "a link that leads out of the root is not followed",
    }


def test_a_file_far_too_large_for_a_list_is_not_read_whole(tmp_path):
    with (tmp_path / "list").open("wb") as file:
        file.truncate(LARGEST_LIST + 1)
    with pytest.raises(UserError, match="more than 100000000 bytes; is this file a list"):
        next(lines_of(tmp_path / "list"))
