"""Where inputs and outputs lie: on a disk of this machine, or in an object store.

The stages read and write files of this machine. What is in between is here: `out_of` gives the
place of a configuration's outputs, which brings a file before a stage reads it and sends it after:
`base.Out`, either a folder (`local.py`) or a store (`remote.py`, with `pieces.py` to look into a
file without fetching it, and `scratch.py` for what is fetched). `names.py` lists a dataset in a
store, `videos.py` fetches the videos of one partition and `hashes.py` remembers what they hash to,
`fetch.py` copies a finished bundle.

`store.py` is the store itself: its file system is from `systems.py`, requests that fail are tried
again by `failures.py`, few fetch many pieces by `ranges.py`, and `marks.py` tells whether what came
is what was sent.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.files.keys import sha256_file
from pipeline.files.store import write_text
from pipeline.files.urls import below, is_url
from pipeline.places import scratch
from pipeline.places.base import Out, Range, State
from pipeline.places.local import LocalOut
from pipeline.places.remote import RemoteOut

__all__ = ["LocalOut", "Out", "Range", "State", "address_of", "out_of", "send_text"]


@contextmanager
def out_of(out: str) -> Iterator[Out]:
    """The place of the outputs of a configuration, by its `out` (a path or URL), for the block.

    Of a store a folder of this machine stands for OUT meanwhile (scratch.py); what is in it is gone
    after the block. Raises UserError where the store does not answer or has no such bucket.
    """
    if not is_url(out):
        yield LocalOut(out)
        return
    with scratch.folder(out) as folder:
        place = RemoteOut(out, folder)
        place.store.check()
        yield place


def address_of(out: str, name: str) -> str:
    """The path or URL of a file below OUT, for people. name: its path below OUT."""
    return below(out, name) if is_url(out) else str(Path(out) / name)


def send_text(out: str, name: str, text: str) -> None:
    """Write a text to OUT as a file; nothing is sent where it says the same already. name: its path
    below OUT.
    """
    with out_of(out) as place:
        path = place.layout.out / name
        write_text(path, text)
        if place.sha256(path) != sha256_file(path):
            place.send(path)
