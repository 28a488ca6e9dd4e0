"""`ocim pack` killed at any moment, and run again."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made_run import made_config, made_rows, write_run

from pipeline.config import write_once
from pipeline.pack import pack

OCIM = Path(sys.executable).with_name("ocim")


def contents(folder: Path) -> dict[str, bytes]:
    """The finished files: others may go while one looks, with their process."""
    paths = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return {path.name: path.read_bytes() for path in paths}


@pytest.mark.slow
def test_a_pack_killed_at_many_moments_and_run_again_gives_the_same_bytes(tmp_path):
    config = made_config(tmp_path, partitions=2, pack={"shard_samples": 8})
    layout = write_run(config, made_rows(videos=16))
    command = [OCIM, "pack", "--config", write_once(config)]
    subprocess.run(command, check=True, capture_output=True)
    expected = contents(layout.bundle)
    assert len(expected) == 2 * 8 + 2
    rng = random.Random(5)
    interrupted = 0
    for moment in range(9):
        for path in layout.bundle.iterdir():
            path.unlink(missing_ok=True)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as run:
            # From the first import on, then with ever more files made, and some moments after.
            while len(list(layout.bundle.glob("[!.]*"))) < 2 * moment and run.poll() is None:
                time.sleep(0.001)
            time.sleep(rng.random() * (0.02 if moment else 0.5))
            run.send_signal(signal.SIGKILL if moment % 3 else signal.SIGTERM)
        interrupted += run.returncode != 0
        for name, data in contents(layout.bundle).items():
            # What carries a final name is whole, whenever the end came.
            assert data == expected[name], name
        pack(config)
        assert contents(layout.bundle) == expected
        assert not list(layout.bundle.glob(".*"))
    assert interrupted >= 5
