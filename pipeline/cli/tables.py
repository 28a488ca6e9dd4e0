"""The verb that trains and measures many runs, and makes tables of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import PATH, config_option, load_or_default
from train.variants import PRESETS, VARIANTS

if TYPE_CHECKING:
    from pipeline.config import TablesSettings


@click.command()
@click.option("--bundle", "bundle_folder", type=PATH, help="The bundle; default: OUT/bundle.")
@click.option("-o", "--out", type=PATH, help="Folder of the tables; default: OUT/tables.")
@click.option("--protocol", "protocols", multiple=True,
              help='As "O&C&I to M"; may be repeated. Default: tables.protocols.')  # fmt: skip
@click.option("--variant", "variants", multiple=True, type=click.Choice(list(VARIANTS)),
              help="May be repeated. Default: tables.variants.")  # fmt: skip
@click.option("--seed", "seeds", multiple=True, type=click.IntRange(0, 2**31 - 1),
              help="May be repeated. Default: tables.seeds.")  # fmt: skip
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Size: the paper's, or small.")
@click.option("--set", "changes", metavar="KEY=VALUE", multiple=True,
              help="Any other key of every training; may be repeated.")  # fmt: skip
@click.option("--cell", metavar="PROTOCOL/VARIANT/seed-N",
              help="Only this training, and no tables.")  # fmt: skip
@click.option("--finished", is_flag=True, help="Train nothing: tables of the runs that are there.")
@click.option("--beside", type=PATH, multiple=True, metavar="TABLES.json",
              help="The tables of another bundle, such as one that is sampled in the other"
                   " tradition; kept apart. May be repeated.")  # fmt: skip
@config_option
@click.pass_context
def tables(
    context: click.Context,
    bundle_folder: Path | None,
    out: Path | None,
    protocols: tuple[str, ...],
    variants: tuple[str, ...],
    seeds: tuple[int, ...],
    preset: str | None,
    changes: tuple[str, ...],
    cell: str | None,
    finished: bool,
    beside: tuple[Path, ...],
    config_path: Path,
) -> None:
    """Train every protocol, variant and seed, and write tables of them beside the paper's numbers.

    Makes tables.md, .tex, .html and .json, and runs/PROTOCOL/VARIANT/seed-N beside them. The same
    command goes on where it was stopped; what is finished is not made again. Exit code 1: a
    training failed, which the tables say.
    """
    from pipeline.layout import Layout
    from pipeline.tables.cells import cells_for, named
    from pipeline.tables.make import run_cells, write_tables
    from train.running.logbook import progress_line
    from train.running.opened import open_bundle
    from train.settings import changed

    config = load_or_default(context, config_path, bundle_folder)
    layout = Layout(config.out)
    folder = out or layout.tables
    bundle = open_bundle(bundle_folder or layout.bundle)
    wanted = _wanted(config.tables, protocols=protocols, variants=variants, seeds=seeds)
    base = changed(config.train, preset=preset, changes=changes)
    cells = cells_for(wanted, bundle.datasets, base.protocol, str(bundle.folder))
    chosen = [named(cell, cells)] if cell else cells

    def progress(state: dict[str, Any]) -> None:
        click.echo(f"  {progress_line(state)}", err=True)

    failures = 0
    if not finished:
        failures = run_cells(chosen, base, bundle, folder, click.echo, progress)
    if not cell:
        for path in write_tables(cells, base, bundle, folder, beside):
            click.echo(path)
    if failures:
        click.echo(f"{failures} of {len(chosen)} failed; the same command tries them again")
        raise SystemExit(1)


def _wanted(settings: "TablesSettings", **options: tuple[Any, ...]) -> "TablesSettings":
    """The section `tables`, with what the options say in place of its own."""
    from pipeline.config import validate

    given = {key: list(values) for key, values in options.items() if values}
    return validate({"tables": {**settings.model_dump(mode="json"), **given}}, "options").tables
