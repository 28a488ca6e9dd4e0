"""pipeline/files/layers.py: the files between the stages come back as they were written."""

import h5py
import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.files import layers
from pipeline.files.hdf5 import fixed_strings
from pipeline.files.layers import Failure, Remark

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


def test_a_file_of_another_version_is_told_with_the_verb_that_makes_it_anew(tmp_path):
    layers.write(tmp_path / "a.h5", {"key": "k"}, ARRAYS, [])
    layers.open_input(tmp_path / "a.h5", "crop", ["frame", "video"]).close()
    with pytest.raises(UserError, match=r"'yaw' is missing.*run ocim crop"):
        layers.open_input(tmp_path / "a.h5", "crop", ["frame", "yaw"])
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file["remarks"]
    with pytest.raises(UserError, match="'remarks' is missing"):
        layers.open_input(tmp_path / "a.h5", "crop")


def test_rows_come_back_as_they_were_given_block_by_block(tmp_path):
    values = np.arange(24, dtype="<f4").reshape(6, 2, 2)
    remarks = [Remark("a.avi", -1, "one\ntwo"), Remark("b.avi", 4, "three")]
    failures: list[Failure] = []

    def blocks():
        yield values[:4]
        failures.append(FAILURES[1])  # the tables may grow while rows are made
        yield values[4:]

    rows = layers.Rows(6, (2, 2), "<f4", blocks())
    layers.write(tmp_path / "a.h5", {}, {"x": rows}, failures, remarks)
    layers.write(tmp_path / "b.h5", {}, {"x": values}, FAILURES[1:2], remarks)
    with layers.open_input(tmp_path / "a.h5", "crop", ["x"]) as file:
        assert np.array_equal(file["x"][:], values)
        assert layers.read_failures(file) == FAILURES[1:2]
        assert layers.read_remarks(file) == [Remark("a.avi", -1, "one two"), remarks[1]]


def test_rows_that_are_fewer_than_announced_leave_no_file(tmp_path):
    rows = layers.Rows(3, (), "<i4", iter([np.arange(2, dtype="<i4")]))
    with pytest.raises(ValueError, match="3 rows announced, 2 given"):
        layers.write(tmp_path / "a.h5", {}, {"x": rows}, [])
    assert list(tmp_path.iterdir()) == []
