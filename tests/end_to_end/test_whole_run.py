"""The real commands on real video files: a small replica through the whole graph."""

import csv
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from made_project import environment, fill

from pipeline.bundle import Bundle
from pipeline.files.keys import sha256_file

pytestmark = pytest.mark.slow
BAD = {
    "real_client032_laptop_SD_scene01.mov": b"",
    "real_client033_laptop_SD_scene01.mov": b"not a video at all",
}


def run(place: Path, *words: str, good: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder; assert that it ends well."""
    done = subprocess.run(words, cwd=place, env=environment(), capture_output=True, text=True)
    assert not good or done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def snakemake(name: str, cores: int) -> list[str]:
    """The command of a user, for one of the configurations below."""
    return ["snakemake", "--cores", str(cores), "--configfile", f"{name}.yaml", "--", "all"]


def shards(place: Path, name: str) -> dict[str, str]:
    """Sha256 of every file of a bundle, the manifest included."""
    files = sorted((place / "runs" / name / "bundle").iterdir())
    return {path.name: sha256_file(path) for path in files}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder with a blank in its name, a replica, and bad videos among the good ones."""
    place = fill(tmp_path_factory.mktemp("a project"))
    run(place, "ocim", "replica", "-o", "replica", "--subjects", "1", "--seed", "5", "--cores", "2")
    scene = place / "replica" / "msu" / "scene01"
    for name, content in BAD.items():
        (scene / "real" / name).write_bytes(content)
    good = next((scene / "attack").glob("*laptop*printed_photo*")).read_bytes()
    cut = scene / "attack" / "attack_client035_laptop_SD_printed_photo_scene01.mov"
    cut.write_bytes(good[: len(good) // 2])
    for name in ("one", "two"):
        datasets = {
            dataset: {"root": f"replica/{dataset}", "every": 16, "partitions": partitions}
            for dataset, partitions in (("oulu", 1), ("casia", 2), ("replay", 1), ("msu", 1))
        }
        train = {"width": 0.0625, "input_size": 64, "steps": 3, "batch": 4, "threads": 1}
        tables = {"protocols": ["O to M"], "variants": ["without_parsing"], "seeds": [0, 1]}
        settings = {"out": f"runs/{name}", "datasets": datasets, "train": train, "tables": tables}
        (place / f"{name}.yaml").write_text(yaml.safe_dump(settings))
    return place


@pytest.fixture(scope="module")
def finished(project: Path) -> Path:
    """The whole graph, run with two cores."""
    run(project, *snakemake("two", 2))
    return project


def test_the_graph_ends_in_bundle_results_and_report(finished):
    out = finished / "runs" / "two"
    results = json.loads((out / "results.json").read_text())
    assert results["protocol"] == "O&C&I to M"
    for level in ("frame", "video"):
        assert 0 <= results[level]["hter_at_eer_threshold"] <= 1
        assert 0 <= results[level]["auc"] <= 1
    with (out / "scores.csv").open() as file:
        scores = list(csv.DictReader(file))
    assert {row["dataset"] for row in scores} == {"msu"}
    page = (out / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page


def test_bad_videos_are_listed_with_their_reason_and_the_rest_goes_on(finished):
    bundle = Bundle(finished / "runs" / "two" / "bundle")
    reasons = {Path(f["video"]).name: f["reason"] for f in bundle.failures if f["frame"] == -1}
    assert reasons["real_client032_laptop_SD_scene01.mov"] == "the file is empty"
    assert "not decodable" in reasons["real_client033_laptop_SD_scene01.mov"]
    assert "attack_client035_laptop_SD_printed_photo_scene01.mov" in reasons
    page = (finished / "runs" / "two" / "report.html").read_text()
    assert all(name in page for name in reasons)
    scores = (finished / "runs" / "two" / "scores.csv").read_text()
    assert "real_client032_laptop_SD_scene01.mov,-1,1,," in scores  # a failure to acquire


def test_labels_keep_their_rules_in_every_shard(finished):
    bundle = Bundle(finished / "runs" / "two" / "bundle")
    assert bundle.datasets == ["casia", "msu", "oulu", "replay"]
    for dataset in bundle.datasets:
        for shard in bundle.shards(dataset):
            nonzero = shard.depth.reshape(len(shard), -1).any(axis=1)
            assert np.array_equal(nonzero, shard.live == 1)
            assert shard.parsing.max() <= 12


def test_one_core_killed_midway_and_started_again_gives_the_same_bytes(finished):
    command = snakemake("one", 1)
    out = finished / "runs" / "one"
    started = subprocess.Popen(
        command,
        cwd=finished,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    limit = time.monotonic() + 300
    while len(list(out.glob("crops/*/[!.]*.h5"))) < 2 and time.monotonic() < limit:
        time.sleep(0.05)
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    assert not (out / "bundle" / "bundle.json").exists()
    # Snakemake sets the time of a file anew; one that was made again has another inode.
    kept = {path: path.stat().st_ino for path in out.glob("crops/*/[!.]*.h5")}
    run(finished, *command)
    assert shards(finished, "one") == shards(finished, "two")
    assert {path: path.stat().st_ino for path in kept} == kept  # finished work is kept
    for name in ("scores.csv", "train/curves.csv"):
        one, two = (finished / "runs" / run_name / name for run_name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_nothing_is_done_twice(finished):
    done = run(finished, *snakemake("two", 2))
    assert "Nothing to be done" in done.stdout + done.stderr


def test_the_tables_are_a_target_of_their_own(finished):
    command = [*snakemake("two", 2)[:-1], "tables"]
    run(finished, *command)
    folder = finished / "runs" / "two" / "tables"
    page = (folder / "tables.md").read_text()
    assert "| Ours w/o parsing |" in page and "O to M HTER" in page
    assert len(list(folder.glob("runs/O-to-M/without_parsing/seed-*/model.pt"))) == 2
    done = run(finished, *command)
    assert "Nothing to be done" in done.stdout + done.stderr


def test_rebuild_of_one_dataset_leaves_the_others_untouched(finished):
    before = shards(finished, "two")
    folder = finished / "runs" / "two"
    inodes = {path: path.stat().st_ino for path in folder.glob("*/*/[!.]*.h5")}
    words = ["ocim", "rebuild", "casia", "--only", "depth", "--config", "two.yaml", "--cores", "2"]
    done = run(finished, *words)
    assert "depth: 2 of 2 partitions made" in done.stdout
    assert "parsing: 0 of 2 partitions made" in done.stdout
    assert shards(finished, "two") == before
    changed = {path.parent for path, then in inodes.items() if path.stat().st_ino != then}
    assert changed == {folder / "depth" / "casia"}


def test_another_depth_setting_copies_crops_and_parsing_and_recomputes_neither(finished):
    for name in ("index", "crops", "depth", "parsing", "bundle"):
        shutil.copytree(finished / "runs/two" / name, finished / "runs/bicubic" / name)
    settings = yaml.safe_load((finished / "two.yaml").read_text())
    settings |= {"out": "runs/bicubic", "depth": {"reduce": "bicubic"}}
    (finished / "bicubic.yaml").write_text(yaml.safe_dump(settings))
    out = finished / "runs" / "bicubic"
    inodes = {path: path.stat().st_ino for path in out.glob("*/*/[!.]*.h5")}
    with_config = ("--config", "bicubic.yaml")
    for dataset, section in settings["datasets"].items():
        for number in range(section["partitions"]):
            words = ("--dataset", dataset, "--partition", str(number))
            run(finished, "ocim", "depth", *with_config, *words)
    run(finished, "ocim", "pack", *with_config)
    changed = {
        path.parent.parent.name for path, then in inodes.items() if path.stat().st_ino != then
    }
    assert changed == {"depth"}
    done = run(
        finished, "ocim", "bundle", "diff", "runs/two/bundle", "runs/bicubic/bundle", good=False
    )
    assert done.returncode == 1
    assert "depth.reduce: area -> bicubic" in done.stdout
    for old, new in zip(
        Bundle(finished / "runs/two/bundle").shards("oulu"),
        Bundle(out / "bundle").shards("oulu"),
        strict=True,
    ):
        assert old.video.tolist() == new.video.tolist()
        for name in ("image", "parsing", "landmarks"):
            assert np.array_equal(getattr(old, name), getattr(new, name))
        assert not np.array_equal(old.depth, new.depth)


def test_a_video_more_writes_its_dataset_and_split_alone(finished):
    folder = finished / "runs" / "bicubic"
    before = shards(finished, "bicubic")
    casia = finished / "replica" / "casia" / "test_release"
    first = sorted(casia.glob("*/*.avi"))[0]
    (casia / "9").mkdir()
    shutil.copy(first, casia / "9" / first.name)
    try:
        run(finished, "ocim", "rebuild", "casia", "--only", "parsing", "--config", "bicubic.yaml")
        after = shards(finished, "bicubic")
    finally:
        shutil.rmtree(casia / "9")
    assert {name for name in after if after[name] != before.get(name)} == {
        "bundle.json",
        "casia-test-00000-of-00001.h5",
    }
    assert run(finished, "ocim", "bundle", "verify", str(folder / "bundle")).returncode == 0


def test_a_changed_crop_remakes_the_shards_of_that_run_alone(finished):
    before = shards(finished, "two")
    settings = yaml.safe_load((finished / "two.yaml").read_text())
    settings["out"], settings["crop"] = "runs/wide", {"margin": 1.8}
    settings["datasets"] = {"msu": settings["datasets"]["msu"]}
    (finished / "wide.yaml").write_text(yaml.safe_dump(settings))
    run(finished, "ocim", "rebuild", "msu", "--config", "wide.yaml", "--cores", "1")
    wide = Bundle(finished / "runs" / "wide" / "bundle").shards("msu")[0]
    narrow = Bundle(finished / "runs" / "two" / "bundle").shards("msu")[0]
    assert list(wide.video) == list(narrow.video)
    ratio = narrow.affine[:, 0, 0] / wide.affine[:, 0, 0]
    assert np.allclose(ratio, 1.8 / 1.4)
    assert shards(finished, "two") == before


def test_the_labels_are_near_the_replicas_truth(finished):
    done = run(finished, "ocim", "truth", "--config", "two.yaml")
    truth = json.loads((finished / "runs" / "two" / "truth.json").read_text())
    assert truth["all"]["depth_correlation"] > 0.85
    assert truth["all"]["parsing_iou"]["nose"] > 0.7
    assert "cannot show how real the depth is" in done.stdout


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A project folder without any data."""
    return fill(tmp_path)


def test_a_missing_folder_is_one_clear_last_line(bare):
    done = run(bare, "snakemake", "--cores", "2", "all", good=False)
    assert done.returncode != 0
    last = (done.stdout + done.stderr).strip().splitlines()[-1]
    assert "datasets.oulu.root" in last and "make demo" in last
    assert "Traceback" not in done.stdout + done.stderr


def test_a_dry_run_works_without_data(bare):
    run(bare, "snakemake", "--cores", "2", "-n", "all")


def test_two_runs_in_one_folder_are_kept_apart(finished):
    import fcntl

    with (finished / "runs" / "two" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        words = ["snakemake", "--cores", "1", "--configfile", "two.yaml", "--forceall", "--", "all"]
        done = run(finished, *words, good=False)
    assert done.returncode != 0
    assert "another run is writing here" in (done.stdout + done.stderr).splitlines()[-1]


def test_a_wrong_key_is_refused_with_its_path(bare):
    words = ["snakemake", "--cores", "1", "all", "--config", "crop={margn: 2}"]
    done = run(bare, *words, good=False)
    assert done.returncode == 2
    last = (done.stdout + done.stderr).strip().splitlines()[-1]
    assert "crop.margn" in last


def test_a_protocol_of_a_dataset_left_out_is_refused_before_any_work(bare):
    (bare / "few.yaml").write_text("out: runs/few\ndatasets: {msu: {partitions: 1}}\n")
    words = ["snakemake", "--cores", "1", "-n", "--configfile", "few.yaml", "--"]
    done = run(bare, *words, "all", good=False)
    assert done.returncode == 2
    last = (done.stdout + done.stderr).strip().splitlines()[-1]
    assert "train.protocol" in last and "oulu" in last
    run(bare, *words, "runs/few/bundle/bundle.json")  # labels alone need no protocol
