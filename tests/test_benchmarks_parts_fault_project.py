"""What benchmarks/faults.py calls the same bytes: a run that ended otherwise is told."""

from pathlib import Path

import pytest

from benchmarks.parts.fault_project import Project, Tally

FILES = {"index/msu.csv": b"a", "crops/msu/0000.h5": b"b", "bundle/bundle.json": b"c"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose run has ended in its reference."""
    project = Project(tmp_path)
    for name, content in FILES.items():
        path = project.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    project.reference = project.contents("snakemake")
    assert set(project.reference) == set(FILES)
    return project


def test_the_reference_itself_is_right(project):
    assert project.differences(0, "ocim run") == []


def test_an_exit_code_a_missing_another_and_one_more_file_are_told(project):
    (project.out / "index/msu.csv").unlink()
    (project.out / "crops/msu/0000.h5").write_bytes(b"B")
    (project.out / "bundle/.half.tmp.h5").write_bytes(b"")
    assert project.differences(2, "ocim run") == [
        "ocim run: exit code 2",
        "ocim run: bundle/.half.tmp.h5: more",
        "ocim run: crops/msu/0000.h5: other",
        "ocim run: index/msu.csv: missing",
    ]


def test_runs_are_counted_with_what_is_wrong_of_each():
    tally = Tally()
    tally.add([])
    tally.add(["a: other", "b: missing"])
    assert tally == Tally(runs=2, runs_equal=1, wrong=["a: other", "b: missing"])
