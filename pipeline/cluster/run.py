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
from pipeline.cluster.agree import Terms, config_sha256, environment, why_unfit
from pipeline.cluster.logs import JsonLog
from pipeline.cluster.partitions import PartitionTasks
from pipeline.cluster.progress import duration
from pipeline.cluster.quiet import silence
from pipeline.cluster.screen import Screen
from pipeline.cluster.stopping import stop_workers_on_signal
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
from pipeline.places import address_of, send_text

LISTED = 20  # failed partitions that are listed one by one


class RunOptions(NamedTuple):
    """What a run is told besides the configuration.

    workers, memory: of a cluster on this machine, its processes and the limit of each, as "4GB".
    scheduler: the address of another cluster, instead; tls: for that. wait: seconds to wait for
    workers. gpu: stages for workers with the tag GPU alone.
    """

    workers: int
    memory: str | None
    scheduler: str | None
    tls: connect.Tls
    wait: float
    gpu: Sequence[str]


def run(config: Config, options: RunOptions, screen: Screen, log: JsonLog) -> int:
    """Make the bundle of a configuration; returns the exit code: 0; 2 where partitions failed by
    what was given; 1 where there is a bug among them. Raises UserError for what ends the whole run.
    """
    started, code = time.monotonic(), 2
    silence(log)
    try:
        with locked(config, screen.say):
            check_inputs(config)
            write_once(config)
            tidy(config)
            log("start", **start_of(config, options))
            with (
                stop_workers_on_signal(config, log, started) as clients,
                workers_of(options, screen.say) as client,
            ):
                clients.append(client)
                report_dashboard(client, screen, log)
                code = work(config, options, client, screen, log)
            tidy(config)
    except UserError as error:
        log("stopped", reason=str(error))
        raise
    finally:
        log("end", exit=code, seconds=round(time.monotonic() - started, 3))
    screen.say(f"total: {duration(time.monotonic() - started)}")
    return code


def locked(config: Config, say: Callable[[str], None]) -> AbstractContextManager[Any]:
    """The lock of OUT, for use in a with block; an object store has none, which is said. UserError
    where another run holds it.
    """
    if is_url(config.out):
        say(f"{config.out}: a store has no lock; let no other run write there meanwhile")
        return nullcontext()
    return lock.take(Path(config.out))


def workers_of(options: RunOptions, say: Callable[[str], None]) -> AbstractContextManager[Any]:
    """A client of the workers that the options name, for use in a with block."""
    if options.scheduler is None:
        return connect.local(options.workers, options.memory)
    return connect.remote(options.scheduler, options.tls, say)


def start_of(config: Config, options: RunOptions) -> dict[str, Any]:
    """What the log says of a run at its start."""
    return {
        "ocim": version("ocim"),
        "out": config.out,
        "datasets": {name: dataset.partitions for name, dataset in config.datasets.items()},
        "workers": None if options.scheduler else options.workers,
        "scheduler": options.scheduler,
        "gpu": list(options.gpu),
    }


def report_dashboard(client: Any, screen: Screen, log: JsonLog) -> None:
    """Say where Dask's own page of the run is to be seen."""
    link = client.dashboard_link
    if link and "dashboard" in client.scheduler_info()["services"]:
        screen.say(f"dashboard: {link}")
        log("dashboard", url=link)


def work(config: Config, options: RunOptions, client: Any, screen: Screen, log: JsonLog) -> int:
    """Label every partition and pack the bundle with the workers of a client; returns the exit code
    as `run` does.
    """
    from pipeline.pack import pack, to_lines

    there = absolute(config)
    for dataset in config.datasets:
        write_dataset_index(config, dataset)
    terms = Terms(uuid.uuid4().hex[:12], there, environment(there), config_sha256(there))
    watch = Watch(client, Patience(options.wait, screen.say), log)
    watch.wait_for({False, True} if options.gpu else {False})
    refuse_unfit(client, terms)
    partitions = PartitionTasks(there, options.gpu, screen.say, log)

    def progress() -> None:
        screen.progress([*partitions.tallies.values()])

    submitter = Submitter(client, terms, watch, screen.say, log, progress)
    window = Window(partitions.tasks())
    for task, answer in submitter.run(window):
        follows = partitions.finished(task, answer)
        if follows:
            window.add(follows)
    if partitions.failed:
        return report_failed(partitions, config.out, screen.say)
    began = time.monotonic()
    manifest = pack(there, screen.say, submitter.each, watch.capacity.plain)
    log("packed", **packed(manifest), seconds=round(time.monotonic() - began, 3))
    for line in to_lines(manifest, address_of(config.out, "bundle")):
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
    for worker, reason in answers(client, why_unfit, terms).items():
        if reason:
            raise UserError(f"the worker {worker}: {' '.join(str(reason).split())}")


def answers(client: Any, function: Callable[..., Any], *args: Any) -> dict[str, Any]:
    """What function(*args) returns or raises on every worker there is, by the worker's address. One
    that is lost meanwhile is left out: who comes in its place is asked with its first task.
    """
    found = client.run(function, *args, on_error="return")
    return {worker: answer for worker, answer in found.items() if not isinstance(answer, OSError)}


def report_failed(partitions: PartitionTasks, out: str, say: Callable[[str], None]) -> int:
    """List the partitions that failed, keep the tracebacks of bugs below OUT/logs/run; returns the
    exit code.
    """
    for (dataset, partition), failed in sorted(partitions.failed.items())[:LISTED]:
        where = ""
        if failed.traceback:
            name = f"logs/run/{dataset}-{partition}.txt"
            with suppress(OSError, UserError):
                send_text(out, name, failed.traceback)
                where = f" (a bug; {address_of(out, name)} says where)"
        say(f"{dataset} partition {partition} failed: {failed.reason}{where}")
    rest = len(partitions.failed) - LISTED
    if rest > 0:
        say(f"and {rest} more")
    say("no bundle is packed; what is finished is kept, and the same command tries the rest again")
    return 1 if any(failed.kind == "bug" for failed in partitions.failed.values()) else 2
