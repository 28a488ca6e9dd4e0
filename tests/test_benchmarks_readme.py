"""benchmarks/README.md has a row for every script that can be run, and a script for every row."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py"))
ROWS = re.findall(r"^\| `(\w+\.py)` \|(.*)\|$", (FOLDER / "README.md").read_text("utf-8"), re.M)


def test_every_script_has_its_row_and_every_row_its_script():
    assert [name for name, _ in ROWS] == SCRIPTS


@pytest.mark.parametrize(("name", "row"), ROWS, ids=[name for name, _ in ROWS])
def test_a_row_has_claim_command_figure_and_time(name: str, row: str):
    claim, command, figure, time = (cell.strip() for cell in row.split(" | "))
    assert command.startswith(f"`python benchmarks/{name}")
    assert claim and time and re.search(r"\d|not measured", figure)


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_lies_beside_the_readme_can_be_run(name: str):
    assert '\nif __name__ == "__main__":\n' in (FOLDER / name).read_text("utf-8")
