"""What is remembered of the videos of a store: their sha256, so that none is fetched to be hashed.

It is a cache: it lies beside the outputs, may be deleted, and is believed only where size and mark
of an object are still those that were hashed.
"""

import json
from typing import Any

from pipeline.files import keys
from pipeline.files.store import canonical_json, write_text
from pipeline.places.base import Out, State


class RememberedHashes:
    """Sha256 of the videos of one partition by their URLs; see also keys.VideoHashes, whose memory
    of this machine is asked as well.
    """

    def __init__(self, out: Out, dataset: str, partition: int) -> None:
        self.out, self.path = out, out.layout.hashes(dataset, partition)
        self._of_machine = keys.VideoHashes()
        self._known: dict[str, list[Any]] = {}
        self._new = False
        if out.state(self.path) is not None:
            try:
                found = json.loads(out.bring(self.path).read_text("utf-8"))
                self._known = {str(url): list(entry) for url, entry in found["videos"].items()}
            except (OSError, ValueError, LookupError, TypeError, AttributeError):
                self._known = {}

    def find(self, url: str, state: State) -> str:
        """The sha256 in hex of an object in this state; "" where it is not known."""
        entry = self._known.get(url, [])
        if state.stamp and entry[:2] == [state.size, state.stamp] and len(entry) == 3:
            return str(entry[2])
        return self._of_machine.remembered(url, state.size, state.stamp) if state.stamp else ""

    def add(self, url: str, state: State, sha256: str) -> None:
        """Remember the sha256 (in hex) of the object at a URL in this state."""
        entry = [state.size, state.stamp, sha256]
        if self._known.get(url) != entry:
            self._known[url], self._new = entry, True
        self._of_machine.remember(url, state.size, state.stamp, sha256)

    def keep(self, urls: set[str]) -> None:
        """Write down what is known of the videos at these URLs, beside the outputs."""
        known = {url: entry for url, entry in self._known.items() if url in urls}
        if self._new or len(known) != len(self._known):
            write_text(self.path, canonical_json({"videos": known}))
            self.out.send(self.path)
        self.out.forget(self.path)
