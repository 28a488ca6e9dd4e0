"""The command `ocim`: as a user types it, in a process of its own, or in this one."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from pipeline.cli import cli

OCIM = Path(sys.executable).with_name("ocim")
_ONE_AFTER_THE_OTHER = """
import json, sys
from pipeline.cli import cli
if __name__ == "__main__":
    for words in json.loads(sys.argv[1]):
        cli.main(words, standalone_mode=False)
"""


def ocim(*words: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command; options: those of subprocess.run."""
    command = [OCIM, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, **options)


def verbs(*calls: Sequence[object], **options: Any) -> str:
    """Run several calls, each of which must succeed, one after the other in one process: what is
    imported is imported once. Returns what they print.
    """
    words = json.dumps([[str(word) for word in call] for call in calls])
    command = [sys.executable, "-c", _ONE_AFTER_THE_OTHER, words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, **options)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


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
