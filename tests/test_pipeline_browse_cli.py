"""`ocim browse` as a user types it."""

import os
import signal
import socket
import subprocess

import pytest
from command_line import OCIM, mistake
from made_browse import got, make_columns
from programs import hear_signals


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A bundle of two samples."""
    return make_columns(tmp_path_factory.mktemp("cli") / "bundle", ["a.mp4", "b.mp4"])


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_says_what_to_open_serves_it_and_ends_cleanly(bundle, number, code):
    server = subprocess.Popen(
        [OCIM, "browse", bundle, "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"}, preexec_fn=hear_signals,
    )  # fmt: skip
    try:
        line = server.stdout.readline()
        assert line.startswith("2 samples; open http://127.0.0.1:")
        address = line.split()[3]
        assert got(address)[0] == 200
        assert got(address + "api/query")[0] == 200
        server.send_signal(number)
        out, errors = server.communicate(timeout=20)
    finally:
        server.kill()
    assert (server.returncode, out) == (code, "")
    assert len(errors.splitlines()) == 1 and "Traceback" not in errors


@pytest.mark.slow
def test_mistakes_are_told_in_one_line(bundle, tmp_path):
    assert "not a readable manifest" in mistake("browse", tmp_path)
    assert "DATASET=DIR" in mistake("browse", bundle, "--root", "here")
    assert "no dataset of that name" in mistake("browse", bundle, "--root", f"casia={tmp_path}")
    assert "no such folder" in mistake("browse", bundle, "--root", "own=nowhere")
    assert "nowhere.yaml" in mistake("browse", bundle, "--config", tmp_path / "nowhere.yaml")
    assert "--port" in mistake("browse", bundle, "--port", "70000")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "--port" in mistake("browse", bundle, "--port", str(taken.getsockname()[1]))
