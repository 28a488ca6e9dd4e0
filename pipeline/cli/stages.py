"""The verbs that make labels: crop, depth, parse, pack, and rebuild for one dataset."""

import os
from pathlib import Path

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


def _stage(stage: str, config_path: Path, dataset: str, partition: int) -> None:
    from pipeline.config import Layout
    from pipeline.partition import STAGES, label_partition

    config = load(config_path)
    check_partition(partition, dataset_settings(config, dataset).partitions, dataset)
    done = label_partition(config, dataset, partition, [stage])
    path = Layout(config.out).partition(STAGES[stage], dataset, partition)
    state = "made" if done.made else "finished already"
    failed = f", {done.failures} failures listed" if done.failures else ""
    click.echo(f"{stage} {path}: {done.samples} samples{failed} ({state})")


@click.command()
@config_option
@dataset_option
@partition_option
def crop(config_path: Path, dataset: str, partition: int) -> None:
    """Decode one partition's videos, cut out the faces."""
    _stage("crop", config_path, dataset, partition)


@click.command()
@config_option
@dataset_option
@partition_option
def depth(config_path: Path, dataset: str, partition: int) -> None:
    """Make pseudo-depth of one partition's crops."""
    _stage("depth", config_path, dataset, partition)


@click.command()
@config_option
@dataset_option
@partition_option
def parse(config_path: Path, dataset: str, partition: int) -> None:
    """Make face-parsing masks of one partition's crops."""
    _stage("parse", config_path, dataset, partition)


@click.command()
@config_option
@click.option("-n", "--dry-run", is_flag=True, help="Tell what would be written, and its size.")
def pack(config_path: Path, dry_run: bool) -> None:
    """Join crops, depth and parsing into the HDF5 bundle.

    Only shards whose samples or labels changed are written.
    """
    from pipeline.config import Layout
    from pipeline.pack import estimate, pack, plan

    config = load(config_path)
    layout = Layout(config.out)
    if dry_run:
        plans = plan(config, layout)
        for piece in (piece for one in plans for piece in one.pieces):
            state = "finished already" if piece.sha256 else "to be written"
            click.echo(f"{piece.path.name}: {len(piece.samples)} samples, {state}")
        room = estimate(plans, layout)
        click.echo(room.told())
        room.require()
        return
    _tell_bundle(pack(config, layout, click.echo), layout.bundle)


def _tell_bundle(manifest: dict, folder: Path) -> None:
    for name, row in manifest["counts"].items():
        click.echo(f"{name}: {row['samples']} samples, {row['live']} live, {row['spoof']} spoof")
    click.echo(f"{len(manifest['failures'])} failures listed")
    click.echo(f"{folder / 'bundle.json'}: {len(manifest['shards'])} shards")


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
    from pipeline import partition as work
    from pipeline.cli.data import write_dataset_index
    from pipeline.config import Layout
    from pipeline.pack import pack

    config = load(config_path)
    layout, partitions = Layout(config.out), dataset_settings(config, dataset).partitions
    cores = cores or os.cpu_count() or 1
    write_dataset_index(config, dataset)
    calls = [(config, dataset, number) for number in range(partitions)]
    made = work.at_once(work.crop_partition, calls, cores)
    click.echo(f"crops: {sum(made)} of {partitions} partitions made, the others kept")
    for name, function in (("depth", work.depth_partition), ("parsing", work.parse_partition)):
        forced = [(*call, only in (None, name)) for call in calls]
        made = work.at_once(function, forced, cores)
        click.echo(f"{name}: {sum(made)} of {partitions} partitions made, the others kept")
    _tell_bundle(pack(config, layout, click.echo), layout.bundle)
