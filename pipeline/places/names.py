"""The names below a URL as a folder of this machine, so that a dataset's adapter can read them.

Every object becomes an empty file of the right size; lists and other texts are fetched. No key of
an object leads out of that folder: what could not be a file there is passed over, with a reason.
"""

import math
import time
from contextlib import ExitStack, suppress
from multiprocessing.util import Finalize
from pathlib import Path
from typing import NamedTuple

from pipeline.datasets.base import PICTURES, VIDEOS
from pipeline.errors import UserError
from pipeline.files.urls import below
from pipeline.places import scratch
from pipeline.places.base import State
from pipeline.places.scratch import scratch_name
from pipeline.places.store import Store

LONGEST_TEXT = 64 << 20
"""Bytes up to which an object that is no video and no picture is fetched as a list."""
FACES = "face-locations"
"""A folder of face positions that may lie beside the root (datasets/base.py)."""
FRESH = 600.0
"""Seconds for which a process that crops many partitions believes in the names that it listed."""


class Names(NamedTuple):
    """The names below a URL.

    root: the folder that stands for the URL. objects: URL and state of what each file below its
    parent stands for, by the file's path. passed_over: keys that have no file, and why.
    """

    url: str
    root: Path
    objects: dict[Path, tuple[str, State]]
    passed_over: list[tuple[str, str]]


class _Kept(NamedTuple):
    names: Names
    with_faces: bool
    at: float
    stack: ExitStack


_kept: dict[str, _Kept] = {}


def names_of(url: str, with_faces: bool = True, oldest: float = math.inf) -> Names:
    """The names below a URL; what was listed is kept until it is listed again or the process ends.

    with_faces: whether the face positions that come with each video are fetched as well as the
    lists; their names are there in any case. oldest: seconds since they were listed after which
    they are listed again. Raises UserError where there is no object at all.
    """
    kept = _kept.get(url)
    if kept is not None:
        if kept.with_faces >= with_faces and time.monotonic() - kept.at < oldest:
            return kept.names
        del _kept[url]
        kept.stack.close()
    stack = ExitStack()
    try:
        names = _listed(url, stack.enter_context(scratch.folder(url)), with_faces)
    except BaseException:
        stack.close()
        raise
    _kept[url] = _Kept(names, with_faces, time.monotonic(), stack)
    Finalize(None, stack.close, exitpriority=10)
    return names


def _listed(url: str, folder: Path, with_faces: bool) -> Names:
    name = url.rpartition("/")[2]
    root = folder / (name if scratch_name(name) else "root")
    root.mkdir()
    names = Names(url, root, {}, [])
    _add(Store(url), root, names, with_faces)
    if not names.objects:
        raise UserError(f"{url}: no object here; correct the root")
    above = url.rpartition("/")[0]
    if "://" in above and not above.endswith("/") and not (root / FACES).exists():
        beside = Store(below(above, FACES))
        with suppress(UserError):  # who may not look beside the root has nothing there
            _add(beside, folder / FACES, names, with_faces)
    return names


def _add(store: Store, folder: Path, names: Names, with_faces: bool) -> None:
    """Make the files of every object of a store, and fetch its texts."""
    store.check()
    found = list(store.walk())
    folders = {key[:at] for key, _ in found for at, letter in enumerate(key) if letter == "/"}
    texts: list[tuple[str, Path]] = []
    stems = {key.rpartition(".")[0] for key, _ in found if key.lower().endswith(VIDEOS)}
    for key, state in found:
        if reason := _no_file(key, folders):
            names.passed_over.append((key, reason))
            continue
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.truncate(state.size)
        names.objects[path] = (store.url_of(key), state)
        if not key.lower().endswith(VIDEOS + PICTURES) and state.size > 0:
            if state.size > LONGEST_TEXT:
                path.unlink()
                names.passed_over.append((key, f"a list of {state.size} bytes is too long"))
                del names.objects[path]
            elif with_faces or not _of_a_video(key, stems):
                texts.append((key, path))

    def fetch(key: str, path: Path) -> None:
        path.unlink()
        with suppress(FileNotFoundError):  # gone since it was listed
            store.get(key, path)

    store.in_threads(fetch, texts)


def _of_a_video(key: str, stems: set[str]) -> bool:
    """Whether it is the file of one video's face positions."""
    return key.lower().endswith(".face") or key.rpartition(".")[0] in stems


def _no_file(key: str, folders: set[str]) -> str:
    """Why an object cannot be a file of this machine; "" where it can."""
    if key.endswith("/"):
        return "a name that ends with / is that of a folder"
    if not scratch_name(key):
        return (
            "its name cannot be that of a file: empty or dotted parts, a control character,"
            " a backslash, or more than 255 bytes"
        )
    if key in folders:
        return "there are objects below its name, so it would have to be a file and a folder"
    return ""


def fetch_beside(text: str) -> Path:
    """Fetch the list at a URL that the configuration names; its path on this machine, where it is
    kept until the process ends. UserError where there is no such object.
    """
    stack = ExitStack()
    folder = stack.enter_context(scratch.folder(text))
    Finalize(None, stack.close, exitpriority=10)
    url, _, name = text.rpartition("/")
    path = folder / (name if scratch_name(name) else "list.csv")
    try:
        Store(url).get(name, path)
    except FileNotFoundError:
        raise UserError(f"{text}: no such object; correct the configuration") from None
    return path
