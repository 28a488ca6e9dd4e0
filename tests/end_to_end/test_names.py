"""Names of files, folders and projects that are made to hurt, through the graph and every verb."""

import csv
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import h5py
import made_names
import made_project
import numpy as np
import pytest
import yaml
from browser import opened

from pipeline.bundle import Bundle
from pipeline.cli import cli
from pipeline.files.keys import sha256_file

pytestmark = pytest.mark.slow
CONFIG = "my {config}.yaml"


def run(place: Path, *words: str | Path, code: int = 0) -> str:
    """What a command says; assert that it ends with `code`, and never with a traceback."""
    words = tuple(str(word) for word in words)
    environment = made_project.environment(OMP_NUM_THREADS="1")
    done = subprocess.run(words, cwd=place, env=environment, capture_output=True, timeout=600)
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == code, said[-3000:]
    assert "Traceback" not in said
    return said


@pytest.fixture
def ocim(place: Path, monkeypatch, capfd) -> Callable[..., str]:
    """What a verb says that ends well, in the project's folder and in this process: what is
    imported is imported once.
    """
    monkeypatch.chdir(place)

    def ocim(*words: str | Path) -> str:
        cli.main([str(word) for word in words], standalone_mode=False)
        return capfd.readouterr().out

    return ocim


def settings(out: str) -> dict:
    """A tree, and a table of the same videos: msu, a name that `bundle export` knows."""
    of_both = {"adapter": "table", "root": made_names.ROOT, "every": 1}
    train = {"protocol": "tree to msu", "width": 0.0625, "input_size": 64, "steps": 2, "batch": 4}
    return {
        "out": out,
        "datasets": {
            "tree": {**of_both, "partitions": 2},
            "msu": {**of_both, "table": "my {table}.csv", "partitions": 1},
        },
        "train": {**train, "threads": 1, "device": "cpu"},
    }


def write(place: Path, name: str, out: str) -> None:
    (place / name).write_text(yaml.safe_dump(settings(out), allow_unicode=True), "utf-8")


@pytest.fixture(scope="module")
def clip(tmp_path_factory, portrait: np.ndarray, video_writer: Callable[..., Path]) -> Path:
    """A video of two frames with a face."""
    frames = [portrait, np.roll(portrait, 4, axis=1)]
    path = tmp_path_factory.mktemp("clip") / "clip.avi"
    return video_writer(path, frames, codec="mjpeg", pixel_format="yuvj420p")


@pytest.fixture(scope="module")
def place(tmp_path_factory, clip: Path) -> Path:
    """The project's folder after `snakemake all`."""
    place = tmp_path_factory.mktemp("names") / made_names.PLACE
    place.mkdir()
    made_project.fill(place)
    made_names.table(place / "my {table}.csv", made_names.fill(place / made_names.ROOT, clip))
    write(place, CONFIG, made_names.OUT)
    run(place, "snakemake", "--cores", "2", "--configfile", CONFIG, "--", "all")
    return place


@pytest.fixture(scope="module")
def videos(place: Path) -> set[str]:
    """Every video of the tree, as the disk has it."""
    root = place / made_names.ROOT
    return {path.relative_to(root).as_posix() for path in root.rglob("*.avi")}


def test_every_name_is_a_sample_and_spelled_as_on_the_disk(place, videos):
    bundle = Bundle(place / made_names.OUT / "bundle")
    assert not bundle.failures
    found = {str(name) for shard in bundle.shards("tree") for name in shard.video}
    assert found == videos and len(videos) == len(made_names.NAMES)
    listed = {str(name) for shard in bundle.shards("msu") for name in shard.video}
    assert listed == {name for name in videos if made_names.fits_a_table(name)}
    with (place / made_names.OUT / "scores.csv").open(newline="", encoding="utf-8") as file:
        assert {row["video"] for row in csv.DictReader(file)} <= listed


def test_nothing_in_a_name_was_carried_out(place):
    def executed() -> list[Path]:
        return [path for path in place.parent.rglob("*") if path.name == "pwned"]

    assert not executed()
    before = {path.name for path in place.iterdir()}
    assert {CONFIG, made_names.OUT, made_names.ROOT} <= before


