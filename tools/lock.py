"""Resolve pyproject.toml into both lock files and environment.yml; `make lock` runs this.

Needs uv and packaging in the Python that runs it, and the package registry. The versions that a
lock holds already are kept where they still fit; `--upgrade` takes the newest ones instead.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]

# What is resolved (mediapipe 0.10.21 has no wheel for Linux on ARM, torch none for Intel Macs).
ENVIRONMENTS = (
    "python_version < '3.13' and sys_platform == 'linux' and platform_machine == 'x86_64'",
    "python_version < '3.13' and sys_platform == 'darwin' and platform_machine == 'arm64'",
)
PYTHONS = ("3.11", "3.12")
PLATFORMS = (("linux", "x86_64"), ("darwin", "arm64"))

# torch and what only its CUDA builds ask for: which build is right depends on the machine, and
# the hashes of one would forbid all others, so pip takes them from pyproject.toml's exact version.
LEFT_TO_TORCH = re.compile(r"(torch|triton|nvidia-[a-z0-9-]+|cuda-[a-z0-9-]+)$")

# What .venv-extra does without: torch and what needs it, other runtimes of networks, the graph,
# clusters and object stores.
WITH_TORCH = {"captum", "face-alignment", "torch"}
NOT_EXTRA = {
    "bokeh", "distributed", "ncnn", "onnx", "onnxruntime", "openvino", "s3fs", "snakemake",
    "snakemake-executor-plugin-kubernetes", "snakemake-executor-plugin-slurm", *WITH_TORCH,
}  # fmt: skip

LOCK_HEADER = """\
# Every package but torch (and what torch's CUDA builds ask for), exact, with the hashes of all its
# files, for Python 3.11 and 3.12 on Linux and macOS. Made by `make lock` from pyproject.toml: do
# not edit. Install with `make env`, or by hand, torch last so that it moves nothing:
#   pip install --require-hashes --no-deps -r requirements.lock
#   pip install {torch}
#   pip install --no-deps -e .
"""

EXTRA_HEADER = """\
# The second environment: MediaPipe 1.x with numpy 2, and what else only a few tests need; no torch.
# Exact, with the hashes of all files, for Python 3.11 and 3.12 on Linux and macOS. Made by
# `make lock` from pyproject.toml: do not edit. Install with `make env-extra`, or by hand:
#   pip install --require-hashes --no-deps -r requirements-extra.lock
#   pip install --no-deps -e .
"""

ENVIRONMENT_HEADER = """\
# For conda and mamba: conda env create -f environment.yml && conda activate ocim
# The same versions as requirements.lock, which has their hashes. Made by `make lock`: do not edit.
name: ocim
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def resolve(wanted: list[str], previous: str, upgrade: bool) -> str:
    """Return uv's resolution of `wanted` for all ENVIRONMENTS, near to the lock `previous`."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "pyproject.toml"
        project.write_text(
            '[project]\nname = "resolved"\nversion = "0"\nrequires-python = ">=3.11,<3.13"\n'
            f"dependencies = {json.dumps(wanted)}\n"
            f"[tool.uv]\nenvironments = {json.dumps(ENVIRONMENTS)}\n"
        )
        lock = Path(folder) / "requirements.lock"
        if previous:
            lock.write_text(previous)
        uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
        command = [uv, "pip", "compile", "pyproject.toml", "--universal"]
        command += ["--python-version", "3.11", "--generate-hashes", "--no-annotate"]
        command += ["--no-header", "--quiet", "--output-file", "requirements.lock"]
        subprocess.run(command + ["--upgrade"] * upgrade, cwd=folder, check=True)
        return lock.read_text()


def simplify(marker: str) -> str:
    """Say a resolver's marker in words of the Pythons and platforms that are supported, or as "".

    A marker that holds nowhere among them gives "never".
    """
    if not marker:
        return ""
    holds = {}
    for python in PYTHONS:
        for system, machine in PLATFORMS:
            values = {"python_version": python, "python_full_version": f"{python}.0"}
            values |= {"sys_platform": system, "platform_machine": machine}
            values |= {
                "implementation_name": "cpython",
                "platform_python_implementation": "CPython",
            }
            holds[python, system] = Marker(marker).evaluate(values)
    pythons = {python for (python, _), true in holds.items() if true}
    systems = {system for (_, system), true in holds.items() if true}
    if not pythons:
        return "never"
    if sum(holds.values()) != len(pythons) * len(systems):
        raise SystemExit(f"tools/lock.py: no simple way to say the marker {marker!r}")
    parts = [f"python_version == '{python}'" for python in pythons if len(pythons) == 1]
    parts += [f"sys_platform == '{system}'" for system in systems if len(systems) == 1]
    return " and ".join(parts)


def entries(lock: str) -> list[tuple[str, str, str, list[str]]]:
    """Split a lock's text into (name, version, marker or "", hashes), torch's own left out."""
    found = []
    for block in lock.replace("\\\n", " ").splitlines():
        pin, *hashes = block.split(" --hash=")
        requirement = Requirement(pin)
        marker = simplify(str(requirement.marker or ""))
        if marker != "never" and not LEFT_TO_TORCH.match(requirement.name):
            version = str(requirement.specifier).removeprefix("==")
            found.append((requirement.name, version, marker, [value.strip() for value in hashes]))
    return found


def text_of(header: str, resolved: list[tuple[str, str, str, list[str]]]) -> str:
    """Return the text of a lock file."""
    lock = header
    for name, version, marker, hashes in resolved:
        pin = f"{name}=={version} ; {marker}" if marker else f"{name}=={version}"
        lock += " \\\n    ".join([pin, *(f"--hash={value}" for value in hashes)]) + "\n"
    return lock


def main() -> None:
    """Write all three files anew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
    upgrade = parser.parse_args().upgrade
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted, groups = project["dependencies"], project["optional-dependencies"]
    torch = next(line for line in wanted if line.startswith("torch=="))
    path, extra = ROOT / "requirements.lock", ROOT / "requirements-extra.lock"

    previous = path.read_text() if path.exists() else ""
    resolved = entries(resolve(wanted + groups["dev"] + groups["embedded"], previous, upgrade))
    path.write_text(text_of(LOCK_HEADER.format(torch=torch), resolved))

    environment = ENVIRONMENT_HEADER
    for name, version, marker, _ in resolved:
        if "3.12" not in marker:
            pin = f"{name}=={version} ; {marker}" if marker else f"{name}=={version}"
            quote = '"' if marker else ""
            environment += f"      - {quote}{pin}{quote}\n"
    environment += f"      - {torch}\n      - -e .\n"
    (ROOT / "environment.yml").write_text(environment)

    # The first time near to the main lock, so that what both have is of one version where it fits.
    previous = (extra if extra.exists() else path).read_text()
    light = [line for line in wanted if Requirement(line).name not in NOT_EXTRA]
    second = entries(resolve(light + groups["tasks"] + groups["extra"], previous, upgrade))
    extra.write_text(text_of(EXTRA_HEADER, second))
    print(f"requirements.lock and environment.yml: {len(resolved)} packages, and {torch}")
    print(f"requirements-extra.lock: {len(second)} packages")


if __name__ == "__main__":
    main()
