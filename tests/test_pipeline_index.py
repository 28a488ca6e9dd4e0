"""From settings to rows: which adapter, which root, which corrections, which partition."""

import hashlib
import importlib
from pathlib import Path
from typing import Any

import pytest
from dataset_names import NAMES

from pipeline.config import DatasetSettings, validate
from pipeline.datasets import adapters
from pipeline.datasets.base import Video
from pipeline.errors import UserError
from pipeline.index import by_partition, index, partition_of, shipped_file

HEADER = "video,frames,action,value,reason\n"
NAME = "Train_files/1_1_01_1.avi"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """disk/oulu with one live and one print video."""
    place = tmp_path / "disk" / "oulu"
    (place / "Train_files").mkdir(parents=True)
    for access in (1, 2):
        (place / "Train_files" / f"1_1_01_{access}.avi").touch()
    return place


def settings(root: Path, **more: Any) -> DatasetSettings:
    return DatasetSettings(root=str(root), **more)


def reasons(rows: list) -> list[bool]:
    return [bool(row.corrections) for row in rows]


def test_the_adapters_are_the_modules_of_their_folder():
    assert adapters() == ["casia", "msu", "oulu", "replay", "table"]


def test_a_dataset_may_have_a_name_of_its_own_and_an_adapter_of_another(root):
    rows = index("oulu_copy", settings(root, adapter="oulu"))
    assert {row.dataset for row in rows} == {"oulu_copy"}
    with pytest.raises(UserError, match=r"datasets\.oulu_copy: no adapter 'oulu_copy'"):
        index("oulu_copy", settings(root))


@pytest.mark.parametrize("named", ["root", "above"])
@pytest.mark.parametrize("lies", ["root", "above"])
def test_corrections_lie_in_the_root_or_in_the_folder_that_was_named(root, named, lies):
    place = {"root": root, "above": root.parent}
    (place[lies] / "overrides.csv").write_text(HEADER + f"{NAME},,exclude,,blurred\n")
    expected = lies == named or (named, lies) == ("above", "root")
    assert reasons(index("oulu", settings(place[named]))) == [expected, False]


def test_two_files_of_corrections_are_one_too_many(root):
    for folder in (root, root.parent):
        (folder / "overrides.csv").write_text(HEADER)
    with pytest.raises(UserError, match=r"both there.*datasets\.oulu\.overrides"):
        index("oulu", settings(root.parent))
    assert reasons(index("oulu", settings(root))) == [False, False]


def test_corrections_may_lie_anywhere_by_name(root, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(HEADER + f"{NAME},3,exclude,,blurred\n")
    (root / "overrides.csv").write_text("not read")
    assert reasons(index("oulu", settings(root, overrides=str(path)))) == [True, False]
    with pytest.raises(UserError, match=r"gone\.csv: cannot read"):
        index("oulu", settings(root, overrides=str(tmp_path / "gone.csv")))


def test_a_table_for_an_adapter_that_reads_none_is_refused():
    values = {"datasets": {"oulu": {"root": "x", "table": "mine.csv"}}}
    with pytest.raises(UserError, match=r"datasets\.oulu\.table: the adapter oulu reads no table"):
        validate(values, "here")


def test_shipped_positions_of_a_dataset_that_has_none_are_refused_at_once(root):
    assert shipped_file("oulu", settings(root, faces="shipped"), root)(NAME) is None
    table = settings(root, adapter="table", faces="shipped")
    with pytest.raises(UserError, match=r"datasets\.mine\.faces is shipped.*detected"):
        shipped_file("mine", table, root)
    detected = settings(root, adapter="table")
    assert shipped_file("mine", detected, root)(NAME) is None


def rows_of(dataset: str) -> list[Video]:
    """The index of a whole dataset, from its published names."""
    module = importlib.import_module(f"pipeline.datasets.{dataset}")
    return [module.row(name) for name in sorted(NAMES[dataset](), key=str.encode)]


def test_the_partition_of_a_video_is_sha256_of_dataset_and_path_modulo_their_number():
    path = "Train_files/1_3_07_4.avi"
    number = int(hashlib.sha256(b"oulu\x00" + path.encode()).hexdigest(), 16)
    for partitions in (1, 2, 7, 96):
        assert partition_of("oulu", path, partitions) == number % partitions
    assert partition_of("casia", path, 2**200) != partition_of("oulu", path, 2**200)


@pytest.mark.parametrize("dataset, partitions", [("oulu", 96), ("msu", 8), ("casia", 1)])
def test_partitions_share_the_index_out_without_overlap_and_in_its_order(dataset, partitions):
    rows = rows_of(dataset)
    parts = by_partition(rows, partitions)
    assert len(parts) == partitions
    assert sorted((r for p in parts for r in p), key=lambda r: r.path.encode()) == rows
    assert sum(map(len, parts)) == len(rows)
    for part in parts:
        assert part == sorted(part, key=lambda row: row.path.encode())


def test_an_added_video_changes_one_partition():
    rows = rows_of("msu")
    fewer = [row for row in rows if "client051_laptop_SD_scene01" not in row.path]
    assert len(fewer) == len(rows) - 1
    pairs = zip(by_partition(fewer, 8), by_partition(rows, 8), strict=True)
    changed = [now for now, before in pairs if now != before]
    assert len(changed) == 1
