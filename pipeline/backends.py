"""The back ends that a configuration chooses: loaded, and what of them decides bytes."""

from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from labels.backends import Backend
from pipeline.files import keys
from pipeline.files.store import canonical_json

State = tuple[str, int, int]
"""A file's path, size and time of change."""


class Choice(NamedTuple):
    """A back end as a section of the configuration chooses it.

    decides: what of the section decides bytes; no path is in it, for weights are known by their
    sha256. options: what the back end is loaded with. weights: names in labels.weights, or paths.
    packages: distributions that decide its bytes.
    """

    name: str
    backend: Backend
    decides: dict[str, Any]
    options: dict[str, Any]
    weights: tuple[str, ...]
    packages: tuple[str, ...]

    def load(self) -> Any:
        """The back end ready to work: for landmarks a labels.landmarks.FaceFinder, else a function
        from views to labels. Raises UserError where its weights are missing or wrong, or a package
        that it needs is.
        """
        return import_module(self.backend.module).load(**self.options)

    def loaded(self) -> Any:
        """The back end as `load` gives it, loaded once a process for all its partitions, and anew
        where a weight file has changed; for depth and parsing, which hold nothing of one picture
        when they see the next.
        """
        files = tuple(_state(name) for name in self.weights)
        return _loaded(self.backend.module, tuple(sorted(self.options.items())), files)

    def digests(self) -> list[str]:
        """Sha256 in hex of each weight file. Raises UserError where one is missing or wrong."""
        return [_digest(name) for name in self.weights]

    def versions(self, packages: Iterable[str] = ()) -> dict[str, str]:
        """Installed versions of what decides the bytes, by distribution: h5py, numpy, those of the
        back end, and `packages` of the stage.
        """
        return keys.versions({"h5py", "numpy", *self.packages, *packages})

    def made_by(self, made_on: str, stage: int, packages: Iterable[str] = ()) -> str:
        """What made a file, for its attribute `made_by`: canonical JSON.

        made_on: the runtime, and CPU or GPU. stage: the stage's own version. packages: that the
        stage needs besides the back end's.
        """
        return canonical_json(
            {
                "backend": self.name,
                "classes_never_given": list(self.backend.never),
                "made_on": made_on,
                "stage": [stage, self.backend.version],
                "versions": self.versions(packages),
                "weights": [_about(name) for name in self.weights],
            }
        )


@lru_cache(maxsize=4)  # a depth and a parsing network, before and after a change
def _loaded(module: str, options: tuple[tuple[str, Any], ...], files: tuple[State, ...]) -> Any:
    return import_module(module).load(**dict(options))


def _state(name: str) -> State:
    """The file of a kind of weights, or of one's own, as it is now: path, size, time of change.

    A process may live for days: what it remembers of a file is worth nothing after a change.
    """
    from labels.weights import REGISTRY, expected, folder

    path = folder() / expected(name) / REGISTRY[name].file if name in REGISTRY else Path(name)
    with suppress(OSError):
        status = path.stat()
        return str(path), status.st_size, status.st_mtime_ns
    return str(path), -1, -1  # whoever opens it says what is wrong


def _digest(name: str) -> str:
    return _digest_of(name, _state(name))


@lru_cache
def _digest_of(name: str, file: State) -> str:
    from labels.weights import digest

    return digest(name)


def _about(name: str) -> dict[str, str]:
    """Name, sha256 and licence of a weight file; a path of the user's own is not told."""
    from labels.weights import REGISTRY

    known = REGISTRY.get(name)
    licence = known.licence if known else "not known here"
    return {"name": name if known else "own file", "sha256": _digest(name), "licence": licence}
