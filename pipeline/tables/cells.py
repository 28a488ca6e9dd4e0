"""Which trainings a table is made of: one for each protocol, variant and seed."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pipeline.config import TablesSettings
from pipeline.errors import UserError
from train.config import Settings
from train.evaluation.published import PROTOCOLS
from train.protocols import parse
from train.settings import changed


class Cell(NamedTuple):
    """One training and its evaluation. protocol: as results name it, such as O&C&I to M."""

    protocol: str
    variant: str
    seed: int

    @property
    def name(self) -> str:
        """The place of its run below the tables' folder."""
        protocol = self.protocol.replace("&", "-").replace(" ", "-")
        return f"{protocol}/{self.variant}/seed-{self.seed}"

    def settings(self, base: Settings) -> Settings:
        """The training's settings: `base` with this protocol, variant and seed."""
        return changed(
            base, protocol=self.protocol, variant=self.variant, changes=[f"seed={self.seed}"]
        )


def protocols_of(
    wanted: list[str] | None, datasets: Iterable[str], otherwise: str, where: str
) -> list[str]:
    """The protocols of a table, as results name them.

    wanted: as the configuration names them; None: those of the paper's four whose datasets are all
    there, or, where none is, `otherwise`. Raises UserError, saying that `where` lacks it, where a
    protocol needs a dataset that is not there.
    """
    there = set(datasets)
    if wanted is None:
        complete = [text for text in PROTOCOLS if there.issuperset(parse(text).datasets)]
        wanted = complete or [otherwise]
    for text in wanted:
        for name in parse(text).datasets:
            if name not in there:
                raise UserError(
                    f"tables.protocols: '{text}' needs {name}, which {where} leaves out; change one"
                    " of the two"
                )
    return [str(parse(text)) for text in wanted]


def cells(settings: TablesSettings, protocols: Iterable[str]) -> list[Cell]:
    """All trainings, protocol by protocol, then variant, then seed."""
    return [
        Cell(protocol, variant, seed)
        for protocol in protocols
        for variant in settings.variants
        for seed in settings.seeds
    ]


def cells_for(
    settings: TablesSettings, datasets: Iterable[str], otherwise: str, where: str
) -> list[Cell]:
    """All trainings that the settings mean, on these datasets (see protocols_of)."""
    return cells(settings, protocols_of(settings.protocols, datasets, otherwise, where))


def named(name: str, among: Iterable[Cell]) -> Cell:
    """The cell of that name; UserError where there is none."""
    found = {cell.name: cell for cell in among}
    if name not in found:
        some = next(iter(found), "none")
        raise UserError(f"--cell {name}: not one of the {len(found)} of these tables, as {some}")
    return found[name]


def folder_of(tables: Path, cell: Cell) -> Path:
    """The folder of a cell's run."""
    return tables / "runs" / cell.name
