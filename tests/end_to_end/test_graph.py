"""What the graph asks of a project's folder: its lock, the data set, places it cannot have."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_project import environment, fill

pytestmark = pytest.mark.slow
CONFIG = "out: {out}\ndatasets: {{mine: {{adapter: table, root: {root}, partitions: 2}}}}\n"
JOB = ("--target-jobs", "crop:dataset=mine,partition=0000", "--allowed-rules", "crop", "--force")


def snakemake(*words: str) -> list[str]:
    return [str(Path(sys.executable).with_name("snakemake")), "--cores", "1", *words]


@pytest.fixture
def project(tmp_path: Path, portrait: np.ndarray, video_writer: Callable[..., Path]) -> Path:
    fill(tmp_path)
    for live in ("live", "spoof"):
        clip = tmp_path / "data" / "train" / live / "a" / "clip.avi"
        video_writer(clip, [portrait] * 2, codec="mjpeg", pixel_format="yuvj420p")
    (tmp_path / "mine.yaml").write_text(CONFIG.format(out="run", root="data"))
    return tmp_path


def test_out_is_locked_for_as_long_as_jobs_run(project):
    words = snakemake("--configfile", "mine.yaml", "--", "run/crops/mine/0000.h5")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(words, cwd=project, env=environment(), **quiet) as started:
        limit = time.monotonic() + 120
        while not list(project.glob("run/logs/crop/*")) and time.monotonic() < limit:
            time.sleep(0.02)
        assert started.poll() is None  # the job runs
        with (project / "run" / ".lock").open("w") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert started.returncode == 0


def test_a_job_that_was_sent_away_does_not_list_the_data_set_again(project):
    """By the time of last reading, which the system keeps for each folder."""
    words = snakemake("-n", "--configfile", "mine.yaml")
    (project / "run" / "index").mkdir(parents=True)
    index = ("index", "--dataset", "mine", "--root", "data", "-o", "run/index/mine.csv")
    ocim = Path(sys.executable).with_name("ocim")
    subprocess.run([ocim, *index], cwd=project, check=True, capture_output=True)

    def read(*more: str) -> bool:
        os.utime(project / "data", (0, 0))
        done = subprocess.run([*words, *more], cwd=project, env=environment(), capture_output=True)
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        return (project / "data").stat().st_atime > 0

    if not read("--", "run/crops/mine/0000.h5"):
        pytest.skip("this disk does not keep the time of last reading")
    assert not read("--mode", "remote", *JOB)


@pytest.mark.parametrize(
    ("out", "root", "key"),
    [("s3://bucket/run", "data", "out"), ("run", "s3://bucket/data", "datasets.mine.root")],
)
def test_an_object_store_is_one_last_line_that_names_the_runner_for_it(project, out, root, key):
    (project / "mine.yaml").write_text(CONFIG.format(out=out, root=root))
    words = snakemake("--configfile", "mine.yaml", "--", "all")
    done = subprocess.run(words, cwd=project, env=environment(), capture_output=True, text=True)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 2 and last.startswith(f"ocim: {key}: s3://bucket")
    assert last.endswith("ocim run")