def test_the_verbs_take_such_names(place, ocim, tmp_path):
    out = Path(made_names.OUT)
    bundle, model = out / "bundle", out / "train" / "model.pt"
    ocim("check", "--config", CONFIG)
    for verb in ("crop", "depth", "parse"):
        words = ("--config", CONFIG, "--dataset", "tree", "--partition", "1")
        assert "finished already" in ocim(verb, *words)
    assert "right" in ocim("bundle", "verify", "--", bundle)
    ocim("bundle", "info", "--", bundle)
    ocim("bundle", "diff", "--", bundle, bundle)
    for shard in sorted((place / bundle).glob("*.h5")):
        picture = tmp_path / f"<img {{s}}> {shard.stem}.png"
        shown = f"{bundle / shard.name}:0"
        said = ocim("bundle", "show", "--config", CONFIG, "-o", picture, "--", shown)
        assert "the frame gives the stored crop: yes" in said
    words = ("--format", "rfmetafas", "--dataset", "msu", "-o", tmp_path / "a 'b' {c}")
    ocim("bundle", "export", *words, "--", bundle)
    ocim("rebuild", "msu", "--only", "depth", "--config", CONFIG, "--cores", "1")
    scores = tmp_path / "sc {x}.csv"
    ocim("predict", "--scores", scores, "--", model, made_names.ROOT)
    with scores.open(newline="", encoding="utf-8") as file:
        assert len({row["video"] for row in csv.DictReader(file)}) == len(made_names.NAMES)
    words = ("--samples", "4", "--points", "4", "--only", "gradcam,parsing,depth")
    explained = tmp_path / "<b> $(touch pwned)"
    ocim("explain", "--bundle", bundle, "-o", explained, *words, "--", out / "train")
    ocim("plan", "--config", CONFIG)


@pytest.mark.parametrize("start", ["-rf", "back", "caf", "it's", "$("])
def test_a_file_of_such_a_name_is_labelled(ocim, tmp_path, videos, start):
    name = next(name for name in sorted(videos) if name.split("/")[-1].startswith(start))
    file = Path(made_names.ROOT) / name
    ocim("label", "-o", tmp_path / "{x} ; touch pwned", "--", file)
    assert len(list((tmp_path / "{x} ; touch pwned").glob("*_overlay.mp4"))) == 1


def test_a_name_with_no_room_for_an_ending_is_refused_in_one_line(place, tmp_path, videos):
    name = next(name for name in videos if "/longest" in name)
    file = Path(made_names.ROOT) / name
    said = run(place, "ocim", "label", "-o", tmp_path / "out", "--", file, code=2)
    assert len(said.splitlines()) == 1


def test_the_dask_runner_makes_the_same_bytes(place):
    write(place, "dask {x}.yaml", "dask {y} 🎭")
    run(place, "ocim", "run", "--config", "dask {x}.yaml", "--workers", "1")
    one, other = (place / out / "bundle" for out in (made_names.OUT, "dask {y} 🎭"))
    shards = sorted(path.name for path in one.glob("*.h5"))
    assert shards == sorted(path.name for path in other.glob("*.h5"))
    for name in shards:
        assert sha256_file(one / name) == sha256_file(other / name)


def test_the_report_runs_nothing_of_a_name_and_shows_it_whole(place, videos):
    page = (place / made_names.OUT / "report.html").resolve()
    with opened(page.as_uri()) as seen:
        assert seen.page.title() != "pwned"
        assert not seen.errors and len(seen.requests) == 1
        assert not seen.page.locator("img[src='x']").count()
        text = seen.page.locator("body").inner_text()
        assert "document.title='pwned'" in text


def test_braces_in_out_are_refused_by_the_graph_in_one_line(place):
    write(place, "braces.yaml", "runs {dataset}")
    words = ("--cores", "1", "-n", "--configfile", "braces.yaml", "--", "all")
    said = run(place, "snakemake", *words, code=2)
    assert said.splitlines()[-1] == (
        "ocim: out: runs {dataset}: Snakemake takes braces for wildcards; set another out"
    )


@pytest.mark.parametrize("stem", made_names.REFUSED)
def test_a_control_character_in_a_name_is_refused_in_one_line(tmp_path, clip, stem):
    file = tmp_path / "data" / "train" / "live" / "a" / f"{stem}.avi"
    file.parent.mkdir(parents=True)
    shutil.copy(clip, file)
    words = ("--dataset", "tree", "--root", "data", "-o", "tree.csv")
    said = run(tmp_path, "ocim", "index", *words, code=2)
    assert len(said.splitlines()) == 1 and "rename it" in said and "\x1b" not in said


