"""The verb that says what a run will take, before it is started."""

import json
import os
from pathlib import Path

import click

from pipeline.cli.options import PATH, config_option, cores_option, load


@click.command()
@config_option
@click.option("--machines", type=click.IntRange(1, 100_000), default=1, show_default=True,
              help="How many machines are to work.")  # fmt: skip
@cores_option
@click.option("--headers", type=click.IntRange(1), default=10_000, show_default=True,
              help="Read so many of a dataset; the other videos count as their like.")  # fmt: skip
@click.option("--count", is_flag=True,
              help="Count the packets of every file instead of believing its header.")  # fmt: skip
@click.option("--measure", is_flag=True,
              help="Take the rates on this machine: some of these videos go through every stage, in"
                   " a temporary folder (about a minute).")  # fmt: skip
@click.option("--save", type=PATH, help="With --measure: write the rates here, as JSON.")
@click.option("--rates", "rates_path", type=PATH, help="Rates that --save wrote, of any machine.")
@click.option("--json", "as_json", is_flag=True, help="All of it as JSON.")
def plan(
    config_path: Path,
    machines: int,
    cores: int | None,
    headers: int,
    count: bool,
    measure: bool,
    save: Path | None,
    rates_path: Path | None,
    as_json: bool,
) -> None:
    """Say what a run will take: videos, frames, samples, bytes and time.

    Nothing is written, no video is decoded (but with --measure). What is finished already is left
    out of the time. --cores: of each machine; default: as many as this one has.
    """
    from pipeline.files.store import write_text
    from pipeline.plan import rates
    from pipeline.plan.measure import measured
    from pipeline.plan.output import to_json, to_lines
    from pipeline.plan.plan import PlanOptions, take_inventory
    from pipeline.plan.plan import plan as make_plan

    if measure and rates_path is not None:
        raise click.UsageError("give either --measure or --rates")
    if save is not None and not measure:
        raise click.UsageError("--save keeps what --measure takes: give both")
    config = load(config_path)
    known = rates.read(rates_path) if rates_path else rates.shipped()
    here = os.cpu_count() or 1
    options = PlanOptions(machines, cores or here, headers, count)

    def tell(line: str) -> None:
        click.echo(line, err=True)

    inventories = {
        dataset: take_inventory(dataset, config, options, tell, here) for dataset in config.datasets
    }
    source = str(rates_path) if rates_path else "of this project (docs/scaling.md)"
    if measure:
        known, source = measured(config, inventories, known, tell), "taken now on this machine"
        if save is not None:
            write_text(save, known.model_dump_json(indent=1) + "\n")
    made = make_plan(config, inventories, options, known, source)
    if as_json:
        click.echo(json.dumps(to_json(made), indent=1))
        return
    for line in to_lines(made):
        click.echo(line)
