"""The verb that looks through a bundle in the browser."""

from pathlib import Path

import click

from pipeline.cli.options import PATH


@click.command()
@click.argument("folder", metavar="BUNDLE", type=PATH)
@click.option("--port", type=click.IntRange(0, 65535),
              help="0: any free one. Default: 8765, or a free one if it is taken.")  # fmt: skip
@click.option("--root", "roots", metavar="DATASET=DIR", multiple=True,
              help="Folder of a dataset's videos; may be repeated.")  # fmt: skip
@click.option("--config", "config_path", type=PATH,
              help="It names the roots as well; default: the bundle's run.")  # fmt: skip
@click.option("--open/--no-open", "open_it", default=False, show_default=True,
              help="Open the page in this machine's browser.")  # fmt: skip
def browse(
    folder: Path, port: int | None, roots: tuple[str, ...], config_path: Path | None, open_it: bool
) -> None:
    """Look through a bundle in the browser: filter, sort, labels over the crops, and the frame of
    the video that each sample came from.

    Prints the address to open, and serves it to this machine alone until Ctrl-C. Frames need the
    videos: --root or --config says where they lie, else the config.yaml beside the bundle's folder
    does. docs/browse.md tells of the page.
    """
    from pipeline.browse.detail import Roots
    from pipeline.browse.server import listen
    from pipeline.browse.site import Site
    from pipeline.config import load

    if config_path is not None:
        load(config_path)  # what is wrong with it is told now
    site = Site(folder, Roots(dict(map(_root, roots)), config_path))
    server = listen(site, port)
    for line in site.troubles:
        click.echo(line, err=True)
    click.echo(f"{site.catalogue.size} samples; open {server.address} (Ctrl-C ends it)")
    if open_it:
        import webbrowser

        webbrowser.open(server.address)
    server.serve_forever()


def _root(text: str) -> tuple[str, Path]:
    dataset, sign, folder = text.partition("=")
    if not (dataset and sign and folder):
        raise click.BadParameter(f"'{text}' is no DATASET=DIR", param_hint="--root")
    return dataset, Path(folder)
