"""The model card: what a trained model is, what it learned from, how good it was, what it is not.

Markdown, made of what model.pt and the results say and of nothing else.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from train.evaluation.printed import between, number, percent, worst_instrument
from train.evaluation.thresholds import LEVELS, as_json
from train.methods import METHODS
from train.running.checkpoint import Model
from train.running.run import HOW_IT_RUNS
from train.settings import published, settings_to_dict

LIMITS = (
    "A score is no proof that a person is alive. It says how much a face looks like the live ones"
    " among the training data; it is one sign among others, and no decision about a person should"
    " rest on it alone.",
    "What it has not seen it may take for live: other materials, masks, screens, cameras, light,"
    " and faces fed in past the camera. Nothing here says anything about those.",
    "Error rates hold for the data they were measured on, and from few people they are uncertain:"
    " the intervals say how much. They say nothing of how the errors are spread over age, skin or"
    " sex, which the data does not record.",
    "A threshold belongs to a place: another camera, room or public moves the scores. Measure on"
    " recordings of that place, and again from time to time.",
    "Crops must be made as above. Another detector, margin or colour order gives other scores.",
    "Faces are biometric data of people who can be recognised. In Europe the GDPR (article 9) asks"
    " for a reason in law, and the licences of the data, above, bind whoever uses the model.",
    "Whether the datasets are recordings of people or made videos (`ocim replica`) cannot be told"
    " from a model. Trained or measured on made ones, it says nothing about real attacks.",
)


def card_text(
    model: Model, results: Mapping[str, Any] | None, held_out: Mapping[str, Any] | None
) -> str:
    """The card as Markdown.

    results: results.json (schema 3), of the dataset left out. held_out: the same numbers
    (`thresholds`, and by level, as train.evaluation.metrics gives them) of the sources' held-out
    subjects. None: not measured, which is said.
    """
    parts = [
        _what(model),
        _data(model.data["datasets"]),
        _section("Licences of the data", _licences(model.data["licences"])),
        _section("Settings that differ from the published ones", _settings(model)),
        _section("Results", _results(results, held_out)),
        _section("Threshold", _threshold(model)),
        _section("Crops", _crops(model)),
        _section("Environment", _environment(model)),
        _section("Limits", (f"- {line}" for line in LIMITS)),
    ]
    return "\n\n".join(parts) + "\n"


def plain(text: object) -> str:
    """What `text` says, from data, as Markdown that shows it as it is, in one line."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    line = re.sub(r"&(?=#?\w+;)", "&amp;", line).replace("<", "&lt;").replace(">", "&gt;")
    # Within a word an underscore is one.
    return re.sub(r"([\\`*\[\]|#~!]|(?<!\w)_|_(?!\w))", r"\\\1", line)


def code(text: object) -> str:
    """What `text` says, from data, in the type of code, in one line; | and ` become spaces."""
    line = "".join(c if c.isprintable() and c not in "`|" else " " for c in str(text))
    return f"`{' '.join(line.split()) or ' '}`"


def _section(title: str, lines: Iterable[str]) -> str:
    return "\n".join([f"## {title}", "", *lines])


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(str(cell) for cell in row)} |"


def _named(head: Sequence[str], values: Mapping[str, Any]) -> Iterator[str]:
    """A table of values by their names, sorted."""
    yield from _table(head, [(plain(key), plain(value)) for key, value in sorted(values.items())])


def _what(model: Model) -> str:
    settings = model.settings
    lines = [
        f"# Model card: {plain(settings.variant)}, {plain(model.protocol)}",
        "",
        "It scores one crop of a face for presentation attack detection: is this a person before"
        " the camera, or a print or a screen that shows one?",
        "",
        *_table(
            ["", ""],
            [
                ("variant", f"`{settings.variant}` (docs/method.md)"),
                ("trained on", plain(", ".join(settings.sources))),
                ("left out", plain(settings.target)),
                ("score", plain(METHODS[settings.method].scale)),
                ("networks", f"width {settings.width:g}, input {settings.input_size} pixels"),
                (
                    "state",
                    f"{model.steps} of {model.all_steps} steps; chosen: {plain(model.selection)}",
                ),
                ("bundle", code(model.bundle)),
            ],
        ),
    ]
    return "\n".join(lines)


def _data(datasets: Mapping[str, Mapping[str, Any]]) -> str:
    if not datasets:
        return _section("Data that it learned from", ["The model does not say."])
    rows = [
        (
            plain(name),
            *(of[key] for key in ("subjects", "videos", "live", "spoof", "samples")),
            plain(", ".join(f"{key} {value}" for key, value in sorted(of["sampling"].items()))),
        )
        for name, of in datasets.items()
    ]
    total = sum(of["subjects"] for of in datasets.values())
    head = ["dataset", "subjects", "videos", "live", "spoof", "samples", "frames taken"]
    return _section(
        "Data that it learned from",
        [*_table(head, rows), "", f"{total} people in all. Live, spoof and samples count frames."],
    )


