"""The four figures of an explanation, each with its caption."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from labels import classes
from pipeline.explain import drawing
from pipeline.explain.drawing import Bar, Cell, Column, Panel, Row
from pipeline.explain.findings import (
    FigureName,
    Options,
    RunFindings,
    StoredSample,
    counts,
    written,
)
from pipeline.explain.internals import LAYERS

HEAT, DEPTH = "inferno", "viridis"
"""Colour maps of matplotlib that rise evenly, also in grey and for colour-blind people."""
TOWARDS = {
    "decision": "the class that the run decides for",
    "live": "live",
    "spoof": "spoof",
}


class Figure(NamedTuple):
    """A figure: its name, a line of what it is, a caption that says everything, PNG bytes."""

    name: FigureName
    title: str
    caption: str
    png: bytes

    @property
    def file(self) -> str:
        """Its name in OUT."""
        return f"{self.name}.png"


def drawn(
    findings: Sequence[RunFindings], samples: Sequence[StoredSample], options: Options
) -> Iterator[Figure]:
    """The figures that were asked for; one that no run has anything for is left out."""
    makers = {"gradcam": gradcam, "tsne": tsne, "parsing": parsing, "depth": depth}
    for name, maker in makers.items():
        if name in options.only and (made := maker(findings, samples, options)):
            yield made


def columns(samples: Sequence[StoredSample]) -> list[Column]:
    """The heads of the columns: the attack, and the dataset where not all are of one."""
    several = len({sample.identity.dataset for sample in samples}) > 1
    return [
        Column(
            sample.live,
            f"{sample.identity.dataset if several else ''} {sample.texts['attack']}".strip(),
        )
        for sample in samples
    ]


def inputs(samples: Sequence[StoredSample]) -> Row:
    """The row of crops."""
    return Row("input", [], [Cell(sample.image, smooth=True) for sample in samples])


def gradcam(
    findings: Sequence[RunFindings], samples: Sequence[StoredSample], options: Options
) -> Figure | None:
    """Figure 6 of the paper: what each run looks at; None where no sample is shown."""
    if not samples:
        return None
    rows = [inputs(samples)]
    for found in findings:
        heat = found.shown.heat
        assert heat is not None
        cells = []
        for number, sample in enumerate(samples):
            live = found.decision(number)
            text = f"{'live' if live else 'spoof'} {found.shown.score[number]:.3f}"
            picture = drawing.over(sample.image, heat[number], HEAT)
            empty = "" if heat[number].any() else "0 everywhere"
            cells.append(Cell(picture, text, True, live != sample.live, empty))
        on_face = [found.on_face(number, sample) for number, sample in enumerate(samples)]
        shares = [share for share in on_face if share is not None]
        notes = [f"map {found.shown.size} × {found.shown.size}"]
        if shares:
            some = "" if len(shares) == len(samples) else f", {len(shares)} of {len(samples)} maps"
            notes.append(f"{np.mean(shares):.0%} on the face{some}")
        notes.append(f"live from {found.run.threshold:.3f}")
        rows.append(Row(found.run.name, notes, cells))
    face = np.mean([(sample.parsing > 0).mean() for sample in samples])
    what = (
        f"Grad-CAM of {LAYERS[options.layer]}, towards {TOWARDS[options.towards]}. ReLU, each"
        " map over its own maximum."
    )
    below = (
        "Below each picture: the run's decision and score, live from its threshold on; a wrong one"
        f" in bold red. The face covers {face:.0%} of the pictures."
    )
    png = drawing.pictures(
        columns(samples), rows, [what, below], bar=Bar(HEAT, "of the map's maximum", ("0", "1"))
    )
    caption = (
        f"{what} Where the map is 0 the crop is grey; a map that is 0 everywhere says so."
        f" {below} On the face: how much of a map lies where the label is not background, the mean"
        " of the pictures shown; a map that is the same everywhere has the face's own share."
    )
    return Figure("gradcam", "Grad-CAM", caption, png)


def tsne(
    findings: Sequence[RunFindings], samples: Sequence[StoredSample], options: Options
) -> Figure | None:
    """Figure 7 of the paper: the embeddings as points of a plane."""
    panels = []
    for found in findings:
        assert found.points is not None and found.apart is not None
        apart, near = found.apart["silhouette"], found.apart["neighbours"]
        text = (
            f"silhouette: source {written(apart['source'], '.2f')},"
            f" target {written(apart['target'], '.2f')}\n"
            f"5 nearest: source {written(near['source'], '.0%')},"
            f" target {written(near['target'], '.0%')}"
        )
        source, live = found.points.source, found.points.live
        panels.append(Panel(found.run.name, text, found.places, source, live))
    perplexities = sorted({found.perplexity for found in findings})
    said = " and ".join(f"{one:g}" for one in perplexities)
    what = f"t-SNE of the embeddings, perplexity {said}, from their principal components."
    measures = (
        "Silhouette of live against spoof; share of samples whose 5 nearest source samples of other"
        " subjects are mostly of their class: both in the embedding itself."
    )
    sizes = {tuple(counts(found.points).items()) for found in findings if found.points is not None}
    each = "; ".join(
        ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in one)
        for one in sorted(sizes)
    )
    caption = (
        f"{what} {measures} Samples: {each}. The axes have no unit, and distances between groups"
        " mean little. Sources are those that a run was trained on, train and test splits; the"
        " target is the dataset that was left out."
    )
    return Figure("tsne", "t-SNE", caption, drawing.points(panels, [what, measures]))


def parsing(
    findings: Sequence[RunFindings], samples: Sequence[StoredSample], options: Options
) -> Figure | None:
    """Figures 5 and 8 of the paper: the parsing of each run beside the label; None where no run has
    a parser, or no sample is shown.
    """
    having = [found for found in findings if found.shown.parsing is not None]
    if not having or not samples:
        return None
    rows, present = [inputs(samples)], set[int]()
    for found in having:
        maps = found.shown.parsing
        assert maps is not None and found.tally is not None
        counted = found.tally.parsing()
        note = [f"mean IoU {written(counted['mean_iou']['all'], '.3f')}"] if counted else []
        rows.append(Row(found.run.name, note, [Cell(classes.COLOURS[one]) for one in maps]))
        present |= set(np.unique(maps).tolist())
    rows.append(Row("label", [], [Cell(classes.COLOURS[one.parsing]) for one in samples]))
    present |= {c for one in samples for c in np.unique(one.parsing).tolist()}
    legend = [(classes.NAMES[c], "#" + bytes(classes.COLOURS[c]).hex()) for c in sorted(present)]
    what = "Parsing by each run's parser, and the label that such parsers learn from."
    measure = (
        "Mean IoU over all measured samples of the target, at the run's input size, over the"
        " classes that the labels have."
    )
    png = drawing.pictures(columns(samples), rows, [f"{what} {measure}"], legend)
    caption = (
        f"{what} {measure} Left and right are the subject's own. Classes that occur nowhere in the"
        " figure are not in its legend."
    )
    return Figure("parsing", "parsing", caption, png)


def depth(
    findings: Sequence[RunFindings], samples: Sequence[StoredSample], options: Options
) -> Figure | None:
    """The depth of each run beside the label; None where no run has an estimator, or no sample is
    shown.
    """
    having = [found for found in findings if found.shown.depth is not None]
    if not having or not samples:
        return None
    rows = [inputs(samples)]
    for found in having:
        maps = found.shown.depth
        assert maps is not None and found.tally is not None
        counted = found.tally.depth()
        notes = [f"map {maps.shape[-1]} × {maps.shape[-1]}"]
        if counted:
            error = counted["mean_absolute_error"]
            notes += [
                f"error live {written(error['live'], '.3f')}",
                f"spoof {written(error['spoof'], '.3f')}",
            ]
        cells = [Cell(drawing.coloured(one, DEPTH)) for one in maps]
        rows.append(Row(found.run.name, notes, cells))
    rows.append(Row("label", [], [Cell(drawing.coloured(one.depth, DEPTH)) for one in samples]))
    what = "Depth by each run's estimator, and the label: of a spoof it is 0 everywhere."
    measure = (
        "Error: the mean absolute difference from the label, over all measured samples of the"
        " target, at an eighth of the run's input."
    )
    bar = Bar(
        DEPTH, "depth; what is predicted above 1 is drawn as 1", ("0: background", "1: nearest")
    )
    png = drawing.pictures(columns(samples), rows, [f"{what} {measure}"], bar=bar)
    caption = f"{what} {measure} 1 is the nearest point of a face, 0 the background."
    return Figure("depth", "depth", caption, png)
