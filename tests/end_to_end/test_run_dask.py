"""`ocim run` as a user types it, on this machine and on a Dask cluster, with everything killed."""

import contextlib
import datetime
import ipaddress
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from jsonschema import Draft202012Validator

from pipeline.files import lock
from pipeline.files.keys import sha256_file

pytestmark = pytest.mark.slow
BINARIES = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parents[2]
PARTITIONS = {"mydata": 3, "other": 1}
VIDEOS = {"mydata": 7, "other": 2}
PATIENCE = 180  # seconds; never reached but by a program that hangs
CONFIG = """
out: {out}
datasets:
  mydata: {{adapter: table, root: mydata, sampling: every, every: 2, partitions: 3}}
  other: {{adapter: table, root: other, sampling: uniform, frames: 3, partitions: 1}}
"""

VERBS = """
import json, sys
from pipeline.cli import cli
if __name__ == "__main__":
    for words in json.loads(sys.argv[1]):
        cli.main(words, standalone_mode=False)
"""
"""The verbs one after the other, in one process: what is imported is imported once."""


def heard() -> None:
    """In a program that a test starts: signals as a terminal's programs have them."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def start(place: Path, *words: object, **more: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [BINARIES / str(words[0]), *map(str, words[1:])],
        cwd=place, text=True, start_new_session=True, preexec_fn=heard,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more,
    )  # fmt: skip


def run(place: Path, *words: object, code: int = 0) -> "subprocess.CompletedProcess[str]":
    with start(place, *words) as program:
        out, err = program.communicate(timeout=PATIENCE)
    assert program.returncode == code, out[-3000:] + err[-3000:]
    return subprocess.CompletedProcess(words, code, out, err)


def one_line(text: str) -> str:
    """The single line that is there."""
    (line,) = text.splitlines()
    return line


def config(place: Path, out: str) -> str:
    (place / f"{out}.yaml").write_text(CONFIG.format(out=out))
    return f"{out}.yaml"


def contents(out: Path) -> dict[str, str]:
    """Sha256 of all that a run makes: every file but those that say how it went."""
    files = (path for name in ("index", "crops", "depth", "parsing", "bundle")
             for path in (out / name).rglob("*") if path.is_file())  # fmt: skip
    return {str(path.relative_to(out)): sha256_file(path) for path in files}


def inodes(out: Path) -> dict[str, int]:
    """The number of each finished file: another one where it is made again."""
    return {str(p.relative_to(out)): p.stat().st_ino for p in out.rglob("[!.]*.h5")}


def events(path: Path, kind: str) -> list[dict]:
    lines = path.read_text().splitlines() if path.is_file() else []
    return [one for line in lines if (one := json.loads(line))["event"] == kind]


def wait_until(condition: Callable[[], object], program: "subprocess.Popen[str] | None" = None):
    """Wait until something is so, or a program ends, whose output then is told."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, "it does not come about"
        if program is not None and program.poll() is not None:
            raise AssertionError(program.communicate())
        time.sleep(0.02)
    return found


