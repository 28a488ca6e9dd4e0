"""The verbs that make labels: crop, depth, parse, pack, and rebuild for one dataset."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import (
    check_partition,
    config_option,
    cores_option,
    dataset_option,
    dataset_settings,
    load,
    partition_option,
)

if TYPE_CHECKING:
    from pipeline.config import Config


def _of_partition(stage: str, text: str) -> click.Command:
    """The verb that takes one partition through one stage. text: its help."""

    @click.command(stage, help=text)
    @config_option
    @dataset_option
    @partition_option
    def verb(config_path: Path, dataset: str, partition: int) -> None:
        from pipeline.partition import STAGES, label_partition
        from pipeline.places import address_of

        config = load(config_path)
        check_partition(partition, dataset_settings(config, dataset).partitions, dataset)
        done = label_partition(config, dataset, partition, [stage])
        path = address_of(config.out, f"{STAGES[stage]}/{dataset}/{partition:04d}.h5")
        state = "made" if done.made else "finished already"
        failed = f", {done.failures} failures listed" if done.failures else ""
        click.echo(f"{stage} {path}: {done.samples} samples{failed} ({state})")

    return verb


crop = _of_partition("crop", "Decode one partition's videos, cut out the faces.")
depth = _of_partition("depth", "Make pseudo-depth of one partition's crops.")
parse = _of_partition("parse", "Make face-parsing masks of one partition's crops.")


@click.command()
@config_option
@cores_option
@click.option("-n", "--dry-run", is_flag=True, help="Tell what would be written, and its size.")
def pack(config_path: Path, cores: int | None, dry_run: bool) -> None:
    """Join crops, depth and parsing into the HDF5 bundle.

    Only shards whose samples or labels changed are written.
    """
    config, cores = load(config_path), cores or os.cpu_count() or 1
    if dry_run:
        _dry_pack(config, cores)
        return
    _pack(config, cores)


def _dry_pack(config: "Config", cores: int) -> None:
    from pipeline.files.many import in_processes
    from pipeline.pack import estimate, plan_bundle
    from pipeline.places import out_of

    with out_of(config.out) as out, in_processes(cores) as each:
        plans, done = plan_bundle(config, out, each)
        for piece in (piece for one in plans for piece in one.pieces):
            state = "finished already" if piece.name in done else "to be written"
            click.echo(f"{piece.name}: {len(piece.samples)} samples, {state}")
        room = estimate(plans, done, out, cores)
        click.echo(room.line())
        room.require()


def _pack(config: "Config", cores: int) -> None:
    from pipeline.files.many import in_processes
    from pipeline.pack import pack, to_lines
    from pipeline.places import address_of

    with in_processes(cores) as each:
        manifest = pack(config, tell=click.echo, each=each, at_once=cores)
    for line in to_lines(manifest, address_of(config.out, "bundle")):
        click.echo(line)


@click.command()
@click.argument("dataset")
@click.option("--only", type=click.Choice(["depth", "parsing"]), help="Only this label.")
@config_option
@cores_option
def rebuild(dataset: str, only: str | None, config_path: Path, cores: int | None) -> None:
    """Make one dataset's labels and the bundle again.

    Crops are made again only where a video, the index or the crop settings changed. The other
    datasets are left untouched.
    """
    from pipeline.files.many import in_processes
    from pipeline.partition import STAGES, make_stage, write_dataset_index

    config = load(config_path)
    partitions = dataset_settings(config, dataset).partitions
    cores = cores or os.cpu_count() or 1
    write_dataset_index(config, dataset)
    for stage, folder in STAGES.items():
        force = stage != "crop" and only in (None, folder)
        calls = [(config, stage, dataset, number, None, force) for number in range(partitions)]
        with in_processes(cores) as each:
            made = sum(each(make_stage, calls))
        click.echo(f"{folder}: {made} of {partitions} partitions made, the others kept")
    _pack(config, cores)
