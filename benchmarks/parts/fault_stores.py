"""An object store that fails one request in ten, or is gone, for benchmarks/faults.py.

moto's server is the store, on this machine; the programs reach it through a door that answers some
requests with 503, cuts some and breaks some answers off in the middle.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import yaml

from benchmarks.parts.fault_project import LIMIT, Outcome, Project, ended, environment, tallied
from benchmarks.parts.measuring import ROOT
from benchmarks.parts.ports import free_port, wait_for

sys.path.append(str(ROOT / "tests"))

from failing_store import FailingStore, one_in

BUCKET = "faults"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "made",
    "AWS_SECRET_ACCESS_KEY": "made",
    "AWS_DEFAULT_REGION": "us-east-1",
}
RUNNER = "ocim run"


def failing(project: Project, rng: random.Random) -> dict[str, Any]:
    """Runs from and to a store that fails one request in ten: undisturbed, killed, cut off."""
    with moto() as address:
        bucket = filled(address, project)
        door = FailingStore(address).start()
        door.fault = one_in(10, seed=rng.randrange(1000))
        tally = tallied(outcomes(with_config(project), door, bucket, rng))
        requests: Counter[str] = Counter()
        for method, _, fault in door.seen:
            requests[method] += 1
            requests[f"failed by {fault}"] += bool(fault)
        door.stop()
    return {**asdict(tally), "requests": {name: n for name, n in requests.items() if n}}


def outcomes(
    project: Project, door: FailingStore, bucket: Any, rng: random.Random
) -> Iterator[Outcome]:
    """Three runs, each from an empty OUT; the second and the third go on after a disturbance."""
    store = {**CREDENTIALS, "AWS_ENDPOINT_URL": door.url, "OCIM_STORE_PATIENCE": "10"}
    for disturb in (None, kill, cut_off):
        if bucket.exists(f"{BUCKET}/out"):
            bucket.rm(f"{BUCKET}/out", recursive=True)
        bucket.invalidate_cache()
        wrong = disturb(project, store, door, bucket, rng) if disturb else []
        wrong += differences(project, project.run(RUNNER, **store), bucket)
        yield f"failing store, {disturb.__name__ if disturb else 'undisturbed'}", wrong


def kill(
    project: Project, store: dict[str, str], door: FailingStore, bucket: Any, rng: random.Random
) -> list[str]:
    """Begin a run, kill all of it in the middle."""
    process = project.start(RUNNER, **store)
    wait_for_crops(bucket, process)
    time.sleep(rng.uniform(0, 3))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return []


def cut_off(
    project: Project, store: dict[str, str], door: FailingStore, bucket: Any, rng: random.Random
) -> list[str]:
    """Begin a run, let the store be gone in the middle: it must end in one line."""
    process = project.start(RUNNER, **store)
    wait_for_crops(bucket, process)
    before, door.fault = door.fault, lambda method, path: "cut"
    code = ended(process)
    door.fault = before
    return [] if code == 2 else [f"{RUNNER}, store gone: exit code {code}, not 2"]


def wait_for_crops(bucket: Any, process: "subprocess.Popen[bytes]") -> None:
    """Until the first file of crops is in the store."""
    limit = time.monotonic() + LIMIT
    while process.poll() is None and time.monotonic() < limit:
        bucket.invalidate_cache()
        if bucket.glob(f"{BUCKET}/out/crops/*/*.h5"):
            return
        time.sleep(0.2)


def differences(project: Project, code: int, bucket: Any) -> list[str]:
    """What of the run in the store is not as it should be, parts of uploads left over included."""
    bucket.invalidate_cache()
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary) / "out"
        bucket.get(f"{BUCKET}/out", str(copy), recursive=True)
        wrong = project.differences(code, RUNNER, copy)
    left = bucket.call_s3("list_multipart_uploads", Bucket=BUCKET).get("Uploads", [])
    return wrong + [f"store: parts of {upload['Key']} were left" for upload in left]


def with_config(project: Project) -> Project:
    """The same project with its videos and OUT in the store."""
    settings = yaml.safe_load((project.folder / project.config).read_text())
    settings["out"] = f"s3://{BUCKET}/out"
    for name, dataset in settings["datasets"].items():
        dataset["root"] = f"s3://{BUCKET}/{name}"
    (project.folder / "store.yaml").write_text(yaml.safe_dump(settings))
    return replace(project, config="store.yaml")


def filled(address: str, project: Project) -> Any:
    """The bucket with the replica's videos in it, as a file system past the door."""
    import s3fs

    bucket = s3fs.S3FileSystem(key="made", secret="made", endpoint_url=address)
    bucket.mkdir(BUCKET)
    for name in ("casia", "msu"):
        bucket.put(str(project.folder / "replica" / name), f"{BUCKET}/", recursive=True)
    return bucket


@contextmanager
def moto() -> Iterator[str]:
    """moto's server on a free port of this machine; its address."""
    port = free_port()
    server = subprocess.Popen(
        [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port, 60)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()
