"""What a newcomer relies on: make help, the hooks, files that say what they are."""

import ast
import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
TESTS = sorted(ROOT.glob("tests/test_*.py"))
MODULES = sorted(
    path
    for folder in ("pipeline", "labels", "train", "benchmarks", "tools")
    for path in (ROOT / folder).rglob("*.py")
)


def commands_of(path: Path) -> set[str]:
    """The targets of make that a script runs."""
    lines = re.findall(r"^make (.+)$", path.read_text("utf-8"), re.M)
    return {target for line in lines for target in line.split()}


def test_make_help_lists_every_target_with_what_it_does():
    text = (ROOT / "Makefile").read_text("utf-8")
    targets = re.search(r"^\.PHONY: (.+)$", text, re.M).group(1).split()
    help_text = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    listed = dict(re.findall(r"^make ([\w-]+) +(\S.+)$", help_text, re.M))
    assert set(listed) == set(targets)


def test_the_hooks_run_what_ci_runs():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    assert {repo["repo"] for repo in hooks["repos"]} == {"local"}
    entries = {hook["entry"] for repo in hooks["repos"] for hook in repo["hooks"]}
    in_ci = commands_of(ROOT / ".ci" / "run") - {"env-extra"}  # which only sets up
    assert in_ci == {"lint", "test"}
    assert entries == {f"make {target}" for target in in_ci | {"test-fast"}}


def test_contributing_fits_on_one_page():
    assert len((ROOT / "CONTRIBUTING.md").read_text("utf-8").splitlines()) <= 60


def test_every_file_says_what_it_is_in_its_first_line():
    silent = []
    for path in (*MODULES, *TESTS):
        text = path.read_text("utf-8")
        if text.strip() and not ast.get_docstring(ast.parse(text)):
            silent.append(str(path.relative_to(ROOT)))
    assert silent == []


def test_every_test_file_is_named_after_what_it_tests():
    names = {"_".join(path.relative_to(ROOT).with_suffix("").parts) for path in MODULES}
    names |= {name.removesuffix("___init__") for name in names}
    names -= {"pipeline", "labels", "train"}
    names |= {"benchmarks_readme", "docs", "habits", "labels_rotated", "packaging", "pages"}
    strangers = [
        path.name
        for path in TESTS
        if not any(f"{path.stem}_".startswith(f"test_{name}_") for name in names)
    ]
    assert strangers == []
