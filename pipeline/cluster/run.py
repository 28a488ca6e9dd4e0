"""Videos to finished bundle on the workers of dask.distributed."""

import platform
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.cluster import connect
from pipeline.cluster.absolute import absolute
from pipeline.cluster.agree import Terms, terms_of, unfit
from pipeline.cluster.logs import JsonLog
from pipeline.cluster.partitions import Labelled
from pipeline.cluster.progress import duration
from pipeline.cluster.quiet import silence
from pipeline.cluster.screen import Screen
from pipeline.cluster.stopping import workers_end_too
from pipeline.cluster.submit import Submitter
from pipeline.cluster.watch import Patience, Watch
from pipeline.cluster.window import Window
from pipeline.config import Config, write_once
from pipeline.errors import UserError
from pipeline.files import lock
from pipeline.files.tidy import tidy
from pipeline.files.urls import is_url
from pipeline.graph import check_inputs
from pipeline.partition import write_dataset_index
from pipeline.places import send_text, told_of

LISTED = 20  # failed partitions that are listed one by one


class Wishes(NamedTuple):
    """What is asked for besides the configuration.

    workers, memory: of a cluster on this machine; scheduler: the address of another one, instead.
    wait: seconds to wait for workers. gpu: stages for workers with the tag GPU alone.
    """

    workers: int
    memory: str | None = None
    scheduler: str | None = None
    tls: connect.Tls = connect.Tls()
    wait: float = 60
    gpu: Sequence[str] = ()


def run(config: Config, wishes: Wishes, screen: Screen, log: JsonLog) -> int:
    """Make the bundle of a configuration; return the exit code: 0; 2 where partitions failed by
    what was given; 1 where there is a bug among them. Raises UserError for what ends all of it.
    """
    started, code = time.monotonic(), 2
    silence(log)
    try:
        with locked(config, screen.say):
            check_inputs(config)
            write_once(config)
            tidy(config)
            log("start", **start_of(config, wishes))
            with (
                workers_end_too(config, log, started) as clients,
                workers_of(wishes, screen.say) as client,
            ):
                clients.append(client)
                tell_dashboard(client, screen, log)
                code = work(config, wishes, client, screen, log)
            tidy(config)
    except UserError as error:
        log("stopped", reason=str(error))
        raise
    finally:
        log("end", exit=code, seconds=round(time.monotonic() - started, 3))
    screen.say(f"total: {duration(time.monotonic() - started)}")
    return code


def locked(config: Config, say: Callable[[str], None]) -> AbstractContextManager[Any]:
    """The lock of OUT; an object store has none, which is said."""
    if is_url(config.out):
        say(f"{config.out}: a store has no lock; let no other run write there meanwhile")
        return nullcontext()
    return lock.take(Path(config.out))


def workers_of(wishes: Wishes, say: Callable[[str], None]) -> AbstractContextManager[Any]:
    """A client of the workers that are wished for."""
    if wishes.scheduler is None:
        return connect.local(wishes.workers, wishes.memory)
    return connect.remote(wishes.scheduler, wishes.tls, say)


def start_of(config: Config, wishes: Wishes) -> dict[str, Any]:
    """What the log says of a run at its start."""
    return {
        "ocim": version("ocim"),
        "out": config.out,
        "datasets": {name: one.partitions for name, one in config.datasets.items()},
        "workers": None if wishes.scheduler else wishes.workers,
        "scheduler": wishes.scheduler,
        "gpu": list(wishes.gpu),
    }


def tell_dashboard(client: Any, screen: Screen, log: JsonLog) -> None:
    """Say where Dask's own page of the run is to be seen."""
    link = client.dashboard_link
    if link and "dashboard" in client.scheduler_info()["services"]:
        screen.say(f"dashboard: {link}")
        log("dashboard", url=link)


def work(config: Config, wishes: Wishes, client: Any, screen: Screen, log: JsonLog) -> int:
    """Label every partition and pack the bundle with the workers of a client; the exit code."""
    from pipeline.pack import pack, to_lines

    there = absolute(config)
    for dataset in config.datasets:
        write_dataset_index(config, dataset)
    terms = terms_of(there, uuid.uuid4().hex[:12])
    watch = Watch(client, Patience(wishes.wait, screen.say), log)
    watch.wait_for({False, True} if wishes.gpu else {False})
    refuse_unfit(client, terms)
    labelled = Labelled(there, wishes.gpu, screen.say, log)
    submitter = Submitter(
        client, terms, watch, screen.say, log, lambda: screen.progress([*labelled.tallies.values()])
    )
    window = Window(labelled.tasks())
    for task, answer in submitter.run(window):
        follows = labelled.landed(task, answer)
        if follows:
            window.add(follows)
    if labelled.failed:
        return tell_failed(labelled, config.out, screen.say)
    began = time.monotonic()
    manifest = pack(there, screen.say, submitter.each, watch.capacity.plain)
    log("packed", **packed(manifest), seconds=round(time.monotonic() - began, 3))
    for line in to_lines(manifest, told_of(config.out, "bundle")):
        screen.say(line)
    return 0


def packed(manifest: dict[str, Any]) -> dict[str, Any]:
    """What the log says of a bundle."""
    return {
        "shards": len(manifest["shards"]),
        "samples": sum(row["samples"] for row in manifest["counts"].values()),
        "failures": len(manifest["failures"]),
        "hash": manifest["hash"],
    }


def refuse_unfit(client: Any, terms: Terms) -> None:
    """Raise UserError for the first worker there is that may not work for the run.

    Python and ocim are asked first, by functions that every worker has.
    """
    mine = platform.python_version_tuple()[:2]
    for worker, theirs in answers(client, platform.python_version_tuple).items():
        if tuple(theirs[:2]) != mine:
            other, own = ".".join(theirs[:2]), ".".join(mine)
            raise UserError(f"the worker {worker}: Python is {other} there and {own} here")
    for worker, theirs in answers(client, version, "ocim").items():
        if theirs != version("ocim"):
            other = "not installed" if isinstance(theirs, Exception) else theirs
            raise UserError(f"the worker {worker}: ocim is {other} there, {version('ocim')} here")
    for worker, reason in answers(client, unfit, terms).items():
        if reason:
            raise UserError(f"the worker {worker}: {' '.join(str(reason).split())}")


def answers(client: Any, function: Callable[..., Any], *args: Any) -> dict[str, Any]:
    """function(*args) of every worker there is, or what it raised there. A worker that is lost
    meanwhile is left out: who comes in its place is asked with its first task.
    """
    said = client.run(function, *args, on_error="return")
    return {worker: one for worker, one in said.items() if not isinstance(one, OSError)}


def tell_failed(labelled: Labelled, out: str, say: Callable[[str], None]) -> int:
    """List the partitions that failed, keep the tracebacks of bugs, and give the exit code."""
    for (dataset, partition), failed in sorted(labelled.failed.items())[:LISTED]:
        where = ""
        if failed.traceback:
            name = f"logs/run/{dataset}-{partition}.txt"
            with suppress(OSError, UserError):
                send_text(out, name, failed.traceback)
                where = f" (a bug; {told_of(out, name)} says where)"
        say(f"{dataset} partition {partition} failed: {failed.reason}{where}")
    rest = len(labelled.failed) - LISTED
    if rest > 0:
        say(f"and {rest} more")
    say("no bundle is packed; what is finished is kept, and the same command tries the rest again")
    return 1 if any(one.kind == "bug" for one in labelled.failed.values()) else 2
