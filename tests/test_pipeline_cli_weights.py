"""`ocim weights` as a user types it, with what it prints and its exit codes."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from made_weights import CONTENT, SHA256, register, write

from labels.weights import REGISTRY, find
from pipeline.cli import cli
from pipeline.errors import UserError

OCIM = Path(sys.executable).with_name("ocim")

pytestmark = pytest.mark.usefixtures("own_store")


@pytest.fixture
def made(monkeypatch, tmp_path):
    """The registry holds one made entry; a right copy of it, and a wrong one."""
    for name in list(REGISTRY):
        monkeypatch.delitem(REGISTRY, name)
    register(monkeypatch, size=len(CONTENT), sha256=SHA256)
    write(tmp_path / "right")
    write(tmp_path / "wrong", CONTENT + b"!")
    return tmp_path


def run(*words):
    return CliRunner().invoke(cli, ["weights", *map(str, words)])


def mistake(*words):
    """The one line with which the program itself refuses a call."""
    done = subprocess.run(
        [OCIM, "weights", *map(str, words)], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("ocim: ")
    return line


def test_list_tells_all_that_is_known_of_each():
    printed = run("list").output
    for name, one in REGISTRY.items():
        for word in (name, one.file, one.purpose, one.licence, one.url, one.sha256, one.prefix):
            assert word in printed
    assert "53.3 MB" in printed
    assert printed.count("not here") == len(REGISTRY)


def test_list_tells_what_is_here(made):
    run("fetch", "made", "--from", made / "right")
    assert "made              here        0.0 MB  made.bin" in run("list").output


def test_fetch_from_a_copy_tells_the_place(made):
    done = run("fetch", "made", "--from", made / "right")
    assert (done.exit_code, done.output) == (0, f"made: {find('made')}\n")


def test_a_wrong_copy_is_refused_with_both_hashes(made):
    done = run("fetch", "made", "--from", made / "wrong")
    assert isinstance(done.exception, UserError)
    assert SHA256 in str(done.exception)
    assert hashlib.sha256(CONTENT + b"!").hexdigest() in str(done.exception)


def test_of_several_one_that_fails_does_not_stop_the_others(made, monkeypatch):
    register(monkeypatch, "other", sha256=SHA256)
    run("fetch", "other", "--from", made / "right")
    done = run("fetch", "all")
    assert "other: " in done.output
    assert isinstance(done.exception, UserError)
    assert "http://127.0.0.1:1/made.bin" in str(done.exception)


def test_verify_hashes_what_is_here(made):
    done = run("verify")
    assert (done.exit_code, done.output) == (0, "made: not here\n")
    run("fetch", "made", "--from", made / "right")
    done = run("verify")
    assert (done.exit_code, done.output) == (0, f"made: right, sha256 {SHA256}\n")


def test_verify_exits_1_for_a_damaged_file_and_a_named_one_that_is_not_here(made):
    done = run("verify", "made")
    assert done.exit_code == 1
    assert "made: WRONG: " in done.output
    run("fetch", "made", "--from", made / "right")
    find("made").write_bytes(b"x")
    done = run("verify")
    assert done.exit_code == 1
    assert SHA256 in done.output
    assert hashlib.sha256(b"x").hexdigest() in done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fetch", "prnet"], "tools/convert_prnet.py"),
        (["fetch", "bisonet"], "bisonet"),
        (["fetch"], "NAME"),
        (["fetch", "all", "--from", "x"], "--from"),
        (["fetch", "bisenet", "s3fd", "--from", "x"], "--from"),
        (["fetch", "bisenet", "--from", "no-such-file"], "no-such-file"),
        (["verify", "bisonet"], "bisonet"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(words, said):
    assert said in mistake(*words)
