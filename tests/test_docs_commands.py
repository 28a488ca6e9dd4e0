"""Every command that a page shows is run as it stands there, on a small demo; what it prints has
the shape that the page shows. What cannot be run here is listed with the reason and another test.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_commands import ROOT, Command, commands, pages
from warm_ocim import write_client

from pipeline.config import DatasetSettings
from pipeline.index import index

SMALL = "--preset demo --set steps=2 --set batch=4 --set width=0.0625"
CHANGED = (  # what is put in place of a part of a command, so that it ends within seconds
    (r"--cores (?:16|N)\b", "--cores 2"),
    (r"--workers \d+", "--workers 1"),
    (r"(ocim train .*-o \S+)", rf"\1 {SMALL}"),
    (r"--set steps=20", "--set steps=2 --set batch=4 --set width=0.0625"),
    (r"\bOTHER\b", "runs/mine/bundle"),
    (r"\bDIR -o RUN\b", f"runs/demo/bundle -o runs/alone {SMALL}"),
    (r"--root DIR\b", "--root runs/demo/replica/msu"),
)
EXITS = {"ocim bundle diff runs/demo/bundle OTHER": 1}
"""The exit codes of commands that do not end in 0."""

ELSEWHERE = {  # a pattern of whole commands: why it is not run here, the test of the same
    r"make (demo|test|test-fast|env|lint)": (
        "make of everything: its parts are run here and by every other test",
        "tests/test_packaging.py",
    ),
    r"snakemake --cores (16|N) (all|tables)": (
        "the four datasets: licensed",
        "tests/end_to_end/test_whole_run.py::test_the_graph_ends_in_bundle_results_and_report",
    ),
    r"snakemake .* config/ssdg.yaml -- tables": (
        "the four datasets: licensed",
        "tests/end_to_end/test_whole_run.py::test_the_tables_are_a_target_of_their_own",
    ),
    r"ocim tables --beside .*": (
        "needs the tables of the command before it",
        "tests/end_to_end/test_tables.py::test_tables_of_two_bundles_stand_apart",
    ),
    r"snakemake .*out=runs/wide -- all": (
        "a whole run more",
        "tests/end_to_end/test_whole_run.py"
        "::test_a_changed_crop_remakes_the_shards_of_that_run_alone",
    ),
    r"ocim browse .*|ssh .*": (
        "serves until it is stopped",
        "tests/test_pipeline_browse_cli.py",
    ),
    r"(snakemake|python) .*profiles/slurm.*": (
        "a cluster",
        "tests/end_to_end/test_slurm.py",
    ),
    r"(python profiles/kubernetes|docker build).*": (
        "a cluster",
        "tests/end_to_end/test_kubernetes.py",
    ),
    r"(dask|ocim run .*--scheduler) .*": (
        "other machines",
        "tests/end_to_end/test_run_dask.py"
        "::test_scheduler_and_workers_that_run_elsewhere_give_the_same_bytes",
    ),
    r"ocim label .*--depth prnet.*|ocim weights fetch .*": (
        "a download",
        "tests/test_labels_weights.py",
    ),
    r"\.venv-extra/bin/python tools/convert_prnet.py .*|\.venv-extra.*": (
        "a download",
        "tests/test_tools_convert_prnet.py",
    ),
    r"pip install .*": ("a download", "tests/test_packaging.py"),
    r"ocim replica .*": (
        "dear: the demo of this test has one of 1 subject, made by the same verb",
        "tests/test_pipeline_replica_check.py",
    ),
    r"torchrun .*": (
        "several GPUs",
        "tests/test_train_running_ranks.py",
    ),
    r"ocim import-rfmetafas .*": (
        "a model that was never released",
        "tests/test_train_baselines_rfmetafas.py",
    ),
    r"python benchmarks/.*|make (bench|faults)": (
        "measures for minutes",
        "tests/test_benchmarks_end_to_end.py",
    ),
    r"ocim plan .*--measure.*": (
        "measures for a minute",
        "tests/end_to_end/test_plan.py::test_rates_are_measured_on_the_videos_themselves_and_kept",
    ),
    r"ocim run --workers N": (
        "stands for a row of figures",
        "tests/end_to_end/test_run_dask.py::test_two_local_workers_give_the_bytes_of_the_verbs",
    ),
    r"ocim export-onnx \S+ -o model.onnx": (
        "dear, and the same verb is run from another page",
        "tests/test_pipeline_onnx_export.py",
    ),
    r"ocim explain runs/ours .*": (
        "dear, and the same verb is run from another page",
        "tests/end_to_end/test_explain.py",
    ),
    r"ocim index .*--root my(data|tree) .*": (
        "run with the page's own tables",
        "tests/test_docs_own_data.py::test_both_commands_write_the_index_that_the_page_tells",
    ),
    r"ocim (predict|metrics) .*(site|model\.pt).*|awk .*": (
        "run with scores that they give",
        "tests/test_docs_deployment.py::test_the_way_to_a_threshold_of_ones_own_ends_in_metrics",
    ),
}
OF_PAGES = {  # whole pages, whose commands another test runs
    "docs/adding.md": "tests/test_docs_adding.py",
    "docs/stores.md": "tests/end_to_end/test_stores.py"
    "::test_the_verbs_one_after_the_other_and_the_bundle_fetched",
}
FIRST = ("README.md", "docs/commands.md", "docs/method.md")
"""Pages whose commands make what others use."""

ORDERED = sorted(pages(), key=lambda path: (path.relative_to(ROOT).as_posix() not in FIRST, path))
ALL = [command for page in ORDERED for command in commands(page)]


def elsewhere(command: Command) -> str | None:
    """The test that runs the same as a command that is not run here."""
    if command.page in OF_PAGES:
        return OF_PAGES[command.page]
    for pattern, (_, test) in ELSEWHERE.items():
        if re.fullmatch(pattern, command.text, re.S):
            return test
    return None


def runnable() -> list[Command]:
    """What is run here, each text once."""
    once: dict[str, Command] = {}
    for command in ALL:
        if elsewhere(command) is None and not re.match(r"[A-Z_]+=", command.text):
            shown = once[command.text].shown if command.text in once else ()
            once[command.text] = Command(command.page, command.text, shown + command.shown)
    return list(once.values())


def test_commands_are_found_in_the_pages():
    assert len(runnable()) > 25 and {"README.md", "docs/method.md"} <= {c.page for c in runnable()}


@pytest.mark.parametrize("pattern", ELSEWHERE)
def test_what_is_not_run_here_stands_in_a_page_and_is_run_by_a_test(pattern: str):
    assert any(re.fullmatch(pattern, command.text, re.S) for command in ALL)
    path, _, name = ELSEWHERE[pattern][1].partition("::")
    assert f"def {name or 'test_'}" in (ROOT / path).read_text("utf-8")


@pytest.mark.parametrize("page", OF_PAGES)
def test_a_page_with_a_test_of_its_own_is_there(page: str):
    path, _, name = OF_PAGES[page].partition("::")
    assert (ROOT / page).is_file()
    assert f"def {name or 'test_'}" in (ROOT / path).read_text("utf-8")


DEMO = """
out: {out}
datasets:
  oulu: {{ root: runs/demo/replica/oulu, every: 2, partitions: 1 }}
  casia: {{ root: runs/demo/replica/casia, every: 2, partitions: 1 }}
  replay: {{ root: runs/demo/replica/replay, every: 2, partitions: 1 }}
  msu: {{ root: runs/demo/replica/msu, every: 1, partitions: 1 }}
