"""The command `ocim`: as a user types it, in a process of its own, or in this one."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from pipeline.cli import cli

OCIM = Path(sys.executable).with_name("ocim")


def ocim(*words: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command; options: those of subprocess.run."""
    command = [OCIM, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, **options)


def mistake(*words: object, **options: Any) -> str:
    """The one line on standard error with which a call is refused."""
    done = ocim(*words, **options)
    assert (done.returncode, done.stdout) == (2, ""), done
    (line,) = done.stderr.splitlines()
    assert line.startswith("ocim: ") and "Traceback" not in line
    return line


def in_process(*words: object) -> Result:
    """Run the command in this process; what it raises is the result's exception."""
    return CliRunner().invoke(cli, [str(word) for word in words])
