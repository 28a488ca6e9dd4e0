"""An export appears whole or not at all, and nothing that is not its own is deleted."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import mistake, ocim
from made_export import bundle_of, tree
from PIL import Image

from pipeline.bundle import Bundle
from pipeline.errors import UserError
from pipeline.export import rfmetafas, ssdg
from pipeline.export.plan import Plan, choose
from pipeline.export.write import check_apart, export, png, size_estimate

pytestmark = pytest.mark.slow  # each writes bundles, and many start a process

VIDEOS = {"train": [("a/1.avi", 1, 13)], "test": [("a/0.avi", 0, 13)]}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "bundle"
    return bundle_of(folder, {"oulu": VIDEOS, "msu": VIDEOS})


def planned(folder: Path, *names: str) -> Plan:
    bundle = Bundle(folder)
    return rfmetafas.plan(bundle, choose(bundle, None, names))


def quiet(line: str) -> None:
    pass


def test_a_picture_is_png_without_loss_or_alpha():
    image = np.random.default_rng(1).integers(0, 256, (256, 256, 3), np.uint8)
    read = Image.open(io.BytesIO(png(image)))
    assert (read.mode, read.format) == ("RGB", "PNG")
    assert np.array_equal(np.asarray(read), image)


def test_the_number_of_threads_changes_no_byte(two, tmp_path):
    for jobs in (1, 5):
        assert export(planned(two), tmp_path / str(jobs), jobs, quiet)
    one, five = tree(tmp_path / "1"), tree(tmp_path / "5")
    assert one == five
    assert len(one) == 2 * (26 + 13 + 1 + 3) + 1


def test_one_line_is_told_a_dataset(two, tmp_path):
    lines: list[str] = []
    export(planned(two), tmp_path / "e", 1, lines.append)
    wanted = [f"{n}: 26 pictures of 2 videos, 13 live, 13 spoof" for n in ("msu", "oulu")]
    assert lines == wanted
    export(planned(two), tmp_path / "e", 1, lines.append)
    assert lines == wanted * 2


def test_the_marker_says_what_was_written(two, tmp_path):
    out = tmp_path / "e"
    export(planned(two, "msu"), out, 1, quiet)
    marker = json.loads((out / "export.json").read_text())
    files = tree(out)
    del files["export.json"]
    assert marker == {
        "made_by": "ocim bundle export",
        "version": 1,
        "format": "rfmetafas",
        "bundle": Bundle(two).hash,
        "options": {"datasets": ["msu"], "protocol": None},
        "datasets": {"msu": {"videos": 2, "live": 13, "spoof": 13, "left_out": 0}},
        "files": sorted(files),
        "bytes": sum(map(len, files.values())),
    }


@pytest.fixture
def made(two: Path, tmp_path: Path) -> Path:
    out = tmp_path / "made"
    export(planned(two, "msu"), out, 1, quiet)
    return out


def test_a_rerun_leaves_a_finished_export_alone(two, made):
    before = made.stat().st_ino, made.stat().st_mtime_ns
    assert not export(planned(two, "msu"), made, 1, quiet)
    assert (made.stat().st_ino, made.stat().st_mtime_ns) == before


@pytest.mark.parametrize("damage", ["removed", "cut short"])
def test_an_export_that_lost_a_file_or_part_of_it_is_made_again(two, made, damage):
    whole = tree(made)
    victim = made / "MSU" / "a" / "0" / "5.png"
    if damage == "removed":
        victim.unlink()
    else:
        os.truncate(victim, 100)
    assert export(planned(two, "msu"), made, 1, quiet)
    assert tree(made) == whole
    assert [path.name for path in made.parent.iterdir()] == ["made"]


def test_an_export_of_other_options_takes_the_place_of_the_old_one(two, made):
    bundle = Bundle(two)
    plan = ssdg.plan(bundle, choose(bundle, None, ("oulu",)), str(made), False)
    assert export(plan, made, 1, quiet)
    assert sorted(path.name for path in made.iterdir()) == ["data", "data_label", "export.json"]
    assert [path.name for path in made.parent.iterdir()] == ["made"]
    # Their sampler's own files neither make it unfinished nor keep it from being replaced.
    (made / "data_label" / "oulu" / "choose_all_label.json").write_text("[]")
    assert not export(plan, made, 1, quiet)
    assert export(planned(two, "msu"), made, 1, quiet)


def refused(plan: Plan, out: Path, match: str) -> None:
    before = tree(out) if out.is_dir() else out.read_bytes() if out.exists() else None
    beside = sorted(out.parent.iterdir())
    with pytest.raises(UserError, match=match) as caught:
        export(plan, out, 1, quiet)
    assert "\n" not in str(caught.value)
    assert sorted(out.parent.iterdir()) == beside
    assert before == (tree(out) if out.is_dir() else out.read_bytes() if out.exists() else None)


def test_a_folder_that_no_export_made_is_refused_and_not_deleted(two, tmp_path):
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter.txt").write_text("years")
    refused(planned(two, "msu"), out, "not empty, and no export made it")
    texts = ["no json", "[]", '{"made_by": "another program"}', '{"made_by": "ocim bundle export"}']
    for text in texts:
        (out / "export.json").write_text(text)
        refused(planned(two, "msu"), out, "not empty, and no export made it")
    refused(planned(two, "msu"), out / "chapter.txt", "a file, and no folder")


def test_an_export_that_somebody_put_something_into_is_not_deleted(two, made):
    (made / "results").mkdir()
    (made / "results" / "model.pt").write_text("weeks")
    assert not export(planned(two, "msu"), made, 1, quiet)
    (made / "MSU" / "image_list_all.txt").unlink()  # one file less does not hide one more
    for name in ("msu", "oulu"):
        refused(planned(two, name), made, "1 files that its export did not write, the first")
    assert (made / "results" / "model.pt").read_text() == "weeks"


def test_an_empty_folder_is_filled(two, tmp_path):
    (tmp_path / "e").mkdir()
    assert export(planned(two, "msu"), tmp_path / "e", 1, quiet)
    assert (tmp_path / "e" / "export.json").is_file()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_in_the_bundle_or_around_it_is_refused(tmp_path):
    for out in ("b", "b/e", "."):
        with pytest.raises(UserError, match=r"the bundle .* lies there"):
            check_apart((tmp_path / out).resolve(), tmp_path / "b")
    check_apart(tmp_path / "c", tmp_path / "b")


def test_a_disk_without_room_is_refused_before_anything_is_written(two, tmp_path, monkeypatch):
    plan = planned(two, "msu")
    size = size_estimate(plan)
    usage = shutil.disk_usage(tmp_path)._replace(free=size)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    refused(plan, tmp_path / "e", "MB free, and about .* MB are needed for 43 files")


def test_the_estimate_covers_what_the_export_takes_and_little_more(two, tmp_path):
    plan = planned(two)
    export(plan, tmp_path / "e", 1, quiet)
    taken = sum(512 * path.lstat().st_blocks for path in (tmp_path / "e").rglob("*"))
    assert taken <= size_estimate(plan) <= 1.4 * taken


STOPPED = """
import os, signal, sys
from pathlib import Path
from pipeline.export import rfmetafas
from pipeline.bundle import Bundle
from pipeline.export.plan import choose
from pipeline.export.write import export
from pipeline.files.store import stop_cleanly

