"""The configuration as it travels: each path absolute, since workers have another folder to be in.

No path is in a key, so nothing of what is made changes.
"""

import os

from labels.weights import REGISTRY
from pipeline.config import Config
from pipeline.files.urls import is_url


def absolute(config: Config) -> Config:
    """The same configuration with absolute paths; URLs are left as they are."""
    datasets = {
        name: settings.model_copy(
            update={
                "root": place(settings.root),
                "table": place(settings.table),
                "overrides": place(settings.overrides),
            }
        )
        for name, settings in config.datasets.items()
    }
    weights = config.parse.weights
    parse = config.parse.model_copy(
        update={"weights": weights if weights in REGISTRY else place(weights)}
    )
    return config.model_copy(
        update={"out": place(config.out), "datasets": datasets, "parse": parse}
    )


def place(path: str | None) -> str | None:
    """One absolute path; None and URLs as they are. Links are not followed: they may lead elsewhere
    on another machine.
    """
    if path is None or is_url(path):
        return path
    return os.path.abspath(path)  # noqa: PTH100 (resolve would follow them)
