"""The back ends that a configuration chooses: loaded, and what of them decides bytes."""

from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module
from typing import Any, NamedTuple

from labels.backends import Backend
from pipeline import keys
from pipeline.store import canonical_json


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
        """The back end ready to work. UserError where its weights are missing or wrong."""
        return import_module(self.backend.module).load(**self.options)

    def digests(self) -> list[str]:
        """Sha256 of the weight files. UserError where one is missing or wrong."""
        return [_digest(name) for name in self.weights]

    def versions(self, packages: Iterable[str] = ()) -> dict[str, str]:
        """Installed versions of what decides the bytes, `packages` of the stage among it."""
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


@lru_cache
def _digest(name: str) -> str:
    from labels.weights import digest

    return digest(name)


def _about(name: str) -> dict[str, str]:
    """Name, sha256 and licence of a weight file; a path of the user's own is not told."""
    from labels.weights import REGISTRY

    known = REGISTRY.get(name)
    licence = known.licence if known else "not known here"
    return {"name": name if known else "own file", "sha256": _digest(name), "licence": licence}
