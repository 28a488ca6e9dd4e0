"""docs/design.md: the path of a frame, and of a step, through files and functions that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "design.md").read_text("utf-8")
STEPS = re.findall(r"`([a-z_/]+\.py):([\w.]+)`", TEXT)


def names_in(path: Path) -> set[str]:
    """What a module defines: functions, classes, their methods (Class.method) and constants."""
    names = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        match node:
            case ast.ClassDef():
                names.add(node.name)
                names |= {
                    f"{node.name}.{inner.name}"
                    for inner in node.body
                    if isinstance(inner, ast.FunctionDef)
                }
            case ast.FunctionDef():
                names.add(node.name)
            case ast.Assign() | ast.AnnAssign():
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def test_the_walk_begins_at_the_snakefile_and_reaches_the_batch():
    walk = TEXT[TEXT.index("## The path of one frame") : TEXT.index("## The path of one step")]
    assert walk.index("`Snakefile`") < walk.index("`pipeline/index.py:index`")
    assert walk.rindex("`train/batches/data.py:prepare`") > walk.rindex("pack.py")
    rules = re.findall(r"^rule (\w+):", (ROOT / "Snakefile").read_text("utf-8"), re.M)
    told = re.findall(r"[Rr]ule `(\w+)`", walk)
    assert told == ["index", "crop", "depth", "parse", "pack", "train"]
    assert set(told) <= set(rules)


@pytest.mark.parametrize(("file", "name"), sorted(set(STEPS)), ids=":".join)
def test_each_step_names_a_function_that_its_file_defines(file: str, name: str):
    assert name in names_in(ROOT / file)


def test_every_file_and_folder_that_the_page_names_is_there():
    named = re.findall(r"`((?:pipeline|labels|train|tests|config|profiles)/[\w/.]*)`", TEXT)
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_all_eleven_seams_are_told_of():
    seams = TEXT[TEXT.index("## The eleven seams") : TEXT.index("## How work is kept")]
    assert re.findall(r"^(\d+)\. \*\*", seams, re.M) == [str(n) for n in range(1, 12)]
