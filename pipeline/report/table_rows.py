"""The numbers of a run as rows of the page's tables, in percent, with their intervals."""

import math
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, NamedTuple

from pipeline.report.results import RULES, Interval, Intervals, Level, Point, Results
from train.evaluation.printed import worst_instrument
from train.evaluation.published import TABLE_I
from train.evaluation.scores import LEVELS, LevelName

RULE_NAMES = {
    "target_eer": "target EER",
    "sources_eer": "sources EER",
    "fixed": "fixed",
    "ssdg": "SSDG",
}


class Cell(NamedTuple):
    """A rate as a fraction, and its interval; None where there is none."""

    value: float | None
    interval: Interval | None = None

    @property
    def percent(self) -> str:
        """In percent with two decimals; a dash where there is none."""
        return percent(self.value)

    @property
    def between(self) -> str:
        """The interval in percent, or nothing."""
        return f"{percent(self.interval[0])} – {percent(self.interval[1])}" if self.interval else ""

    @property
    def sorts_as(self) -> str:
        """The number that a column sorts by; empty where there is none."""
        return "" if self.value is None else repr(self.value)


class AtRule(NamedTuple):
    """One rule at one level. why: the reason where there is no threshold, and then all else is
    empty.
    """

    rule: str
    level: LevelName
    threshold: str
    sorts_as: str
    cells: dict[str, Cell]
    worst_instrument: str
    why: str


class OfInstrument(NamedTuple):
    """APCER of one attack instrument at one level, by rule."""

    instrument: str
    level: LevelName
    cells: dict[str, Cell]


class PaperRow(NamedTuple):
    """A method and its HTER and AUC in percent; own: this run's."""

    name: str
    hter: str
    auc: str
    own: bool = False


def percent(fraction: float | None) -> str:
    """A fraction in percent with two decimals; a dash for None."""
    return "–" if fraction is None else f"{fraction * 100:.2f}"


def threshold_text(threshold: float | None) -> str:
    """A threshold to read: six digits that count; infinities by their sign."""
    if threshold is None:
        return "–"
    if math.isinf(threshold):
        return "∞" if threshold > 0 else "−∞"
    return f"{threshold:.6g}"


def score_text(score: float) -> str:
    """A score to read: always six digits that count."""
    return f"{score:#.6g}"


Number = Callable[[Level | Intervals], Any]
"""Takes a number of a level, or its interval."""


def headline(results: Results) -> list[tuple[str, dict[LevelName, Cell]]]:
    """The numbers that need no threshold of their own: name, and cell by level."""
    apcer = sorted(results.frame.bpcer_at_apcer, key=lambda text: (len(text), text))
    numbers: dict[str, Number] = {
        "HTER at the EER threshold": attrgetter("hter_at_eer_threshold"),
        "AUC": attrgetter("auc"),
        "EER": attrgetter("eer"),
        **{f"BPCER at APCER {at}%": _bpcer_at(at) for at in apcer},
    }
    return [
        (title, {level: _cell(results.level(level), number) for level in LEVELS})
        for title, number in numbers.items()
    ]


def _bpcer_at(apcer: str) -> Number:
    return lambda level: level.bpcer_at_apcer.get(apcer)


def _cell(level: Level, number: Number) -> Cell:
    return Cell(number(level), number(level.intervals) if level.intervals else None)


RATES = {"hter": "HTER", "far": "FAR", "frr": "FRR", "apcer_worst": "APCER", "bpcer": "BPCER",
         "acer": "ACER"}  # fmt: skip
"""What is told of a threshold, and how it is called. APCER is that of the worst instrument."""


def at_rules(results: Results) -> list[AtRule]:
    """Every rule at every level: its threshold and what it does."""
    rows = []
    for level in LEVELS:
        numbers = results.level(level)
        for rule in RULES:
            point = numbers.at.get(rule)
            if point is None:
                described = results.thresholds.get(rule)
                why = described.origin if described else "not in these results"
                rows.append(AtRule(rule, level, "–", "", {}, "", why))
                continue
            within = numbers.intervals.at.get(rule) if numbers.intervals else None
            cells = {
                name: Cell(getattr(point, name), getattr(within, name, None)) for name in RATES
            }
            text = threshold_text(point.threshold)
            rows.append(AtRule(rule, level, text, repr(point.threshold), cells, _worst(point), ""))
    return rows


def _worst(point: Point) -> str:
    """The instrument of the worst APCER, as the other texts have it."""
    return worst_instrument({"apcer": point.apcer, "apcer_worst": point.apcer_worst})


def instruments(results: Results) -> list[OfInstrument]:
    """APCER by instrument, level and rule; the worst of the first rule first."""
    rows = []
    for level in LEVELS:
        points = {rule: p for rule in RULES if (p := results.level(level).at.get(rule))}
        names = sorted({name for point in points.values() for name in point.apcer})
        of_level = [
            OfInstrument(name, level, {rule: _apcer(points.get(rule), name) for rule in RULES})
            for name in names
        ]
        rows += sorted(of_level, key=lambda row: -_first(row.cells))
    return rows


def _apcer(point: Point | None, instrument: str) -> Cell:
    return Cell(point.apcer.get(instrument) if point else None)


def _first(cells: dict[str, Cell]) -> float:
    return next((cell.value for cell in cells.values() if cell.value is not None), -1.0)


def paper_rows(results: Results) -> list[tuple[str, list[PaperRow]]]:
    """Tables I and II of the paper, this run's numbers above each; empty for a protocol it has not.

    In Table II the row of this run's variant is marked as well.
    """
    if results.published is None:
        return []
    own = [
        PaperRow(
            f"this run, by {level}",
            percent(results.level(level).hter_at_eer_threshold),
            percent(results.level(level).auc),
            own=True,
        )
        for level in LEVELS
    ]
    one, two = results.published.table_1, results.published.table_2
    methods = _printed(one, list(TABLE_I), {"Ours": "the paper's own"})
    variants = [row._replace(own=row.name == results.variant) for row in _printed(two, two, {})]
    return [("Table I, methods", own + methods), ("Table II, ablation", own + variants)]


def _printed(
    table: dict[str, dict[str, float]], order: Iterable[str], names: dict[str, str]
) -> list[PaperRow]:
    return [
        PaperRow(names.get(name, name), f"{table[name]['hter']:.2f}", f"{table[name]['auc']:.2f}")
        for name in order
        if name in table
    ]
