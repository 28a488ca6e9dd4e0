"""Looking into an object by pieces, while another thread answers."""

import gc
import io
import threading

import h5py
import pytest

from pipeline.places.pieces import uncollected


@pytest.fixture(autouse=True)
def _collecting():
    assert gc.isenabled()
    yield
    assert gc.isenabled()


def test_nothing_is_collected_until_the_last_one_leaves():
    with uncollected():
        assert not gc.isenabled()
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_also_where_one_fails():
    with pytest.raises(ValueError), uncollected():
        raise ValueError
    assert gc.isenabled()


def test_who_collects_none_is_not_made_to():
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


class Answered:
    """A file that h5py reads from, each read of which waits for another thread's answer."""

    def __init__(self, path):
        self.file = io.BytesIO(path.read_bytes())
        self.read, self.seek, self.tell = self.file.read, self.file.seek, self.file.tell

    def readinto(self, buffer):
        answer = []

        def read():
            # As much garbage as makes Python collect, wherever it may.
            for _ in range(3000):
                cycle = []
                cycle.append(cycle)
            answer.append(self.file.readinto(buffer))

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        thread.join(10)
        assert answer, "the other thread waits for h5py's lock"
        return answer[0]


def test_a_read_that_another_thread_answers_ends_though_objects_of_h5py_are_garbage(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x"] = list(range(1000))
        for number in range(200):
            file.create_group(f"group {number}")
    with uncollected():
        with h5py.File(path) as other:
            for name in other:
                cycle = [other[name]]
                cycle.append(cycle)  # an object of h5py, for the collector alone to free
        with h5py.File(Answered(path)) as file:
            assert file["x"][-1] == 999
