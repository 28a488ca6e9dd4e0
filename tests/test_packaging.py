"""The files that say what to install agree, and name all that the code imports."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RUNTIME = [Requirement(line) for line in PROJECT["dependencies"]]
GROUPS = {
    name: [Requirement(line) for line in lines]
    for name, lines in PROJECT["optional-dependencies"].items()
}
DEV = GROUPS["dev"]
EXTRAS = [requirement for group in GROUPS.values() for requirement in group]
OURS = {"pipeline", "labels", "train"}
ONLY_EXTRA = {"tensorflow": ["tensorflow-cpu"]}
"""Modules that nothing in this environment provides, and who does in the second."""


def read_lock(name: str) -> dict[str, list[tuple[Requirement, list[str]]]]:
    """Return name -> (pin with marker, hashes) of each of its lines in a lock file."""
    lines = (ROOT / name).read_text().replace("\\\n", " ").splitlines()
    locked: dict[str, list[tuple[Requirement, list[str]]]] = {}
    for line in lines:
        if line.startswith("#"):
            continue
        pin, *hashes = line.split(" --hash=")
        requirement = Requirement(pin)
        entry = requirement, [h.strip() for h in hashes]
        locked.setdefault(canonicalize_name(requirement.name), []).append(entry)
    return locked


LOCK = read_lock("requirements.lock")
EXTRA_LOCK = read_lock("requirements-extra.lock")


def version(requirement: Requirement) -> str:
    """Return the one version that a pin allows."""
    (specifier,) = requirement.specifier
    assert specifier.operator == "==", f"{requirement} is no exact version"
    assert "*" not in specifier.version, f"{requirement} is no exact version"
    return specifier.version


def names(requirements: list[Requirement]) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements}


def conda() -> tuple[list[str], list[str]]:
    """Return what conda and what pip install by environment.yml."""
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (by_pip,) = [item["pip"] for item in listed if isinstance(item, dict)]
    return [item for item in listed if isinstance(item, str)], by_pip


@pytest.mark.parametrize("wanted", RUNTIME + DEV + GROUPS["embedded"], ids=str)
def test_locked_version_satisfies_pyproject(wanted: Requirement) -> None:
    if wanted.name == "torch":
        assert version(wanted)
        return
    for locked, _ in LOCK[canonicalize_name(wanted.name)]:
        assert wanted.specifier.contains(version(locked)), f"{wanted}: the lock has {locked}"


@pytest.mark.parametrize("wanted", GROUPS["tasks"] + GROUPS["extra"], ids=str)
def test_the_second_lock_has_what_only_it_is_for(wanted: Requirement) -> None:
    for locked, _ in EXTRA_LOCK[canonicalize_name(wanted.name)]:
        assert wanted.specifier.contains(version(locked)), f"{wanted}: the lock has {locked}"


def test_the_second_lock_satisfies_pyproject_without_what_it_leaves_out() -> None:
    text = (ROOT / "tools" / "lock.py").read_text()
    (with_torch,) = re.findall(r"^WITH_TORCH = (.*)$", text, re.M)
    (others,) = re.findall(r"^NOT_EXTRA = ({[^}]*), \*WITH_TORCH", text, re.M)
    not_extra = ast.literal_eval(with_torch) | ast.literal_eval(others + "}")
    assert {"captum", "torch", "onnx"} <= not_extra
    assert not_extra.issubset(names(RUNTIME))
    assert not not_extra & set(EXTRA_LOCK)
    for wanted in RUNTIME:
        if wanted.name not in not_extra:
            for locked, _ in EXTRA_LOCK[canonicalize_name(wanted.name)]:
                assert wanted.specifier.contains(version(locked)), f"{wanted}: it has {locked}"


@pytest.mark.parametrize("lock", [LOCK, EXTRA_LOCK], ids=["first", "second"])
def test_every_locked_package_is_exact_and_has_hashes(
    lock: dict[str, list[tuple[Requirement, list[str]]]],
) -> None:
    assert len(lock) > len(RUNTIME) + len(DEV)
    for lines in lock.values():
        for locked, hashes in lines:
            assert version(locked)
            assert hashes, f"{locked} has no hash"
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), locked


def test_locks_leave_torch_and_cuda_to_the_machine() -> None:
    theirs = re.compile(r"(torch|torchvision|triton)$|nvidia-|cuda-")
    assert [name for name in [*LOCK, *EXTRA_LOCK] if theirs.match(name)] == []


def test_torch_is_the_same_everywhere() -> None:
    (torch,) = [str(requirement) for requirement in RUNTIME if requirement.name == "torch"]
    texts = {
        "requirements.lock": (ROOT / "requirements.lock").read_text(),
        "environment.yml": (ROOT / "environment.yml").read_text(),
    }
    for name, text in texts.items():
        assert re.findall(r"\btorch==\S+", text) == [torch], name


def test_environment_yml_installs_the_locked_versions() -> None:
    _, by_pip = conda()
    *pins, torch, project = by_pip
    assert torch.startswith("torch==")
    assert project == "-e ."
    mine = {str(pin) for pin in map(Requirement, pins)}
    assert len(mine) == len(pins)
    of_python_3_11 = {
        str(locked)
        for lines in LOCK.values()
        for locked, _ in lines
        if "3.12" not in str(locked.marker)
    }
    assert mine == of_python_3_11


def test_environment_yml_installs_a_python_that_the_project_takes() -> None:
    by_conda, _ = conda()
    (python,) = [item.split("=")[1] for item in by_conda if item.startswith("python=")]
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(f"{python}.0")


def third_party_imports(paths: list[Path]) -> dict[str, set[str]]:
    """Return top-level module -> files that import it anywhere, standard library left out."""
    found: dict[str, set[str]] = {}
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            modules: list[str] = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                modules = [node.module]
            for module in modules:
                top = module.partition(".")[0]
                if top not in sys.stdlib_module_names and top not in OURS:
                    found.setdefault(top, set()).add(str(path.relative_to(ROOT)))
    return found


def undeclared(imports: dict[str, set[str]], declared: set[str]) -> dict[str, set[str]]:
    """Return the imports that no declared distribution provides."""
    providers = {**ONLY_EXTRA, **packages_distributions()}
    return {
        module: files
        for module, files in imports.items()
        if not declared & {canonicalize_name(name) for name in providers.get(module, [module])}
    }


def test_pyproject_declares_every_import_of_the_packages() -> None:
    imports = third_party_imports([p for top in OURS for p in (ROOT / top).rglob("*.py")])
    assert {"numpy", "torch", "cv2"} <= set(imports), "the scan finds nothing"
    assert undeclared(imports, names(RUNTIME + EXTRAS) - names(DEV)) == {}


def test_pyproject_declares_every_import_of_tests_tools_and_benchmarks() -> None:
    paths = [p for top in ("tests", "tools", "benchmarks") for p in (ROOT / top).rglob("*.py")]
    beside = {path.stem for path in paths} | {"tests", "tools", "benchmarks"}
    imports = third_party_imports(paths)
    # bob: whoever makes the stored cases of bob.measure again installs it by hand.
    imports = {m: files for m, files in imports.items() if m not in beside | {"bob"}}
    assert undeclared(imports, names(RUNTIME + EXTRAS)) == {}


def test_dependencies_page_explains_every_direct_dependency_and_no_other() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text()
    rows = re.findall(r"^\| ([A-Za-z0-9._-]+) \|", text, re.M)
    explained = {canonicalize_name(row) for row in rows if row != "package"}
    assert explained == names(RUNTIME + EXTRAS)


def test_ci_makes_the_second_environment_lints_and_runs_exactly_make_test() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in lines if line.startswith("make")] == [
        "make env-extra lint",
        "make test",
    ]