tables: {{ protocols: [O&M&I to C], variants: [without_parsing, ours], seeds: [0] }}
train: {{ preset: demo, protocol: O&C&I to M, steps: 2, batch: 4, width: 0.0625 }}
"""


class Shell:
    """A project's folder, in which commands are run by bash one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}

    def run(self, text: str, code: int = 0) -> str:
        """What a command prints; asserts its exit code."""
        done = subprocess.run(
            ["bash", "-c", text],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert done.returncode == code, f"{text}\n{done.stdout[-3000:]}"
        return done.stdout


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """What the pages name: a demo, made by the verbs from a few videos; pictures; mine.yaml."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("Snakefile", "profiles", "Makefile", "docs"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "config", folder / "config")
    (folder / "config" / "demo.yaml").write_text(DEMO.format(out="runs/demo"))
    (folder / "fresh.yaml").write_text(DEMO.format(out="runs/fresh"))
    (folder / "bin").mkdir()
    write_client(folder / "bin" / "ocim", folder / "ocim.socket")
    shell = Shell(folder)
    server = subprocess.Popen(
        [sys.executable, ROOT / "tests" / "warm_ocim.py", folder / "ocim.socket"],
        env=shell.environment,
        stdout=subprocess.PIPE,
    )
    try:
        assert server.stdout is not None and server.stdout.readline() == b"ready\n"
        make_demo(shell)
        yield shell
    finally:
        server.kill()
        server.wait()


def make_demo(shell: Shell) -> None:
    """`make demo` with a live and a spoof video for each split, and two steps of training."""
    folder = shell.folder
    shell.run("ocim replica -o runs/demo/replica --subjects 1 --seed 1 --cores 2")
    for name in ("oulu", "casia", "replay", "msu"):
        root = folder / "runs/demo/replica" / name
        kept = {
            (row.split, row.live): row.path for row in index(name, DatasetSettings(root=str(root)))
        }
        for row in index(name, DatasetSettings(root=str(root))):
            if row.path not in kept.values():
                (root / row.path).unlink()
    shell.run("snakemake --cores 2 --quiet all --configfile config/demo.yaml -- all")
    (folder / "runs/paper").symlink_to("demo")
    (folder / "data").mkdir()
    for name, own in (("casia", "CASIA-FASD"), ("msu", "MSU-MFSD"), ("replay", "replay-attack")):
        (folder / "data" / own).symlink_to(folder / "runs/demo/replica" / name)
    readme = (ROOT / "README.md").read_text("utf-8")
    mine = re.search(r"    # mine\.yaml\n((?:    .*\n)+)", readme)[1]
    mine = mine.replace("/data/", "data/").replace(" }", ", every: 2, partitions: 1 }")
    small = "".join(
        f"      {key}: {value}\n"
        for key, value in (("preset", "demo"), ("steps", 2), ("batch", 4), ("width", 0.0625))
    )
    (folder / "mine.yaml").write_text(mine + small)
    from PIL import Image
    from skimage.data import astronaut

    photo = Image.fromarray(astronaut())
    for name in ("photo.jpg", "photos/one.jpg", "folder/one.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        photo.save(folder / name)
    clip = next((folder / "runs/demo/replica/oulu/Train_files").glob("*_1.avi"))
    shutil.copy(clip, folder / "clip.mp4")
    shutil.copy(folder / "runs/demo/scores.csv", folder / "mine.csv")
    shutil.copy(folder / "runs/demo/train/held_out_scores.csv", folder / "held_out.csv")


def shape(text: str) -> str:
    """A text without its numbers, units of size, line breaks, and whether work was done before."""
    text = re.sub(r"\(\w+; allowed", "(; allowed", text)  # of which crops
    text = re.sub(r"\((made|finished already|finished before)\)", "()", text)
    text = re.sub(r"(?<![A-Za-z])-?\d[\d,.]*(e-?\d+)?\b|\binf\b", "0", text)
    return " ".join(re.sub(r"\b0 (kB|MB|GB)", "0 B", text).split())


def variables(command: Command) -> str:
    """The lines of a command's page that set its variables."""
    page = [one.text for one in ALL if one.page == command.page]
    lines = page[: page.index(command.text)]
    return "\n".join(line for line in lines if re.match(r"[A-Z_]+=", line))


@pytest.mark.slow
@pytest.mark.parametrize("command", runnable(), ids=lambda command: command.text.split("\n")[0])
def test_the_command_runs_and_prints_what_its_page_shows(shell: Shell, command: Command):
    text = command.text
    for fragment, other in CHANGED:
        text = re.sub(fragment, other, text)
    printed = shape(shell.run(f"{variables(command)}\n{text}", EXITS.get(command.text, 0)))
    for shown in command.shown:
        for part in shown.split("..."):
            assert shape(part) in printed, f"{part}\n{printed}"
