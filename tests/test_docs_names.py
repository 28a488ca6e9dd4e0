"""Files, functions, verbs, options and sections that the pages name or link to are there."""

import re
from importlib import import_module
from pathlib import Path

import click
import pytest
from page_commands import ROOT, pages

from pipeline.cli import cli
from train.config import Settings

EXAMPLES = {"labels/depth/paraboloid.py", "pipeline/datasets/siw.py"} | {
    "pipeline/datasets/celeba_spoof.py", "labels/depth/NAME.py", "labels/parsing/NAME.py",
    "labels/landmarks/NAME.py", "DIR/data_label", "score.py", "read.py", "main.py",
}  # fmt: skip
"""What a page tells its reader to write, or what another project has."""
FOLDERS = ("pipeline", "labels", "train", "tests", "benchmarks", "tools", "profiles", "config")
OPTION = re.compile(r"--[a-z][a-z-]*")
LINK = re.compile(r"\]\(([^)\s#]*)(?:#([^)\s]*))?\)")
"""A link: the file, empty for the page itself, and the section."""


def spans(page: Path) -> list[str]:
    """The inline code of a page."""
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.S)
    return re.findall(r"(?<!`)`([^`]+)`(?!`)", text)


def exists(name: str, folders: list[Path]) -> bool:
    """Whether a file is there: from the root, or in a folder that the page has named."""
    return any((folder / name).exists() for folder in folders)


def sections(page: Path) -> set[str]:
    """What a link to a section of a page may end in, as GitHub makes it of the headings."""
    heads = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file_and_a_section_that_are_there(page: Path):
    for target, section in LINK.findall(page.read_text("utf-8")):
        if "://" in target:
            continue
        file = page.parent / target if target else page
        assert file.exists(), target
        assert not section or section in sections(file), f"{target}#{section}"


def test_every_page_is_one_click_from_the_readme():
    linked = {target for target, _ in LINK.findall((ROOT / "README.md").read_text("utf-8"))}
    there = {page.relative_to(ROOT).as_posix() for page in pages()} - {"README.md"}
    assert there - linked == set()


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_file_that_a_page_names_is_there(page: Path):
    words = [word.split(":")[0] for span in spans(page) for word in span.split()]
    named = [word for word in words if re.fullmatch(r"[\w/]+\.py", word)]
    named += [word for word in words if re.fullmatch(rf"(?:{'|'.join(FOLDERS)})/(?:\w+/)*", word)]
    # `pipeline/report/`: `page.py` is in it.
    near = re.findall(r"(?<![\w/.])(?:\w+/)+", page.read_text("utf-8"))
    folders = [ROOT, *(ROOT / word for word in near), *(ROOT / "pipeline" / word for word in near)]
    # `tests/test_x.py`, `_y.py`: the second goes on with the first's name.
    whole = [word for word in named if not word.startswith("_") and word not in EXAMPLES]
    assert [word for word in whole if not exists(word, folders)] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_function_that_a_page_names_is_there(page: Path):
    for span in spans(page):
        name = re.match(r"((?:pipeline|labels|train)(?:\.\w+)+)", span)
        if name is None:
            continue
        words = name[1].split(".")
        of_train = words[0] == "train" and words[1] in Settings.__dataclass_fields__
        if words[-1] == "py" or of_train:
            continue  # a file, or a key of the configuration
        for split in range(len(words), 0, -1):
            if exists("/".join(words[:split]), [ROOT]) or exists(
                "/".join(words[:split]) + ".py", [ROOT]
            ):
                break
        found = import_module(".".join(words[:split]))
        for word in words[split:]:
            assert hasattr(found, word), span
            found = getattr(found, word)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_verb_and_option_that_a_page_names_is_there(page: Path):
    for span in spans(page):
        words = span.split()
        if words[0] != "ocim" or len(words) == 1 or words[1].isupper():
            continue
        verb: click.Command = cli
        for word in words[1:]:
            if not isinstance(verb, click.Group) or word.startswith("-"):
                break
            assert word in verb.commands, span
            verb = verb.commands[word]
        options = {option for one in verb.params for option in (*one.opts, *one.secondary_opts)}
        assert set(OPTION.findall(span)) <= options | {"--help", "--version"}, span
