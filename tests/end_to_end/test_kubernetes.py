"""What Snakemake's executor asks of Kubernetes for this graph, and that the command it sends runs.

No cluster is at hand: a small server on loopback takes its place (tests/pods_server.py).
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import made_project
import numpy as np
import pytest
import yaml
from pods_server import pods_server

from pipeline.files.keys import sha256_file

pytestmark = pytest.mark.slow
# The second: for so long it stays after the last job, since no more than so many may be sent in it.
QUICK = ["--seconds-between-status-checks", "1", "--max-jobs-per-timespan", "60/1s"]


@pytest.fixture(scope="module")
def project(tmp_path_factory, portrait: np.ndarray, video_writer: Callable[..., Path]) -> Path:
    """A project folder with one dataset of four short videos in two partitions."""
    place = made_project.fill(tmp_path_factory.mktemp("project"))
    frames = [np.roll(portrait, 4 * step, axis=1) for step in range(2)]
    clip = video_writer(place / "clip.avi", frames, codec="mjpeg", pixel_format="yuvj420p")
    made_project.tree(place / "data", clip)
    for name in ("local", "pods"):
        mine = {"adapter": "table", "root": "data", "every": 1, "partitions": 2}
        settings = {"out": f"runs/{name}", "datasets": {"mine": mine}}
        (place / f"{name}.yaml").write_text(yaml.safe_dump(settings))
    return place


def test_what_is_asked_of_kubernetes_ends_in_the_bytes_of_a_local_run(project, tmp_path):
    environment = made_project.environment(OMP_NUM_THREADS="1")
    target = ["--", "runs/{}/bundle/bundle.json"]
    words = ["snakemake", "--cores", "2", "--configfile", "local.yaml", *target]
    words[-1] = words[-1].format("local")
    done = subprocess.run(words, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    with pods_server(tmp_path, environment) as (pods, leading_there):
        words = [sys.executable, "profiles/kubernetes/run.py", "--configfile", "pods.yaml"]
        words += [*QUICK, "--precommand", f"cd '{project}'"]
        words += [target[0], target[1].format("pods")]
        done = subprocess.run(words, cwd=project, env=leading_there, capture_output=True, text=True)
        told = "".join(file.read_text()[-1500:] for file in tmp_path.glob("*.txt"))
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:] + told
        jobs = list(pods.jobs.values())

    one, other = (project / "runs" / name / "bundle" for name in ("local", "pods"))
    names = sorted(file.name for file in one.iterdir())
    assert names == sorted(file.name for file in other.iterdir())
    assert all(sha256_file(one / name) == sha256_file(other / name) for name in names)

    # One pod for both partitions, beside each other, and one for pack.
    assert len(jobs) == 2
    for job in jobs:
        pod = job["spec"]["template"]["spec"]
        container = pod["containers"][0]
        assert container["image"] == "ghcr.io/NAME/ocim:0.1.0"
        assert {"name": "ocim", "mountPath": "/ocim"} in container["volumeMounts"]
        claim = {"name": "ocim", "persistentVolumeClaim": {"claimName": "ocim"}}
        assert claim in pod["volumes"]
        assert "--mode 'remote'" in container["args"][1]
        assert "nvidia.com/gpu" not in container["resources"]["requests"]
    partitions = jobs[0]["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]
    # Two crops beside each other want most memory, 5000 MB each; depth and parse of both the most
    # cores, four, of which a node keeps a twentieth for itself.
    assert partitions["cpu"] == "3800m" and partitions["memory"] == "10000M"


def test_a_training_asks_for_a_gpu_of_the_named_maker(project, tmp_path):
    """Its pod is asked for and not run: without a bundle it ends at once."""
    environment = made_project.environment()
    settings = yaml.safe_load((project / "local.yaml").read_text())
    mine = settings["datasets"]["mine"]
    settings["datasets"]["yours"] = mine
    settings |= {"out": "runs/gpu", "train": {"protocol": "mine to yours"}}
    (project / "gpu.yaml").write_text(yaml.safe_dump(settings))
    (project / "runs" / "gpu" / "bundle").mkdir(parents=True)
    (project / "runs" / "gpu" / "bundle" / "bundle.json").write_text("{}")
    with pods_server(tmp_path, environment) as (pods, leading_there):
        words = [sys.executable, "profiles/kubernetes/run.py", "--configfile", "gpu.yaml"]
        words += [*QUICK, "--precommand", f"cd '{project}'"]
        words += ["--retries", "0", "--allowed-rules", "train", "--", "runs/gpu/train/model.pt"]
        done = subprocess.run(words, cwd=project, env=leading_there, capture_output=True, text=True)
        assert done.returncode == 1 and len(pods.jobs) == 1, done.stderr[-3000:]
        (job,) = pods.jobs.values()
    pod = job["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"]["requests"]["nvidia.com/gpu"] == "1"
    assert pod["tolerations"][0]["key"] == "nvidia.com/gpu"
