"""The child process that decodes: when it starts, what it may cost, and when it ends."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image
from poison import gone, until

from labels.backends import Backend
from pipeline.backends import Choice
from pipeline.config import CropSettings, DatasetSettings
from pipeline.crop import limited_key, made_for
from pipeline.cropping.crop_job import Job
from pipeline.cropping.samples import FIELDS, Samples
from pipeline.cropping.spool import ByteSpool, Spool
from pipeline.datasets.base import Video
from pipeline.errors import UserError
from pipeline.files.memory import data_in_use
from pipeline.isolated import Isolated, cropper
from pipeline.isolated.process import Child
from pipeline.isolated.watch import Watch
from pipeline.sections import Limits

ROW = Video("a.png", "mydata", "test", 1, "1")
BLIND = """
import os
from pipeline.errors import UserError

class Blind:
    made_on = f"process {os.getpid()}"
    def find(self, image, faces=None): return []
    def at(self, image, box, eyes=None): return None
    def close(self): pass

def load(how="sees nothing"):
    if how == "refused": raise UserError("no model is here")
    if how == "wrong": raise ValueError("a mistake of ours")
    if how == "crash": os.abort()
    return Blind()
"""


@pytest.fixture
def blind(tmp_path, monkeypatch):
    """A back end that sees no face and loads at once, chosen with an option."""
    (tmp_path / "blind_faces.py").write_text(BLIND)
    monkeypatch.syspath_prepend(tmp_path)
    Image.new("RGB", (64, 48), (90, 90, 90)).save(tmp_path / "a.png")

    def choose(how: str) -> Choice:
        return Choice("blind", Backend("blind_faces"), {}, {"how": how}, (), ())

    return choose


def cropped(isolated: Isolated, folder: Path) -> Samples:
    """What one picture without a face gives."""
    job = Job(folder, CropSettings(), DatasetSettings(root="unused", reach=0))
    with Spool(folder, FIELDS) as spool, ByteSpool(folder) as loose:
        samples = Samples(spool, loose, job.settings, False)
        isolated.crop(ROW, job, samples)
    return samples


def test_what_cannot_be_loaded_is_one_line_and_no_failure_of_a_video(blind):
    with pytest.raises(UserError, match=r"^no model is here$"):
        Child(blind("refused"))
    with pytest.raises(UserError, match=r"SIGABRT.*at its start"):
        Child(blind("crash"))


def test_a_mistake_of_ours_in_the_child_is_shown_whole(blind):
    with pytest.raises(RuntimeError, match=r"(?s)Traceback.*ValueError: a mistake of ours"):
        Child(blind("wrong"))


def test_one_child_serves_partition_after_partition(blind, tmp_path):
    served = set()
    for _ in range(2):
        with cropper(blind("sees nothing")) as isolated:
            samples = cropped(isolated, tmp_path)
            served.add(isolated.made_on)
            assert [tuple(row) for row in samples.failures] == [("a.png", 0, "no face found")]
    assert len(served) == 1


@pytest.mark.slow
def test_a_child_outlives_the_thread_that_asked_for_it(blind, tmp_path):
    # Linux kills a child with the thread that began it, where one asks for the kill at all.
    found: list[Isolated] = []
    thread = threading.Thread(target=lambda: found.append(Isolated(blind("of a thread"))))
    thread.start()
    thread.join()
    process = int(found[0].made_on.split()[1])
    assert not until(lambda: gone(process), 0.5)
    assert [row.reason for row in cropped(found[0], tmp_path).failures] == ["no face found"]
    assert found[0].made_on == f"process {process}" and not found[0].left_out
    found[0].give_back()


def test_a_relative_root_is_meant_from_where_the_parent_is_now(blind, tmp_path, monkeypatch):
    with cropper(blind("sees nothing")) as isolated:
        monkeypatch.chdir(tmp_path)
        samples = cropped(isolated, Path())
    assert [row.reason for row in samples.failures] == ["no face found"]


FORKS = """
import os, sys
sys.path[:0] = sys.argv[1:3]
from pathlib import Path
from labels.backends import Backend
from pipeline.backends import Choice
from pipeline.isolated import cropper
from test_pipeline_isolated import cropped
choice = Choice("blind", Backend("blind_faces"), {}, {"how": "sees nothing"}, (), ())
folder = Path(sys.argv[1])
with cropper(choice) as isolated:
    first = isolated.made_on
    cropped(isolated, folder)
