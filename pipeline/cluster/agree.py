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

    run: a name of this run alone. config: with absolute paths. environment: of the client, see
    `environment`. config_sha256: of OUT/config.yaml, which the client has just written: who reads
    the same sees the same OUT.
    """

    run: str
    config: Config
    environment: Mapping[str, str]
    config_sha256: str


def config_sha256(config: Config) -> str:
    """Sha256 of OUT/config.yaml as this process sees it; "" where it sees none."""
    with out_of(config.out) as out, suppress(FileNotFoundError, UserError):
        return out.sha256(out.layout.config)
    return ""


def environment(config: Config) -> dict[str, str]:
    """Versions and weights that decide the bytes which this process makes, by names for people.

    Weights are known by their sha256, those that are not here as "missing".
    """
    from pipeline.crop import PACKAGES
    from pipeline.graph import made_by

    facts = {"Python": ".".join(platform.python_version_tuple()[:2])}
    facts |= versions((*PROGRAMS, *PACKAGES))
    for stage in config.choices():
        made = made_by(config, stage)
        facts |= made["versions"]
        facts[f"version of the stage {stage}"] = "-".join(map(str, made["version"]))
        digests = made.get("weights")
        facts[f"weights of {stage}"] = "missing" if digests is None else " ".join(digests)
    return facts


def why_unfit(terms: Terms) -> str:
    """Why this process may not work for a run, in one line; "": it may, which is remembered."""
    if terms.run in _fit:
        return ""
    reason = difference(terms.environment, environment(terms.config)) or unseen_folder(terms)
    if not reason:
        _fit.add(terms.run)
    return reason


def difference(mine: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """The first entry of `mine` (the client's environment) that a worker has otherwise, in a
    sentence; "" where there is none.
    """
    for name, value in mine.items():
        other = theirs.get(name, "none")
        if other != value:
            return f"{name} is {other} there and {value} here, which may give other bytes"
    return ""


def unseen_folder(terms: Terms) -> str:
    """A sentence on the first folder of the run that this process does not see; "": it sees all."""
    hint = "the folders must be shared by all machines, under the same path"
    if config_sha256(terms.config) != terms.config_sha256:
        return f"it does not see {terms.config.out} as it is here; {hint}"
    for settings in terms.config.datasets.values():
        if not is_url(settings.root) and not Path(settings.root).is_dir():
            return f"it does not see the folder {settings.root}; {hint}"
    return ""
