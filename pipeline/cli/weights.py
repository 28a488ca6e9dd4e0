"""The verbs about weights: what there is, fetch it, and whether it is still right."""

from pathlib import Path

import click

from pipeline.cli.options import PATH
from pipeline.errors import UserError


@click.group()
def weights() -> None:
    """Weights of the networks: list, fetch, verify.

    They lie in $OCIM_WEIGHTS, else ~/.cache/ocim/weights. The default back ends need none.
    """


@weights.command("list")
def list_() -> None:
    """Show all weights: which are here, size, licence, what reads them, where they come from."""
    from labels.weights import REGISTRY, expected, folder

    click.echo(f"in {folder()}")
    for name, one in REGISTRY.items():
        hashed = expected(name)
        path = folder() / hashed / one.file
        here = bool(hashed) and path.is_file()
        size = path.stat().st_size if here else one.size
        click.echo(
            f"{name:17} {'here' if here else 'not here':9} {_megabytes(size):>8}  {one.file}\n"
            f"    for      {one.purpose}\n"
            f"    licence  {one.licence}\n"
            f"    source   {one.url or 'converted by hand, see docs/weights.md'}\n"
            f"    sha256   {hashed or _published(one.prefix)}"
        )


def _megabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e6:.1f} MB"


def _published(prefix: str) -> str:
    return f"{prefix}... (of the source; the whole is recorded at the first fetch)" if prefix else (
        "recorded at the first fetch"
    )  # fmt: skip


@weights.command()
@click.argument("names", metavar="NAME...|all", nargs=-1, required=True)
@click.option("--from", "source", type=PATH, help="An offline copy, checked just the same.")
def fetch(names: tuple[str, ...], source: Path | None) -> None:
    """Download weights, check them, and keep them.

    A wrong sha256 is refused, and what was here stays. `all`: whatever can be downloaded.
    """
    from labels.weights import REGISTRY, entry

    if "all" in names:
        names = tuple(name for name, one in REGISTRY.items() if one.url)
        if source is not None:
            raise click.UsageError("--from gives one file: name the weights that it is")
    elif source is not None and len(names) != 1:
        raise click.UsageError("--from gives one file: name one kind of weights")
    for name in names:
        entry(name)  # all of them, before any is fetched
    failures = [error for name in names if (error := _fetch(name, source))]
    for error in failures[:-1]:
        click.echo(f"ocim: {error}", err=True)
    if failures:
        raise failures[-1]


def _fetch(name: str, source: Path | None) -> UserError | None:
    """Fetch one and tell its place; what went wrong is given back, for the others go on."""
    from labels.weights_fetch import fetch as fetch_weights
    from labels.weights_fetch import scratch
    from pipeline.files.store import removed_in_the_end

    try:
        with removed_in_the_end(scratch()):
            click.echo(f"{name}: {fetch_weights(name, source)}")
    except UserError as error:
        return error
    return None


@weights.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
def verify(names: tuple[str, ...]) -> None:
    """Hash the weights that are here. Exit code 1 when one is wrong, or a named one is not here."""
    from labels.weights import REGISTRY, digest, entry, expected, folder

    wrong = False
    for name in names or REGISTRY:
        one = entry(name)
        try:
            hashed = expected(name)
            if not names and not (hashed and (folder() / hashed / one.file).is_file()):
                click.echo(f"{name}: not here")
                continue
            click.echo(f"{name}: right, sha256 {digest(name)}")
        except UserError as error:
            click.echo(f"{name}: WRONG: {error}")
            wrong = True
    if wrong:
        raise SystemExit(1)
