"""What a worker does: one task at a time, if it is fit for the run, and what it gives back."""

import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from pipeline.bundle import BundleError
from pipeline.cluster.agree import Terms, why_unfit
from pipeline.errors import REFUSALS, UserError

Kind = Literal["input", "refused", "worker", "bug", "lost"]
"""Why a task gave nothing: what it was given is wrong; a disk or folder refused; the worker is not
fit for this run; anything that nobody expected; its workers died again and again.
"""


class Failed(NamedTuple):
    """Why a task gave nothing, in one line; where in the code, when it is a bug."""

    kind: Kind
    reason: str
    traceback: str = ""


class Answer(NamedTuple):
    """What a task gave: its function's value, or why there is none; its seconds on the worker."""

    value: Any
    failed: Failed | None = None
    worker: str = ""
    seconds: float = 0.0


# Stages silence libraries by descriptors, of which there is one set.
_one_at_once = threading.Lock()


def perform(terms: Terms, function: Callable[..., Any], args: tuple[Any, ...]) -> Answer:
    """Call function(*args) on a worker of Dask that is fit for the run. What is raised becomes an
    answer, for Dask would repeat what the input is to blame for.
    """
    from distributed import get_worker

    with _one_at_once:
        started = time.monotonic()
        value, failed = attempt(terms, function, args)
        return Answer(value, failed, get_worker().address, time.monotonic() - started)


def attempt(
    terms: Terms, function: Callable[..., Any], args: tuple[Any, ...]
) -> tuple[Any, Failed | None]:
    """The value of function(*args) and None, or None and why there is none; nothing is raised."""
    try:
        reason = why_unfit(terms)
        if reason:
            return None, Failed("worker", reason)
        return function(*args), None
    except (UserError, BundleError) as error:
        return None, Failed("input", one_line(error))
    except OSError as error:
        if error.errno in REFUSALS:
            return None, Failed("refused", f"{error.filename or 'output'}: {error.strerror}")
        return None, bug(error)
    except Exception as error:
        return None, bug(error)


def bug(error: BaseException) -> Failed:
    """An exception that nobody expected, as a value. The last line says most: what another process
    tells of its own begins with where it was.
    """
    lines = str(error).strip().splitlines() or [""]
    reason = one_line(f"{type(error).__name__}: {lines[-1]}")
    return Failed("bug", reason, "".join(traceback.format_exception(error)))


def one_line(error: object) -> str:
    """The text of an error, in one line."""
    return " ".join(str(error).split())
