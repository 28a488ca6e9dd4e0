"""The key by which a partition's file is known as finished."""

from pathlib import Path

import h5py
import numpy as np

from pipeline.partition import stored_key
from pipeline.places import LocalOut


def key_of(path: Path) -> str | None:
    return stored_key(LocalOut(path.parent), path)


def test_the_stored_key_of_what_carries_none_is_none(tmp_path):
    assert key_of(tmp_path / "missing.h5") is None
    assert key_of(tmp_path) is None
    for content in (b"", b"a text", b"\x89HDF\r\n\x1a\n", bytes(1000)):
        (tmp_path / "a.h5").write_bytes(content)
        assert key_of(tmp_path / "a.h5") is None
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["x"] = 1
    assert key_of(tmp_path / "b.h5") is None
    with h5py.File(tmp_path / "b.h5", "a") as file:
        file.attrs["key"] = "abc"
    assert key_of(tmp_path / "b.h5") == "abc"


def test_a_truncated_file_has_no_key(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["key"] = "abc"
        file["x"] = np.arange(1000)
    path.write_bytes(path.read_bytes()[:3000])
    assert key_of(path) is None
