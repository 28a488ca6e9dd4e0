"""The verbs about data: the replica, the check of a configuration, the index, label truth."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import (
    PATH,
    config_option,
    cores_option,
    dataset_option,
    dataset_settings,
    load,
)

if TYPE_CHECKING:
    from pipeline.config import DatasetSettings
    from pipeline.datasets.base import Video


@click.command()
@click.option("-o", "--out", type=PATH, help="Folder to write oulu, casia, replay and msu into.")
@click.option("--subjects", type=click.IntRange(1, 15), default=3, show_default=True,
              help="Subjects in each split of each dataset.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@cores_option
@click.option("--check", "checked", type=PATH,
              help="Instead: how well file size, brightness and sharpness tell live from spoof in"
                   " this replica, each dataset left out in turn.")  # fmt: skip
def replica(
    out: Path | None, subjects: int, seed: int, cores: int | None, checked: Path | None
) -> None:
    """Make a replica of the four datasets, as real video files."""
    if (out is None) == (checked is None):
        raise click.UsageError("give either -o DIR, to make a replica, or --check DIR")
    if checked is not None:
        _check_replica(checked)
        return
    assert out is not None
    from pipeline.replica import make_replica

    def progress(done: int, total: int) -> None:
        if done % 20 == 0 or done == total:
            click.echo(f"{done} of {total} videos made")

    made = make_replica(out, subjects, seed, cores or 0, progress)
    for name, counts in sorted(made.items()):
        size = counts["bytes"] / 1e6
        click.echo(
            f"{out / name}: {counts['live']} live and {counts['spoof']} spoof videos, {size:.1f} MB"
        )


def _check_replica(folder: Path) -> None:
    from pipeline.replica import check_replica

    limit, bad = 0.7, []
    for dataset, auc in check_replica(folder).items():
        strength = max(auc, 1 - auc)
        click.echo(f"{dataset} left out: AUC {auc:.3f}, max(AUC, 1 - AUC) {strength:.3f}")
        if strength > limit:
            bad.append(dataset)
    if bad:
        click.echo(f"above {limit} for {', '.join(bad)}: told apart without looking at the face")
        raise SystemExit(1)
    click.echo(f"all at most {limit}: the files alone do not give the attacks away")


@click.command()
@click.option("--labels", is_flag=True, help="Only what labels need: no protocol to train.")
@config_option
def check(config_path: Path, labels: bool) -> None:
    """Check a configuration, and that the folders are there."""
    from pipeline.graph import check_inputs, check_protocol

    config = load(config_path)
    check_inputs(config)
    if not labels:
        check_protocol(config)
    click.echo(f"{config_path}: right; {', '.join(config.datasets)} found")


@click.command()
@dataset_option
@click.option("--root", metavar="PATH|URL", help="Its folder; default: as the configuration says.")
@click.option("--table", metavar="PATH|URL", help="For data of your own: a CSV of its videos.")
@click.option("-o", "--out", type=PATH, help="The CSV; default: OUT/index/DATASET.csv.")
@click.option("--missing", type=PATH, help="Write what was published and is not here, one a line.")
@config_option
def index(
    dataset: str,
    root: str | None,
    table: str | None,
    out: Path | None,
    missing: Path | None,
    config_path: Path,
) -> None:
    """List a dataset's videos, from their names alone."""
    from pipeline.config import DatasetSettings
    from pipeline.datasets import adapters
    from pipeline.datasets.base import write_index
    from pipeline.errors import UserError
    from pipeline.files.store import write_text
    from pipeline.files.urls import checked
    from pipeline.index import index
    from pipeline.partition import write_dataset_index

    if root is None or out is None:
        config = load(config_path)
    if root is None:
        settings = dataset_settings(config, dataset)
    else:
        known = dataset in adapters() and table is None
        settings = DatasetSettings(root=checked(root, "--root"), adapter=None if known else "table")
    if table is not None:
        settings = settings.model_copy(update={"table": checked(table, "--table")})
    rows = index(dataset, settings)
    lines, names = _counts(dataset, settings, rows)
    if missing is not None:
        if names is None:
            raise UserError(f"--missing: nothing is published of {dataset} to compare it with")
        write_text(missing, "".join(f"{path}\n" for path in names))
    if out is None:
        place = write_dataset_index(config, dataset, rows)
    else:
        place = str(out)
        write_index(out, rows)
    click.echo(f"{place}: {len(rows)} videos, {sum(row.live for row in rows)} live")
    for line in [*_by_split(rows), *lines]:
        click.echo(line)


def _by_split(rows: list["Video"]) -> Iterator[str]:
    """What each split has, in a line."""
    for split in ("train", "dev", "test"):
        of_split = [row for row in rows if row.split == split]
        if of_split:
            live = sum(row.live for row in of_split)
            subjects = len({row.subject for row in of_split})
            yield f"  {split}: {live} live, {len(of_split) - live} spoof, {subjects} subjects"


def _counts(
    dataset: str, settings: "DatasetSettings", rows: list["Video"]
) -> tuple[list[str], tuple[str, ...] | None]:
    """The index beside the published list and the disk, in lines; and what of the list is missing,
    None where nothing is published.
    """
    from pipeline.index import adapter, dataset_root, objects_passed_over
    from pipeline.indexing.counts import compare, not_there, passed_over, to_lines

    module, root = adapter(dataset, settings), dataset_root(dataset, settings)
    compared = compare(rows, module)
    lines = [*to_lines(compared, passed_over(root, rows, module), not_there(root, rows))]
    return lines + objects_passed_over(settings.root), compared.missing if compared else None


@click.command()
@config_option
def truth(config_path: Path) -> None:
    """Hold the replica's labels against their known truth."""
    from pipeline.layout import Layout
    from pipeline.truth import label_truth, to_lines

    config = load(config_path)
    measured = label_truth(config, Layout(config.out))
    for line in to_lines(measured):
        click.echo(line)
