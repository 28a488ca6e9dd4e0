"""What is source and what is target: leave-one-out protocols such as "O&C&I to M"."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from pipeline.errors import UserError

LETTERS = {"O": "oulu", "C": "casia", "I": "replay", "M": "msu"}
"""The literature's letters for the four datasets."""

SPLITS = ("train", "test")
"""A dataset serves whole, as source or as target: train and test together, dev left out."""


class Protocol(NamedTuple):
    """Datasets to train on and the one to test on, by their names in the bundle."""

    sources: tuple[str, ...]
    target: str

    @property
    def datasets(self) -> tuple[str, ...]:
        """All of them, the target last."""
        return (*self.sources, self.target)

    def __str__(self) -> str:
        letters = {name: letter for letter, name in LETTERS.items()}
        names = [letters.get(name, name) for name in self.datasets]
        return "&".join(names[:-1]) + " to " + names[-1]


def parse(text: str) -> Protocol:
    """Read a protocol: sources joined by &, the word to, the target.

    O, C, I and M stand for oulu, casia, replay and msu; any other name is taken as it is
    ("oulu&casia to mydata"). Raises UserError where the text says something else.
    """
    form = 'write it like "O&C&I to M" or "oulu&casia to mydata"'
    halves = re.split(r"\s+to\s+", text.strip())
    if len(halves) != 2:
        raise UserError(f"protocol '{text}': one 'to' between sources and target; {form}")
    names = [name.strip() for name in [*halves[0].split("&"), halves[1]]]
    for name in names:
        if not re.fullmatch(r"[\w.-]+", name):
            raise UserError(
                f"protocol '{text}': '{name}' is no name of a dataset (letters, digits, _ . -);"
                f" {form}"
            )
    *sources, target = [LETTERS.get(name, name) for name in names]
    if len(set(sources)) < len(sources):
        raise UserError(f"protocol '{text}': a source is named twice")
    if target in sources:
        raise UserError(f"protocol '{text}': the target {target} is also a source")
    return Protocol(tuple(sources), target)


def require(names: Iterable[str], datasets: Iterable[str], where: str) -> None:
    """Raise UserError for the first name that is no dataset of the bundle called `where`."""
    known = sorted(datasets)
    for name in names:
        if name not in known:
            raise UserError(f"{where}: no dataset '{name}' in this bundle; it has {known}")
