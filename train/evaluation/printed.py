"""Error rates as text for people: each number with its threshold, and where that came from."""

from collections.abc import Iterator, Mapping
from typing import Any

from train.evaluation.scores import LEVELS

Interval = list[float] | None
"""[low, high] as fractions, None where there are none."""


def percent(value: float | None) -> str:
    """A fraction as percent with two decimals; a dash where there is none."""
    return "-" if value is None else f"{value:.2%}"


def between(value: float, interval: Interval) -> str:
    """A fraction as percent with its interval behind it, if there is one."""
    if interval is None:
        return percent(value)
    return f"{percent(value)} [{100 * interval[0]:.2f}, {100 * interval[1]:.2f}]"


def number(threshold: float | str | None) -> str:
    """A threshold with six digits, or as it stands."""
    return f"{threshold:.6g}" if isinstance(threshold, float) else str(threshold)


def worst_instrument(at: Mapping[str, Any]) -> str:
    """The instrument of the worst APCER at a threshold; a dash where none passes, and "and others"
    where several are as bad. at: the rates at it, as metrics.level gives them.
    """
    if not at["apcer_worst"]:
        return "-"
    as_bad = [name for name, apcer in at["apcer"].items() if apcer == at["apcer_worst"]]
    return as_bad[0] + (" and others" if len(as_bad) > 1 else "")


def _of(instrument: str) -> str:
    return "" if instrument == "-" else f" ({instrument})"


def short(levels: Mapping[str, Any], thresholds: Mapping[str, Any]) -> str:
    """A few lines a level: HTER and EER at the threshold target_eer, and AUC; then the rates at
    every threshold that there is; in the end where the thresholds came from.

    levels: results by level, thresholds: by rule, both as metrics.measure gives them.
    """
    lines = []
    for level in LEVELS:
        numbers = levels[level]
        lines.append(
            f"by {level}: HTER {percent(numbers['hter_at_eer_threshold'])},"
            f" AUC {percent(numbers['auc'])}, EER {percent(numbers['eer'])}"
        )
        for rule, at in numbers["at"].items():
            if at is not None:
                lines.append(
                    f"  {rule} {number(at['threshold'])}: HTER {percent(at['hter'])},"
                    f" APCER {percent(at['apcer_worst'])}{_of(worst_instrument(at))},"
                    f" BPCER {percent(at['bpcer'])}, ACER {percent(at['acer'])}"
                )
    return "\n".join([*lines, *sources(thresholds)])


def whole(levels: Mapping[str, Any], thresholds: Mapping[str, Any]) -> str:
    """All numbers of both levels with their intervals, as text. Arguments as of `short`."""
    lines = [line for level in LEVELS for line in _level(level, levels[level])]
    return "\n".join([*lines, *sources(thresholds), _drawn(levels["frame"]["intervals"])])


def sources(thresholds: Mapping[str, Any]) -> Iterator[str]:
    """A line a rule: how its threshold was found, and from what; or why there is none."""
    yield "thresholds:"
    for rule, found in thresholds.items():
        how = "" if found["frame"] is None else f"{found['how']}; from: "
        yield f"  {rule}: {how}{found['from']}"


def _drawn(intervals: Mapping[str, Any] | None) -> str:
    if intervals is None:
        return "no intervals: they need two subjects or more, or where none is named two videos"
    return (
        f"[low, high]: {intervals['share']:.0%} intervals, percentile bootstrap of"
        f" {intervals['resamples']} draws of {intervals['subjects']} {intervals['by']}s"
    )


def _level(level: str, numbers: Mapping[str, Any]) -> Iterator[str]:
    """The lines of one level."""
    counts, intervals = numbers["counts"], numbers["intervals"]

    def line(name: str, *place: str) -> str:
        value, interval = numbers, intervals
        for key in place:
            value, interval = value[key], None if interval is None else interval[key]
        return f"{name} {between(value, interval)}"  # type: ignore[arg-type]

    yield (
        f"by {level}: {counts['live']} live and {counts['spoof']} spoof,"
        f" of them without a score {counts['live_failed']} and {counts['spoof_failed']}"
        f" (failure to acquire {percent(numbers['failure_to_acquire'])})"
    )
    yield "  " + line("AUC", "auc") + " over all thresholds"
    yield "  " + line("EER", "eer") + " at target_eer"
    for p in numbers["bpcer_at_apcer"]:
        at = f" at the lowest threshold where no instrument's APCER is above {p}%"
        yield "  " + line("BPCER", "bpcer_at_apcer", p) + at
    yield from _rules(numbers["at"], intervals)


def _rules(at: Mapping[str, Any], intervals: Mapping[str, Any] | None) -> Iterator[str]:
    """A table of the rules, and one of the instruments."""
    rules = [rule for rule in at if at[rule] is not None]

    def cell(rule: str, name: str) -> str:
        return between(at[rule][name], None if intervals is None else intervals["at"][rule][name])

    rows = [["rule", "threshold", "FAR", "FRR", "HTER", "APCER, worst", "BPCER", "ACER"]]
    for rule in rules:
        rates = at[rule]
        row = [rule, number(rates["threshold"]), percent(rates["far"]), percent(rates["frr"])]
        row += [cell(rule, name) for name in ("hter", "apcer_worst", "bpcer", "acer")]
        rows.append(row)
    yield from _aligned(rows)
    rows = [["APCER of", *rules]]
    for name in at[rules[0]]["apcer"]:
        rows.append([name, *(percent(at[rule]["apcer"][name]) for rule in rules)])
    yield from _aligned(rows)


def _aligned(rows: list[list[str]]) -> Iterator[str]:
    """Rows as lines with columns as wide as their longest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield ("    " + "  ".join(cells)).rstrip()
