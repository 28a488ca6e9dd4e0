"""A run with videos and a bundle cut from them, and a server of a bundle, for tests of the browser
page and what it asks for.
"""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import h5py
import numpy as np
from made_bundle import columns_of, sample, write_manifest

from pipeline.browse.detail import Roots
from pipeline.browse.server import Server
from pipeline.browse.site import Site
from pipeline.bundle import SCHEMA, order
from pipeline.config import validate, write_once
from pipeline.crops import warp
from pipeline.files.hdf5 import fixed_strings
from pipeline.files.keys import sha256_file
from pipeline.frames.video import decode
from pipeline.packing.shard import write_shard

AFFINE = np.array([(0.8, 0, -16), (0, 0.8, -24)])
LIVE, SPOOF = "clips/live 1.mp4", "clips/größe 脸.mp4"
FRAMES = (0, 2, 3)


def make_run(folder: Path, portrait: np.ndarray, write_video: Callable[..., Path]) -> Path:
    """Write videos (folder/videos), a bundle of six samples of two of them (folder/run/bundle),
    and its configuration; return the bundle.
    """
    root, bundle = folder / "videos", folder / "run" / "bundle"
    bundle.mkdir(parents=True)
    rows = [(video, live, frame) for video, live in ((LIVE, 1), (SPOOF, 0)) for frame in FRAMES]
    rows.sort(key=lambda row: order("own", row[0], row[2]))
    frames = {}
    for video in (LIVE, SPOOF):
        path = write_video(root / video, [np.roll(portrait, 12 * n, axis=1) for n in range(4)])
        frames[video] = dict(decode(path, False, lambda number: True))
    columns = columns_of(rows)
    columns["affine"][:] = AFFINE
    columns["landmarks"][:] = np.random.default_rng(1).uniform(60, 250, (468, 3))
    columns["subject"] = fixed_strings(["zoe"] * len(rows))
    columns["yaw"][:] = [np.nan, *range(1, len(rows))]
    rng = np.random.default_rng(2)
    pixels = []
    for video, live, frame in rows:
        _, depth, parsing = sample(rng, live, 0)
        pixels.append((warp(frames[video][frame], AFFINE, (256, 256)), depth, parsing))
    videos = [
        {"video": video, "sha256": sha256_file(root / video), "faces_sha256": "", "upside_down": 0}
        for video in sorted((LIVE, SPOOF))
    ]
    path = bundle / "own-train-00000-of-00001.h5"
    about = {"dataset": "own", "split": "train", "key": "k", "provenance": "{}", "notice": "n"}
    write_shard(path, about, columns, pixels, videos, [])
    write_one_shard_manifest(bundle, path, len(rows))
    own = {"root": str(root), "adapter": "table"}
    write_once(validate({"out": str(folder / "run"), "datasets": {"own": own}}, "made"))
    return bundle


def write_one_shard_manifest(bundle: Path, path: Path, samples: int, **more: Any) -> None:
    """The manifest of a bundle of one shard."""
    with h5py.File(path, "r") as file:
        about = {name: str(file.attrs[name]) for name in ("dataset", "split", "key")}
        live = int(file["live"][:].sum())
    entry = {**about, "file": path.name, "samples": samples, "bytes": path.stat().st_size}
    entry |= {"live": live, "spoof": samples - live}
    manifest = {
        "schema": SCHEMA, "shards": [entry], "notice": "n", "spoof_depth": "zero", "counts": {},
        "provenance": {about["dataset"]: {}}, "corrections": [], "failures": [], "remarks": [],
        **more,
    }  # fmt: skip
    write_manifest(bundle, manifest)


def make_columns(folder: Path, videos: Sequence[str], **columns: Sequence[Any]) -> Path:
    """A bundle of one shard with a live sample of each named video, and some columns as given."""
    folder.mkdir(parents=True)
    stored = columns_of([(video, 1, 0) for video in videos])
    for name, values in columns.items():
        texts = isinstance(values[0], str)
        stored[name] = (
            fixed_strings(list(values)) if texts else np.array(values, stored[name].dtype)
        )
    pixels = [sample(np.random.default_rng(0), 1, 0)] * len(videos)
    listed = [
        {"video": video, "sha256": "", "faces_sha256": "", "upside_down": 0}
        for video in sorted(set(videos))
    ]
    path = folder / "own-train-00000-of-00001.h5"
    about = {"dataset": "own", "split": "train", "key": "k", "provenance": "{}", "notice": "n"}
    write_shard(path, about, stored, pixels, listed, [])
    write_one_shard_manifest(folder, path, len(videos))
    return folder


@contextmanager
def served(site: Site) -> Iterator[Server]:
    """A server of a site at a free port, in a thread of its own."""
    server = Server(site, 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def opened_site(bundle: Path, roots: dict[str, Path] | None = None) -> Site:
    """A site of a bundle."""
    return Site(bundle, Roots(roots or {}, None))


def got(address: str, **headers: str) -> tuple[int, Any, bytes]:
    """Status, headers and body of what a GET of an address gives."""
    try:
        with urlopen(Request(address, headers=headers), timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except HTTPError as error:
        return error.code, error.headers, error.read()


def told(answer: Any) -> Any:
    """What an answer of a site says, as JSON."""
    return json.loads(answer.body)
