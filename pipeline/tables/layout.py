"""Tables as people read them, before any format: columns, rows, and the runs of each cell.

All numbers are percent.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

from pipeline.tables.summary import LEVEL, TRADITIONS, Value, over_seeds
from train.evaluation.published import TABLE_I, TABLE_II, column
from train.evaluation.scores import LEVELS
from train.protocols import LETTERS, parse
from train.variants import VARIANTS

PUBLISHED_AS = {"Ours": "frames", "RFMetaFAS": "frames", "SSDG-M": "videos", "SSAN-M": "videos"}
"""How published numbers were sampled, where released code or the paper followed here tells."""

NOTHING = "-"

Number = Callable[[dict[str, Any]], float | None]
"""Takes a number out of results.json: a fraction; None where there is none."""


class Entry(NamedTuple):
    """One cell of a table. runs: the folders of the runs that it is of, from the tables' own."""

    text: str
    runs: tuple[str, ...] = ()


class Row(NamedTuple):
    """One line. kind: own, published, or group, which has a name alone."""

    name: str
    entries: tuple[Entry, ...] = ()
    kind: str = "own"


class Table(NamedTuple):
    """heads: spans over the columns after the first, as (text, how many); columns: the lower line,
    of which the first names the rows. note: what the numbers are.
    """

    title: str
    note: str
    heads: tuple[tuple[str, int], ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def percent(value: Value | None, wanted: int) -> str:
    """Mean and deviation over seeds in percent, and how many of the wanted runs gave it, where not
    all did; NOTHING for None.
    """
    if value is None:
        return NOTHING
    text = f"{100 * value.mean:.2f}"
    if value.deviation is not None:
        text += f" ± {100 * value.deviation:.2f}"
    return text if value.seeds == wanted else f"{text} ({value.seeds} of {wanted})"


class _Set(NamedTuple):
    """One set of runs, as tables.json holds it, with what all tables ask of it."""

    content: dict[str, Any]

    @property
    def variants(self) -> list[str]:
        """The variants in it, in the order of the paper's Table II."""
        found = {run["variant"] for run in self.content["runs"]}
        return [name for name in dict.fromkeys((*TABLE_II, *VARIANTS)) if name in found]

    def entry(self, protocol: str, variant: str, number: Number) -> Entry:
        """The cell of one protocol and variant."""
        runs = [
            run
            for run in self.content["runs"]
            if (run["protocol"], run["variant"]) == (protocol, variant)
        ]
        if not runs:
            return Entry(NOTHING)
        text = percent(over_seeds(runs, number), len(runs))
        return Entry(text, tuple(run["run"] for run in runs))


def tables(sets: Sequence[dict[str, Any]]) -> list[Table]:
    """All tables of sets of runs, each as tables.json holds it; published numbers stand beside
    them.
    """
    protocols = list(dict.fromkeys(run["protocol"] for one in sets for run in one["runs"]))
    of_sets = [_Set(one) for one in sets]
    levels = list(dict.fromkeys(LEVEL[one["tradition"]] for one in sets))
    levels += [level for level in LEVELS if level not in levels]
    made = [_compared(of_sets, protocols, level) for level in levels]
    made += [_deployed(of_sets, protocols)]
    # C first: the paper argues from its cut attacks, which no source has.
    targets = sorted(protocols, key=lambda text: parse(text).target != "casia")
    made += [_instruments(of_sets, protocol) for protocol in targets]
    return [*made, _runs(sets)]


def _heads(protocols: Iterable[str], columns: int) -> tuple[tuple[str, int], ...]:
    return tuple((protocol, columns) for protocol in protocols)


def _compared(sets: Sequence[_Set], protocols: list[str], level: str) -> Table:
    """HTER and AUC of every variant, each beside the paper's, and the published methods."""
    numbers: tuple[Number, ...] = (
        lambda results: results[level]["hter_at_eer_threshold"],
        lambda results: results[level]["auc"],
    )
    rows: list[Row] = []
    for tradition, words in TRADITIONS.items():
        here = [one for one in sets if one.content["tradition"] == tradition]
        # Published numbers are of frames in the one tradition, of videos in the other.
        comparable = level == LEVEL[tradition] and tradition != "mixed"
        group: list[Row] = []
        for one in here:
            if len(here) > 1:
                group.append(Row(_sampled(one.content), kind="group"))
            for variant in one.variants:
                entries = [
                    one.entry(protocol, variant, number)
                    for protocol in protocols
                    for number in numbers
                ]
                group.append(Row(VARIANTS[variant].title, tuple(entries)))
                if comparable and tradition == "frames" and variant in TABLE_II:
                    group.append(_published(TABLE_II[variant], "the paper", protocols))
        if comparable:
            beside_own = any("ours" in one.variants for one in here)  # it stands there already
            left_out = {"Ours"} if beside_own else set[str]()
            group += _methods(tradition, protocols, left_out)
        title = words[0].upper() + words[1:]
        if not comparable:
            title += f"; here by {level}, with nothing published to compare"
        rows += [Row(title, kind="group"), *group] if group else []
    if level == "frame":
        rows.append(Row("Published, how sampled is not known here", kind="group"))
        rows += _methods(None, protocols)
    by = "each sample's own score" if level == "frame" else "the mean of a video's scores"
    return Table(
        f"Table I and II, by {level}",
        f"HTER at the target's own EER threshold, and AUC, in percent, of {by}; mean and deviation"
        " over the seeds. What is published is of the real datasets, from the paper's tables.",
        _heads(protocols, 2),
        ("method", *("HTER", "AUC") * len(protocols)),
        tuple(rows),
    )


def _methods(
    tradition: str | None, protocols: Iterable[str], left_out: Collection[str] = ()
) -> list[Row]:
    """The paper's Table I, as far as a method was sampled so; None: where that is not known."""
    return [
        _published(row, f"{name}, published", protocols)
        for name, row in TABLE_I.items()
        if PUBLISHED_AS.get(name) == tradition and name not in left_out
    ]


def _published(row: Sequence[tuple[float, float]], name: str, protocols: Iterable[str]) -> Row:
    entries: list[Entry] = []
    for protocol in protocols:
        number = column(parse(protocol))
        texts = ("", "") if number is None else (f"{one:.2f}" for one in row[number])
        entries += [Entry(text) for text in texts]
    return Row(name, tuple(entries), "published")


def _deployed(sets: Sequence[_Set], protocols: list[str]) -> Table:
    """HTER where the target's labels are not looked at, beside that where they are."""

    def hter(level: str, rule: str) -> Number:
        return lambda results: (results[level]["at"][rule] or {}).get("hter")

    rules = ("target_eer", "sources_eer", "fixed")
    rows: list[Row] = []
    for one in sets:
        level = LEVEL[one.content["tradition"]]
        rows.append(Row(f"{_sampled(one.content)}, by {level}", kind="group"))
        rows += [
            Row(
                VARIANTS[variant].title,
                tuple(
                    one.entry(protocol, variant, hter(level, rule))
                    for protocol in protocols
                    for rule in rules
                ),
            )
            for variant in one.variants
        ]
    return Table(
        "HTER by where the threshold comes from",
        "target: the EER threshold of the target itself, as the literature has it; sources: that of"
        " subjects of the sources which were kept from training, as one would deploy it; fixed: the"
        " number that results.json names. A - stands where a run has no such threshold.",
        _heads(protocols, len(rules)),
        ("method", *("target", "sources", "fixed") * len(protocols)),
        tuple(rows),
    )


def _instruments(sets: Sequence[_Set], protocol: str) -> Table:
    """Share of each instrument's attacks that are accepted."""
    rule = "target_eer"
    names: dict[str, None] = {}
    for one in sets:
        for run in one.content["runs"]:
            if run["protocol"] == protocol and "results" in run:
                for level in LEVELS:
                    names |= dict.fromkeys(run["results"][level]["at"][rule]["apcer"])
    columns = [*sorted(names)]

    def rate(level: str, name: str) -> Number:
        return lambda results: results[level]["at"][rule][name]

    def apcer(level: str, name: str) -> Number:
        return lambda results: results[level]["at"][rule]["apcer"].get(name)

    rows: list[Row] = []
    for one in sets:
        level = LEVEL[one.content["tradition"]]
        rows.append(Row(f"{_sampled(one.content)}, by {level}", kind="group"))
        for variant in one.variants:
            numbers = [apcer(level, name) for name in columns]
            numbers += [rate(level, name) for name in ("apcer_worst", "bpcer", "acer")]
            entries = tuple(one.entry(protocol, variant, number) for number in numbers)
            rows.append(Row(VARIANTS[variant].title, entries))
    target = parse(protocol).target
    letter = next((k for k, v in LETTERS.items() if v == target), target)
    return Table(
        f"Errors by instrument on {letter}: {protocol}",
        "APCER of each presentation attack instrument, the worst of them, BPCER and ACER, in"
        " percent, at the target's own EER threshold (ISO/IEC 30107-3).",
        (("APCER", len(columns)), ("", 3)),
        ("method", *columns, "APCER worst", "BPCER", "ACER"),
        tuple(rows),
    )


def _sampled(content: dict[str, Any]) -> str:
    words = TRADITIONS[content["tradition"]]
    return f"{content['name']} (bundle {content['bundle'][:8]}): {words}"


def _runs(sets: Sequence[dict[str, Any]]) -> Table:
    """Every run, so that each cell can be followed."""
    rows: list[Row] = []
    for one in sets:
        rows.append(Row(_sampled(one), kind="group"))
        for run in one["runs"]:
            head = f"{run['protocol']}, {run['variant']}, seed {run['seed']}"
            if "failed" in run:
                texts = [run["run"], f"failed: {run['failed']}", *[""] * 4]
            else:
                found = run["results"]
                texts = [run["run"], f"{found['steps']} steps, kept: {found['selection']}"]
                for level in LEVELS:
                    within = found[level]["intervals"] or {}
                    for name in ("hter_at_eer_threshold", "auc"):
                        texts.append(f"{100 * found[level][name]:.2f}")
                        if name in within:
                            low, high = (100 * one for one in within[name])
                            texts[-1] += f" [{low:.2f}, {high:.2f}]"
            rows.append(Row(head, tuple(Entry(text, (run["run"],)) for text in texts)))
    return Table(
        "The runs",
        "Each with its folder from that of the tables; the interval is a bootstrap by subject.",
        (("", 2), ("by frame", 2), ("by video", 2)),
        ("run", "folder", "state", "HTER", "AUC", "HTER", "AUC"),
        tuple(rows),
    )
