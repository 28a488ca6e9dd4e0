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

import numpy as np
from made_bundle import columns_of, sample, source_of, write_own
from made_origin import AFFINE, write_own_config

from pipeline.browse.detail import Roots
from pipeline.browse.server import Server
from pipeline.browse.site import Site
from pipeline.bundle import order
from pipeline.crops import warp
from pipeline.files.hdf5 import fixed_strings
from pipeline.files.keys import sha256_file
from pipeline.frames.video import decode

LIVE, SPOOF = "clips/live 1.mp4", "clips/größe 脸.mp4"
FRAMES = (0, 2, 3)


def make_run(folder: Path, portrait: np.ndarray, write_video: Callable[..., Path]) -> Path:
    """Write videos (folder/videos), a bundle of six samples of two of them (folder/run/bundle),
    and its configuration; return the bundle.
    """
    rows = [(video, live, frame) for video, live in ((LIVE, 1), (SPOOF, 0)) for frame in FRAMES]
    rows.sort(key=lambda row: order("own", row[0], row[2]))
    frames, sources = {}, []
    for video in sorted((LIVE, SPOOF)):
        moved = [np.roll(portrait, 12 * n, axis=1) for n in range(4)]
        path = write_video(folder / "videos" / video, moved)
        frames[video] = dict(decode(path, False, lambda number: True))
        sources.append(source_of(video, sha256_file(path)))
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
    write_own_config(folder)
    return write_own(folder / "run" / "bundle", columns, pixels, sources).parent


def make_columns(folder: Path, videos: Sequence[str], **columns: Sequence[Any]) -> Path:
    """A bundle of one shard with a live sample of each named video, and some columns as given."""
    stored = columns_of([(video, 1, 0) for video in videos])
    for name, values in columns.items():
        texts = isinstance(values[0], str)
        stored[name] = (
            fixed_strings(list(values)) if texts else np.array(values, stored[name].dtype)
        )
    pixels = [sample(np.random.default_rng(0), 1, 0)] * len(videos)
    return write_own(folder, stored, pixels, [source_of(v) for v in sorted(set(videos))]).parent


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
