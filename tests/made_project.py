"""A project's folder as a user has it, and the shell in which its commands are found."""

import os
import shutil
import sys
from pathlib import Path

from pipeline.files.keys import sha256_file

ROOT = Path(__file__).resolve().parents[1]


def fill(place: Path) -> Path:
    """Copy the Snakefile, the profiles and the configurations into `place`, and return it."""
    shutil.copy(ROOT / "Snakefile", place)
    for name in ("profiles", "config"):
        shutil.copytree(ROOT / name, place / name)
    return place


def environment(**more: str) -> dict[str, str]:
    """The shell as an activated environment has it."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, **more}


def tree(root: Path, clip: Path) -> None:
    """A copy of the video `clip` for each split and class, as the adapter `table` reads them."""
    for split in ("train", "test"):
        for live in ("live", "spoof"):
            folder = root / split / live / split
            folder.mkdir(parents=True)
            shutil.copy(clip, folder)


def contents(out: Path) -> dict[str, str]:
    """Sha256 of all that a run makes: every file but those that say how it went."""
    files = (path for name in ("index", "crops", "depth", "parsing", "bundle")
             for path in (out / name).rglob("*") if path.is_file())  # fmt: skip
    return {str(path.relative_to(out)): sha256_file(path) for path in files}


def inodes(out: Path) -> dict[str, int]:
    """The number of each finished file: another one where it is made again."""
    return {str(p.relative_to(out)): p.stat().st_ino for p in out.rglob("[!.]*.h5")}
