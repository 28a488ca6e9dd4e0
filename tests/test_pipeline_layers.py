import h5py
import numpy as np
import pytest

from pipeline import layers
from pipeline.bundle import fixed_strings
from pipeline.errors import UserError
from pipeline.layers import Failure

FAILURES = [
    Failure("größe.avi", -1, "not decodable: Ungültig"),
    Failure("a.avi", 12, "no face found"),
    Failure("b.avi", 3, "two\nlines\tand\x00 more\x1b[0m\u2028"),
]
ARRAYS = {"frame": np.arange(3, dtype="<i4"), "video": fixed_strings(["ä", "", "c"])}


def test_failures_come_back_in_order_each_reason_on_one_line(tmp_path):
    layers.write(tmp_path / "a.h5", {"key": "k"}, ARRAYS, FAILURES)
    with layers.open_input(tmp_path / "a.h5", "crop") as file:
        found = layers.read_failures(file)
        assert file.attrs["key"] == "k"
        assert np.array_equal(file["frame"][:], ARRAYS["frame"])
        assert file["video"].asstr()[:].tolist() == ["ä", "", "c"]
    assert found[:2] == FAILURES[:2]
    assert found[2] == Failure("b.avi", 3, "two lines and more [0m")


def test_a_partition_without_samples_and_failures_is_a_valid_file(tmp_path):
    arrays = {"frame": np.zeros(0, "<i4"), "video": fixed_strings([])}
    layers.write(tmp_path / "a.h5", {"key": "k"}, arrays, [])
    with layers.open_input(tmp_path / "a.h5", "crop") as file:
        assert layers.read_failures(file) == []
        assert len(file["frame"]) == 0


def test_bytes_depend_on_the_contents_alone(tmp_path):
    layers.write(tmp_path / "a.h5", {"key": "k", "stage": "s"}, ARRAYS, FAILURES)
    turned = dict(reversed(ARRAYS.items()))
    layers.write(tmp_path / "b.h5", {"stage": "s", "key": "k"}, turned, FAILURES)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@pytest.mark.parametrize("content", [None, b"", b"a text"])
def test_a_missing_or_damaged_input_is_told_with_the_verb_that_makes_it(tmp_path, content):
    path = tmp_path / "a.h5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match="run ocim crop") as caught:
        layers.open_input(path, "crop")
    assert "\n" not in str(caught.value)


def test_nothing_is_left_when_an_array_cannot_be_written(tmp_path):
    with pytest.raises(TypeError):
        layers.write(tmp_path / "a.h5", {}, {"x": np.array([object()])}, [])
    assert list(tmp_path.iterdir()) == []


def test_plain_h5py_reads_the_table_of_failures(tmp_path):
    layers.write(tmp_path / "a.h5", {}, ARRAYS, FAILURES)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["failures/video"].asstr()[0] == "größe.avi"
        assert file["failures/frame"][:].tolist() == [-1, 12, 3]
