"""What the command lines `ocim` and `python -m train` share: options of training, and commands.

What needs torch is imported when a command runs: --help does not wait for it.
"""

import functools
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import click

from pipeline.errors import UserError
from train.config import Settings
from train.settings import changed, without_effect
from train.variants import PRESETS, VARIANTS


def _check_named(path: Path | None) -> Path | None:
    """Refuse the working folder, which is what an empty name (a variable that is not set) means."""
    if path == Path():
        raise UserError("-o: name a folder for the run; this one is not taken")
    return path


_OPTIONS = (
    click.option("--protocol", help='Sources and target, as "O&C&I to M" or "oulu&casia to mine".'),
    click.option(
        "--variant", type=click.Choice(list(VARIANTS)), help="Method, ablation or baseline."
    ),
    click.option("--preset", type=click.Choice(list(PRESETS)), help="Size: the paper's, or small."),
    click.option(
        "--set",
        "changes",
        metavar="KEY=VALUE",
        multiple=True,
        help="Any other key of the training's settings (docs/method.md); may be repeated.",
    ),
    click.option(
        "-o",
        "--out",
        type=click.Path(path_type=Path),
        callback=lambda context, option, path: _check_named(path),
        help="Folder of the run: model.pt, curves.csv, checkpoints.",
    ),
    click.option("--restart", is_flag=True, help="Begin anew, whatever the folder holds."),
)


def training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of training to a click command.

    The command gets `change` (from Settings to Settings with what the options say), `out` and
    `restart`.
    """

    @functools.wraps(command)
    def with_change(
        protocol: str | None,
        variant: str | None,
        preset: str | None,
        changes: tuple[str, ...],
        **others: Any,
    ) -> Any:
        def change(settings: Settings) -> Settings:
            return changed(
                settings, preset=preset, protocol=protocol, variant=variant, changes=changes
            )

        return command(change=change, **others)

    for option in reversed(_OPTIONS):
        with_change = option(with_change)
    return with_change


def run_training(
    settings: Settings,
    bundle: Path,
    out: Path,
    restart: bool,
    replace: Literal["nothing", "finished"] = "nothing",
) -> None:
    """Train with progress on stderr, and print the model's path and what it is.

    restart, replace: see train/running/run.py. Raises what train.engine.train raises.
    """
    from train.engine import train
    from train.running.logbook import progress_line
    from train.running.ranks import speaks

    say = click.echo if speaks() else lambda *words, **options: None
    if VARIANTS[settings.variant].parts.meta and not settings.parts.meta:
        say(f"note: {settings.protocol} has one source: no meta step", err=True)
    if idle := without_effect(settings):
        say(f"note: without effect in this training: {', '.join(idle)}", err=True)
    steps_made: list[int] = []

    def report(state: dict[str, Any]) -> None:
        steps_made.append(state["step"])
        with suppress(OSError):  # nobody listens any more; the work goes on
            say(progress_line(state), err=True)

    model = train(settings, bundle, out, report, replace=replace, restart=restart)
    finished_before = "" if steps_made else " (finished before)"
    with suppress(OSError):
        say(f"{model}: {settings.variant}, {settings.protocol}{finished_before}")


@click.command("import-rfmetafas")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--snapshot", help="What follows in the names, as 10, 3-200 or final.")
@click.option("--protocol", required=True, help='What it was trained on, as "O&C&I to M".')
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="The model.pt.")
def import_rfmetafas(folder: Path, snapshot: str | None, protocol: str, out: Path) -> None:
    """Make a model.pt of the snapshot files of RFMetaFAS's released code.

    FOLDER has FeatExtor-NAME.pt, DepthEstor-NAME.pt and FeatEmbder-NAME.pt.
    """
    from train.baselines.rfmetafas import import_snapshot

    click.echo(f"{import_snapshot(folder, snapshot, protocol, out)}: RFMetaFAS, {protocol}")
