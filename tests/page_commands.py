"""The shell commands and the outputs that the project's pages show, in the order of each page."""

import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PROGRAMS = (
    "awk", "cd", "conda", "cp", "curl", "dask", "docker", "export", "git", "h5dump", "h5repack",
    "kubectl", "make", "mkdir", "moto_server", "mv", "ocim", "pip", "pre-commit", "pytest",
    "python", "python3", "python3.11", "rm", "sbatch", "scancel", "scontrol", "sh", "snakemake",
    "squeue", "ssh", "tar", "tensorboard", "torchrun", "uv", "wget",
)  # fmt: skip
"""Words that begin a command in an indented or fenced block."""
COMMAND = re.compile(
    rf"(?:\$ |\. \S|[A-Z_]+=\S|\.venv\S*/bin/\S+ |(?:{'|'.join(map(re.escape, PROGRAMS))})(?: |$))"
)
NOT_SHELL = ("python", "yaml", "csv", "text", "diff", "json")
"""Fenced blocks in which no line is a command."""


class Command(NamedTuple):
    """A command of a page, whole, with the lines that the page shows under it (`$ ` blocks) or
    beside it (the second column of a table).
    """

    page: str
    text: str
    shown: tuple[str, ...] = ()


def pages() -> list[Path]:
    """Every page whose commands are promised to work."""
    named = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "benchmarks" / "README.md"]
    return [path for path in named if path.is_file()] + sorted((ROOT / "docs").glob("*.md"))


def blocks(text: str) -> Iterator[list[str]]:
    """The indented and the fenced blocks of a page, without their margin."""
    lines = iter(text.splitlines())
    before = ""
    for line in lines:
        fence = re.match(r" *```(\w*)$", line)
        if fence:
            inside = list(takewhile(lambda inner: inner.strip() != "```", lines))
            if fence[1] not in NOT_SHELL:
                yield dedent("\n".join(inside)).splitlines()
        elif line.startswith("    ") and not before:  # else it goes on with a paragraph or list
            inside = [line]
            for inner in lines:
                if inner and not inner.startswith("    "):
                    break
                inside.append(inner)
            yield dedent("\n".join(inside)).splitlines()
        before = line


def without_comment(line: str) -> str:
    """A line of shell without what stands after ` #`."""
    return re.sub(r"\s+# .*$", "", line)


def end_of(lines: list[str], start: int) -> int:
    """The line after the command that begins at `start`: it goes on after a backslash and in
    open quotes.
    """
    for end in range(start + 1, len(lines) + 1):
        text = "\n".join(map(without_comment, lines[start:end]))
        if not text.endswith("\\") and text.count('"') % 2 == 0 and text.count("'") % 2 == 0:
            return end
    raise ValueError(f"this command does not end: {lines[start]}")


def in_block(lines: list[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The commands of one block, and what the block shows that each prints."""
    number = 0
    while number < len(lines):
        end = number + 1
        if COMMAND.match(lines[number]):
            end = end_of(lines, number)
            text = "\n".join(map(without_comment, lines[number:end]))
            start = end
            if text.startswith("$ "):
                while end < len(lines) and lines[end] and not COMMAND.match(lines[end]):
                    end += 1
            yield text.removeprefix("$ "), tuple(lines[start:end])
        number = end


def in_line(line: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The commands in the text of a line that are whole: with an option and four words, or with a
    variable; of one in a table's first column, what the second shows that it prints.
    """
    for text in re.findall(r"(?<!`)`([^`]+)`", line):
        option = re.search(r" -+\w", text) and len(text.split()) > 3
        if COMMAND.match(text) and " " in text and (option or "$" in text):
            beside = line.split("|")[2] if line.startswith(f"| `{text}` |") else ""
            yield text, tuple(re.findall(r"`([^`]+)`", beside))


def commands(page: Path) -> list[Command]:
    """All commands of a page in their order."""
    name, text = page.relative_to(ROOT).as_posix(), page.read_text("utf-8")
    places: list[tuple[int, str, tuple[str, ...]]] = []
    for lines in blocks(text):
        start = text.index(lines[0], places[-1][0] if places else 0)
        places += [(start, *one) for one in in_block(lines)]
    position = 0
    for line in re.sub(r"```.*?```", lambda m: " " * len(m[0]), text, flags=re.S).splitlines():
        if not line.startswith("    "):
            places += [(position, *one) for one in in_line(line)]
        position += len(line) + 1
    return [Command(name, *rest) for _, *rest in sorted(places, key=lambda place: place[0])]
