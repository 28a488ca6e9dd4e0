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

OCIM = Path(sys.executable).with_name("ocim")
MOMENTS = 12


def contents(folder: Path) -> dict[str, bytes]:
    """The finished files: others may go while one looks, with their process."""
    paths = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return {path.name: path.read_bytes() for path in paths}


@pytest.mark.slow
def test_a_pack_killed_at_many_moments_and_run_again_gives_the_same_bytes(tmp_path):
    config = made_config(tmp_path, partitions=2, pack={"shard_samples": 16})
    layout = write_run(config, made_rows(videos=40))
    command = [OCIM, "pack", "--config", write_once(config)]
    started = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    whole = time.monotonic() - started
    expected = contents(layout.bundle)
    assert len(expected) == 2 * 10 + 2
    rng = random.Random(5)
    interrupted = 0
    for moment in range(MOMENTS):
        # The first moments are spread evenly from the import of h5py to the end, the others random.
        share = moment / 6 if moment < 6 else rng.random()
        for path in layout.bundle.iterdir():
            path.unlink(missing_ok=True)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as run:
            time.sleep(share * whole)
            run.send_signal(signal.SIGKILL if moment % 3 else signal.SIGTERM)
        interrupted += run.returncode != 0
        for name, data in contents(layout.bundle).items():
            # What carries a final name is whole, whenever the end came.
            assert data == expected[name], name
        subprocess.run(command, check=True, capture_output=True)
        assert contents(layout.bundle) == expected
        assert not list(layout.bundle.glob(".*"))
    assert interrupted >= MOMENTS / 2
