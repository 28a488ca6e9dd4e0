"""pipeline/files/hdf5.py: texts, alignment, and a disk that refuses."""

import errno
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from pipeline.files.hdf5 import create, fixed_strings, open_new, read_strings


def test_texts_are_padded_to_the_longest_in_bytes_not_letters():
    array = fixed_strings(["ä", "", "abc"])
    assert array.dtype == "S3"
    assert array.tolist() == ["ä".encode(), b"", b"abc"]
    assert fixed_strings([]).dtype == "S1"
    assert fixed_strings(["", ""]).dtype == "S1"


def test_texts_come_back_as_they_went_in(tmp_path):
    texts = ["ä", "", "脸/2.avi"]
    with open_new(tmp_path / "a.h5") as file:
        create(file, "text", fixed_strings(texts))
    with h5py.File(tmp_path / "a.h5") as file:
        assert h5py.check_string_dtype(file["text"].dtype).encoding == "utf-8"
        assert read_strings(file["text"]).tolist() == texts


def test_larger_arrays_start_on_a_page_and_lie_as_they_are(tmp_path):
    array = np.arange(5000, dtype="<i4")
    with open_new(tmp_path / "a.h5") as file:
        create(file, "a", array[:10])
        create(file, "b", array)
    with h5py.File(tmp_path / "a.h5") as file:
        offset = file["b"].id.get_offset()
    assert offset % 4096 == 0
    assert (tmp_path / "a.h5").read_bytes()[offset : offset + array.nbytes] == array.tobytes()


FULL = """
import os, sys
import numpy as np
from pathlib import Path
from pipeline.files.hdf5 import create, open_new
folder, size = sys.argv[1:]
assert os.system(f"mount -t tmpfs -o size=1m tmpfs {folder}") == 0
try:
    with open_new(Path(folder) / "a.h5") as file:
        create(file, "a", np.ones(int(size), np.uint8))
        file.attrs["text"] = "x" * 2000
except OSError as error:
    print(error.errno, error.filename)
"""


@pytest.mark.parametrize("size", [2_000_000, 1_048_000, 1_044_000])  # the last fails when closed
def test_a_full_disk_is_one_error_with_its_number_and_path(tmp_path, size):
    unshare = shutil.which("unshare")
    if not unshare or subprocess.run([unshare, "-rm", "true"], capture_output=True).returncode:
        pytest.skip("no file system of its own can be mounted here")
    run = [unshare, "-rm", sys.executable, "-c", FULL, str(tmp_path), str(size)]
    done = subprocess.run(run, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.stderr == ""
    assert done.stdout.split() == [str(errno.ENOSPC), str(tmp_path / "a.h5")]
