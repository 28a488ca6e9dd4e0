"""Whether the bundle on the disk is still the one that a training has open."""

import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pipeline.bundle import MANIFEST, Bundle, BundleError


class Watch:
    """Warns when another bundle lies where the opened one was. Training goes on with what it
    opened: a shard that was replaced stays whole as long as it is open.

    shards: the files that are read.
    """

    def __init__(self, bundle: Bundle, shards: Iterable[Path]) -> None:
        self.bundle, self.named = bundle, set[str]()
        self.files = {path: identity(path) for path in shards}
        self.manifest = bundle.folder.absolute() / MANIFEST
        self.manifest_identity = identity(self.manifest)

    def replaced(self) -> list[str]:
        """Names of files that are others now, sorted: those read here, and those that another
        manifest lists otherwise.
        """
        names = {path.name for path, before in self.files.items() if identity(path) != before}
        if identity(self.manifest) == self.manifest_identity:
            return sorted(names)  # the usual case, which costs a look at each file and no more
        try:
            now = Bundle(self.manifest.parent)
        except BundleError:
            return sorted({*names, MANIFEST})
        if now.hash != self.bundle.hash:
            ours, theirs = (
                {entry["file"]: entry for entry in bundle.manifest["shards"]}
                for bundle in (self.bundle, now)
            )
            names |= {name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name)}
            names = names or {MANIFEST}
        return sorted(names)

    def warn(self) -> None:
        """Write one line to stderr with the names of what was replaced and was not named before."""
        if names := [name for name in self.replaced() if name not in self.named]:
            self.named |= set(names)
            with suppress(OSError):  # nobody listens any more
                print(
                    f"warning: {self.bundle.folder}: another bundle since the training began;"
                    f" replaced: {', '.join(names)}; the training goes on with bundle"
                    f" {self.bundle.hash}, which it has open",
                    file=sys.stderr,
                    flush=True,
                )


def identity(path: Path) -> tuple[int, ...] | None:
    """Device, number, size in bytes and time of change in ns: one of them changes where a file is
    replaced or written to. None where there is none.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
