"""Large files sent to an object store in parts: the old object or the new one, never half of it."""

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from failing_store import FailingStore
from made_store import client, environment, s3_server

pytestmark = pytest.mark.slow


class Place(NamedTuple):
    """The door before a server, boto3's client of the server, and a folder."""

    door: FailingStore
    s3: Any
    folder: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("sending")
    with s3_server(folder / "server.log") as server:
        door = FailingStore(server).start()
        s3 = client(server)
        s3.create_bucket(Bucket="bucket")
        yield Place(door, s3, folder)
        door.stop()


@pytest.fixture(autouse=True)
def _calm(place: Place) -> None:
    place.door.fault = lambda method, path: ""
    place.door.forget()


SEND = """
import sys
from pathlib import Path
from pipeline.errors import UserError
from pipeline.places.store import Store
try:
    Store("s3://bucket/parts").put(Path(sys.argv[1]), "big.h5")
except UserError as error:
    sys.exit(str(error))
"""


@pytest.fixture(scope="module")
def big(place: Place) -> Path:
    """A file that is sent in three parts, and another content of it that is there already."""
    path = place.folder / "big.h5"
    path.write_bytes(np.random.default_rng(1).bytes(40 << 20))
    return path


def sending(place: Place, path: Path, patience: str) -> "subprocess.Popen[str]":
    env = environment(place.door.url, OCIM_STORE_PATIENCE=patience)
    return subprocess.Popen([sys.executable, "-c", SEND, path], env=env, stderr=-1, text=True)


def parts_left(place: Place) -> list[Any]:
    return place.s3.list_multipart_uploads(Bucket="bucket").get("Uploads", [])


def stored(place: Place) -> bytes:
    return place.s3.get_object(Bucket="bucket", Key="parts/big.h5")["Body"].read()


@pytest.mark.parametrize("fault", ["503", "cut"])
def test_a_part_that_always_fails_leaves_the_old_object_and_no_parts(place, big, fault):
    place.s3.put_object(Bucket="bucket", Key="parts/big.h5", Body=b"the old one")
    place.door.fault = lambda method, path: fault if "partNumber=2" in path else ""
    with sending(place, big, "0.2") as program:
        _, told = program.communicate(timeout=300)
    assert program.returncode == 1
    assert told.startswith("s3://bucket/parts/big.h5: sending failed: ")
    assert len(told.splitlines()) == 1
    assert {"partNumber=2" in path for _, path, fault in place.door.seen if fault} == {True}
    assert stored(place) == b"the old one"
    assert parts_left(place) == []


def test_a_part_that_fails_once_is_sent_again(place, big):
    failed = []

    def fault(method: str, path: str) -> str:
        if "partNumber=2" in path and len(failed) < 7:  # more than the client's own attempts
            failed.append(path)
            return "cut"
        return ""

    place.door.fault = fault
    with sending(place, big, "120") as program:
        assert program.wait(300) == 0
    assert len(failed) == 7
    found = stored(place)
    assert hashlib.sha256(found).digest() == hashlib.sha256(big.read_bytes()).digest()
    assert parts_left(place) == []


def test_a_completion_that_fails_leaves_nothing_half(place, big):
    place.s3.put_object(Bucket="bucket", Key="parts/big.h5", Body=b"the old one")
    place.door.fault = lambda method, path: (
        "503" if method == "POST" and "uploadId=" in path else ""
    )
    with sending(place, big, "0.2") as program:
        assert program.wait(300) == 1
    assert stored(place) == b"the old one"
    assert parts_left(place) == []


def test_an_upload_that_is_killed_leaves_the_old_object_and_the_next_one_is_whole(place, big):
    place.s3.put_object(Bucket="bucket", Key="parts/big.h5", Body=b"the old one")
    reached = []

    def fault(method: str, path: str) -> str:
        if "partNumber=2" in path:
            reached.append(path)
            time.sleep(3)
        return ""

    place.door.fault = fault
    with sending(place, big, "60") as program:
        end = time.monotonic() + 120
        while not reached:
            assert time.monotonic() < end
            time.sleep(0.05)
        program.kill()
    assert stored(place) == b"the old one"
    assert len(parts_left(place)) == 1  # what a lifecycle rule is for, or the next upload
    place.door.fault = lambda method, path: ""
    with sending(place, big, "60") as program:
        assert program.wait(300) == 0
    assert len(stored(place)) == 40 << 20


def test_bytes_that_change_on_the_way_are_noticed(place, tmp_path):
    """What arrives is held against what was sent, and what comes against what was stored."""
    path = tmp_path / "x.h5"
    path.write_bytes(b"right" * 1000)
    with sending(place, path, "5") as program:
        assert program.wait(100) == 0
    kept = place.s3.head_object(Bucket="bucket", Key="parts/big.h5")["Metadata"]
    assert kept == {"ocim-sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    wrong = b"wrong" * 1000
    place.s3.put_object(Bucket="bucket", Key="parts/big.h5", Body=wrong, Metadata=kept)
    code = (
        "import sys; from pathlib import Path; from pipeline.places.store import Store\n"
        "Store('s3://bucket/parts').get('big.h5', Path(sys.argv[1]))"
    )
    env = environment(place.door.url, OCIM_STORE_PATIENCE="1")
    command = [sys.executable, "-c", code, str(tmp_path / "come" / "x.h5")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=100)
    assert "fetching failed: what came is not what was sent there" in done.stderr
    assert list((tmp_path / "come").iterdir()) == []
