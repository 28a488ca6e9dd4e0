"""The logs of dask.distributed kept from the terminal: people get one plain line instead.

Dask sets its loggers up when it is imported, by its configuration; so this comes before.
"""

import logging
import sys
import warnings
from typing import Any

LOUD = ("distributed", "tornado", "bokeh", "asyncio")
"""Loggers that speak of lost connections and ended processes in pages of text."""


class _Passed(logging.Handler):
    """Passes what Dask says at WARNING and above on to the log of the run."""

    def __init__(self, log: Any) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """One record as one event."""
        text = " ".join(record.getMessage().split())
        self._log("dask", logger=record.name, level=record.levelname, message=text)


def silence(log: Any) -> None:
    """Keep what Dask logs and warns of in this process for `log`, a JsonLog, alone.

    Programs that are started from here, such as local workers, are silenced altogether.
    """
    import dask

    # What would be told of this program after kill -9, in the middle of the terminal's next line.
    sys.warnoptions.append("ignore::UserWarning:multiprocessing.resource_tracker")
    dask.config.set({"logging": dict.fromkeys(LOUD, "critical")})
    warnings.filterwarnings("ignore", module=r"(distributed|dask|tornado|bokeh)\b")
    import distributed  # noqa: F401  (sets its loggers up)

    for name in LOUD:
        logger = logging.getLogger(name)
        logger.handlers = [_Passed(log)]
        logger.propagate = False
        logger.setLevel(logging.WARNING)
    for name, below in logging.Logger.manager.loggerDict.items():
        if isinstance(below, logging.Logger) and name.startswith(
            tuple(f"{loud}." for loud in LOUD)
        ):
            below.handlers, below.propagate = [], True
            below.setLevel(logging.NOTSET)
