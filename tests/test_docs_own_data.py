"""docs/own-data.md: its files, its commands and its messages are true."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.config import load
from pipeline.datasets.base import PICTURES, VIDEOS, read_index
from pipeline.indexing.corrections import of_row

TEXT = (Path(__file__).parents[1] / "docs" / "own-data.md").read_text("utf-8")
TABLE, OVERRIDES = re.findall(r"```csv\n(.*?)```", TEXT, re.S)
COMMANDS = re.findall(r"^    ocim (.*)$", TEXT, re.M)
MESSAGES = re.search(r"```text\n(.*?)```", TEXT, re.S)[1].splitlines()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working directory with all that the page names."""
    monkeypatch.chdir(tmp_path)
    names = [line.split(",")[0] for line in TABLE.splitlines()[1:]]
    names = [f"mydata/{name}" for name in names] + re.findall(r"^    (mytree/\S+)", TEXT, re.M)
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    Path("videos.csv").write_text(TABLE, "utf-8")
    return tmp_path


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs `ocim COMMAND`, and gives its exit code and what it wrote to stderr."""
    monkeypatch.setattr("pipeline.cli.stop_cleanly", lambda: None)  # the signals are pytest's

    def run(command: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["ocim", *shlex.split(command)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, capsys.readouterr().err

    return run


def test_both_commands_write_the_index_that_the_page_tells(place, run):
    assert len(COMMANDS) == 2
    for command in COMMANDS:
        assert run(command) == (0, "")
    assert [
        (r.path, r.split, r.live, r.subject, r.attack) for r in read_index(Path("mydata.csv"))
    ] == [
        ("day1/anna-print-2.jpg", "train", 0, "anna", "print"),
        ("day1/anna-print.mp4", "train", 0, "anna", "print"),
        ("day1/anna.mp4", "train", 1, "anna", ""),
        ("day2/ben.mp4", "test", 1, "ben", ""),
    ]
    assert [(r.path, r.subject, r.attack) for r in read_index(Path("mytree.csv"))] == [
        ("test/live/3.jpg", "test/live/3.jpg", ""),
        ("train/live/anna/1.mp4", "anna", ""),
        ("train/spoof/anna/2.mp4", "anna", "unknown"),
    ]


def test_the_overrides_are_taken_from_the_root(place, run):
    Path("mydata/overrides.csv").write_text(OVERRIDES, "utf-8")
    assert run(COMMANDS[0]) == (0, "")
    rows = {row.path: row for row in read_index(Path("mydata.csv"))}
    assert rows["day1/anna.mp4"].session == "day2"
    assert {path: [c.action for c in of_row(row)] for path, row in rows.items()} == {
        "day1/anna-print-2.jpg": ["exclude"], "day1/anna-print.mp4": ["face"],
        "day1/anna.mp4": ["exclude", "relabel"], "day2/ben.mp4": ["rotate"],
    }  # fmt: skip


def test_the_configuration_is_valid(place):
    Path("c.yaml").write_text(re.search(r"```yaml\n(.*?)```", TEXT, re.S)[1], "utf-8")
    config = load(Path("c.yaml"))
    assert {name: d.adapter for name, d in config.datasets.items()} == {
        "mydata": "table", "mytree": "table",
    }  # fmt: skip


def test_the_suffixes_are_those_that_are_taken():
    told = TEXT.split("Taken are")[1].split(";")[0]
    assert set(re.findall(r"\.[a-z0-9]+", told)) == set(VIDEOS + PICTURES)


THREE = "path,split,live,subject,attack\nday1/anna.mp4,train,1,anna,\n"
MISTAKES = {  # the text that each message is about, by the words that it is known by
    "'trian'": ("videos.csv", THREE + "day1/x.mp4,trian,1,anna,\n"),
    "semicolons": ("videos.csv", THREE.replace(",", ";")),
    "'subjcet'": ("videos.csv", THREE.replace("subject", "subjcet")),
    "'..'": ("videos.csv", THREE + "../anna.mp4,train,1,anna,\n"),
    "already": ("videos.csv", THREE + "./day1//Anna.mp4,train,1,anna,\n"),
    "by line 2": ("videos.csv", THREE + "day2/ben.mp4,test,1,anna,\n"),
    "a row that is live": ("videos.csv", THREE.replace("anna,\n", "anna,print\n")),
    "rename one of the folders": ("mytree/test/live/anna/3.jpg", ""),
    "not in the index": ("mydata/overrides.csv", "day1/carl.mp4,,exclude,,x"),
    "goes back": ("mydata/overrides.csv", "day1/anna.mp4,40 0-12,exclude,,x"),
    "needs an attack": ("mydata/overrides.csv", "day1/anna.mp4,,relabel,live=0,x"),
}


@pytest.mark.parametrize("words", list(MISTAKES))
def test_the_messages_are_those_of_the_program(place, run, words):
    assert len(MESSAGES) == len(MISTAKES)
    name, text = MISTAKES[words]
    (told,) = [message for message in MESSAGES if words in message]
    head = OVERRIDES.splitlines()[0] + "\n" if name.endswith("overrides.csv") else ""
    Path(name).parent.mkdir(exist_ok=True, parents=True)
    Path(name).write_text(head + text, "utf-8")
    Path("mydata.csv").unlink(missing_ok=True)
    code, output = run(COMMANDS[1] if name.startswith("mytree") else COMMANDS[0])
    assert code == 2
    assert output.removeprefix("ocim: ").removeprefix("mydata/") == told + "\n"
    assert not Path("mydata.csv").exists() and not Path("mytree.csv").exists()
