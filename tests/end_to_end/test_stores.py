"""Videos and outputs in an object store: moto's server, behind a door that lets requests fail."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from failing_store import FailingStore, one_in
from made_store import client, environment, objects, s3_server

pytestmark = pytest.mark.slow
OCIM = Path(sys.executable).with_name("ocim")
RUN = """
import sys
from pipeline.config import load
from pipeline.errors import UserError
from pipeline.pack import pack
from pipeline.partition import label_partition, write_dataset_index
if __name__ == "__main__":
    config = load(sys.argv[1])
    try:
        for name, dataset in config.datasets.items():
            write_dataset_index(config, name)
            for number in range(dataset.partitions):
                print(*label_partition(config, name, number), flush=True)
        pack(config)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
"""
CONFIG = """
out: {out}
datasets:
  msu: {{root: "{roots}/msu", every: 4, partitions: 2}}
  own: {{adapter: table, root: "{roots}/own", sampling: uniform, frames: 2, partitions: 1}}
pack: {{shard_samples: 8}}
"""
LIVE = "scene01/real/real_client{:03d}_laptop_SD_scene01.mov"
SPOOF = "scene01/attack/attack_client{:03d}_android_SD_ipad_video_scene01.mp4"


class Place(NamedTuple):
    """A server, the door before it, boto3's client, a folder with the datasets, and the outputs of
    a run on it: every file's bytes by its path.
    """

    server: str
    door: FailingStore
    s3: Any
    folder: Path
    expected: dict[str, bytes]

    def run(self, out: str, roots: str, **more: str) -> subprocess.CompletedProcess[str]:
        """The whole run in one process, which reaches the store through the door."""
        config = self.folder / "config.yaml"
        config.write_text(CONFIG.format(out=out, roots=roots))
        command = [sys.executable, "-c", RUN, str(config)]
        env = environment(self.door.url, OCIM_SCRATCH=str(self.folder / "scratch"), **more)
        return subprocess.run(command, capture_output=True, text=True, timeout=500, env=env)

    def outputs(self, name: str) -> dict[str, bytes]:
        """What of a run lies in the bucket."""
        found = objects(self.s3, "bucket", f"{name}/")
        return {key: data for key, data in found.items() if not key.startswith("cache/")}


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] != "cache"
    }


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory,
    portrait: np.ndarray,
    video_writer: Callable[..., Path],
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("stores")
    for number in (1, 2, 13):
        frames = [np.roll(portrait, step + number, axis=1) for step in range(8)]
        video_writer(folder / "data" / "msu" / LIVE.format(number), frames)
        video_writer(folder / "data" / "msu" / SPOOF.format(number), frames)
    box = "".join(f"{frame}, 80, 40, 240, 260, 120, 120, 190, 120\n" for frame in range(8))
    (folder / "data" / "msu" / LIVE.format(13)).with_suffix(".face").write_text(box)
    (folder / "data" / "msu" / "train_sub_list.txt").write_text("01\n02\n")
    for split, kind in (("train", "live"), ("train", "spoof"), ("test", "live")):
        video_writer(folder / "data" / "own" / split / kind / f"{split} ä {kind}" / "1.mp4", frames)
    with s3_server(folder / "server.log") as server:
        door = FailingStore(server).start()
        s3 = client(server)
        s3.create_bucket(Bucket="bucket")
        for key, data in files(folder / "data").items():
            s3.put_object(Bucket="bucket", Key=f"data/{key}", Body=data)
        place = Place(server, door, s3, folder, {})
        done = place.run(str(folder / "out"), str(folder / "data"))
        assert done.returncode == 0, done.stderr
        place.expected.update(files(folder / "out"))
        yield place
        door.stop()


@pytest.fixture(autouse=True)
def _calm(place: Place) -> Iterator[None]:
    place.door.fault = lambda method, path: ""
    place.door.forget()
    yield
    assert list((place.folder / "scratch").glob(".*")) == []


@pytest.fixture(scope="module")
def whole(place: Place) -> str:
    """A finished run in the store, on videos in the store; a test may change it and them, and puts
    the videos back.
    """
    done = place.run("s3://bucket/all", "s3://bucket/data")
    assert done.returncode == 0, done.stderr
    return "all"


def test_all_in_a_store_gives_the_bytes_of_a_run_on_a_disk(place, whole):
    assert place.outputs(whole) == place.expected
    kinds = {key.partition("/")[0] for key in place.expected}
    assert kinds == {"index", "crops", "depth", "parsing", "bundle"}


def test_videos_alone_in_a_store(place):
    done = place.run(str(place.folder / "near"), "s3://bucket/data")
    assert done.returncode == 0, done.stderr
    assert files(place.folder / "near") == place.expected


def test_another_machine_that_goes_on_fetches_no_video_and_no_crops(place, whole):
    elsewhere = str(place.folder / "another home")
    done = place.run(f"s3://bucket/{whole}", "s3://bucket/data", XDG_CACHE_HOME=elsewhere)
    assert done.returncode == 0, done.stderr
    assert "crop" not in done.stdout
    fetched = [path for method, path, _ in place.door.seen if method == "GET"]
    assert not [path for path in fetched if path.endswith((".mov", ".mp4"))]
    assert not [path for method, path, _ in place.door.seen if method == "PUT"]
    # Of each crops file a few pieces, by what HDF5 looks at.
    for name in (key for key in place.expected if key.startswith("crops/")):
        assert 1 <= sum(path.endswith(f"{whole}/{name}") for path in fetched) <= 12


def test_a_video_that_changed_makes_its_partition_anew_and_no_other(place, whole):
    key, other = (f"data/msu/{LIVE.format(number)}" for number in (1, 2))
    data = {one: (place.folder / one).read_bytes() for one in (key, other)}
    before = place.outputs(whole)
    place.s3.put_object(Bucket="bucket", Key=key, Body=data[other])
    try:
        done = place.run(f"s3://bucket/{whole}", "s3://bucket/data")
    finally:
        place.s3.put_object(Bucket="bucket", Key=key, Body=data[key])
    assert done.returncode == 0, done.stderr
    after = place.outputs(whole)
    changed = {key for key in after if after[key] != before[key]}
    partition = [line for line in done.stdout.splitlines() if "'crop'" in line]
    assert len(partition) == 1
    number = int(partition[0].split()[1])
    assert {f"{stage}/msu/{number:04d}.h5" for stage in ("crops", "depth", "parsing")} <= changed
    assert {key for key in changed if not key.startswith("bundle/")} == {
        f"{stage}/msu/{number:04d}.h5" for stage in ("crops", "depth", "parsing")
    }
    sources = json.loads(after["bundle/bundle.json"])
    assert sources["hash"] != json.loads(before["bundle/bundle.json"])["hash"]


def test_a_store_that_fails_one_request_in_ten_gives_the_same_bytes(place):
    place.door.fault = one_in(10, seed=1)
    done = place.run("s3://bucket/flaky", "s3://bucket/data")
    assert done.returncode == 0, done.stderr
    assert place.outputs("flaky") == place.expected
    faults = [fault for _, _, fault in place.door.seen if fault]
    assert len(faults) >= 10 and set(faults) == {"503", "cut", "half"}
    assert not place.s3.list_multipart_uploads(Bucket="bucket").get("Uploads")


def test_a_store_that_is_lost_is_one_line_and_the_same_command_goes_on(place):
    name = "lost"
    place.door.fault = lambda method, path: "cut" if sum(place.door.counts.values()) > 80 else ""
    done = place.run(f"s3://bucket/{name}", "s3://bucket/data", OCIM_STORE_PATIENCE="2")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("s3://bucket/"), done.stderr
    assert "the same command goes on when the store answers again" in lines[0]
    half = place.outputs(name)
    assert len(half) < len(place.expected)
    assert all(place.expected[key] == data for key, data in half.items())
    place.door.fault = lambda method, path: ""
    assert place.run(f"s3://bucket/{name}", "s3://bucket/data").returncode == 0
    assert place.outputs(name) == place.expected


def test_a_killed_run_leaves_whole_objects_and_the_same_command_goes_on(place):
    config = place.folder / "killed.yaml"
    config.write_text(CONFIG.format(out="s3://bucket/killed", roots="s3://bucket/data"))
    env = environment(place.door.url, OCIM_SCRATCH=str(place.folder / "scratch"))
    with subprocess.Popen(
        [sys.executable, "-c", RUN, config], stdout=-3, stderr=-3, env=env
    ) as run:
        while "crops/msu/0001.h5" not in place.outputs("killed"):
            assert run.poll() is None
            time.sleep(0.1)
        run.kill()
    half = place.outputs("killed")
    assert len(half) < len(place.expected)
    assert all(place.expected[key] == data for key, data in half.items())
    assert place.run("s3://bucket/killed", "s3://bucket/data").returncode == 0
    assert place.outputs("killed") == place.expected


def ocim(place: Place, *words: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    environ = environment(place.door.url, OCIM_SCRATCH=str(place.folder / "scratch"), **env)
    return subprocess.run([OCIM, *words], capture_output=True, text=True, timeout=500, env=environ)


def test_the_verbs_one_after_the_other_and_the_bundle_fetched(place, tmp_path):
    config = tmp_path / "mine.yaml"
    config.write_text(CONFIG.format(out="s3://bucket/verbs", roots="s3://bucket/data"))
    words = ("--config", config)
    assert ocim(place, "check", "--labels", *words).returncode == 0
    for name in ("msu", "own"):
        done = ocim(place, "index", *words, "--dataset", name)
        assert done.stdout.startswith(f"s3://bucket/verbs/index/{name}.csv: ")
    for verb in ("crop", "depth", "parse"):
        done = ocim(place, verb, *words, "--dataset", "msu", "--partition", "0")
        assert done.stdout.endswith("(made)\n"), done.stderr
    for stage in ("crops", "depth", "parsing"):  # as another machine's verbs have made it
        name = f"{stage}/msu/0001.h5"
        place.s3.put_object(Bucket="bucket", Key=f"verbs/{name}", Body=place.expected[name])
    done = ocim(place, "rebuild", "own", *words, "--cores", "2")
    assert "depth: 1 of 1 partitions made" in done.stdout, done.stderr
    assert place.outputs("verbs") == place.expected
    done = ocim(place, "pack", *words, "--cores", "2")
    assert done.returncode == 0, done.stderr
    assert place.outputs("verbs") == place.expected
    here = tmp_path / "here" / "bundle"
    assert ocim(place, "bundle", "fetch", "s3://bucket/verbs/bundle", "-o", here).returncode == 0
    assert files(here) == {
        key.removeprefix("bundle/"): data
        for key, data in place.expected.items()
        if key.startswith("bundle/")
    }
    assert ocim(place, "bundle", "verify", here).returncode == 0


def test_no_bucket_no_login_and_no_server_are_one_line_each(place, tmp_path):
    config = tmp_path / "mine.yaml"

    def told(out: str, roots: str, **env: str) -> str:
        config.write_text(CONFIG.format(out=out, roots=roots))
        done = ocim(place, "index", "--config", config, "--dataset", "msu", **env)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
        return done.stderr

    near, there = str(tmp_path / "out"), "s3://bucket/data"
    assert "s3://none/x: no such bucket" in told("s3://none/x", there)
    assert "s3://none/data/msu: no such bucket" in told(near, "s3://none/data")
    assert "s3://bucket/none/msu: no object here" in told(near, "s3://bucket/none")
    no_login = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": str(tmp_path)}
    no_login["AWS_EC2_METADATA_DISABLED"] = "true"
    assert "no credentials for this store were found" in told(near, there, **no_login)
    nobody = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "OCIM_STORE_PATIENCE": "1"}
    config.write_text(CONFIG.format(out=near, roots=there))
    env = {**environment(place.door.url), **nobody}
    done = subprocess.run(
        [OCIM, "index", "--config", config, "--dataset", "msu"],
        capture_output=True, text=True, timeout=100, env=env,
    )  # fmt: skip
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert "s3://bucket/data/msu: looking failed" in done.stderr


def test_keys_that_can_be_no_files_are_passed_over(place, tmp_path):
    # moto's server takes no key with .. or // or a new line: see test_pipeline_places_names.py.
    odd = ["e\x7f.mp4", "f\\g.mp4", "h" * 256 + ".mp4", "train/live/x"]
    good = ["train/live/x/1.mp4", "train/spoof/<b> ä.mp4"]
    for key in (*odd, *good):
        place.s3.put_object(Bucket="bucket", Key=f"odd/{key}", Body=b"no video")
    config = tmp_path / "odd.yaml"
    config.write_text(
        f"out: {tmp_path / 'out'}\n"
        "datasets: {own: {adapter: table, root: s3://bucket/odd, partitions: 1}}\n"
    )
    done = ocim(place, "index", "--config", config, "--dataset", "own")
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "out" / "index" / "own.csv").read_text().splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == good
    assert done.stdout.count("passed over: ") == len(odd)
    done = ocim(place, "crop", "--config", config, "--dataset", "own", "--partition", "0")
    assert "0 samples, 2 failures listed (made)" in done.stdout
