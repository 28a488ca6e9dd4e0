"""Every command that the pages show is run, or is named with the test that runs it.

All run in one small project, in the order of their pages: the replica and the configurations are
the pages' own, with fewer frames and steps.
"""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from command_line import verbs
from made_project import environment, fill
from page_commands import ROOT, Command, commands, pages
from PIL import Image

pytestmark = pytest.mark.slow

ELSEWHERE = {
    r"make (demo|env|test|test-fast|lint)$": "set this up and call it: tests/test_habits.py",
    r"make (bench|faults)$|python benchmarks/": "hours: tests/test_benchmarks_readme.py",
    r"ocim replica -o ": "made before all others: tests/conftest.py",
    r"snakemake .*--config 'crop=": "a second whole run: tests/end_to_end/test_graph.py",
    r"ocim bundle export --format ssdg": "many frames: tests/test_pipeline_export_ssdg.py",
    r"ocim plan .*--measure": "minutes: tests/test_pipeline_plan_measure.py",
    r"ocim browse ": "a server, which does not end: tests/test_pipeline_browse_cli.py",
    r"ssh ": "another machine: tests/test_pipeline_browse_server.py",
    r"ocim label .*--parsing bisenet": "weights: tests/test_labels_parsing_bisenet.py",
    r"ocim weights fetch ": "a network: tests/test_pipeline_cli_weights.py",
    r"\.venv-extra/bin/python tools/convert_prnet": "weights: tests/test_tools_convert_prnet.py",
    r"(snakemake|python) .*profiles/(slurm|kubernetes)": (
        "clusters: tests/end_to_end/test_slurm.py, tests/end_to_end/test_kubernetes.py"
    ),
    r"snakemake .* config/ssdg\.yaml -- tables": (
        "36 trainings: tests/end_to_end/test_whole_run.py"
    ),
    r"ocim tables --beside ": "tables of those: tests/end_to_end/test_tables.py",
    r"dask |ocim run .*--scheduler ": "other machines: tests/end_to_end/test_run_dask.py",
}
"""Commands that cannot be run here: why, and the tests that run what they do."""

OF_PAGE = {
    "docs/adding.md": "tests/test_docs_adding.py",
    "docs/own-data.md": "tests/test_docs_own_data.py",
    "docs/stores.md": "tests/end_to_end/test_stores.py, tests/test_docs_stores.py",
}
"""Pages whose commands have a test of their own."""

EVERY = {"oulu": 10, "casia": 10, "replay": 10, "msu": 6}
SMALL = {
    "train": {"steps": 2, "width": 0.0625, "input_size": 64, "batch": 4, "threads": 1},
    "tables": {"seeds": [0]},
}
SET = "".join(f" --set {key}={value}" for key, value in SMALL["train"].items())


def elsewhere(command: Command) -> str:
    """Which entry of ELSEWHERE a command falls under, "" for one that is run here."""
    return next((pattern for pattern in ELSEWHERE if re.match(pattern, command.text)), "")


HERE = [page for page in pages() if page.relative_to(ROOT).as_posix() not in OF_PAGE]
ALL = [command for page in HERE for command in commands(page)]


def smaller(values: dict[str, Any]) -> str:
    """A configuration of the pages, with fewer frames and steps."""
    datasets = {
        name: {**dataset, "every": EVERY[name], "partitions": 1}
        for name, dataset in values["datasets"].items()
    }
    train = {**values.get("train", {}), **SMALL["train"]}
    tables = {**values.get("tables", {}), **SMALL["tables"]}
    small = {**values, "datasets": datasets, "train": train, "tables": tables}
    return yaml.safe_dump(small, sort_keys=False)