def _licences(lines: Sequence[str]) -> Iterator[str]:
    """The bundle's notice, as it stands."""
    if not lines:
        yield "The model does not say."
    for line in lines:
        yield f"> {plain(line)}".rstrip()


def _said(key: str, value: Any) -> Any:
    """A setting's value, or what it stands for."""
    return "as many as the epochs need" if (key, value) == ("steps", 0) else value


def _settings(model: Model) -> Iterator[str]:
    """What was set otherwise than the variant was published with (the paper's, for ours)."""
    here, usual = settings_to_dict(model.settings), published(model.settings)
    rows = [
        (code(key), *(code(_said(key, values[key])) for values in (here, usual)))
        for key in here
        if here[key] != usual[key] and key not in HOW_IT_RUNS
    ]
    if not rows:
        yield "None, besides those that say how it runs."
        return
    yield from _table(["key", "here", "published, or the choice where nothing was"], rows)


def _results(
    results: Mapping[str, Any] | None, held_out: Mapping[str, Any] | None
) -> Iterator[str]:
    if results is None and held_out is None:
        yield "Not measured yet."
        return
    if results is not None:
        yield f"On {plain(results['target'])}, which it has not seen (bundle"
        yield f"{code(results['evaluated_on'])}):"
        yield from _measured(results)
    if held_out is not None:
        if results is not None:
            yield ""
        else:
            yield "The dataset left out has not been measured."
        yield "On people of the sources who were kept from training. The model's own threshold was"
        yield "found on them, so at that one these numbers flatter it:"
        yield from _measured(held_out)


def _measured(results: Mapping[str, Any]) -> Iterator[str]:
    """The numbers of both levels, and how their thresholds came about."""
    for level in LEVELS:
        yield ""
        yield from _level(level, results[level])
    yield ""
    for rule, of in results["thresholds"].items():
        yield f"- `{rule}`: {plain(of['how'])}; from: {plain(of['from'])}"


def _level(name: str, numbers: Mapping[str, Any]) -> Iterator[str]:
    counts, intervals = numbers["counts"], numbers["intervals"]
    failed = counts["live_failed"] + counts["spoof_failed"]

    def cell(value: Mapping[str, Any], key: str, of: Mapping[str, Any] | None) -> str:
        return between(value[key], None if of is None else of[key])

    yield (
        f"By {name}: {counts['live']} live, {counts['spoof']} spoof, of them {failed} without a"
        f" score (failure to acquire {percent(numbers['failure_to_acquire'])})."
        f" AUC {cell(numbers, 'auc', intervals)}, EER {cell(numbers, 'eer', intervals)}."
    )
    yield ""
    rows = []
    for rule, at in numbers["at"].items():
        if at is None:
            continue
        of = None if intervals is None else intervals["at"][rule]
        cells = [cell(at, key, of) for key in ("hter", "apcer_worst", "bpcer", "acer")]
        worst = plain(worst_instrument(at))
        rows.append((f"`{rule}`", number(at["threshold"]), *cells, worst))
    head = ["rule", "threshold", "HTER", "APCER, worst", "BPCER", "ACER", "worst instrument"]
    yield from _table(head, rows)
    yield ""
    instruments = sorted({name for at in numbers["at"].values() if at for name in at["apcer"]})
    yield f"Attack instruments: {plain(', '.join(instruments))}."
    if intervals is None:
        yield "No intervals: they need two subjects, or videos where no subject is named."
    else:
        yield (
            f"[low, high] are {intervals['share']:.0%} intervals over {intervals['subjects']}"
            f" {intervals['by']}s, {intervals['resamples']} resamples."
        )


def _threshold(model: Model) -> Iterator[str]:
    carried = model.threshold
    if carried is None:
        yield "None: this is a checkpoint, or was trained without one."
        return
    frame, video = (as_json(carried[level]) for level in LEVELS)
    yield f"Live from {number(video)} by video and {number(frame)} by frame on, rule"
    yield f"{code(carried['rule'])}: {plain(carried['how'])}; from: {plain(carried['from'])}."


def _crops(model: Model) -> Iterator[str]:
    if not model.crop:
        yield "The model does not say how its crops were made, or its sources differ in that."
        return
    yield from _named(["key", "value"], model.crop)
    yield ""
    yield "docs/crops.md says what they mean; crops are 256 x 256 RGB."


def _environment(model: Model) -> Iterator[str]:
    if not model.environment:
        yield "The model does not say."
        return
    yield from _named(["", ""], model.environment)
