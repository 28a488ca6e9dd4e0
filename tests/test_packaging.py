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
DEV = [Requirement(line) for line in PROJECT["optional-dependencies"]["dev"]]
EXTRAS = [
    Requirement(line) for lines in PROJECT["optional-dependencies"].values() for line in lines
]
OURS = {"pipeline", "labels", "train"}


def read_lock() -> dict[str, tuple[Requirement, list[str]]]:
    """Return name -> (pin with marker, hashes) of requirements.lock."""
    lines = (ROOT / "requirements.lock").read_text().replace("\\\n", " ").splitlines()
    locked: dict[str, tuple[Requirement, list[str]]] = {}
    for line in lines:
        if line.startswith("#"):
            continue
        pin, *hashes = line.split(" --hash=")
        requirement = Requirement(pin)
        locked[canonicalize_name(requirement.name)] = requirement, [h.strip() for h in hashes]
    return locked


LOCK = read_lock()


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


@pytest.mark.parametrize("wanted", RUNTIME + EXTRAS, ids=str)
def test_locked_version_satisfies_pyproject(wanted: Requirement) -> None:
    if wanted.name == "torch":
        assert version(wanted)
        return
    locked, _ = LOCK[canonicalize_name(wanted.name)]
    assert wanted.specifier.contains(version(locked)), f"{wanted}: the lock has {locked}"


def test_every_locked_package_is_exact_and_has_hashes() -> None:
    assert len(LOCK) > len(RUNTIME) + len(DEV)
    for locked, hashes in LOCK.values():
        assert version(locked)
        assert hashes, f"{locked} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), locked


def test_lock_leaves_torch_and_cuda_to_the_machine() -> None:
    theirs = re.compile(r"(torch|torchvision|triton)$|nvidia-|cuda-")
    assert [name for name in LOCK if theirs.match(name)] == []


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
    mine = {canonicalize_name(pin.name): str(pin) for pin in map(Requirement, pins)}
    assert mine == {name: str(locked) for name, (locked, _) in LOCK.items()}


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
    providers = packages_distributions()
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
    imports = {module: files for module, files in imports.items() if module not in beside}
    assert undeclared(imports, names(RUNTIME + EXTRAS)) == {}


def test_dependencies_page_explains_every_direct_dependency_and_no_other() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text()
    rows = re.findall(r"^\| ([A-Za-z0-9._-]+) \|", text, re.M)
    explained = {canonicalize_name(row) for row in rows if row != "package"}
    assert explained == names(RUNTIME + EXTRAS)


def test_ci_runs_lint_and_then_exactly_make_test() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in lines if line.startswith("make")] == ["make lint", "make test"]