stop_cleanly()
folder, out, number = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
bundle = Bundle(folder)

def stop(line):
    print(*[path.name for path in out.parent.iterdir()], flush=True)
    os.kill(os.getpid(), number)

export(rfmetafas.plan(bundle, choose(bundle, None, ())), out, 2, stop)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("there", [False, True])
def test_a_kill_in_the_middle_leaves_no_half_folder(two, tmp_path, number, there):
    out = tmp_path / "e"
    if there:
        export(planned(two, "oulu"), out, 1, quiet)
    before = tree(out) if there else None
    run = [sys.executable, "-c", STOPPED, two, out, str(int(number))]
    done = subprocess.run(run, capture_output=True, text=True)
    assert done.returncode == (-9 if number == signal.SIGKILL else 128 + number), done.stderr
    assert ".tmp" in done.stdout  # it was in the middle
    assert out.exists() == there
    assert not there or tree(out) == before
    left = [path.name for path in tmp_path.iterdir() if path != out]
    assert len(left) == (number == signal.SIGKILL)
    assert export(planned(two), out, 1, quiet)
    assert [path.name for path in tmp_path.iterdir()] == ["e"]
    assert len(tree(out)) == 87


def test_what_a_running_export_has_begun_is_left_alone(two, made):
    own, parent = f".{os.getpid()}.", f".{os.getppid()}."
    seen: list[Path] = []
    plan = planned(two)
    export(plan, made, 1, lambda line: seen.extend(made.parent.glob(".*.tmp")))
    other = made.parent / seen[0].name.replace(own, parent)
    other.mkdir()
    assert export(planned(two, "oulu"), made, 1, quiet)
    assert other.exists()


@pytest.mark.slow
def test_the_command_exports_tells_and_refuses_in_one_line(two, tmp_path):
    out = tmp_path / "with blank"
    words = ["--format", "rfmetafas", two, "-o", out, "--protocol", "O to M", "--jobs", "2"]
    for state in ("made", "finished already"):
        done = ocim("bundle", "export", *words)
        assert (done.returncode, done.stderr) == (0, "")
        *lines, last = done.stdout.splitlines()
        assert [line.partition(":")[0] for line in lines] == ["msu", "oulu"]
        assert last == f"{out}: 86 files ({state})"
    for words, told in (
        (["--format", "rfmetafas", "--drop-short", two, "-o", out], "of --format ssdg alone"),
        (["--format", "rfmetafas", two, "-o", two / "e"], "lies there"),
        (["--format", "ssdg", tmp_path / "none", "-o", tmp_path / "x"], "bundle.json"),
        (["--format", "ssdg", two, "-o", tmp_path / "x", "--dataset", "casia"], "'casia'"),
    ):
        assert told in mistake("bundle", "export", *words)
    assert [path.name for path in tmp_path.iterdir()] == ["with blank"]