@pytest.fixture(scope="module")
def project(
    tmp_path_factory: pytest.TempPathFactory,
    replica: Path,
    portrait: np.ndarray,
    video_writer: Callable[..., Path],
) -> Path:
    """A checkout in which `make demo` was made, small, with the files that the pages name."""
    place = fill(tmp_path_factory.mktemp("project"))
    (place / "Makefile").symlink_to(ROOT / "Makefile")
    (place / "runs" / "demo").mkdir(parents=True)
    (place / "runs" / "demo" / "replica").symlink_to(replica)
    demo = place / "config" / "demo.yaml"
    demo.write_text(smaller(yaml.safe_load(demo.read_text())))
    verbs(("run", "--config", "config/demo.yaml", "--workers", 1), cwd=place)
    after = ("train", "evaluate", "report")
    verbs(*((verb, "--config", "runs/demo/config.yaml") for verb in after), cwd=place)

    page = (ROOT / "README.md").read_text("utf-8")
    mine = re.search(r"^    # mine\.yaml\n((?:    .*\n)+)", page, re.M).group(1)
    mine = yaml.safe_load(mine.replace("/data/", "data/"))
    (place / "mine.yaml").write_text(smaller(mine))
    (place / "fresh.yaml").write_text(demo.read_text().replace("runs/demo\n", "runs/fresh\n", 1))
    (place / "data").mkdir()
    folders = {"CASIA-FASD": "casia", "MSU-MFSD": "msu", "replay-attack": "replay"}
    for name, dataset in folders.items():
        (place / "data" / name).symlink_to(replica / dataset)
    for stage in ("index", "crops", "depth", "parsing"):  # finished: they are the same videos
        for dataset in mine["datasets"]:
            (place / "runs" / "mine" / stage).mkdir(parents=True, exist_ok=True)
            for made in (place / "runs" / "demo" / stage).glob(f"{dataset}*"):
                copy = shutil.copytree if made.is_dir() else shutil.copy
                copy(made, place / "runs" / "mine" / stage / made.name)
    (place / "runs" / "paper").symlink_to("demo")
    (place / "OTHER").symlink_to("runs/demo/bundle")
    (place / "replica").symlink_to(replica)

    frames = [np.roll(portrait, n, axis=1) for n in range(6)]
    for name in ("clip.mp4", "door.mp4", "site/live/1.mp4", "site/spoof/1.mp4"):
        video_writer(place / name, frames)
    for name in ("photo.jpg", "photos/1.png", "folder/1.png"):
        (place / name).parent.mkdir(exist_ok=True)
        Image.fromarray(portrait).save(place / name)
    shutil.copy(place / "runs" / "demo" / "train" / "model.pt", place)
    shutil.copy(place / "runs" / "demo" / "scores.csv", place / "mine.csv")
    shutil.copy(place / "runs" / "demo" / "scores.csv", place / "held_out.csv")
    return place


def short(text: str) -> str:
    """The same command, with as few steps and processes as it can have."""
    if text.startswith(("ocim train --bundle", "ocim tables --bundle")):
        return text + SET
    return text.replace("--cores 16 --configfile", "--cores 2 --configfile")


def shape(line: str) -> re.Pattern[str]:
    """A line that a page shows, whatever its numbers and their units."""
    text = re.escape(" ".join(line.split())).replace(r"\.\.\.", ".*")
    text = re.sub(r"\d[\d,]*(?:\\\.\d+)?", r"-?\\d[\\d,]*(?:\\.\\d+)?(?:e-\\d+)?", text)
    return re.compile(re.sub(r"\\ [kMG]?B\b", " [kMG]?B", text))


DONE: dict[str, str] = {}
"""What each command has printed: one that stands on several pages is run once."""


@pytest.mark.parametrize("page", HERE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_commands_of_the_page_run_and_print_what_it_shows(project: Path, page: Path):
    variables = 'C="--config runs/demo/config.yaml"\n'
    for command in commands(page):
        if elsewhere(command):
            continue
        if re.match(r"[A-Z]+=", command.text):
            variables += command.text + "\n"
            continue
        text = f"set -e\n{variables}{short(command.text)}"
        if text not in DONE:
            done = subprocess.run(
                ["bash", "-c", text], cwd=project, env=environment(), capture_output=True, text=True
            )
            assert done.returncode == 0, f"{command.text}\n{done.stdout}{done.stderr}"
            DONE[text] = done.stdout + done.stderr
        printed = " ".join(DONE[text].split())
        shown = [line for line in command.shown if line.strip(" .")]
        missing = [line for line in shown if not shape(line).search(printed)]
        # A row of a table tells what is printed the first time, and what another time.
        allowed = max(0, len(shown) - 1) if command.of_table else 0
        assert len(missing) <= allowed, f"{command.text} does not print {missing}:\n{DONE[text]}"


def test_what_is_not_run_here_is_on_a_page_and_run_by_a_test_that_exists():
    met = {elsewhere(command) for command in ALL}
    assert set(ELSEWHERE) - met == set()
    named = re.findall(r"tests/\S+?\.py", " ".join((*ELSEWHERE.values(), *OF_PAGE.values())))
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_every_page_with_a_python_block_has_a_test_that_runs_it():
    with_python = [page for page in pages() if "```python" in page.read_text("utf-8")]
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").glob("test_docs_*.py"))
    assert [page.name for page in with_python if f'"{page.name}"' not in tests] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("    ocim check  # what is wrong\n", ["ocim check"]),
        ("    $ ocim check\n    right\n\ntext\n", ["ocim check"]),
        ("```\nocim a \\\n    b\n```\n", ["ocim a \\\n    b"]),
        ("    key: value\n    ocim: data/oulu: no such folder\n", []),
        ("```python\nimport ocim\n```\n", []),
        ("| `ocim crop $C` | `made` |\n| `ocim run` | all |\n", ["ocim crop $C"]),
    ],
)
def test_commands_are_found_in_blocks_and_tables(tmp_path, monkeypatch, text, found):
    (tmp_path / "page.md").write_text(text)
    monkeypatch.setattr("page_commands.ROOT", tmp_path)
    assert [command.text for command in commands(tmp_path / "page.md")] == found
