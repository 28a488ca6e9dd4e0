"""pipeline/files/many.py: calls in processes give the results of calls in a row."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.files.many import in_processes


def slow_when_first(number: int) -> tuple[int, int]:
    time.sleep(0.3 if number == 0 else 0)
    return number, os.getpid()


def refused(number: int) -> int:
    if number == 3:
        raise UserError(f"no {number}")
    return number


def gone(number: int) -> int:
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_call_that_is_alone_runs_here():
    with in_processes(2) as each:
        assert list(each(slow_when_first, [(5,)])) == [(5, os.getpid())]
        assert list(each(slow_when_first, [])) == []


def test_results_of_processes_come_in_the_order_of_the_calls_and_errors_where_they_belong():
    with in_processes(2) as each:
        found = list(each(slow_when_first, ((number,) for number in range(9))))
        assert [number for number, _ in found] == list(range(9))
        assert os.getpid() not in {process for _, process in found}
        seen = []
        with pytest.raises(UserError, match=r"^no 3$"):
            seen += each(refused, ((number,) for number in range(9)))
            seen.append("not reached")
        assert seen == [0, 1, 2]
        # A list of calls without end is not run to its end before the first result is there.
        taken = []

        def endless():
            while True:
                taken.append(len(taken))
                yield (len(taken),)

        assert next(each(refused, ((n + 10,) for (n,) in endless()))) == 11
        assert len(taken) <= 2 * 2 + 2


@pytest.mark.slow
def test_a_process_that_is_ended_from_outside_is_one_line():
    with (
        in_processes(2) as each,
        pytest.raises(UserError, match="a process was ended from outside"),
    ):
        list(each(gone, [(number,) for number in range(4)]))


_PARENT = """
import os, time
from pathlib import Path
from pipeline.files.many import in_processes
from pipeline.files.store import replace_whole

def hang(folder, number):
    with replace_whole(Path(folder) / f"{number}.h5") as temporary:
        temporary.write_bytes(b"half")
        (Path(folder) / f"pid-{number}").write_text(str(os.getpid()))
        time.sleep(600)

if __name__ == "__main__":
    import sys
    with in_processes(2) as each:
        list(each(hang, [(sys.argv[1], 0), (sys.argv[1], 1)]))
"""


@pytest.mark.slow
def test_processes_end_and_clean_up_when_their_parent_is_killed(tmp_path):
    script, folder = tmp_path / "parent.py", tmp_path / "out"
    script.write_text(_PARENT)
    folder.mkdir()
    with subprocess.Popen([sys.executable, script, folder]) as parent:
        pids = [folder / "pid-0", folder / "pid-1"]
        wait_for(lambda: all(path.is_file() and path.read_text() for path in pids))
        parent.kill()
    children = [int(path.read_text()) for path in pids]
    wait_for(lambda: not any(Path(f"/proc/{child}/cmdline").exists() for child in children))
    assert sorted(path.name for path in folder.iterdir()) == ["pid-0", "pid-1"]


def wait_for(true) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)
