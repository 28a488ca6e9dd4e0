"""What is wrong with a file: findings, of which only the first few of each kind are told."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pipeline.files.records import is_plain, shown

FIRST = 5
"""How many findings of one kind are told before the rest are counted."""


class Finding(NamedTuple):
    """One thing that is wrong.

    kind: what it is, without its values; findings are counted by it. text: with its values, one
    line; "" where they are the same. sample: row in the shard, None where it is of no sample; video
    and frame are that sample's, where they can be read.
    """

    kind: str
    text: str = ""
    sample: int | None = None
    video: str = ""
    frame: int | None = None

    def line(self, file: str) -> str:
        """The one line that tells it; file: the name of the file in which it is."""
        where = "" if self.sample is None else f"sample {self.sample}: "
        if self.sample is not None and self.frame is not None:
            where = f"sample {self.sample} (video {plain(self.video)}, frame {self.frame}): "
        return f"{plain(file)}: {where}{self.text or self.kind}"


def plain(text: str) -> str:
    """A text as it may stand in a line: quoted and escaped where it could break it."""
    return text if text and len(text) <= 200 and is_plain(text) else shown(text)


def limited(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The first five findings of each kind as they come, and in the end how many more there are."""
    counts: Counter[str] = Counter()
    of_samples = set()
    for finding in findings:
        counts[finding.kind] += 1
        if finding.sample is not None:
            of_samples.add(finding.kind)
        if counts[finding.kind] <= FIRST:
            yield finding
    for kind, count in counts.items():
        if count > FIRST:
            what = "more samples" if kind in of_samples else "more"
            yield Finding(kind, f"{count - FIRST} {what}: {kind}")