number = os.fork()
with cropper(choice) as isolated:
    reasons = [row.reason for row in cropped(isolated, folder).failures]
    print(reasons == ["no face found"], isolated.made_on == first, flush=True)
if number:
    assert os.waitpid(number, 0)[1] == 0
"""


@pytest.mark.slow
def test_a_fork_takes_a_child_of_its_own_and_leaves_the_other_alone(blind, tmp_path):
    (tmp_path / "forks.py").write_text(FORKS)
    command = [sys.executable, tmp_path / "forks.py", tmp_path, Path(__file__).parent]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == ["True False", "True True"]


def test_memory_that_is_taken_is_seen_and_named():
    # In a process of its own, in which nothing else takes memory or gives it back.
    program = (
        "print(flush=True); input(); taken = bytearray(100_000_000); print(flush=True); input()"
    )
    pipe, limits = subprocess.PIPE, Limits(memory_gb=0.05)
    with subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe) as process:
        process.stdout.readline()
        before, watch = (Watch(process.pid, data_in_use(process.pid), limits) for _ in range(2))
        assert before.passed() == ""
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        assert watch.passed() == "took more than 0.05 GB of memory"
        process.kill()


def test_only_the_limit_of_frames_decides_bytes_and_only_where_it_is_not_the_usual_one():
    def key(**limits) -> str:
        settings = CropSettings(limits=Limits(**limits))
        return made_for([ROW], settings, DatasetSettings(root="unused"))

    assert key() == key(seconds=1, stalled=1, memory_gb=1) == key(frames=1_000_000)
    assert key(frames=5) not in (key(), key(frames=6))
    decides = CropSettings().choice().decides
    assert decides == {"landmarks": "embedded", "mode": "box", "margin": 1.4, "shift": 0.0}
    assert CropSettings(**CropSettings(limits=Limits(frames=5)).choice().decides).limits.frames == 5


def test_what_was_left_out_under_one_limit_is_made_again_under_another():
    keys = [
        limited_key("a", Limits(**changed))
        for changed in ({}, {"seconds": 7200}, {"stalled": 60}, {"memory_gb": 8.0})
    ]
    assert len({"a", *keys}) == 5
    assert limited_key("a", Limits(frames=5)) == keys[0]


REASONS = """
import av, resource
from pipeline.frames import libav
from pipeline.files.memory import data_in_use
import os
refused = av.error.MemoryError(12, "Cannot allocate memory")

def told(error, room):
    most = data_in_use(os.getpid()) + room if room else resource.RLIM_INFINITY
    resource.setrlimit(resource.RLIMIT_DATA, (most, resource.RLIM_INFINITY))
    try:
        return libav.reason(error)
    except libav.TooMuchMemory:
        return "limit"

print([told(refused, 5 * 10**9), told(refused, 10**9), told(refused, 0)])
print([told(MemoryError(), 5 * 10**9), told(MemoryError(), 0)])
"""


@pytest.mark.slow
def test_what_libav_never_gives_is_damage_and_not_the_limit_of_memory():
    # It refuses 2 GiB at once, which damaged data may ask for, however much memory there is.
    command = [sys.executable, "-c", REASONS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    first, second = done.stdout.splitlines()
    assert first == "['not enough memory', 'limit', 'not enough memory']"
    assert second == "['limit', 'not enough memory']"