def test_a_name_that_is_no_text_is_refused_in_one_line(tmp_path, clip):
    folder = tmp_path / "data" / "train" / "live" / "a"
    folder.mkdir(parents=True)
    shutil.copy(clip, os.fsencode(folder) + b"/\xff.avi")
    words = ("--dataset", "tree", "--root", "data", "-o", "tree.csv")
    said = run(tmp_path, "ocim", "index", *words, code=2)
    assert len(said.splitlines()) == 1 and "\\udcff.avi" in said
    assert "labelled" in run(
        tmp_path, "ocim", "label", "-o", "out", "--", "data/train/live/a/\udcff.avi"
    )


def test_links_and_paths_lead_nowhere_out_of_a_dataset(tmp_path, clip):
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.copy(clip, outside / "secret.avi")
    live = tmp_path / "data" / "train" / "live" / "a"
    live.mkdir(parents=True)
    shutil.copy(clip, live / "own.avi")
    (live / "file.avi").symlink_to(outside / "secret.avi")
    (live / "folder").symlink_to(outside)
    (live / "loop").symlink_to(live.parent)
    (live / "self.avi").symlink_to("self.avi")
    (live / "null.avi").symlink_to("/dev/null")
    os.mkfifo(live / "pipe.avi")
    words = ("--dataset", "tree", "--root", "data", "-o", "tree.csv")
    run(tmp_path, "ocim", "index", *words)
    with (tmp_path / "tree.csv").open(newline="", encoding="utf-8") as file:
        assert [row["path"] for row in csv.DictReader(file)] == ["train/live/a/own.avi"]
    for path in (
        "../outside/secret.avi",
        str(outside / "secret.avi"),
        "train/../../outside/secret.avi",
    ):
        (tmp_path / "t.csv").write_text(f"path,split,live\n{path},train,1\n")
        said = run(tmp_path, "ocim", "index", *words[:-1], "x.csv", "--table", "t.csv", code=2)
        assert len(said.splitlines()) == 1 and "t.csv: line 2" in said


@pytest.mark.parametrize("name", ["way/secret.avi", "file.avi"])
def test_a_table_s_path_through_a_link_out_of_the_root_is_refused(tmp_path, clip, name):
    (tmp_path / "outside").mkdir()
    shutil.copy(clip, tmp_path / "outside" / "secret.avi")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "way").symlink_to(tmp_path / "outside")
    (tmp_path / "data" / "file.avi").symlink_to(tmp_path / "outside" / "secret.avi")
    (tmp_path / "t.csv").write_text(f"path,split,live\n{name},train,1\n")
    words = ("--dataset", "tree", "--root", "data", "--table", "t.csv", "-o", "x.csv")
    said = run(tmp_path, "ocim", "index", *words, code=2)
    assert len(said.splitlines()) == 1 and "leads out of the root by a link" in said


def test_a_link_put_in_place_of_a_video_after_the_index_is_not_followed(tmp_path, clip):
    (tmp_path / "data" / "train" / "live" / "a").mkdir(parents=True)
    shutil.copy(clip, tmp_path / "secret.avi")
    for name in ("kept.avi", "swapped.avi"):
        shutil.copy(clip, tmp_path / "data" / "train" / "live" / "a" / name)
    dataset = {"adapter": "table", "root": "data", "every": 1, "partitions": 1}
    (tmp_path / "c.yaml").write_text(json.dumps({"out": "out", "datasets": {"tree": dataset}}))
    run(tmp_path, "ocim", "index", "--config", "c.yaml", "--dataset", "tree")
    swapped = tmp_path / "data" / "train" / "live" / "a" / "swapped.avi"
    swapped.unlink()
    swapped.symlink_to(tmp_path / "secret.avi")
    words = ("--config", "c.yaml", "--dataset", "tree", "--partition", "0")
    run(tmp_path, "ocim", "crop", *words)
    with h5py.File(tmp_path / "out" / "crops" / "tree" / "0000.h5") as file:
        assert {name.decode() for name in file["video"][:]} == {"train/live/a/kept.avi"}


def test_overrides_lead_to_no_other_file(tmp_path, clip):
    (tmp_path / "data" / "train" / "live" / "a").mkdir(parents=True)
    shutil.copy(clip, tmp_path / "secret.avi")
    shutil.copy(clip, tmp_path / "data" / "train" / "live" / "a" / "own.avi")
    for name in ("../secret.avi", str(tmp_path / "secret.avi")):
        text = f"video,frames,action,value,reason\n{name},,exclude,,x\n"
        (tmp_path / "data" / "overrides.csv").write_text(text)
        words = ("--dataset", "tree", "--root", "data", "-o", "x.csv")
        said = run(tmp_path, "ocim", "index", *words, code=2)
        assert len(said.splitlines()) == 1 and "is not in the index" in said