def processes_of(session: int) -> list[int]:
    """The processes of a program that was started by `start`, apart from those that have ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, of_session = path.read_text().rpartition(")")[2].split()[:4]
            if int(of_session) == session and state != "Z":
                found.append(int(path.parent.name))
    return found


def workers_of(program: "subprocess.Popen[str]") -> list[int]:
    """The local workers of a run: its children that multiprocessing has spawned."""
    found = []
    for process in processes_of(program.pid):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{process}/cmdline").read_text()
            parent = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1]
            if "spawn_main" in words and int(parent) == program.pid:
                found.append(process)
    return found


def sockets_of(process: int) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        for link in Path(f"/proc/{process}/fd").iterdir():
            with contextlib.suppress(OSError):
                if os.readlink(link).startswith("socket:"):  # noqa: PTH115
                    yield link


def listening(program: "subprocess.Popen[str]") -> set[str]:
    """The addresses, in hex, on which the processes of a program listen."""
    mine = {
        os.readlink(link)  # noqa: PTH115
        for process in processes_of(program.pid)
        for link in sockets_of(process)
    }
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{program.pid}/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in mine:
                found.add(words[1].partition(":")[0])
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory, portrait: np.ndarray, video_writer: Callable[..., Path]) -> Path:
    """A project with a blank in its name, two data sets and the outputs of the verbs in `verbs`."""
    place = tmp_path_factory.mktemp("a project")
    for name, count in VIDEOS.items():
        for number in range(count):
            kind = "spoof" if number % 3 else "real"
            split = "train" if number % 2 else "test"
            frames = [np.roll(portrait, n + number, axis=1) for n in range(12)]
            video_writer(place / name / split / kind / f"subject{number}" / "clip.mp4", frames)
    (place / "mydata" / "train" / "real" / "subject99").mkdir(parents=True)
    (place / "mydata" / "train" / "real" / "subject99" / "broken.avi").write_bytes(b"RIFF")
    verbs = config(place, "verbs")
    words: list[list[str]] = []
    for dataset, partitions in PARTITIONS.items():
        words.append(["index", "--config", verbs, "--dataset", dataset])
        words += [
            [stage, *words[-1][1:], "--partition", str(number)]
            for number in range(partitions)
            for stage in ("crop", "depth", "parse")
        ]
    run(place, "python", "-c", VERBS, json.dumps([*words, ["pack", "--config", verbs]]))
    return place


@pytest.fixture(scope="module")
def expected(place: Path) -> dict[str, str]:
    """The bytes that the verbs made one after the other."""
    found = contents(place / "verbs")
    assert sum(name.startswith("bundle/") for name in found) > 4
    return found


def finished(place: Path, out: str) -> Path:
    """What the verbs have made, as the outputs of another configuration, but for the bundle."""
    shutil.copytree(place / "verbs", place / out, ignore=shutil.ignore_patterns("bundle"))
    return place / out


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def cluster(
    place: Path,
    *options: object,
    scheme: str = "tcp",
    tags: tuple[str, ...] = ("", ""),
    modules: Path | None = None,
):
    """A scheduler and workers, one for each tag, in another folder than the run. Gives the address,
    the scheduler's process and the workers'. modules: a folder of which they import first.
    """
    address = f"{scheme}://127.0.0.1:{free_port()}"
    elsewhere = place / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": elsewhere}

    def begin(*words: object) -> "subprocess.Popen[bytes]":
        command = [BINARIES / "dask", *map(str, words), *map(str, options), "--no-dashboard"]
        environment = {**os.environ, **({"PYTHONPATH": str(modules)} if modules else {})}
        return subprocess.Popen(
            command, start_new_session=True, preexec_fn=heard, env=environment, **quiet
        )

    host, port = address.rpartition(":")[::2]
    scheduler = begin("scheduler", "--host", host, "--port", port)
    try:
        workers = [
            begin("worker", address, "--nthreads", 1, "--nworkers", 1, "--local-directory",
                  place / "scratch", *(["--resources", tag] if tag else []))
            for tag in tags
        ]  # fmt: skip
        try:
            yield address, scheduler, workers
        finally:
            for worker in workers:
                end(worker)
    finally:
        end(scheduler)


def end(program: "subprocess.Popen[bytes]") -> None:
    for process in processes_of(program.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    program.wait()


def test_two_local_workers_give_the_bytes_of_the_verbs_and_listen_on_loopback_alone(
    place, expected
):
    with start(place, "ocim", "run", "--config", config(place, "local"), "--workers", 2,
               "--memory", "4GB", "--log-json", "local.jsonl") as program:  # fmt: skip
        wait_until(lambda: [*(place / "local" / "crops").rglob("[!.]*.h5")], program)
        heard_at = listening(program)
        out, err = program.communicate(timeout=PATIENCE)
    assert program.returncode == 0 and err == ""
    assert heard_at == {"0100007F"}  # 127.0.0.1
    assert contents(place / "local") == expected
    lines = out.splitlines()
    assert lines[0].startswith("dashboard: http://127.0.0.1:")
    samples = {one["dataset"]: 0 for one in events(place / "local.jsonl", "partition")}
    for one in events(place / "local.jsonl", "partition"):
        samples[one["dataset"]] += one["samples"]
        assert one["made"] == ["crop", "depth", "parse"]
    whole = f"mydata: 3 of 3 partitions, {samples['mydata']} samples, 1 failures, in "
    assert sum(line.startswith(whole) for line in lines) == 1
    pack = run(place, "ocim", "pack", "--config", "local.yaml").stdout.splitlines()
    assert lines[-1].startswith("total: ") and lines[-len(pack) : -1] == pack[1:]


def test_what_is_finished_is_not_made_again(place, expected):
    name = config(place, "again")
    before = inodes(finished(place, "again"))
    missing = place / "again" / "parsing" / "mydata" / "0002.h5"
    missing.unlink()
    run(place, "ocim", "run", "--config", name, "--workers", 1, "--log-json", "again.jsonl")
    after = inodes(place / "again")
    assert contents(place / "again") == expected
    changed = {path for path in before if after[path] != before[path]}
    assert changed == {"parsing/mydata/0002.h5"}
    made = {(one["dataset"], one["partition"]): one["made"]
            for one in events(place / "again.jsonl", "partition")}  # fmt: skip
    assert made.pop(("mydata", 2)) == ["parse"]
    assert len(made) == 3 and not any(made.values())


def test_every_line_of_a_log_keeps_to_the_schema_and_goes_to_stdout_on_request(place):
    done = run(place, "ocim", "run", "--config", config(place, "verbs"), "--workers", 1,
               "--log-json", "-")  # fmt: skip
    schema = json.loads((ROOT / "docs/schemas/run-log.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    valid = Draft202012Validator(schema)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    told += [json.loads(line) for path in place.glob("*.jsonl")
             for line in path.read_text().splitlines()]  # fmt: skip
    for one in told:
        valid.validate(one)
    kinds = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    assert kinds[0] == "start" and kinds[-1] == "end" and kinds.count("partition") == 4
    assert "dashboard: " in done.stderr and "total: " in done.stderr


def test_scheduler_and_workers_that_run_elsewhere_give_the_same_bytes(place, expected):
    with cluster(place) as (address, _, _):
        done = run(place, "ocim", "run", "--config", config(place, "external"),
                   "--scheduler", address, "--log-json", "external.jsonl")  # fmt: skip
    assert contents(place / "external") == expected
    assert done.stderr == ""
    assert max(one["workers"] for one in events(place / "external.jsonl", "workers")) == 2


def test_stages_with_a_tag_run_on_workers_that_have_it_and_nowhere_else(place, expected):
    with cluster(place, tags=("", "GPU=1")) as (address, _, _):
        run(place, "ocim", "run", "--config", config(place, "tagged"), "--scheduler", address,
            "--gpu", "parse", "--log-json", "tagged.jsonl")  # fmt: skip
    assert contents(place / "tagged") == expected
    assert len({one["worker"] for one in events(place / "tagged.jsonl", "partition")}) == 1


def test_a_tag_that_no_worker_has_is_one_line(place):
    with cluster(place, tags=("",)) as (address, _, _):
        done = run(place, "ocim", "run", "--config", config(place, "untagged"),
                   "--scheduler", address, "--gpu", "depth", "--wait", 8, code=2)  # fmt: skip
    assert "tag GPU" in one_line(done.stderr) and "--resources GPU=1" in done.stderr
    assert not [*(place / "untagged").rglob("*.h5")]


def test_a_scheduler_without_workers_and_an_address_without_scheduler_are_one_line(place):
    name = config(place, "nobody")
    with cluster(place, tags=()) as (address, _, _):
        wait_until(lambda: listens(address))
        done = run(place, "ocim", "run", "--config", name, "--scheduler", address,
                   "--wait", 1, code=2)  # fmt: skip
        assert one_line(done.stderr).startswith("ocim: no worker for 1 s")
        assert "waiting for workers, 1 s at most" in done.stdout
    done = run(place, "ocim", "run", "--config", name, "--scheduler", address, code=2)
    assert "no scheduler that can be used" in one_line(done.stderr)


def listens(address: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) == 0


def test_a_worker_killed_while_it_starts_is_started_again_and_one_at_work_is_told(place, expected):
    log = place / "worker.jsonl"
    with start(place, "ocim", "run", "--config", config(place, "worker"), "--workers", 2,
               "--log-json", log) as program:  # fmt: skip
        os.kill(wait_until(lambda: workers_of(program), program)[0], signal.SIGKILL)
        wait_until(lambda: [*(place / "worker" / "crops").rglob("[!.]*.h5")], program)
        os.kill(workers_of(program)[0], signal.SIGKILL)
        out, err = program.communicate(timeout=PATIENCE)
    assert program.returncode == 0 and err == ""
    assert contents(place / "worker") == expected
    lost = events(log, "worker_lost")[-1]
    assert f"a worker is lost ({lost['worker']}); done again: {', '.join(lost['again'])}" in out


def test_a_killed_program_takes_its_workers_along_and_goes_on_where_it_was(place, expected):
    name, out = config(place, "client"), place / "client"
    with start(place, "ocim", "run", "--config", name, "--workers", 2) as program:
        wait_until(lambda: [*(out / "parsing").rglob("[!.]*.h5")], program)
        finished = inodes(out)
        program.kill()
    wait_until(lambda: not processes_of(program.pid))
    run(place, "ocim", "run", "--config", name, "--workers", 2)
    assert contents(out) == expected
    after = inodes(out)
    assert all(after[path] == number for path, number in finished.items())
    assert not [path for path in out.rglob(".*") if path.name != ".lock"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_workers_and_leaves_nothing_unfinished(place, number):
    name, out = config(place, f"signal{number}"), place / f"signal{number}"
    with start(place, "ocim", "run", "--config", name, "--workers", 2,
               "--log-json", f"signal{number}.jsonl") as program:  # fmt: skip
        wait_until(lambda: [*(out / "crops").rglob("[!.]*.h5")], program)
        # A terminal sends Ctrl-C to every process, kill to one.
        if number == signal.SIGINT:
            os.killpg(program.pid, number)
        else:
            program.send_signal(number)
        told = program.communicate(timeout=PATIENCE)[1]
    assert program.returncode == 128 + number
    assert told == "ocim: stopped; what is finished is kept\n"
    wait_until(lambda: not processes_of(program.pid))
    assert not [path for path in out.rglob(".*") if path.name != ".lock"]
    assert events(place / f"signal{number}.jsonl", "end")[-1]["exit"] == 128 + number


def test_a_killed_scheduler_is_one_line_and_a_new_one_goes_on(place, expected):
    name, out = config(place, "lost"), place / "lost"
    with (
        cluster(place) as (address, scheduler, _),
        start(place, "ocim", "run", "--config", name, "--scheduler", address) as program,
    ):
        wait_until(lambda: [*(out / "parsing").rglob("[!.]*.h5")], program)
        finished = inodes(out)
        scheduler.kill()
        _, err = program.communicate(timeout=PATIENCE)
    assert program.returncode == 2
    assert "the connection to the scheduler is lost" in one_line(err)
    with cluster(place) as (address, _, _):
        run(place, "ocim", "run", "--config", name, "--scheduler", address)
    assert contents(out) == expected
    after = inodes(out)
    assert all(after[path] == number for path, number in finished.items())


def test_two_runs_in_one_folder_are_refused_in_one_line(place):
    with lock.take(place / "locked"):
        done = run(place, "ocim", "run", "--config", config(place, "locked"), code=2)
    assert one_line(done.stderr) == (
        "ocim: locked: another run is writing here; wait for it, or set another out"
    )


def test_a_worker_that_does_not_see_the_folders_is_named_in_one_line(place):
    with cluster(place, tags=("",)) as (address, _, _):
        name = config(place, "unseen")
        finished(place, "unseen")
        run(place, "ocim", "run", "--config", name, "--scheduler", address)
        # A root that the program has and the worker has not: each has its own /proc/self.
        (place / "own.yaml").write_text(
            (place / name).read_text().replace("root: mydata", "root: /proc/self/cwd/mydata")
        )
        done = run(place, "ocim", "run", "--config", "own.yaml", "--scheduler", address, code=2)
    assert "it does not see the folder /proc/self/cwd/mydata" in one_line(done.stderr)
    assert "ocim: the worker tcp://127.0.0.1:" in done.stderr


def test_a_worker_with_another_version_of_what_decides_bytes_is_refused_in_one_line(place):
    modules = place / "modules"
    (modules / "h5py-9.9.dist-info").mkdir(parents=True)
    (modules / "h5py-9.9.dist-info" / "METADATA").write_text("Name: h5py\nVersion: 9.9\n")
    with cluster(place, tags=("",), modules=modules) as (address, _, _):
        name = config(place, "versions")
        done = run(place, "ocim", "run", "--config", name, "--scheduler", address, code=2)
    told = one_line(done.stderr)
    assert "h5py is 9.9 there and " in told and "ocim: the worker tcp://127.0.0.1:" in told
    assert not [*(place / "versions").rglob("*.h5")]


def test_a_partition_that_fails_is_listed_and_the_others_are_finished(place, expected):
    name, out = config(place, "failing"), finished(place, "failing")
    damaged = out / "crops" / "other" / "0000.h5"
    with h5py.File(damaged, "r+") as file:  # its key says that it is finished, and it is not whole
        del file["remarks"]
    (out / "depth" / "other" / "0000.h5").unlink()
    (out / "parsing" / "mydata" / "0000.h5").unlink()
    command = ("ocim", "run", "--config", name, "--workers", 1, "--log-json", "failing.jsonl")
    done = run(place, *command, code=2)
    assert "other partition 0 failed: " in done.stdout and "'remarks' is missing" in done.stdout
    assert "no bundle is packed" in done.stdout and done.stderr == ""
    (failed,) = events(place / "failing.jsonl", "failed")
    assert failed["kind"] == "input" and failed["traceback"] == ""
    assert (out / "parsing" / "mydata" / "0000.h5").is_file()
    damaged.unlink()
    run(place, *command)
    assert contents(out) == expected


def write_certificates(folder: Path) -> list[object]:
    """An authority, and a certificate that it signed for this machine; the options for Dask."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    folder.mkdir()
    now = datetime.datetime.now(datetime.UTC)

    def certificate(name: str, issuer=None, signer=None):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        here = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), True)
            .add_extension(x509.SubjectAlternativeName(here), False)
            .sign(signer or key, hashes.SHA256())
        )
        return made, key

    authority, authority_key = certificate("authority")
    signed, key = certificate("ocim", authority.subject, authority_key)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(authority.public_bytes(pem))
    (folder / "cert.pem").write_bytes(signed.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return ["--tls-ca-file", folder / "ca.pem", "--tls-cert", folder / "cert.pem",
            "--tls-key", folder / "key.pem"]  # fmt: skip


def test_tls_is_used_and_who_has_no_right_certificate_is_refused_in_one_line(place, expected):
    options = write_certificates(place / "tls")
    write_certificates(place / "wrong")
    name = config(place, "secure")
    finished(place, "secure")
    with cluster(place, *options, scheme="tls") as (address, _, _):
        mine, wrong = (
            [word for part in ("ca", "cert", "key")
             for word in (f"--tls-{part}", place / folder / f"{part}.pem")]
            for folder in ("tls", "wrong")
        )  # fmt: skip
        command = ("ocim", "run", "--config", name, "--scheduler", address)
        done = run(place, *command, *mine)
        assert done.stderr == "" and contents(place / "secure") == expected
        refused = run(place, *command, *wrong, code=2)
        assert "SSL" in one_line(refused.stderr)
        assert "give --tls-ca" in one_line(run(place, *command, code=2).stderr)
        plain = address.replace("tls://", "tcp://")
        refused = run(place, *command[:-1], plain, code=2)
        assert "no scheduler that can be used" in one_line(refused.stderr)
