"""The verb that makes the bundle on many workers: processes of this machine, or a cluster's."""

import os
import sys
from pathlib import Path

import click

from pipeline.cli.options import PATH, config_option, load


@click.command()
@config_option
@click.option("--workers", type=click.IntRange(1, 1024),
              help="Processes on this machine; default: its cores.")  # fmt: skip
@click.option("--memory", metavar="SIZE",
              help="Of each, such as 4GB: at most, then it starts anew.")  # fmt: skip
@click.option("--scheduler", metavar="ADDRESS",
              help="Of a Dask cluster, instead: tcp://HOST:PORT or tls://HOST:PORT.")  # fmt: skip
@click.option("--tls-ca", type=PATH, help="For tls://: who signed the certificates (PEM).")
@click.option("--tls-cert", type=PATH, help="For tls://: this program's certificate (PEM).")
@click.option("--tls-key", type=PATH, help="For tls://: its key (PEM).")
@click.option("--gpu", type=click.Choice(["depth", "parse"]), multiple=True,
              help="Only on workers with --resources GPU=1; may be repeated.")  # fmt: skip
@click.option("--wait", type=click.FloatRange(0), default=60, show_default=True, metavar="SECONDS",
              help="For workers, where there is none.")  # fmt: skip
@click.option("--log-json", type=PATH, metavar="FILE",
              help="Add the run's events to it, one JSON object a line; - is stdout.")  # fmt: skip
def run(
    config_path: Path,
    workers: int | None,
    memory: str | None,
    scheduler: str | None,
    tls_ca: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    gpu: tuple[str, ...],
    wait: float,
    log_json: Path | None,
) -> None:
    """Make the bundle on many workers: index, crop, depth, parse, pack.

    The same bytes as by the verbs one after the other. The same command again goes on where it was
    stopped. Exit code 2: a mistake in the input, or partitions that failed, which are listed; 1: a
    bug among them. docs/running.md tells of clusters, TLS, GPUs and logs.
    """
    if scheduler is not None and (workers is not None or memory is not None):
        raise click.UsageError("--workers and --memory are for this machine, without --scheduler")
    if scheduler is None and any((tls_ca, tls_cert, tls_key)):
        raise click.UsageError("the options --tls-... go with --scheduler tls://HOST:PORT")
    from pipeline.cluster import logs
    from pipeline.cluster.connect import Tls
    from pipeline.cluster.run import RunOptions, run
    from pipeline.cluster.screen import Screen

    tls = Tls(tls_ca, tls_cert, tls_key)
    options = RunOptions(workers or os.cpu_count() or 1, memory, scheduler, tls, wait, gpu)
    screen = Screen(sys.stderr if str(log_json) == "-" else sys.stdout)
    with logs.opened(log_json) as log:
        code = run(load(config_path), options, screen, log)
    if code:
        raise SystemExit(code)
