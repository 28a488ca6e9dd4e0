"""The file systems of fsspec that speak to the stores."""

import os
import warnings
from typing import Any

from pipeline.errors import UserError

_OPTIONS: dict[str, dict[str, Any]] = {
    # s3fs repeats these five times, and failures.with_retries all of it: a store that does not
    # answer is found out in seconds.
    "s3": {
        "config_kwargs": {
            "connect_timeout": 10,
            "read_timeout": 60,
            "retries": {"mode": "standard", "max_attempts": 2},
        }
    },
}


def file_system(protocol: str, url: str) -> Any:
    """The file system of a protocol (s3, gs, file, memory). Raises UserError, naming `url`, where
    the package that speaks it is missing.
    """
    import fsspec  # type: ignore[import-untyped]

    if protocol == "gs":
        # Else it asks for the kind of each bucket, and says at length that it may not be known.
        os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    # What the user's own settings of fsspec say of an option goes before ours.
    theirs = fsspec.config.conf.get(protocol, {})
    own = {name: v for name, v in _OPTIONS.get(protocol, {}).items() if name not in theirs}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # Google's, of Pythons to come
            return fsspec.filesystem(protocol, use_listings_cache=False, **own)
    except ImportError:
        package = {"s3": "s3fs", "gs": "gcsfs"}.get(protocol, protocol)
        raise UserError(f"{url}: this needs the package {package}: pip install {package}") from None
