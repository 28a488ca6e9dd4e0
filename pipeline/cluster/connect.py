"""A client of Dask: with workers that it starts on this machine, or of a scheduler that runs."""

import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pipeline.cluster.quiet import LOUD
from pipeline.errors import UserError

CONNECT_TIMEOUT = 10  # seconds
CLOSE_TIMEOUT = 5  # seconds
STARTS = 3  # how often workers are started before that is given up
DASHBOARD_PORT = 8787  # where Dask's dashboard is looked for; another one, where it is taken
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1"
)
"""Work is parallel by partition: a thread for each core in each of as many workers is too many."""
SILENT = {f"DASK_LOGGING__{name.upper()}": "critical" for name in LOUD}
"""For the workers' own processes, which would write on this terminal."""


class Tls(NamedTuple):
    """Files (PEM) for tls://: who signed the certificates, and this program's certificate and key.
    None each: as Dask's own configuration says.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


@contextmanager
def local(workers: int, memory: str | None) -> Iterator[Any]:
    """A client of `workers` processes on this machine, each of one thread; they end with it.

    Scheduler and dashboard listen on 127.0.0.1 alone, and the scheduler only to who has the
    certificate that is made for this run: other users of the machine have not. memory: a worker's
    limit, as "4GB", at which it is ended and started again; None: an equal part of the machine's.
    Raises UserError for a `memory` that is no size, or where no worker starts.
    """
    import dask
    from dask.utils import parse_bytes

    try:
        limit: Any = "auto" if memory is None else parse_bytes(memory)
    except ValueError:
        raise UserError(f"--memory {memory}: not a size; write it as 4GB or 800MB") from None
    port = free_port(DASHBOARD_PORT)
    settings = {
        # What a worker keeps is its models: nothing that could be put on disk, nor that would get
        # less by waiting. So a worker is only ended, when it comes too close to its limit.
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        "distributed.worker.profile.enabled": False,
        "distributed.nanny.pre-spawn-environ": ONE_THREAD | SILENT,
        "distributed.scheduler.dashboard.bokeh-application.allow_websocket_origin": [
            f"{host}:{port}" for host in ("127.0.0.1", "localhost")
        ],
    }
    with dask.config.set(settings):
        from distributed import Client, LocalCluster
        from distributed.security import Security

        def start() -> LocalCluster:
            return LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                memory_limit=limit,
                host="127.0.0.1",
                dashboard_address=f"127.0.0.1:{port}",
                security=Security.temporary(),
                resources={"GPU": 1},
                silence_logs=False,
            )

        with (
            without_ctrl_c(lambda: start_with_retries(start)) as cluster,
            Client(cluster, timeout=CONNECT_TIMEOUT, set_as_default=False) as client,
        ):
            yield client


def start_with_retries(start: Callable[[], Any]) -> Any:
    """The result of start(), which is called up to STARTS times where it raises RuntimeError: Dask
    replaces workers that are killed once they work, but not while they begin. UserError after that.
    """
    for _ in range(STARTS):
        try:
            return start()
        except RuntimeError as error:
            reason = cause(error)
    raise UserError(
        f"workers cannot be started on this machine: {reason}; are they killed for want of memory?"
        " Try fewer (--workers)"
    )


def without_ctrl_c(start: Callable[[], Any]) -> Any:
    """The result of start(), called in a thread whose processes never get SIGINT.

    A terminal sends Ctrl-C to every process; workers would end in pages of text. It is this
    program's alone, which ends them.
    """
    resource_tracker.ensure_running()  # which unblocks SIGINT where it is started
    with ThreadPoolExecutor(1) as pool:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # what is started inherits it
        try:
            future = pool.submit(start)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        return future.result()


def free_port(wanted: int) -> int:
    """The port of 127.0.0.1 that is wanted, or a free one where it is taken. UserError: none is."""
    for port in (wanted, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise UserError("127.0.0.1: no port is free")


@contextmanager
def remote(address: str, tls: Tls, say: Callable[[str], None]) -> Iterator[Any]:
    """A client of the scheduler at `address`: tcp://HOST:PORT or tls://HOST:PORT.

    say: is given a warning where the connection is not encrypted. Raises UserError where no
    scheduler answers there, or the certificates are not right.
    """
    from distributed import Client

    host, port = checked(address, tls)
    encrypted = address.startswith("tls://")
    if not encrypted and not is_loopback(host):
        say(
            f"warning: {address} is neither encrypted nor protected: whoever reaches that port can"
            " run any program on its workers; see docs/running.md for tls://"
        )
    try:
        # Dask tries again and again where nobody listens.
        socket.create_connection((host, port), CONNECT_TIMEOUT).close()
        secure = security(tls)
        if encrypted and secure.get_connection_args("client")["ssl_context"] is None:
            raise UserError(f"{address}: give --tls-ca, --tls-cert and --tls-key")
        client = Client(address, timeout=CONNECT_TIMEOUT, security=secure, set_as_default=False)
    except (OSError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{address}: no scheduler that can be used: {cause(error)}") from None
    try:
        yield client
    finally:
        with suppress(Exception):  # one that is lost cannot be taken leave of
            client.close(timeout=CLOSE_TIMEOUT)


def checked(address: str, tls: Tls) -> tuple[str, int]:
    """Host and port of a scheduler's address. Raises UserError where it is none, where it and the
    files for TLS do not go together, or where one of these is missing.
    """
    parts = urlsplit(address)
    try:
        right = parts.scheme in ("tcp", "tls") and parts.hostname and parts.port
    except ValueError:
        right = False
    if not right or parts.path or parts.query or parts.username:
        raise UserError(f"--scheduler {address}: write it as tcp://HOST:PORT or tls://HOST:PORT")
    if parts.scheme == "tcp" and any(tls):
        raise UserError(f"--scheduler {address}: the options --tls-... want tls://HOST:PORT")
    if any(tls) and not all(tls):
        raise UserError("--tls-ca, --tls-cert and --tls-key belong together: give all three")
    for path in tls:
        if path is not None and not path.is_file():
            raise UserError(f"{path}: no such file")
    return str(parts.hostname), int(parts.port or 0)


def is_loopback(host: str) -> bool:
    """Whether a host, a name or an IP address, is this machine's loopback interface."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def security(tls: Tls) -> Any:
    """Dask's Security of these files; that of its own configuration where none are given."""
    from distributed.security import Security

    if tls.ca is None:
        return Security()
    return Security(
        tls_ca_file=str(tls.ca),
        tls_client_cert=str(tls.cert),
        tls_client_key=str(tls.key),
        require_encryption=True,
    )


def cause(error: BaseException) -> str:
    """The text of the innermost cause of an error, in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = " ".join(str(error).split())
    return text or type(error).__name__
