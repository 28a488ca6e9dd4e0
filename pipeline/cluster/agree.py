"""What client and workers must have in common: versions that decide bytes, weights, and folders."""

import platform
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.files.keys import versions
from pipeline.files.urls import is_url
from pipeline.places import out_of

PROGRAMS = ("cloudpickle", "dask", "distributed", "ocim")
"""Packages that must be equal for tasks to travel, whether or not they decide bytes."""
_fit: set[str] = set()  # runs that this process has been found fit for


class Terms(NamedTuple):
    """What a run asks of each worker before it does anything; it travels with every task.

    run: a name of this run alone. config: with absolute paths. about: of the client, see `about`.
    seen: sha256 of OUT/config.yaml, which the client has just written: who reads the same sees the
    same OUT.
    """

    run: str
    config: Config
    about: Mapping[str, str]
    seen: str


def terms_of(config: Config, run: str) -> Terms:
    """The terms of a run whose OUT/config.yaml is written. config: with absolute paths."""
    return Terms(run, config, about(config), seen(config))


def seen(config: Config) -> str:
    """Sha256 of OUT/config.yaml as this process sees it; "" where it sees none."""
    with out_of(config.out) as out, suppress(FileNotFoundError, UserError):
        return out.sha256(out.layout.config)
    return ""


def about(config: Config) -> dict[str, str]:
    """What decides the bytes that this process makes, by names for people.

    Weights are known by their sha256, those that are not here as "missing".
    """
    from pipeline.crop import PACKAGES
    from pipeline.graph import made_by

    told = {"Python": ".".join(platform.python_version_tuple()[:2])}
    told |= versions((*PROGRAMS, *PACKAGES))
    for stage in config.choices():
        made = made_by(config, stage)
        told |= made["versions"]
        told[f"version of the stage {stage}"] = "-".join(map(str, made["version"]))
        digests = made.get("weights")
        told[f"weights of {stage}"] = "missing" if digests is None else " ".join(digests)
    return told


def unfit(terms: Terms) -> str:
    """Why this process may not work for a run, in one line; "" where it may. Looked at once."""
    if terms.run in _fit:
        return ""
    reason = difference(terms.about, about(terms.config)) or unseen(terms)
    if not reason:
        _fit.add(terms.run)
    return reason


def difference(mine: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """The first thing that a worker has otherwise, in a sentence; "" where there is none."""
    for name, value in mine.items():
        other = theirs.get(name, "none")
        if other != value:
            return f"{name} is {other} there and {value} here, which may give other bytes"
    return ""


def unseen(terms: Terms) -> str:
    """The first folder of the run that this process does not see; "" where it sees all."""
    hint = "the folders must be shared by all machines, under the same path"
    if seen(terms.config) != terms.seen:
        return f"it does not see {terms.config.out} as it is here; {hint}"
    for settings in terms.config.datasets.values():
        if not is_url(settings.root) and not Path(settings.root).is_dir():
            return f"it does not see the folder {settings.root}; {hint}"
    return ""
