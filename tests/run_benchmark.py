"""Runs a script of benchmarks/ as its users do, for its test."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def ended(script: str, *options: str | Path) -> subprocess.CompletedProcess[str]:
    """A script's run; options: of its command line."""
    command = [sys.executable, ROOT / "benchmarks" / f"{script}.py", *options]
    return subprocess.run(command, capture_output=True, text=True)


def figures(script: str, *options: str | Path) -> Any:
    """The JSON that a script prints."""
    done = ended(script, *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def complaint(script: str, *options: str | Path) -> str:
    """The one line with which a script ends that cannot begin."""
    done = ended(script, *options)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.strip()
