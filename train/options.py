"""Options of the command line that `ocim train` and `python -m train` share, and what they do."""

import functools
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from train.config import Settings
from train.settings import changed
from train.variants import PRESETS, VARIANTS

_OPTIONS = (
    click.option("--protocol", help='Sources and target, as "O&C&I to M" or "oulu&casia to mine".'),
    click.option(
        "--variant", type=click.Choice(list(VARIANTS)), help="Method, ablation, baseline."
    ),
    click.option("--preset", type=click.Choice(list(PRESETS)), help="Size: the paper's or small."),
    click.option(
        "--set",
        "changes",
        metavar="KEY=VALUE",
        multiple=True,
        help="Any other key of the training's settings (docs/method.md); may be repeated.",
    ),
    click.option("--restart", is_flag=True, help="Begin anew, whatever the folder holds."),
)


def training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; the command gets `change`, a function from Settings to Settings, and
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


def run_training(settings: Settings, bundle: Path, out: Path, restart: bool) -> None:
    """Train, telling of it on stderr, and print the model's path and what it is."""
    from train.engine import train
    from train.logbook import progress_line

    if VARIANTS[settings.variant].parts.meta and not settings.parts.meta:
        click.echo(
            f"note: {settings.protocol} has one source: it is trained without the meta step",
            err=True,
        )
    told: list[int] = []

    def tell(state: dict[str, Any]) -> None:
        told.append(state["step"])
        with suppress(BrokenPipeError):  # nobody listens any more; the work goes on
            click.echo(progress_line(state), err=True)

    model = train(settings, bundle, out, tell, restart=restart)
    state = "" if told else " (finished before)"
    click.echo(f"{model}: {settings.variant}, {settings.protocol}{state}")
