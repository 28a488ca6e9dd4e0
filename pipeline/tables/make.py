"""The tables of a folder of runs: tables.json, tables.md, tables.tex, tables.html."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipeline.bundle import Bundle
from pipeline.errors import UserError
from pipeline.files.store import write_json, write_text
from pipeline.tables import formats, layout
from pipeline.tables.cells import Cell, folder_of
from pipeline.tables.stamp import Run
from pipeline.tables.summary import read_run, read_summary, summary
from train.config import Settings
from train.protocols import parse
from train.running.origin import section

FILES = ("tables.json", "tables.md", "tables.tex", "tables.html")

Tell = Callable[[str], None]


def run_cells(
    cells: Sequence[Cell],
    base: Settings,
    bundle: Bundle,
    folder: Path,
    tell: Tell,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> int:
    """Train and evaluate every cell that is not finished; give how many failed.

    One that fails is told with its reason and the others go on. base: the settings of all, but for
    what a cell says. folder: of the tables. tell: takes a line a cell. progress: as of
    train.engine.train. Raises UserError for a bundle that does not say how it was sampled.
    """
    from pipeline.tables.run import make_run  # here, for it brings torch

    sampling_of(cells, bundle)  # before any training is worth nothing
    failures = 0
    for number, cell in enumerate(cells, 1):
        where = f"{number} of {len(cells)}: {cell.name}"
        settings = cell.settings(base)
        try:
            run = Run(folder_of(folder, cell), settings, bundle.hash)
            made = make_run(run, settings, bundle.folder, progress)
        except UserError as error:
            failures += 1
            tell(f"{where}: failed: {error}")
            continue
        frame = read_run(folder, cell, settings, bundle.hash)["results"]["frame"]
        numbers = f"HTER {frame['hter_at_eer_threshold']:.2%}, AUC {frame['auc']:.2%} by frame"
        tell(f"{where}: {numbers}{'' if made else ' (finished before)'}")
    return failures


def sampling_of(cells: Sequence[Cell], bundle: Bundle) -> dict[str, str]:
    """How each dataset of the cells was sampled, by its name (datasets.NAME.sampling).

    Raises UserError where the bundle's provenance does not say so.
    """
    found: dict[str, str] = {}
    for name in sorted({name for cell in cells for name in parse(cell.protocol).datasets}):
        sampling = section(bundle, name, "sampling").get("sampling")
        if not isinstance(sampling, str):
            raise UserError(
                f"{bundle.folder}: does not say how {name} was sampled, so its numbers have no"
                " place in the tables; run ocim pack again"
            )
        found[name] = sampling
    return found


def write_tables(
    cells: Sequence[Cell],
    base: Settings,
    bundle: Bundle,
    folder: Path,
    beside: Sequence[Path] = (),
) -> list[Path]:
    """Write the tables of what is there of these settings and this bundle; return the paths of
    FILES.

    beside: tables.json of other bundles. Raises UserError for one that is none of this version, for
    results that cannot be read, and for a bundle that does not say how it was sampled.
    """
    place = folder.absolute()
    own = summary(
        name=place.parent.name if place.name == "tables" else place.name,
        bundle=bundle.hash,
        sampling=sampling_of(cells, bundle),
        runs=[read_run(folder, cell, cell.settings(base), bundle.hash) for cell in cells],
    )
    sets = [own, *(_moved(read_summary(path), path.parent, folder) for path in beside)]
    made = layout.tables(sets)
    protocols, variants, seeds = (list(dict.fromkeys(part)) for part in zip(*cells, strict=True))
    words = (
        f"{len(protocols)} protocols, {len(variants)} variants, seeds {', '.join(map(str, seeds))}."
        " Written by ocim tables; tables.json beside this file holds every number. Where the videos"
        " were made by ocim replica, own numbers say nothing about real attacks."
    )
    title = "ocim: tables of results"
    write_json(folder / "tables.json", own)
    write_text(folder / "tables.md", formats.to_markdown(title, words, made))
    # A paper wants no list of folders, which is the last one.
    write_text(folder / "tables.tex", formats.to_latex(title, words, made[:-1]))
    write_text(folder / "tables.html", formats.to_html(title, words, made))
    return [folder / name for name in FILES]


def _moved(content: dict[str, Any], place: Path, folder: Path) -> dict[str, Any]:
    """The same set, its runs' folders told from another folder."""
    runs = [{**run, "run": os.path.relpath(place / run["run"], folder)} for run in content["runs"]]
    return {**content, "runs": runs}
