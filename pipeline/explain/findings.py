"""The options of a call, and what was found out about each run, as explain.json says it."""

from typing import Any, Literal, NamedTuple

import numpy as np

from pipeline.explain.gradcam import share_within
from pipeline.explain.internals import INTERNALS, LayerName
from pipeline.explain.metrics import Tally
from pipeline.explain.outputs import Shown
from pipeline.explain.runs import Run
from pipeline.explain.samples import Identity
from pipeline.explain.tsne import Points

FigureName = Literal["gradcam", "tsne", "parsing", "depth"]
Towards = Literal["decision", "live", "spoof"]


class Options(NamedTuple):
    """The options of a call; pipeline/cli/explain.py says what each is."""

    samples: int | None = None
    named: tuple[str, ...] = ()
    seed: int = 0
    names: tuple[str, ...] = ()
    only: tuple[str, ...] = ("gradcam", "tsne", "parsing", "depth")
    layer: LayerName = "meta"
    towards: Towards = "decision"
    points: int = 200
    perplexity: float = 30


class StoredSample(NamedTuple):
    """A sample that is shown, as it is stored: texts has attack, instrument and subject; image
    256 x 256 x 3 uint8, depth 32 x 32 float32, parsing 256 x 256 uint8.
    """

    identity: Identity
    live: bool
    texts: dict[str, str]
    image: np.ndarray
    depth: np.ndarray
    parsing: np.ndarray


class RunFindings(NamedTuple):
    """What was found out about one run; from points on None where it was not asked for.

    places: n x 2, t-SNE of the points; None as well where all of them are one. perplexity: 0
    without t-SNE. apart: what tsne.numbers gives.
    """

    run: Run
    shown: Shown
    points: Points | None = None
    tally: Tally | None = None
    places: np.ndarray | None = None
    perplexity: float = 0.0
    apart: dict[str, Any] | None = None

    def decision(self, number: int) -> bool:
        """Whether the run calls a shown sample live."""
        return bool(self.shown.score[number] >= self.run.threshold)

    def on_face(self, number: int, sample: StoredSample) -> float | None:
        """The share, 0 to 1, of a sample's map that lies on its face, which is all but the
        background of the label; None of a map of zeros, or without a map.
        """
        heat = self.shown.heat
        return None if heat is None else share_within(heat[number], sample.parsing > 0)

    def of_sample(self, number: int, sample: StoredSample) -> dict[str, Any]:
        """What explain.json says of one shown sample in this run."""
        found: dict[str, Any] = {
            "score": float(self.shown.score[number]),
            "decision": "live" if self.decision(number) else "spoof",
        }
        if self.shown.heat is not None:
            found |= {
                "gradcam_towards": "live" if self.shown.towards[number] > 0 else "spoof",
                "gradcam_empty": not self.shown.heat[number].any(),
                "gradcam_on_face": self.on_face(number, sample),
                "face": float((sample.parsing > 0).mean()),
            }
        return found

    def to_json(self, options: Options) -> dict[str, Any]:
        """What explain.json says of the run besides Run.to_json: by figure, None where it was not
        asked for.
        """
        settings = self.run.model.settings
        inside = INTERNALS[settings.method]
        parts = ("gradcam", "measured", "parsing", "depth", "tsne")
        found: dict[str, Any] = dict.fromkeys(parts)  # None where it was not asked for
        if self.shown.heat is not None:
            found["gradcam"] = {
                "layer": inside.names[options.layer],
                "evidence": inside.words,
                "map_side": self.shown.size,
            }
        if self.points is not None and self.tally is not None:
            found["measured"] = counts(self.points)
            found["parsing"] = self.tally.parsing() if "parsing" in options.only else None
            found["depth"] = self.tally.depth() if "depth" in options.only else None
        if self.points is not None and self.apart is not None:
            found["tsne"] = {
                "perplexity": self.perplexity,
                "start": "the first two principal components",
                "seed": options.seed,
                "channels": self.points.embedding.shape[1],
                "distance": inside.distance(settings),
                **self.apart,
            }
        return found


def counts(points: Points) -> dict[str, int]:
    """How many samples of each kind were measured: source_live, source_spoof, target_live and
    target_spoof.
    """
    return {
        f"{domain}_{kind}": int(((points.source == source) & (points.live == live)).sum())
        for domain, source in (("source", True), ("target", False))
        for kind, live in (("live", True), ("spoof", False))
    }


def written(value: float | str | None, form: str) -> str:
    """A number as it is written: a dash for none, an infinite one as it stands in the JSON."""
    if value is None:
        return "–"
    return value if isinstance(value, str) else format(value, form)
