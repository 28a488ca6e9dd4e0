"""The videos of one partition on this machine, wherever their dataset lies."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from pipeline.config import DatasetSettings
from pipeline.datasets.base import Video
from pipeline.files import keys
from pipeline.files.urls import is_url
from pipeline.index import adapter, dataset_root, shipped_file
from pipeline.indexing import corrections
from pipeline.places import Out, scratch
from pipeline.places.base import State
from pipeline.places.hashes import RememberedHashes
from pipeline.places.names import FRESH, names_of
from pipeline.places.scratch import scratch_name
from pipeline.places.store import Store


class Videos(Protocol):
    """What the crop stage needs of a dataset: its root, where a video's own file of face positions
    lies, and the sha256 of a video.
    """

    root: Path
    in_store: bool
    """Whether the videos lie in a store, so that one need not be there before `fetch`."""

    @property
    def shipped_file(self) -> Callable[[str], Path | None]:
        """The dataset's own file of face positions of a video, by the video's path."""

    def hash_video(self, path: Path) -> str:
        """Sha256 in hex of the video at a path below the root."""

    def fetch(self) -> None:
        """Have every video there whole; until then it need not be."""


class OnDisk:
    """Videos that lie on a disk of this machine."""

    in_store = False

    def __init__(self, dataset: str, settings: DatasetSettings) -> None:
        self.root = dataset_root(dataset, settings)
        self.shipped_file = shipped_file(dataset, settings, self.root)
        self.hash_video = keys.VideoHashes()

    def fetch(self) -> None:
        """Nothing to do: they are there."""


class _Object(NamedTuple):
    url: str
    state: State


class InStore:
    """Videos of a store. An empty file stands for each until it is fetched."""

    in_store = True

    def __init__(
        self,
        found: dict[str, _Object],
        shipped: dict[str, Path],
        root: Path,
        known: RememberedHashes,
    ) -> None:
        self.root, self._found, self._known = root, found, known
        self._shipped, self._there = shipped, set[str]()
        for path, video in found.items():
            place = root / path
            with suppress(OSError):  # a file and a folder of one name: the crop stage misses one
                place.parent.mkdir(parents=True, exist_ok=True)
                with place.open("xb") as file:
                    file.truncate(video.state.size)

    def shipped_file(self, path: str) -> Path | None:
        """The file of face positions of a video, which was fetched before; None without one."""
        return self._shipped.get(path)

    def hash_video(self, path: Path) -> str:
        """Sha256 in hex as it is remembered; else the video is fetched. FileNotFoundError where it
        is gone from the store.
        """
        name = path.relative_to(self.root).as_posix()
        video = self._found[name]
        known = self._known.find(video.url, video.state)
        if not known:
            return self._fetch(name)
        self._known.add(*video, known)
        return known

    def fetch(self) -> None:
        """Fetch those that are not there yet. What is gone by now the crop stage finds missing."""
        for name in sorted(self._found.keys() - self._there):
            if (self.root / name).is_file():
                with suppress(FileNotFoundError):
                    self._fetch(name)

    def _fetch(self, name: str) -> str:
        """Fetch a video; its sha256."""
        url, place = self._found[name].url, self.root / name
        above, _, key = url.rpartition("/")
        try:
            state = Store(above).get(key, place)
        except FileNotFoundError:
            place.unlink(missing_ok=True)
            raise FileNotFoundError(2, "gone from the store", url) from None
        self._found[name] = _Object(url, state)
        sha256 = keys.sha256_file(place)
        self._known.add(url, state, sha256)
        self._there.add(name)
        return sha256

    def keep(self) -> None:
        """Write down the hashes of the videos."""
        self._known.keep({video.url for video in self._found.values()})


@contextmanager
def videos_of(
    dataset: str, settings: DatasetSettings, partition: int, rows: Sequence[Video], out: Out
) -> Iterator[Videos]:
    """The videos of a partition, for use in the block. rows: its part of the index. out: where the
    hashes of videos in a store are remembered.
    """
    if not is_url(settings.root):
        yield OnDisk(dataset, settings)
        return
    with scratch.folder(settings.root) as folder:
        known = RememberedHashes(out, dataset, partition)
        wanted = [
            row.path for row in rows
            if corrections.excluded(corrections.of_row(row), None) is None
        ]  # fmt: skip
        found, shipped = _objects(dataset, settings, [row.path for row in rows])
        videos = InStore(
            {path: found[path] for path in wanted if path in found},
            _fetched(shipped, folder / "faces"),
            folder / "videos",
            known,
        )
        videos.root.mkdir(exist_ok=True)
        yield videos
        videos.keep()


def _objects(
    dataset: str, settings: DatasetSettings, paths: Sequence[str]
) -> tuple[dict[str, _Object], dict[str, _Object]]:
    """The objects of the videos, and of their files of face positions, by the paths of the videos.

    All names are listed where face positions come with a dataset or its root is to be found first;
    else a video is asked for by its name, and it does not matter how many others there are.
    """
    module = adapter(dataset, settings)
    if not module.FIRST_FOLDERS and not hasattr(module, "shipped_file"):
        store = Store(settings.root)
        states = store.in_threads(store.state, [(path,) for path in paths if scratch_name(path)])
        named = zip((path for path in paths if scratch_name(path)), states, strict=True)
        return {p: _Object(store.url_of(p), s) for p, s in named if s is not None}, {}
    objects = names_of(settings.root, with_faces=False, oldest=FRESH).objects
    root = dataset_root(dataset, settings)
    hook = shipped_file(dataset, settings, root)
    found = {path: _Object(*objects[root / path]) for path in paths if root / path in objects}
    shipped = {path: place for path in paths if (place := hook(path)) is not None}
    return found, {p: _Object(*objects[place]) for p, place in shipped.items() if place in objects}


def _fetched(objects: dict[str, _Object], folder: Path) -> dict[str, Path]:
    """Fetch small files, each into a folder of its own, since suffix and name say what it is."""
    found: dict[str, Path] = {}
    for number, (path, file) in enumerate(sorted(objects.items())):
        above, _, key = file.url.rpartition("/")
        place = folder / str(number) / key
        with suppress(FileNotFoundError):
            Store(above).get(key, place)
            found[path] = place
    return found
