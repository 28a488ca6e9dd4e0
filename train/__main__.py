"""`python -m train`: training and evaluation where only torch, numpy, h5py and click are."""

import dataclasses
import json
import sys
from pathlib import Path

import click

from pipeline.errors import UserError
from train.config import Settings, settings_from_json

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group(invoke_without_command=True)
@click.option("--bundle", type=FOLDER, help="Folder of the bundle.")
@click.option("--settings", "file", type=FILE, help="JSON of settings; the paper's without it.")
@click.option("--protocol", help='Instead of the settings\' own, like "O&C&I to M".')
@click.option("-o", "--out", type=FOLDER, help="Folder of the run: model.pt, curves.csv.")
@click.pass_context
def main(
    context: click.Context,
    bundle: Path | None,
    file: Path | None,
    protocol: str | None,
    out: Path | None,
) -> None:
    """Train one protocol on a bundle; with the command evaluate, test a trained model."""
    if context.invoked_subcommand is not None:
        return
    if bundle is None or out is None:
        raise UserError("python -m train needs --bundle DIR and -o RUN; --help says more")
    from train.engine import progress_line, train

    settings = settings_from_json(file) if file else Settings()
    if protocol is not None:
        try:
            settings = dataclasses.replace(settings, protocol=protocol)
        except ValueError as error:
            raise UserError(str(error)) from None
    path = train(settings, bundle, out, lambda state: click.echo(progress_line(state), err=True))
    click.echo(path)


@main.command()
@click.option("--model", type=FILE, required=True, help="model.pt of a run.")
@click.option("--bundle", type=FOLDER, required=True, help="Folder of the bundle.")
@click.option("-o", "--out", type=FILE, required=True, help="results.json to write.")
@click.option("--scores", type=FILE, required=True, help="scores.csv to write.")
def evaluate(model: Path, bundle: Path, out: Path, scores: Path) -> None:
    """Score the left-out dataset and print HTER and AUC."""
    from train.evaluate import evaluate as run

    results = run(model, bundle, out, scores)
    click.echo(json.dumps({unit: results[unit] for unit in ("frame", "video")}, indent=1))


if __name__ == "__main__":
    try:
        main(prog_name="python -m train")
    except UserError as mistake:
        click.echo(f"error: {mistake}", err=True)
        sys.exit(2)
    except OSError as refusal:
        if not refusal.errno:
            raise
        click.echo(f"error: {refusal.filename or 'output'}: {refusal.strerror}", err=True)
        sys.exit(2)
