"""The programs that docs/bundle.md shows are run as they stand there."""

import re
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
from made_bundle import make_bundle

from pipeline.bundle import FAILURES, FIELDS, SOURCES, Bundle

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "bundle.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards and manifest where the page has them."""
    home = tmp_path_factory.mktemp("home")
    make_bundle(home / "runs/demo/bundle", ["casia", "oulu"], 3, 1)
    (home / "ocim_bundle.py").write_text((ROOT / "pipeline" / "bundle.py").read_text("utf-8"))
    return home


def run(python: str | Path, code: str, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (home / "program.py").write_text(code, "utf-8")
    return subprocess.run(
        [python, "program.py", *words], cwd=home, capture_output=True, text=True, timeout=120
    )


def block(word: str) -> str:
    (found,) = [text for text in BLOCKS if word in text]
    return found


def test_one_copied_file_is_used_as_the_page_shows(folder):
    done = run(sys.executable, block("for shard in bundle.shards"), folder)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_the_torch_data_set_gives_batches_of_the_shapes_that_the_page_tells(folder):
    code = block("torch.utils.data.Dataset").replace("batch_size=20", "batch_size=2")
    ending = "    print(*(tuple(part.shape) for part in (image, depth, parsing)))\n"
    done = run(sys.executable, code + ending, folder)
    assert done.stderr == ""
    assert done.stdout == "(2, 3, 256, 256) (2, 1, 32, 32) (2, 256, 256)\n"


def test_the_pages_own_reader_accepts_a_bundle_and_refuses_a_damaged_one(folder):
    reader = block("hashlib.blake2b")
    done = run(sys.executable, reader, folder, "runs/demo/bundle")
    assert done.stderr == ""
    shards = Bundle(folder / "runs/demo/bundle").manifest["shards"]
    assert done.stdout.splitlines() == [
        f"{one['file']} {one['samples']} samples, {one['live']} live: right" for one in shards
    ]
    path = folder / "runs/demo/bundle" / shards[-1]["file"]
    whole = path.read_bytes()
    path.write_bytes(whole[:50_000] + bytes([whole[50_000] ^ 1]) + whole[50_001:])
    assert run(sys.executable, reader, folder, "runs/demo/bundle").returncode != 0
    path.write_bytes(whole)


def test_the_fields_go_into_a_data_frame_by_their_names(folder, extra_python):
    code = block("pandas.DataFrame") + "print(len(frame), *frame.columns)\nprint(*frame.attack)\n"
    done = run(extra_python, code, folder)
    assert done.stderr == ""
    first, attacks = done.stdout.splitlines()
    flat = sorted(name for name, field in FIELDS.items() if not field.shape)
    assert first.split() == ["6", *flat]
    assert attacks.split() == ["print"] * 3


def test_the_page_names_every_field_and_column_with_its_type_and_unit(folder):
    (path,) = (folder / "runs/demo/bundle").glob("oulu-train-*")
    rows = {}
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5:
            rows |= dict.fromkeys(re.findall(r"`(\w+)`", cells[0]), cells[1:])
    with h5py.File(path) as file:
        for name, field in FIELDS.items():
            dtype, shape, unit, _ = rows[name]
            assert dtype == ("text" if field.dtype is None else file[name].dtype.name), name
            assert shape == " x ".join(map(str, field.shape)), name
            assert unit == file[name].attrs["unit"] == field.unit, name
        assert set(file) - set(FIELDS) == {"videos", "failures"}
        for table, columns in (("videos", SOURCES), ("failures", FAILURES)):
            assert set(file[table]) == set(columns)
            line = next(line for line in PAGE.splitlines() if line.startswith(f"| `{table}` |"))
            assert all(f"`{column}`" in line for column in columns)
