"""A disk that is full and a folder that may not be written, in every stage: one line, no half file.

OUT lies on a memory disk of its own (tmpfs), which needs root.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from command_line import ocim, verbs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting a memory disk needs root"),
]
OWN = ("--dataset", "own")
PARTITION = (*OWN, "--partition", "0")
VERBS: dict[str, tuple[str, ...]] = {
    "index": OWN,
    "crop": PARTITION,
    "depth": PARTITION,
    "parse": PARTITION,
    "pack": (),
}
MADE = {"index": "index", "crop": "crops", "depth": "depth", "parse": "parsing", "pack": "bundle"}


@pytest.fixture(scope="module")
def run(
    tmp_path_factory: pytest.TempPathFactory,
    portrait: np.ndarray,
    video_writer: Callable[..., Path],
) -> Path:
    """A folder with a dataset, a configuration whose OUT is `out`, and a finished run in `done`."""
    folder = tmp_path_factory.mktemp("disks")
    for kind in ("live", "spoof"):
        frames = [np.roll(portrait, step, axis=1) for step in range(6)]
        video_writer(folder / "own" / "train" / kind / kind / "1.mp4", frames)
    (folder / "out").mkdir()
    config = folder / "own.yaml"
    config.write_text(
        f"out: {folder / 'out'}\n"
        f"datasets: {{own: {{adapter: table, root: {folder / 'own'}, sampling: all,"
        " partitions: 1}}\n"
    )
    verbs(*((verb, "--config", config, *words) for verb, words in VERBS.items()))
    shutil.move(folder / "out", folder / "done")
    (folder / "out").mkdir()
    return folder


@contextmanager
def disk(run: Path, size: str) -> Iterator[Path]:
    """OUT on a memory disk of this size."""
    out = run / "out"
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "ocim", out], check=True)
    try:
        yield out
    finally:
        subprocess.run(["umount", out], check=True)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def before(run: Path, out: Path, verb: str) -> None:
    """Lay down what the stages before this one made."""
    for stage in list(VERBS)[: list(VERBS).index(verb)]:
        shutil.copytree(run / "done" / MADE[stage], out / MADE[stage])


@pytest.mark.parametrize("free", [0, 40_000])
@pytest.mark.parametrize("verb", VERBS)
def test_a_full_disk_is_one_line_and_the_same_command_goes_on(run, verb, free):
    with disk(run, "64M") as out:
        before(run, out, verb)
        there = contents(out)
        filler = out / "filler"
        with filler.open("wb") as file:
            space = os.statvfs(out)
            file.write(bytes(space.f_bavail * space.f_bsize - (free if verb != "index" else 0)))
        done = ocim(verb, "--config", run / "own.yaml", *VERBS[verb])
        filler.unlink()
        assert done.returncode == 2, done.stdout
        lines = done.stderr.splitlines()
        assert len(lines) == 1 and str(out) in lines[0], done.stderr
        assert "No space left on device" in lines[0] or "the disk has" in lines[0]
        assert contents(out) == there
        assert ocim(verb, "--config", run / "own.yaml", *VERBS[verb]).returncode == 0
        made = contents(out / MADE[verb])
        assert made == contents(run / "done" / MADE[verb])


@pytest.mark.parametrize("verb", VERBS)
def test_a_disk_that_may_only_be_read_is_one_line(run, verb):
    with disk(run, "64M") as out:
        before(run, out, verb)
        there = contents(out)
        subprocess.run(["mount", "-o", "remount,ro", out], check=True)
        done = ocim(verb, "--config", run / "own.yaml", *VERBS[verb])
        assert done.returncode == 2, done.stdout
        lines = done.stderr.splitlines()
        assert len(lines) == 1 and str(out) in lines[0], done.stderr
        assert "Read-only file system" in lines[0]
        assert contents(out) == there


def test_a_finished_run_on_a_disk_that_may_only_be_read_has_nothing_to_write(run):
    with disk(run, "64M") as out:
        before(run, out, "pack")
        subprocess.run(["mount", "-o", "remount,ro", out], check=True)
        for verb in ("crop", "depth", "parse"):
            done = ocim(verb, "--config", run / "own.yaml", *VERBS[verb])
            assert done.stdout.endswith("(finished already)\n"), done.stderr


def test_a_scratch_folder_without_room_is_one_line_and_nothing_half_in_the_store(run):
    far = run / "far"
    shutil.copytree(run / "done", far)
    shutil.rmtree(far / "parsing")
    config = run / "far.yaml"
    text = (run / "own.yaml").read_text().replace(f"out: {run / 'out'}", f"out: file://{far}")
    config.write_text(text)
    there = contents(far)
    with disk(run, "400k") as scratch:
        own = {**os.environ, "OCIM_SCRATCH": str(scratch)}
        done = ocim("parse", "--config", config, *PARTITION, env=own)
        assert done.returncode == 2, done.stdout
        lines = done.stderr.splitlines()
        assert len(lines) == 1 and "No space left on device" in lines[0], done.stderr
        assert list(scratch.iterdir()) == []
    assert contents(far) == there
