"""The command line `python -m train`: train and evaluate where the rest of ocim is not installed.

It needs only torch, numpy, h5py, click and scikit-learn.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import click

from pipeline.errors import UserError
from pipeline.files.store import stop_cleanly
from train.config import Settings
from train.options import import_rfmetafas, run_training, training_options
from train.running.stopping import Stopped
from train.settings import settings_from_json

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group(invoke_without_command=True)
@click.option("--bundle", type=FOLDER, help="Folder of the bundle.")
@click.option("--settings", "file", type=FILE, help="JSON of settings; the paper's without it.")
@training_options
@click.pass_context
def main(
    context: click.Context,
    bundle: Path | None,
    file: Path | None,
    change: Callable[[Settings], Settings],
    out: Path | None,
    restart: bool,
) -> None:
    """Train one protocol on a bundle; with the command evaluate, test a trained model.

    The same command again goes on where a run was stopped. Under torchrun, one process a GPU.
    """
    if context.invoked_subcommand is not None:
        if any(context.params.values()):
            raise UserError(
                f"options of training stand before '{context.invoked_subcommand}', which takes none"
                " of them; its own stand behind it"
            )
        return
    if bundle is None or out is None:
        raise UserError("python -m train needs --bundle DIR and -o RUN; --help says more")
    settings = change(settings_from_json(file) if file else Settings())
    run_training(settings, bundle, out, restart)


@main.command()
@click.option("--model", type=FILE, required=True, help="model.pt of a run, or a checkpoint.")
@click.option("--bundle", type=FOLDER, required=True, help="Folder of the bundle.")
@click.option("-o", "--out", type=FILE, required=True, help="results.json to write.")
@click.option("--scores", type=FILE, required=True, help="scores.csv to write.")
@click.option("--threshold", type=float, help="The threshold of the rule fixed; default: 0.5.")
def evaluate(model: Path, bundle: Path, out: Path, scores: Path, threshold: float | None) -> None:
    """Score the left-out dataset and print its error rates."""
    from train.evaluation.evaluate import evaluate as run

    results = run(model, bundle, out, scores, threshold)
    shown = {part: results[part] for part in ("thresholds", "frame", "video")}
    click.echo(json.dumps(shown, indent=1))


main.add_command(import_rfmetafas)


if __name__ == "__main__":
    stop_cleanly()
    try:
        sys.exit(main.main(standalone_mode=False, prog_name="python -m train"))
    except click.ClickException as mistake:
        line, code = mistake.format_message(), 2
    except UserError as mistake:
        line, code = str(mistake), 2
    except Stopped as stopped:
        line, code = f"{stopped}; the same command goes on from there", 128 + stopped.number
    except OSError as refusal:
        if not refusal.errno:
            raise
        line, code = f"{refusal.filename or 'output'}: {refusal.strerror}", 2
    click.echo(f"error: {' '.join(line.split())}" if code == 2 else line, err=True)
    sys.exit(code)
