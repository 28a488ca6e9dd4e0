"""Options that several verbs share."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from pipeline.config import Config, DatasetSettings


class InOrder(click.Group):
    """A group that lists its verbs in the order in which they are added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return list(self.commands)


PATH = click.Path(path_type=Path)

config_option = click.option(
    "--config",
    "config_path",
    type=PATH,
    default=Path("config/default.yaml"),
    show_default=True,
    help="Configuration file: one of config/, or OUT/config.yaml of a run.",
)
dataset_option = click.option(
    "--dataset", metavar="NAME", required=True, help="Which dataset of the configuration."
)
partition_option = click.option(
    "--partition", type=click.IntRange(0), required=True, help="Number of the partition, from 0."
)
cores_option = click.option(
    "--cores", type=click.IntRange(1), default=None, help="Processes at once; default: all cores."
)


def load(path: Path) -> "Config":
    """Read a configuration; imported late, for it is not needed by --help.

    Raises UserError for one that is missing or wrong.
    """
    from pipeline.config import load

    return load(path)


def load_or_default(context: click.Context, path: Path, bundle: Path | None) -> "Config":
    """The configuration; outside of a checkout, where none is named, a bundle is enough.

    Raises UserError as `load`.
    """
    named = context.get_parameter_source("config_path") is not ParameterSource.DEFAULT
    if named or bundle is None or path.is_file():
        return load(path)
    from pipeline.config import Config

    return Config()


def dataset_settings(config: "Config", dataset: str) -> "DatasetSettings":
    """The settings of one dataset. Raises UserError when the configuration leaves it out."""
    from pipeline.errors import UserError

    if dataset not in config.datasets:
        raise UserError(f"datasets.{dataset}: not in this configuration; add it or choose another")
    return config.datasets[dataset]


def check_partition(partition: int, partitions: int, dataset: str) -> None:
    """Raise UserError unless the partition's number is below datasets.NAME.partitions."""
    from pipeline.errors import UserError

    if partition >= partitions:
        raise UserError(
            f"--partition {partition}: datasets.{dataset}.partitions is {partitions},"
            f" so the last one is {partitions - 1}"
        )
