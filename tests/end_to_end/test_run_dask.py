"""`ocim run` as a user types it, on this machine and on a Dask cluster, with everything killed.

One file, for all of it begins with one project, which is made once.
"""

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from command_line import verbs
from dask_cluster import cluster, listens, write_certificates
from jsonschema import Draft202012Validator
from made_project import contents, inodes
from programs import PATIENCE, listening, one_line, processes_of, run, start, wait_until, workers_of

from pipeline.files import lock

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
PARTITIONS = {"mydata": 3, "other": 1}
VIDEOS = {"mydata": 7, "other": 2}
CONFIG = """
out: {out}
datasets:
  mydata: {{adapter: table, root: mydata, sampling: every, every: 2, partitions: 3}}
  other: {{adapter: table, root: other, sampling: uniform, frames: 3, partitions: 1}}
"""


def config(place: Path, out: str) -> str:
    (place / f"{out}.yaml").write_text(CONFIG.format(out=out))
    return f"{out}.yaml"


def events(path: Path, kind: str) -> list[dict]:
    lines = path.read_text().splitlines() if path.is_file() else []
    return [one for line in lines if (one := json.loads(line))["event"] == kind]


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
    of_config = ("--config", config(place, "verbs"))
    verbs(
        *(("index", *of_config, "--dataset", dataset) for dataset in PARTITIONS),
        *(
            (stage, *of_config, "--dataset", dataset, "--partition", number)
            for dataset, partitions in PARTITIONS.items()
            for number in range(partitions)
            for stage in ("crop", "depth", "parse")
        ),
        ("pack", *of_config),
        cwd=place,
    )
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
