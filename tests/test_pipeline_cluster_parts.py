"""The parts of `ocim run` that need no cluster: steps, paths, terms, addresses, log."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli.run import run
from pipeline.cluster.absolute import absolute
from pipeline.cluster.agree import difference
from pipeline.cluster.connect import STARTS, Tls, checked, is_loopback, start_with_retries
from pipeline.cluster.logs import opened
from pipeline.cluster.partitions import Step, steps_of
from pipeline.cluster.task import attempt
from pipeline.config import load, validate
from pipeline.errors import UserError
from pipeline.files import lock


def test_without_a_tag_a_partition_is_one_task_and_stages_with_it_are_tasks_of_their_own():
    assert steps_of([]) == [Step(("crop", "depth", "parse"), False)]
    assert steps_of(["parse"]) == [Step(("crop", "depth"), False), Step(("parse",), True)]
    assert steps_of(["depth"]) == [
        Step(("crop",), False), Step(("depth",), True), Step(("parse",), False),
    ]  # fmt: skip
    assert steps_of(["parse", "depth"]) == [Step(("crop",), False), Step(("depth", "parse"), True)]


def test_paths_become_absolute_urls_and_names_of_weights_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = validate(
        {
            "out": "run",
            "datasets": {
                "oulu": {"root": "data/../oulu", "overrides": "fixes.csv"},
                "mine": {"root": "s3://bucket/mine", "adapter": "table", "table": "mine.csv"},
            },
        },
        "test",
    )
    there = absolute(config)
    assert there.out == str(tmp_path / "run")
    assert there.datasets["oulu"].root == str(tmp_path / "oulu")
    assert there.datasets["oulu"].overrides == str(tmp_path / "fixes.csv")
    assert there.datasets["mine"].root == "s3://bucket/mine"
    assert there.datasets["mine"].table == str(tmp_path / "mine.csv")
    assert there.parse.weights == "bisenet"
    for before, after in zip(config.choices().values(), there.choices().values(), strict=True):
        assert before.decides == after.decides  # no path is in a key


def test_the_first_version_that_differs_is_named_with_both():
    mine = {"numpy": "1.26.4", "h5py": "3.16", "weights of parse": "ab"}
    assert difference(mine, dict(mine)) == ""
    assert difference(mine, {**mine, "more": "1"}) == ""
    told = difference(mine, {**mine, "h5py": "3.17"})
    assert told.startswith("h5py is 3.17 there and 3.16 here")
    assert "numpy is none there" in difference(mine, {})


@pytest.mark.parametrize(
    "address",
    ["", "HOST", "localhost:8786", "http://localhost:8786", "tcp://localhost", "tcp://:8786",
     "tcp://localhost:many", "tcp://localhost:8786/x", "tls://user@localhost:8786"],
)  # fmt: skip
def test_what_is_no_address_is_refused_in_one_line(address):
    with pytest.raises(UserError, match="tcp://HOST:PORT or tls://HOST:PORT"):
        checked(address, Tls())


def test_options_of_tls_are_refused_where_they_would_not_be_used_or_are_not_all_there(tmp_path):
    files = Tls(*(tmp_path / name for name in ("ca", "cert", "key")))
    with pytest.raises(UserError, match="want tls://"):
        checked("tcp://localhost:1", files)
    with pytest.raises(UserError, match="belong together"):
        checked("tls://localhost:1", files._replace(key=None))
    with pytest.raises(UserError, match="ca: no such file"):
        checked("tls://localhost:1", files)
    assert checked("tls://[::1]:8786", Tls()) == ("::1", 8786)


def test_only_loopback_is_taken_for_this_machine():
    assert is_loopback("127.0.0.1") and is_loopback("127.9.9.9") and is_loopback("::1")
    assert is_loopback("localhost")
    for host in ("10.0.0.1", "0.0.0.0", "localhost.example", "head-node", "127.0.0.1.example"):
        assert not is_loopback(host)


@pytest.mark.parametrize(
    "words",
    [("--workers", "2", "--scheduler", "tcp://127.0.0.1:1"), ("--tls-ca", "x"),
     ("--memory", "4GB", "--scheduler", "tcp://127.0.0.1:1"), ("--workers", "0"),
     ("--gpu", "crop"), ("--wait", "-1")],
)  # fmt: skip
def test_options_that_contradict_each_other_are_a_mistake_in_the_input(words):
    assert CliRunner().invoke(run, words).exit_code == 2


def test_a_folder_is_locked_by_one_process_and_free_again_after_it_is_killed(tmp_path):
    code = "import sys, pipeline.files.lock as lock, pathlib;"
    code += "held = lock.take(pathlib.Path(sys.argv[1])); print('held', flush=True);"
    code += "sys.stdin.read()"
    command = [sys.executable, "-c", code, tmp_path / "a run"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match="another run is writing here"):
            lock.take(tmp_path / "a run")
        other.kill()
    lock.take(tmp_path / "a run").close()


def test_a_log_is_one_object_a_line_with_its_time_and_is_added_to(tmp_path):
    path = tmp_path / "logs" / "run.jsonl"
    for number in range(2):
        with opened(path) as log:
            log("failed", reason="two\nlines \udcff", number=number)
    lines = path.read_text().splitlines()
    assert [json.loads(line)["number"] for line in lines] == [0, 1]
    assert all(json.loads(line)["time"].endswith("Z") for line in lines)


def test_no_log_is_written_where_none_is_asked_for(tmp_path, capfd):
    with opened(None) as log:
        log("start")
    assert capfd.readouterr() == ("", "")


def raising(error: BaseException):
    def function(*args):
        raise error

    return function


class _Fit:
    """Terms of a run that this process has been found fit for."""

    run = "fit"


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (UserError("bad\nrow"), "input", "bad row"),
        (OSError(28, "No space left on device", "/full"), "refused", "/full: No space left"),
        (OSError(5000, "strange"), "bug", "OSError"),
        (KeyError("x"), "bug", "KeyError: 'x'"),
        (MemoryError(), "bug", "MemoryError"),
    ],
)
def test_what_a_task_raises_is_an_answer_of_its_kind(error, kind, reason, monkeypatch):
    monkeypatch.setattr("pipeline.cluster.agree._fit", {"fit"})
    value, failed = attempt(_Fit(), raising(error), ())
    assert value is None and failed.kind == kind and reason in failed.reason
    assert "\n" not in failed.reason
    assert bool(failed.traceback) == (kind == "bug")


def test_the_verb_is_listed_and_tells_its_options_without_loading_dask():
    code = "import sys; from pipeline.cli import cli; assert 'run' in cli.commands;"
    code += "sys.exit('distributed' in sys.modules or 'dask' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_configuration_of_a_run_is_found_beside_its_outputs(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("out: x\n")
    assert absolute(load(path)).out == os.path.abspath("x")  # noqa: PTH100
    assert Path(absolute(load(path)).datasets["oulu"].root).is_absolute()


@pytest.mark.parametrize("failing", [0, STARTS - 1, STARTS])
def test_workers_that_cannot_be_started_are_tried_again_and_then_told(failing):
    tries = []

    def start():
        tries.append(len(tries))
        if len(tries) <= failing:
            raise RuntimeError("Nanny failed to start.")
        return "cluster"

    if failing < STARTS:
        assert start_with_retries(start) == "cluster" and len(tries) == failing + 1
    else:
        with pytest.raises(UserError, match=r"cannot be started .* Nanny failed to start\."):
            start_with_retries(start)
