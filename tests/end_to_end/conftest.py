"""What several of these tests begin with: a small replica, made once for all test processes."""

import fcntl
import os
import subprocess
from pathlib import Path

import pytest
from made_project import environment


@pytest.fixture(scope="session")
def replica(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A replica of one subject a dataset, by the real command. Only to be read."""
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent  # that of all test processes
    folder = place / "one replica"
    with (place / "replica.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():  # whole, or not there
            words = ("ocim", "replica", "-o", folder, "--subjects", "1", "--seed", "5")
            subprocess.run(words, env=environment(), check=True, capture_output=True)
    return folder
