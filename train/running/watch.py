"""Whether the bundle on the disk is still the one that a training has open."""

import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pipeline.bundle import MANIFEST, Bundle, BundleError


class Watch:
    """Tells when another bundle lies where the opened one was. Training goes on with what it
    opened: a shard that was replaced stays whole as long as it is open.
    """

    def __init__(self, bundle: Bundle, shards: Iterable[Path]) -> None:
        self.bundle, self.told = bundle, set[str]()
        self.files = {path: identity(path) for path in shards}
        self.manifest = bundle.folder.absolute() / MANIFEST
        self.lay_there = identity(self.manifest)

    def replaced(self) -> list[str]:
        """Names of files that are others now: those read here, and those of another manifest."""
        names = {path.name for path, before in self.files.items() if identity(path) != before}
        if identity(self.manifest) == self.lay_there:
            return sorted(names)  # the usual case, which costs a look at each file and no more
        try:
            now = Bundle(self.manifest.parent)
        except BundleError:
            return sorted({*names, MANIFEST})
        if now.hash != self.bundle.hash:
            ours, theirs = (
                {entry["file"]: entry for entry in one.manifest["shards"]}
                for one in (self.bundle, now)
            )
            names |= {name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name)}
            names = names or {MANIFEST}
        return sorted(names)

    def tell(self) -> None:
        """Write one line to stderr with the names of what was replaced since it was told last."""
        if names := [name for name in self.replaced() if name not in self.told]:
            self.told |= set(names)
            with suppress(OSError):  # nobody listens any more
                print(
                    f"warning: {self.bundle.folder}: another bundle since the training began;"
                    f" replaced: {', '.join(names)}; the training goes on with bundle"
                    f" {self.bundle.hash}, which it has open",
                    file=sys.stderr,
                    flush=True,
                )


def identity(path: Path) -> tuple[int, ...] | None:
    """What changes where a file is replaced or written to; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
