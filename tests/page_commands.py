"""The shell commands and the outputs that the project's pages show, in the order of each page."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PROGRAMS = (
    "awk", "cd", "conda", "cp", "curl", "dask", "docker", "export", "for", "git", "h5dump",
    "h5repack", "kubectl", "make", "mkdir", "moto_server", "mv", "ocim", "pip", "pre-commit",
    "pytest", "python", "python3", "python3.11", "rm", "sbatch", "scancel", "scontrol", "sh",
    "snakemake", "squeue", "ssh", "tar", "tensorboard", "torchrun", "uv", "wget",
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
    of_table: bool = False


def pages() -> list[Path]:
    """Every page whose commands are promised to work."""
    named = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "benchmarks" / "README.md"]
    return [path for path in named if path.is_file()] + sorted((ROOT / "docs").glob("*.md"))


def blocks(text: str) -> Iterator[list[str]]:
    """The indented and the fenced blocks of a page, without their margin, and its table rows."""
    lines = iter(text.splitlines())
    block: list[str] = []
    for line in lines:
        fence = re.match(r"( *)```(\w*)$", line)
        if fence:
            inside = []
            for inner in lines:
                if inner.strip() == "```":
                    break
                inside.append(inner.removeprefix(fence[1]))
            if fence[2] not in NOT_SHELL:
                yield inside
        elif line.startswith("    "):
            block.append(line)
            continue
        elif not line and block:
            block.append("")
            continue
        if block:
            margin = min(len(one) - len(one.lstrip()) for one in block if one)
            yield [one[margin:] for one in block]
            block = []
        if line.startswith("| `"):
            yield [line]
    if block:
        yield [one[4:] for one in block]


def bare(line: str) -> str:
    """A line without the comment at its end."""
    return re.sub(r"\s+# .*$", "", line)


def whole(lines: list[str], start: int) -> int:
    """Where the command that begins in a line ends: after backslashes and open quotes."""
    end = start + 1
    while end < len(lines):
        text = "\n".join(bare(line) for line in lines[start:end])
        if not text.endswith("\\") and text.count('"') % 2 == 0 and text.count("'") % 2 == 0:
            break
        end += 1
    return end


def commands(page: Path) -> list[Command]:
    """All commands of a page in their order."""
    name, found = page.relative_to(ROOT).as_posix(), []
    for lines in blocks(page.read_text("utf-8")):
        if lines[0].startswith("| `"):
            cells = [cell.strip() for cell in lines[0].strip("|").split("|")]
            code = re.fullmatch(r"`([^`]+)`", cells[0])
            if code and COMMAND.match(code[1]) and re.search(r" -|\$", code[1]):
                found.append(
                    Command(name, code[1], tuple(re.findall(r"`([^`]+)`", cells[1])), True)
                )
            continue
        number = 0
        while number < len(lines):
            if not COMMAND.match(lines[number]):
                number += 1
                continue
            end = whole(lines, number)
            text = "\n".join(bare(line) for line in lines[number:end])
            printed: list[str] = []
            if text.startswith("$ "):
                text = text.removeprefix("$ ")
                while end < len(lines) and lines[end] and not COMMAND.match(lines[end]):
                    printed.append(lines[end])
                    end += 1
            found.append(Command(name, text, tuple(printed)))
            number = end
    return found
